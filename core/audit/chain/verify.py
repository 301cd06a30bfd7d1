"""Verifying: walk the chain from its first link and report the first deviation from what was sealed.

The chain begins in the archive files, if there are any, and goes on in the database at the checkpoint.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, text

from core.audit.chain.archive_file import (
    ANOTHER_LINE,
    AlteredArchive,
    ArchiveFile,
    find_archives,
    has_same_content,
    links_in,
)
from core.audit.chain.checkpoint import Checkpoint, read_checkpoint
from core.audit.chain.keys import GENESIS, ChainKeys
from core.audit.chain.links import Fault, Walk, read_links, sealed_elsewhere
from core.audit.chain.seal import WAIT, Head, Sealed, seal
from core.database.engine import session_scope
from core.errors import Unusable

#: Links per read: this bounds memory at any length of the chain.
PAGE: Final = 2_000
#: How often a check begins again because entries moved meanwhile: a run of the archive moves 10,000 in a second.
TRIES: Final = 5

_SMUGGLED = text("""
    SELECT e.id, e.name, e.actor FROM events e
    WHERE e.via <> 'engine' AND e.txid < :settled
      AND NOT EXISTS (SELECT FROM audit_seals s WHERE s.event_id = e.id AND s.position > :archived)
    ORDER BY e.txid, e.id LIMIT 1
""")
_HASH_AT = text("SELECT hash FROM audit_seals WHERE position = :position")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a check: the number of links, those of them that are archived, the last hash, the first fault.

    `files` is the number of archive files that were verified; `copies` names those that have the content of another.
    """

    links: int
    archived: int
    head: str
    fault: Fault | None
    files: int = 0
    copies: tuple[str, ...] = ()


@dataclass(slots=True)
class _InFiles:
    """What the check of archive files has found so far."""

    walk: Walk
    fault: Fault | None = None
    files: int = 0
    copies: tuple[str, ...] = ()


def verify(
    engine: Engine,
    keys: ChainKeys,
    *,
    expected_head: str | None = None,
    archives: Sequence[Path] = (),
    page: int = PAGE,
) -> Verdict:
    """Seal what can be sealed, then check the whole chain; its archived part only if `archives` names files or folders.

    `expected_head` is a hash printed by an earlier verification: the chain must still contain it. Raises Unusable if
    there are no archives where they should be, if one cannot be read, or if entries keep moving to archives meanwhile.
    """
    for _ in range(TRIES):
        start, verdict = _verify_once(engine, keys, expected_head, archives, page)
        # Entries that moved to a file meanwhile look like missing ones.
        if verdict.fault is None or not _has_moved(engine, start):
            return verdict
    raise Unusable(
        f"Entries moved to archive files during each of {TRIES} tries, so the log is not verified. Verify it again "
        "once the job maintenance.archive_audit_log has ended (page Jobs)."
    )


def _has_moved(engine: Engine, start: Head) -> bool:
    with session_scope(engine) as session:
        checkpoint = read_checkpoint(session)
    return checkpoint is not None and checkpoint.head.position > start.position


def _verify_once(
    engine: Engine, keys: ChainKeys, expected_head: str | None, archives: Sequence[Path], page: int
) -> tuple[Head, Verdict]:
    """Check the chain from the checkpoint as it is now; return it and the verdict."""
    sealed = seal(engine, keys, taking=WAIT)
    assert sealed is not None, "WAIT always gets the lock"
    with session_scope(engine) as session:
        checkpoint = read_checkpoint(session)
    start = checkpoint.head if checkpoint else Head()
    fault = checkpoint.fault(keys) if checkpoint else None
    walk, is_met, archived = Walk(keys, start, expected_head), expected_head == GENESIS, start
    in_files = _InFiles(Walk(keys, start))
    if archives and not fault:
        in_files = _verify_archives(keys, archives, checkpoint, expected_head)
        fault, is_met, archived = in_files.fault, in_files.walk.has_met, in_files.walk.last
    fault = fault or _verify_database(engine, walk, page) or _at_the_end(engine, sealed, start, walk.last)
    if fault is None and archived.position > start.position:
        fault = _only_in_files(engine, archived)
    if fault is None and not (is_met or walk.has_met):
        fault = _cut_off(expected_head, start, archives)
    end = walk.last
    return start, Verdict(end.position, start.position, end.hash, fault, in_files.files, in_files.copies)


