"""Archive files: links with their events as gzipped JSON lines, from which alone their part of the chain is verified.

The first line says what the file is and which hash it follows. Each other line is one link; its `event`, an array, is
the text that was sealed, character by character. A file that is read must have each line as it would be written now:
the seals cover what a line means here, and another reader may take another part of it.
"""

import gzip
import hashlib
import json
import os
import re
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from core.audit.chain.links import Link
from core.audit.chain.seal import Head
from core.errors import Unusable

FORMAT: Final = "unstuck audit archive 1"
#: The parts of an event, in their order.
FIELDS: Final = ("at", "name", "actor_id", "actor", "via", "user_id", "connection_id", "job_id", "reason", "data")
_PATTERN: Final = "audit-*.jsonl.gz"
#: The names that runs give: the positions of the first and the last link.
_NAME: Final = re.compile(r"audit-([0-9]{12,})-([0-9]{12,})\.jsonl\.gz")
#: How the name of a file ends while it is written.
_UNFINISHED: Final = ".unfinished"
#: The fault of a line that differs from the one that would be written now.
ANOTHER_LINE: Final = "line {} is not as it was written"
#: More bytes than a first line has.
_LONGEST_FIRST_LINE: Final = 1_000
#: The parts of a first line, and of a link's, by which it is written again and compared. Sealed text is JSON itself.
_FIRST_LINE: Final = re.compile(rb'.*"after": ([0-9]{1,18}), "hash": "([0-9a-f]{64})".*\n')
_LINE: Final = re.compile(
    rb'\{"position": ([0-9]{1,18}), "event_id": ([0-9]{1,18}), "txid": ([0-9]{1,18}), "digest": "([0-9a-f]{64})", '
    rb'"hash": "([0-9a-f]{64})", "key_id": "([0-9a-f]+)", "sealed": "([-0-9.]+)", "event": ([^\n]+)\}\n'
)
#: What reading a damaged file raises.
_DAMAGE: Final = (OSError, EOFError, zlib.error, ValueError)


class DamagedArchive(Unusable):
    """An archive file that cannot be read; `says` is the sentence without its remedy."""

    def __init__(self, path: Path, difference: str) -> None:
        self.says = f"archive file {path.name} is damaged: {difference}"
        super().__init__(f"A{self.says[1:]}. Take it from a backup.")


class AlteredArchive(DamagedArchive):
    """An archive file that can be read, and is not as it was written."""


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One file: its path, and the link that it follows."""

    path: Path
    after: Head


def write_archive(folder: Path, after: Head, links: Sequence[Link]) -> str:
    """Write links that follow `after`, and return the file's name. The name appears when all is on the disk."""
    name = _name(links[0].position, links[-1].position)
    unfinished = folder / f".{name}{_UNFINISHED}"
    for left_behind in folder.glob(f".{_PATTERN}{_UNFINISHED}"):  # by a run that was killed
        left_behind.unlink(missing_ok=True)
    try:
        _write_through(unfinished, _lines(after, links))
        unfinished.rename(folder / name)
    except OSError:
        with suppress(OSError):  # a folder that is gone
            unfinished.unlink(missing_ok=True)
        raise
    _sync(folder)
    return name


def _write_through(path: Path, lines: Iterator[str]) -> None:
    """Write lines to a new file, and return when they are on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
            packed.writelines(map(_packed, lines))
        file.flush()
        os.fsync(file.fileno())


def archive_after(folder: Path, position: int) -> ArchiveFile | None:
    """Return the file that begins with the link after `position`, if the folder has one. Raises Unusable."""
    paths = [path for (first, _), path in positions_in(folder).items() if first == position + 1]
    if len(paths) > 1:  # a copy whose name does not fit what is in it
        paths.sort(key=lambda path: not _has_right_name(path))
    return read_archive(paths[0]) if paths else None


def positions_in(folder: Path) -> dict[tuple[int, int], Path]:
    """Return the files that are named as runs name them, by the positions of the first and last link in the name."""
    named = ((_positions_of(path), path) for path in sorted(folder.glob(_PATTERN)))
    return {positions: path for positions, path in named if positions}


def find_archives(paths: Sequence[Path]) -> list[ArchiveFile]:
    """Return the files at these paths, and those in folders among them, in the chain's order, copies last.

    Of files that begin with the same link, the one whose name fits its links is no copy. Raises Unusable for a path
    where there is nothing, and for a damaged file.
    """
    files: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise Unusable(f"There is no archive of the audit log at {path}.")
        files.update(path.glob(_PATTERN) if path.is_dir() else [path])
    archives = sorted(map(read_archive, sorted(files)), key=lambda file: file.after.position)
    ordered: list[ArchiveFile] = []
    for _, same in groupby(archives, key=lambda file: file.after.position):
        alike = list(same)
        ordered += alike if len(alike) == 1 else sorted(alike, key=lambda file: not _has_right_name(file.path))
    return ordered


def has_same_content(one: ArchiveFile, other: ArchiveFile) -> bool:
    """Tell whether two files have the same lines, however they were packed. Raises Unusable."""
    return _digest(one.path) == _digest(other.path)


def end_of(file: ArchiveFile) -> Head:
    """Return the file's last link. Raises Unusable."""
    last = deque(links_in(file), maxlen=1)
    return Head(last[0].position, last[0].hash, last[0].event_id, last[0].txid) if last else file.after


