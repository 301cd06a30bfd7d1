"""Archiving: old sealed entries move from the database to a file, and the checkpoint says up to where.

The file is complete on the disk before anything is deleted, and the deletion commits with the new checkpoint. After a
crash in between, the entries are in both places; the next run takes the file as it is instead of writing another.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from shlex import quote
from typing import Final

from sqlalchemy import text
from sqlmodel import Session

from core.audit.chain.archive_file import (
    ANOTHER_LINE,
    ArchiveFile,
    DamagedArchive,
    archive_after,
    end_of,
    links_in,
    positions_in,
    read_archive,
    write_archive,
)
from core.audit.chain.checkpoint import Checkpoint, move_checkpoint, read_checkpoint
from core.audit.chain.keys import ChainKeys
from core.audit.chain.links import Link, Walk, read_links, sealed_elsewhere
from core.audit.chain.seal import LOCK, WAIT, Head
from core.errors import GiveUp

#: Entries per file and transaction: some 10 MB of memory, and a second of work.
BATCH: Final = 10_000
#: Files whose first line each run looks at, the newest: a tenth of a second.
MOST_LOOKED_AT: Final = 1_000

#: What to do about a damaged file whose entries were not deleted.
_AWAY: Final = "Move it away: the database still has all of them."

_DELETE_EVENTS: Final = text("""
    DELETE FROM events e USING audit_seals s WHERE s.event_id = e.id AND s.position > :after AND s.position <= :last
""")
_DELETE_SEALS: Final = text("DELETE FROM audit_seals WHERE position > :after AND position <= :last")


@dataclass(frozen=True, slots=True)
class Archived:
    """What one call has moved: the file's name and its number of entries."""

    file: str
    entries: int


def archive_next(session: Session, keys: ChainKeys, folder: Path, days: int, *, batch: int = BATCH) -> Archived | None:
    """Move the oldest entries, if they are older than `days`, to one file; None if there are none. The caller commits.

    Raises GiveUp, having changed nothing, if the chain is damaged or the folder lacks the file before.
    """
    session.scalar(WAIT, params={"lock": LOCK})
    checkpoint = read_checkpoint(session)
    _require_intact(checkpoint, keys, folder)
    start = checkpoint.head if checkpoint else Head()
    walk = Walk(keys, start)
    file, written = _left_behind(folder, start)
    links = read_links(session, start.position, len(written) or batch, days)
    links = links if file else list(takewhile(lambda link: link.is_old, links))
    if not links:
        return None
    if fault := walk.along(links, sealed_elsewhere(session)):
        raise GiveUp(f"The audit log is damaged, and nothing is archived: {fault.says}. Run: unstuck audit verify")
    if file:
        _require_same(file, start, written, links, Walk(keys, start))
    name = file.path.name if file else write_archive(folder, start, links)
    move_checkpoint(session, keys, walk.last, _newest(checkpoint, links), name)
    _delete(session, start, walk.last, links)
    return Archived(name, len(links))


def _require_intact(checkpoint: Checkpoint | None, keys: ChainKeys, folder: Path) -> None:
    _require_folder(folder)
    if checkpoint is None:
        return
    if fault := checkpoint.fault(keys):
        raise GiveUp(f"Nothing is archived: {fault.says}. Run: unstuck audit verify")
    if not (folder / checkpoint.file).is_file():
        raise GiveUp(
            f"{checkpoint.file}, the last archive file, is not in {folder}: UNSTUCK_AUDIT_ARCHIVE_DIR must be the same "
            "lasting folder on every worker. Bring the file back; older files may be elsewhere."
        )
    _require_last_files(checkpoint, folder)


def _require_folder(folder: Path) -> None:
    """Require that the folder is there, or make it. Raises GiveUp."""
    if folder.is_symlink() and not folder.exists():
        fault = f"which is a link to {folder.readlink()}, and nothing is there: mount or create that folder"
    elif folder.exists() and not folder.is_dir():
        fault = "which is a file, not a folder: move it away, or set a folder"
    elif folder.parent.is_dir():
        folder.mkdir(mode=0o700, exist_ok=True)
        return
    else:
        fault = "and there is no such folder here: mount or create it"
    raise GiveUp(f"UNSTUCK_AUDIT_ARCHIVE_DIR is {folder}, {fault}.")


def _require_last_files(checkpoint: Checkpoint, folder: Path) -> None:
    """Require that the last file ends with the checkpoint's link, and that those before lead to it without a gap.

    Only the last is read to its end, of the others the first line; `audit verify` reads all.
    """
    file = read_archive(folder / checkpoint.file)
    end = end_of(file)
    if (end.position, end.hash) != (checkpoint.head.position, checkpoint.head.hash):
        raise GiveUp(
            f"{checkpoint.file} in {folder} does not end with the entry that the checkpoint names: it was changed, or "
            "is of another database. Take it from a backup, then run: "
            f"unstuck audit verify --archive {quote(str(folder))}"
        )
    begin, ending_at = file.after.position + 1, defaultdict(list)
    for (first, last), path in positions_in(folder).items():
        ending_at[last].append((first, path))
    for _ in range(MOST_LOOKED_AT):
        if not (before := ending_at.get(begin - 1)):
            break
        begin = _first_of(before, folder)
    if begin - 1 not in ending_at and any(0 < last < begin for last in ending_at):
        raise GiveUp(
            f"In {folder}, the file that ends with entry {begin - 1} is missing, and older ones are there. "
            "Bring it back, or move the older ones away too."
        )


def _first_of(files: list[tuple[int, Path]], folder: Path) -> int:
    """Return with which entry a file begins, of those whose names end with the same one: others may be copies."""
    for first, path in files:
        if read_archive(path).after.position == first - 1:
            return first
    raise GiveUp(f"{files[0][1].name} in {folder} does not begin with entry {files[0][0]}. Take it from a backup.")


def _left_behind(folder: Path, start: Head) -> tuple[ArchiveFile | None, list[Link]]:
    """Return the file with the next links that an interrupted run has written, if there is one, and its links."""
    try:
        file = archive_after(folder, start.position)
        return file, list(links_in(file)) if file else []
    except DamagedArchive as error:
        raise GiveUp(f"In {folder}, {error.says}. {_AWAY}") from None


def _require_same(file: ArchiveFile, start: Head, written: list[Link], links: list[Link], walk: Walk) -> None:
    """Require that a file which is there already has these links, and their events as they were sealed."""
    name = f"{file.path.name} in {file.path.parent}"
    if [link.hash for link in links] != [link.hash for link in written]:
        raise GiveUp(f"{name} holds entries of another database. Use another folder for this one.")
    if file.after != Head(start.position, start.hash):
        raise GiveUp(f"{name} was damaged: {ANOTHER_LINE.format(1)}. {_AWAY}")
    if fault := walk.along(written, lambda *_: None):
        raise GiveUp(f"{name} was damaged: {fault.says}. {_AWAY}")


def _newest(checkpoint: Checkpoint | None, links: list[Link]) -> datetime:
    """Return when the newest archived entry was: entries follow their transactions, so not the last one."""
    return max([link.at for link in links if link.at] + ([checkpoint.before] if checkpoint else []))


def _delete(session: Session, start: Head, last: Head, links: list[Link]) -> None:
    values = {"after": start.position, "last": last.position}
    deleted = [
        session.connection().execute(statement, values).rowcount for statement in (_DELETE_EVENTS, _DELETE_SEALS)
    ]
    if deleted != [len(links), len(links)]:
        raise GiveUp("The audit log changed while it was archived: nothing was deleted.")
