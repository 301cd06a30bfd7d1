"""The sandbox's process beside the embedded servers: started without waiting for it, on the port it had before."""

import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

import psutil

import core
from core.local.account import Account
from core.local.kept import kept_secret
from core.local.server import Server, is_alive, spawn, stop_all

#: The folder that holds the package `core`.
_ROOT = Path(core.__path__[0]).parent
_MODULE = "core.local.sandbox"


def start(data_dir: Path, servers: list[Server]) -> str:
    """Start the sandbox, add it to `servers`, and return its address; one that outlived its owner ends first."""
    folder = _folder(data_dir)
    folder.mkdir(mode=0o700, exist_ok=True)
    client_secret(data_dir)
    _end_former(folder)
    port = _port(folder)
    _note(folder / "port", port)
    start_again(data_dir, servers)
    return _address(port)


def start_again(data_dir: Path, servers: list[Server]) -> str:
    """Start it on its port, whose address other processes know by now."""
    folder = _folder(data_dir)
    port = int((folder / "port").read_text())
    command: list[str | Path] = [sys.executable, "-m", _MODULE, "--folder", folder, "--port", str(port)]
    own = Account(os.geteuid(), os.getegid())
    process = spawn(command, data_dir / "sandbox.log", own, cwd=_ROOT)
    servers.append(Server(process, [signal.SIGTERM]))
    _note(folder / "pid", process.pid)
    return _address(port)


def noted_address(data_dir: Path) -> str:
    """Return the address of the sandbox that another program keeps in this data directory; empty without one."""
    try:
        return _address(int((_folder(data_dir) / "port").read_text()))
    except (OSError, ValueError):
        return ""


def client_secret(data_dir: Path) -> str:
    """Return the secret that all clients of the sandbox have, made once."""
    return kept_secret(_folder(data_dir) / "client_secret")


def _folder(data_dir: Path) -> Path:
    return data_dir / "sandbox"


def _address(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _note(path: Path, number: int) -> None:
    new = path.with_name(f"{path.name}.new")
    new.write_text(str(number))
    new.rename(path)


def _port(folder: Path) -> int:
    """Return the port of the last start if nobody else has taken it, or a free one."""
    with suppress(OSError, ValueError, OverflowError):
        return _bound(int((folder / "port").read_text()))
    return _bound(0)


def _bound(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return int(probe.getsockname()[1])


def _end_former(folder: Path) -> None:
    """End the sandbox of a killed owner: all that it knows is in its file."""
    with suppress(OSError, ValueError, psutil.Error):
        process = psutil.Process(int((folder / "pid").read_text()))
        if is_alive(process) and {_MODULE, str(folder)} <= set(process.cmdline()):
            stop_all([Server(process, [signal.SIGTERM])])
