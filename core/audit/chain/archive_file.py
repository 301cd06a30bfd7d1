"""Archive files: links with their events as gzipped JSON lines, from which alone their part of the chain is verified.

The first line says what the file is and which hash it follows. Each other line is one link; its `event`, an array, is
the text that was sealed, character by character.
"""

import gzip
import hashlib
import json
import os
import re
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from core.audit.chain.links import Link
from core.audit.chain.seal import Head
from core.errors import Unusable

FORMAT: Final = "unstuck audit archive 1"
#: The parts of an event, in their order.
FIELDS: Final = ("at", "name", "actor_id", "actor", "via", "user_id", "connection_id", "job_id", "reason", "data")
_PATTERN: Final = "audit-*.jsonl.gz"
#: The names that runs give: the positions of the first and the last link.
_NAME: Final = re.compile(r"audit-(\d{12,})-(\d{12,})\.jsonl\.gz")
#: How the name of a file ends while it is written.
_UNFINISHED: Final = ".unfinished"
#: Precedes the sealed text, which is JSON itself and ends with the line's last brace.
_EVENT: Final = ', "event": '
#: What reading a damaged file raises.
_DAMAGE: Final = (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError)


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One file: its path, and the link that it follows."""

    path: Path
    after: Head


def write_archive(folder: Path, after: Head, links: Sequence[Link]) -> str:
    """Write links that follow `after`, and return the file's name. The name appears when all is on the disk."""
    name = f"{_begin(links[0].position)}{links[-1].position:012d}.jsonl.gz"
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
            packed.writelines(line.encode() + b"\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())


def archive_after(folder: Path, position: int) -> ArchiveFile | None:
    """Return the file that begins with the link after `position`, if the folder has one."""
    path = positions_in(folder).get(position + 1)
    return read_archive(path) if path else None


def positions_in(folder: Path) -> dict[int, Path]:
    """Return the files that runs have written, by the position of their first link; copies have other names."""
    names = ((_NAME.fullmatch(path.name), path) for path in sorted(folder.glob(_PATTERN)))
    return {int(match[1]): path for match, path in names if match}


def last_position(path: Path) -> int:
    """Return the position of the last link of a file that a run has written, by its name."""
    match = _NAME.fullmatch(path.name)
    return int(match[2]) if match else 0


def find_archives(paths: Sequence[Path]) -> list[ArchiveFile]:
    """Return the files at these paths, and those in folders among them, in the chain's order, copies last.

    Raises Unusable for a path where there is nothing, and for a damaged file.
    """
    files: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise Unusable(f"There is no archive of the audit log at {path}.")
        files.update(path.glob(_PATTERN) if path.is_dir() else [path])
    return sorted(map(read_archive, sorted(files)), key=lambda file: (file.after.position, not _is_named(file.path)))


def has_same_content(one: ArchiveFile, other: ArchiveFile) -> bool:
    """Tell whether two files have the same lines, however they were packed. Raises Unusable."""
    return _digest(one.path) == _digest(other.path)


def end_of(file: ArchiveFile) -> Head:
    """Return the file's last link. Raises Unusable."""
    last = deque(links_in(file), maxlen=1)
    return Head(last[0].position, last[0].hash, last[0].event_id, last[0].txid) if last else file.after


def links_in(file: ArchiveFile) -> Iterator[Link]:
    """Yield the file's links. Raises Unusable."""
    try:
        with gzip.open(file.path) as lines:
            next(lines)
            yield from map(_link, lines)
    except _DAMAGE as error:
        raise _damaged(file.path, error) from None


def _begin(position: int) -> str:
    return f"audit-{position:012d}-"


def _lines(after: Head, links: Sequence[Link]) -> Iterator[str]:
    yield json.dumps({"format": FORMAT, "after": after.position, "hash": after.hash, "event_fields": FIELDS})
    for link in links:
        names = ("position", "event_id", "txid", "digest", "hash", "key_id", "sealed")
        seal = json.dumps({name: getattr(link, name) for name in names})
        yield f"{seal[:-1]}{_EVENT}{link.says}}}"


def _link(line: bytes) -> Link:
    seal, _, rest = line.decode().partition(_EVENT)
    values: dict[str, Any] = json.loads(seal + "}")
    return Link(**values, id=values["event_id"], event_txid=values["txid"], says=rest.rstrip("\n").removesuffix("}"))


def _is_named(path: Path) -> bool:
    return _NAME.fullmatch(path.name) is not None


def _digest(path: Path) -> bytes:
    try:
        with gzip.open(path) as lines:
            return hashlib.file_digest(lines, "sha256").digest()
    except _DAMAGE as error:
        raise _damaged(path, error) from None


def read_archive(path: Path) -> ArchiveFile:
    """Return the file at a path, whose first line is read. Raises Unusable."""
    try:
        with gzip.open(path) as lines:
            first = json.loads(next(lines, b""))
        if first["format"] == FORMAT:
            return ArchiveFile(path, Head(int(first["after"]), str(first["hash"])))
    except _DAMAGE as error:
        raise _damaged(path, error) from None
    raise Unusable(f"{path.name} is no archive of the audit log.")


def _damaged(path: Path, error: Exception) -> Unusable:
    return Unusable(f"{path.name} cannot be read ({type(error).__name__}): take it from a backup.")


def _sync(folder: Path) -> None:
    """Let the new name be on the disk too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