def _verify_archives(
    keys: ChainKeys, paths: Sequence[Path], checkpoint: Checkpoint | None, expected: str | None
) -> _InFiles:
    """Check archive files up to the first fault.

    A folder has the chain from its first link up to the checkpoint; single files may begin and end anywhere.
    """
    end = checkpoint.head if checkpoint else Head()
    try:
        files = find_archives(paths)
    except AlteredArchive as error:
        return _InFiles(Walk(keys, end), Fault(None, None, "edited", error.says))
    is_whole = any(path.is_dir() for path in paths)
    seen = _InFiles(Walk(keys, Head() if is_whole else files[0].after, expected))
    for before, file in pairwise([None, *files]):
        assert file is not None, "only the first is None"
        if before and before.after.position == file.after.position:
            if not has_same_content(before, file):
                sentence = f"{file.path.name} begins with the same entry as {before.path.name}, and has another content"
                seen.fault = Fault(file.after.position + 1, None, "out of order", sentence)
                return seen
            seen.copies += (file.path.name,)
        elif fault := _fault_of_file(seen.walk, file, end):
            seen.fault = fault
            return seen
        else:
            seen.files += 1
    if is_whole and seen.walk.last.position < end.position:
        seen.fault = _missing(seen, paths, checkpoint)
    return seen


def _fault_of_file(walk: Walk, file: ArchiveFile, end: Head) -> Fault | None:
    try:
        return _fault_of_links(walk, file, end)
    except AlteredArchive as error:
        return Fault(walk.last.position + 1, None, "edited", error.says)


def _fault_of_links(walk: Walk, file: ArchiveFile, end: Head) -> Fault | None:
    if file.after.position == walk.last.position and file.after.hash != walk.last.hash:
        raise AlteredArchive(file.path, ANOTHER_LINE.format(1))
    # A file that a crash or a restored backup left behind may go on where the database does.
    for link in links_in(file):
        if fault := walk.along([link], lambda *_: None):
            return Fault(fault.position, fault.event_id, fault.damage, f"{file.path.name}: {fault.says}")
        if walk.last.position == end.position and walk.last.hash != end.hash:
            sentence = f"{file.path.name} does not end where the database goes on"
            return Fault(end.position, link.event_id, "another head", sentence)
    return None


def _missing(seen: _InFiles, paths: Sequence[Path], checkpoint: Checkpoint | None) -> Fault:
    """Return the fault that files do not reach up to the checkpoint."""
    assert checkpoint is not None, "without one, nothing is missing"
    begin, end = seen.walk.last.position + 1, checkpoint.head.position
    sentence = f"seals {begin} to {end} are in none of these archives"
    if not seen.files:
        folders = " or ".join(map(str, paths))
        sentence = (
            f"no archive file is in {folders}, and entries {begin} to {end} are archived, the last of them in "
            f"{checkpoint.file}"
        )
    return Fault(begin, None, "seal missing", sentence)


def _only_in_files(engine: Engine, last: Head) -> Fault | None:
    """Return a fault if files go on beyond the checkpoint with links that the database does not have."""
    with session_scope(engine) as session:
        if session.scalar(_HASH_AT, params={"position": last.position}) == last.hash:
            return None
    sentence = (
        f"the archive has event {last.event_id} at position {last.position}, and the database does not: its log was "
        "cut off or replaced, or is of an older backup"
    )
    return Fault(last.position, last.event_id, "another head", sentence)


def _verify_database(engine: Engine, walk: Walk, page: int) -> Fault | None:
    while True:
        with session_scope(engine) as session:
            links = read_links(session, walk.last.position, page)
            if fault := walk.along(links, sealed_elsewhere(session)):
                return fault
        if len(links) < page:
            return None


def _at_the_end(engine: Engine, sealed: Sealed, start: Head, last: Head) -> Fault | None:
    """Return a fault that only shows at the end: a chain that is too short, or an old event without a seal."""
    if last.position < sealed.head.position:
        gap = f"{last.position + 1} to {sealed.head.position}"
        return Fault(last.position + 1, None, "seal missing", f"seals {gap} disappeared during the check")
    with session_scope(engine) as session:
        values = {"settled": sealed.horizon.settled, "archived": start.position}
        row = session.connection().execute(_SMUGGLED, values).one_or_none()
    if row is None:
        return None
    sentence = f"event {row.id} ({row.name} by {row.actor}) was inserted among events that were already sealed"
    return Fault(None, row.id, "inserted", sentence)


def _cut_off(expected: str | None, start: Head, archives: Sequence[Path]) -> Fault:
    sentence = f"no link has the hash {expected}: the end of the chain was cut off, or the whole chain was rebuilt"
    if start.position and not archives:
        sentence = f"no link in the database has the hash {expected}: name the archive with --archive, it may be there"
    return Fault(None, None, "another head", sentence)
