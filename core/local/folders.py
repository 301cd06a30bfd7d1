"""The data directory: which program holds it, and where the sockets are."""

import errno
import fcntl
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core import clock
from core.errors import Unusable
from core.local.account import Account

#: Seconds for which the lock is tried: another program's `running` takes it for an instant.
LOCK_PATIENCE = 0.3
#: The kernel takes 107 bytes (macOS 103) for a socket's path; `/.s.PGSQL.5432.lock` and `/valkey.sock` follow ours.
SOCKET_FOLDER_BYTES = 80
#: Other characters need different quoting in libpq's list of hosts, PostgreSQL's list of folders and URLs.
PLAIN = re.compile(r"[A-Za-z0-9_./+-]+")


@dataclass(frozen=True)
class Holder:
    """The program that holds a data directory, as its lock file names it."""

    pid: int
    since: str
    database_url: str = ""
    redis_url: str = ""
    is_ready: bool = False


def absolute(data_dir: Path) -> Path:
    """Return the absolute path of a data directory, from which the servers and sockets get their names."""
    try:
        return data_dir.expanduser().resolve()
    except (OSError, RuntimeError) as error:
        raise Unusable(f"{data_dir} cannot be used: {error}; choose another --data-dir.") from None


def prepare(data_dir: Path) -> None:
    """Make the data directory, for its owner alone; an existing one keeps its mode."""
    with explaining_errors(data_dir):
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        data_dir.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def explaining_errors(data_dir: Path) -> Iterator[None]:
    """Turn errors in the data directory into sentences that say what to do."""
    try:
        yield
    except (FileExistsError, NotADirectoryError) as error:
        raise Unusable(f"{error.filename or data_dir} is a file, not a directory; choose another --data-dir.") from None
    except OSError as error:
        raise Unusable(f"{error.filename or data_dir} cannot be used: {_advice(error)}") from None


def _advice(error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return "you have no right to write to it; run this as its owner, or choose another --data-dir."
    if error.errno == errno.EROFS:
        return "its file system is read-only; choose another --data-dir."
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "its disk is full; free at least 200 MB there, or choose another --data-dir."
    if error.errno == errno.ENAMETOOLONG:
        return "the path is too long for this system; choose another --data-dir."
    return f"{error.strerror}; choose another --data-dir."


@contextmanager
def hold(data_dir: Path) -> Iterator[Callable[[str, str], None]]:
    """Hold the data directory; yields the function that writes the servers' addresses into the lock file."""
    with explaining_errors(data_dir):
        descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+") as file:
        with explaining_errors(data_dir):
            if not _locked(descriptor):
                raise _in_use(data_dir, holder(data_dir))
            own_lines = f"{os.getpid()}\n{clock.now():%Y-%m-%d %H:%M:%S} UTC\n"
            _write(descriptor, own_lines)
        try:
            yield lambda database_url, redis_url: _write(descriptor, f"{own_lines}{database_url}\n{redis_url}\n")
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


def _in_use(data_dir: Path, user: Holder | None) -> Unusable:
    program = f"the program with process id {user.pid}, started at {user.since}" if user else "another program"
    return Unusable(f"{data_dir} is in use by {program}; stop it, or choose another --data-dir.")


def holder(data_dir: Path) -> Holder | None:
    """Return the program that holds this data directory, or None."""
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

    /tmp is used rather than TMPDIR or the session's runtime folder, because the next start must find the same folder.
    """
    folder = data_dir / "run"
    if len(os.fsencode(folder)) > SOCKET_FOLDER_BYTES or not PLAIN.fullmatch(str(folder)):
        name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
        folder = Path("/tmp") / f"unstuck-{account.uid}-{name}"  # noqa: S108 (its owner and mode are checked)
    with explaining_errors(data_dir):
        account.own(folder)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid != account.uid or status.st_mode & 0o077:
        raise Unusable(f"{folder} belongs to another user or is open to others; remove it, and start again.")
    return folder
