"""Archiving: old sealed entries move from the database to a file, and the checkpoint says up to where.

The file is complete on the disk before anything is deleted, and the deletion commits with the new checkpoint. After a
crash in between, the entries are in both places; the next run takes the file as it is instead of writing another.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlmodel import Session

from core.audit.chain.archive_file import (
    ArchiveFile,
    archive_after,
    end_of,
    last_position,
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
    file = archive_after(folder, start.position)
    written = list(links_in(file)) if file else []
    links = read_links(session, start.position, len(written) or batch, days)
    links = links if file else list(takewhile(lambda link: link.is_old, links))
    if not links:
        return None
    if fault := walk.along(links, sealed_elsewhere(session)):
        raise GiveUp(f"The audit log is damaged, and nothing is archived: {fault.says}. Run: unstuck audit verify")
    if file:
        _require_same(file, written, links, Walk(keys, start))
    name = file.path.name if file else write_archive(folder, start, links)
    move_checkpoint(session, keys, walk.last, _newest(checkpoint, links), name)
    _delete(session, start, walk.last, links)
    return Archived(name, len(links))


def _require_intact(checkpoint: Checkpoint | None, keys: ChainKeys, folder: Path) -> None:
    if folder.parent.is_dir():
        folder.mkdir(mode=0o700, exist_ok=True)
    if not folder.is_dir():
        raise GiveUp(f"UNSTUCK_AUDIT_ARCHIVE_DIR is {folder}, and there is no such folder here: mount or create it.")
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


def _require_last_files(checkpoint: Checkpoint, folder: Path) -> None:
    """Require that the last file ends with the checkpoint's link, and that those before lead to it without a gap.

    Only the last is read to its end, of the others the first line; `audit verify` reads all.
    """
    file = read_archive(folder / checkpoint.file)
    end = end_of(file)
    if (end.position, end.hash) != (checkpoint.head.position, checkpoint.head.hash):
        raise GiveUp(
            f"{checkpoint.file} in {folder} does not end with the entry that the checkpoint names: it was changed, or "
            f"is of another database. Take it from a backup, then run: unstuck audit verify --archive {folder}"
        )
    older = sorted((first, path) for first, path in positions_in(folder).items() if first <= file.after.position)
    begin = file.after.position + 1
    for first, path in reversed(older[-MOST_LOOKED_AT:]):
        if last_position(path) != begin - 1:
            raise GiveUp(
                f"In {folder}, the file that ends with entry {begin - 1} is missing, and older ones are there. "
                "Bring it back, or move the older ones away too."
            )
        if read_archive(path).after.position != first - 1:
            raise GiveUp(f"{path.name} in {folder} does not begin with entry {first}. Take it from a backup.")
        begin = first


def _require_same(file: ArchiveFile, written: list[Link], links: list[Link], walk: Walk) -> None:
    """Require that a file which is there already has these links, and their events as they were sealed."""
    name = f"{file.path.name} in {file.path.parent}"
    if written and [link.hash for link in links] != [link.hash for link in written]:
        raise GiveUp(f"{name} holds entries of another database. Use another folder for this one.")
    fault = walk.along(written, lambda *_: None)
    if fault or not written:
        says = fault.says if fault else "it has no entries"
        raise GiveUp(f"{name} was damaged: {says}. Move it away: the database still has all of them.")


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