def links_in(file: ArchiveFile) -> Iterator[Link]:
    """Yield the file's links. Raises Unusable, AlteredArchive for a file that is not as it was written, at its end."""
    link = None
    try:
        with _opened(file.path) as lines:
            next(lines, None)
            for number, line in enumerate(lines, start=2):
                link = _link(line)
                if link is None or (number == 2 and link.position != file.after.position + 1):
                    raise AlteredArchive(file.path, ANOTHER_LINE.format(number))
                yield link
    except _DAMAGE as error:
        raise _damaged(file.path, error) from None
    if link is None:
        raise AlteredArchive(file.path, "it has no entries")
    _require_right_name(file, link.position)


def read_archive(path: Path) -> ArchiveFile:
    """Return the file at a path, whose first line is read. Raises Unusable, AlteredArchive for another first line."""
    try:
        with _opened(path) as lines:
            line = lines.readline(_LONGEST_FIRST_LINE)
    except _DAMAGE as error:
        raise _damaged(path, error) from None
    if FORMAT.encode() not in line:
        raise Unusable(f"{path.name} is no archive of the audit log.")
    parts = _FIRST_LINE.fullmatch(line)
    after = Head(int(parts[1]), parts[2].decode()) if parts else None
    if after is None or line != _packed(_first_line(after)):
        raise AlteredArchive(path, ANOTHER_LINE.format(1))
    return ArchiveFile(path, after)


def _name(first: int, last: int) -> str:
    return f"audit-{first:012d}-{last:012d}.jsonl.gz"


def _positions_of(path: Path) -> tuple[int, int] | None:
    """Return the positions in the name of a file; None if a run would not name it so."""
    match = _NAME.fullmatch(path.name)
    positions = (int(match[1]), int(match[2])) if match else None
    return positions if positions and 0 < positions[0] <= positions[1] and _name(*positions) == path.name else None


def _require_right_name(file: ArchiveFile, last: int) -> None:
    first = file.after.position + 1
    if _positions_of(file.path) not in (None, (first, last)):
        raise AlteredArchive(file.path, f"it has entries {first} to {last}, and its name says others")


def _has_right_name(path: Path) -> bool:
    """Tell whether a file is named as a run names it, for the links that are in it."""
    try:
        return _positions_of(path) is not None and bool(end_of(read_archive(path)))
    except Unusable:
        return False


def _lines(after: Head, links: Sequence[Link]) -> Iterator[str]:
    yield _first_line(after)
    yield from map(_line, links)


def _first_line(after: Head) -> str:
    return json.dumps({"format": FORMAT, "after": after.position, "hash": after.hash, "event_fields": FIELDS})


def _line(link: Link) -> str:
    names = ("position", "event_id", "txid", "digest", "hash", "key_id", "sealed")
    seal = json.dumps({name: getattr(link, name) for name in names})
    return f'{seal[:-1]}, "event": {link.says}}}'


def _link(line: bytes) -> Link | None:
    """Return the link of a line; None if the line is not as that link is written."""
    parts = _LINE.fullmatch(line)
    if not parts:
        return None
    position, event_id, txid = map(int, parts.groups()[:3])
    digest, made, key_id, sealed, says = (part.decode() for part in parts.groups()[3:])
    link = Link(position, event_id, txid, digest, made, key_id, sealed, event_id, txid, says)
    return link if line == _packed(_line(link)) else None


def _packed(line: str) -> bytes:
    return line.encode() + b"\n"


@contextmanager
def _opened(path: Path) -> Iterator[gzip.GzipFile]:
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise Unusable(f"{path.name} is no file: move it away.")
    with gzip.open(path) as lines:
        yield lines


def _digest(path: Path) -> bytes:
    try:
        with _opened(path) as lines:
            return hashlib.file_digest(lines, "sha256").digest()
    except _DAMAGE as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> DamagedArchive:
    return DamagedArchive(path, f"it cannot be read ({type(error).__name__})")


def _sync(folder: Path) -> None:
    """Let the new name be on the disk too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
