"""The data directory: who holds it, and where the sockets go."""

import errno
import fcntl
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from core.errors import Unusable
from core.local.account import Account

#: Seconds for which the lock is tried: `running` of another program may have it for an instant.
LOCK_PATIENCE = 0.3
#: The kernel takes 107 bytes (macOS 103) for a socket's path; `/.s.PGSQL.5432.lock` and `/valkey.sock` follow ours.
SOCKET_FOLDER_BYTES = 80
#: Other characters would need quoting, differently, in libpq's list of hosts, PostgreSQL's list of folders and URLs.
PLAIN = re.compile(r"[A-Za-z0-9_./+-]+")


@dataclass(frozen=True)
class Holder:
    """The program that holds a data directory, as it wrote it into the lock."""

    pid: int
    since: str
    database_url: str = ""
    redis_url: str = ""
    is_ready: bool = False


def settle(data_dir: Path) -> Path:
    """Return the one absolute name of a data directory: the servers and their sockets go by it."""
    try:
        return data_dir.expanduser().resolve()
    except (OSError, RuntimeError) as error:
        raise Unusable(f"{data_dir} cannot be used: {error}; choose another --data-dir.") from None


def prepare(data_dir: Path) -> None:
    """Make the data directory, for its owner alone; one that exists keeps its mode."""
    with telling(data_dir):
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        data_dir.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def telling(data_dir: Path) -> Iterator[None]:
    """Say in the operator's words what is wrong with the data directory."""
    try:
        yield
    except (FileExistsError, NotADirectoryError) as error:
        raise Unusable(f"{error.filename or data_dir} is a file, not a directory; choose another --data-dir.") from None
    except OSError as error:
        raise Unusable(f"{error.filename or data_dir} cannot be used: {_advice(error)}") from None


def _advice(error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return "it is not yours to write; run this as its owner, or choose another --data-dir."
    if error.errno == errno.EROFS:
        return "its file system is read-only; choose another --data-dir."
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "its disk is full; free at least 200 MB there, or choose another --data-dir."
    if error.errno == errno.ENAMETOOLONG:
        return "the path is too long for this system; choose another --data-dir."
    return f"{error.strerror}; choose another --data-dir."


@contextmanager
def hold(data_dir: Path) -> Iterator[Callable[[str, str], None]]:
    """Hold the data directory; yields the function that writes where the servers are into the lock."""
    with telling(data_dir):
        descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+") as file:
        with telling(data_dir):
            if not _locked(descriptor):
                raise _in_use(data_dir, holder(data_dir))
            me = f"{os.getpid()}\n{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n"
            _write(descriptor, me)
        try:
            yield lambda database_url, redis_url: _write(descriptor, f"{me}{database_url}\n{redis_url}\n")
        finally:
            file.truncate(0)


def _locked(descriptor: int) -> bool:
    until = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        else:
            return True


def _write(descriptor: int, text: str) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)


def _in_use(data_dir: Path, found: Holder | None) -> Unusable:
    who = f"the program with process id {found.pid}, started at {found.since}" if found else "another program"
    return Unusable(f"{data_dir} is in use by {who}; stop it, or choose another --data-dir.")


def holder(data_dir: Path) -> Holder | None:
    """Return who holds this data directory, or None."""
    try:
        with (data_dir / "lock").open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _read(file.read().decode())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Unusable(f"{data_dir} cannot be read: {error.strerror}; run this as its owner.") from None
    return None


def _read(text: str) -> Holder | None:
    match text.split("\n"):
        case [pid, since, database_url, redis_url, ""]:
            return Holder(int(pid), since, database_url, redis_url, is_ready=True)
        case [pid, since, ""]:
            return Holder(int(pid), since)
    return None


def socket_folder(data_dir: Path, account: Account) -> Path:
    """Return a folder for sockets that only the servers' account and root can enter.

    /tmp, and not TMPDIR or the session's runtime folder, because the next start must find the same one.
    """
    folder = data_dir / "run"
    if len(os.fsencode(folder)) > SOCKET_FOLDER_BYTES or not PLAIN.fullmatch(str(folder)):
        name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
        folder = Path("/tmp") / f"unstuck-{account.uid}-{name}"  # noqa: S108 (its owner and mode are checked)
    with telling(data_dir):
        account.own(folder)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid != account.uid or status.st_mode & 0o077:
        raise Unusable(f"{folder} belongs to somebody else or is open to others; remove it, and start again.")
    return folder
