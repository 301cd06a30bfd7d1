"""A private PostgreSQL and Valkey in the data directory, from wheels, where no addresses of servers are set.

The wheels' programs are started directly, not through the wheels' `get_server` and `ValkeyServer`. Those open every
parent folder to all users when root runs them, share one lock among all programs of a user, end with the first Ctrl-C,
refuse a Valkey that outlived its owner, and warn about the session's runtime folder.

    <data_dir>/lock         locked by the one program that uses the directory; names it and its servers' addresses
    <data_dir>/secret_key   encrypts provider tokens
    <data_dir>/postgres/    the database; <data_dir>/postgres.log; its access rules are in <data_dir>/pg_*.conf
    <data_dir>/run/         the sockets, where their path is short and plain enough; otherwise in /tmp
    <data_dir>/sandbox/     the OAuth provider to try with: what it knows, its client secret, its port
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from core.errors import Unusable
from core.local import postgres as embedded_postgres
from core.local import valkey
from core.local.account import Account
from core.local.folders import absolute, explaining_errors, hold, holder, prepare, socket_folder
from core.local.keeper import Keeper, KeptServer
from core.local.sandbox import starting
from core.local.secret import secret_key
from core.local.server import Server
from core.wording import PROGRAM

__all__ = ["Services", "embedded", "require_installation", "running", "secret_key"]

Start = Callable[[Path, Path, Account, list[Server]], str]


@dataclass(frozen=True)
class Services:
    """The servers' addresses; empty for a server that was not requested."""

    database_url: str
    redis_url: str
    sandbox_url: str = ""


@contextmanager
def embedded(data_dir: Path, *, postgres: bool = True, redis: bool = True, sandbox: bool = False) -> Iterator[Services]:
    """Hold the data directory and run the requested servers until the block ends.

    Servers that outlived a killed holder are taken over, and one that dies meanwhile is started again. All servers are
    stopped at the end, so the caller must turn SIGTERM and SIGHUP into an exception, as Python does with Ctrl-C. Raises
    Unusable, saying what to do.
    """
    data_dir = absolute(data_dir)
    prepare(data_dir)
    with hold(data_dir) as announce, ExitStack() as stack:
        kept: list[KeptServer] = []
        keeper = Keeper(kept)
        stack.callback(keeper.stop)
        with explaining_errors(data_dir):
            services = _start(data_dir, kept, postgres=postgres, redis=redis, sandbox=sandbox)
            announce(services.database_url, services.redis_url)
        keeper.start()
        yield services


def _start(data_dir: Path, kept: list[KeptServer], *, postgres: bool, redis: bool, sandbox: bool) -> Services:
    if postgres:
        forget_libpq_settings()
    account = Account.for_servers(data_dir / "postgres")
    account.grant_passage(data_dir)
    place = (data_dir, socket_folder(data_dir, account), account)

    def begin(name: str, start: Start, start_again: Start) -> str:
        kept.append(KeptServer(name, partial(start_again, *place)))
        return start(*place, kept[-1].running)

    return Services(
        begin("PostgreSQL", embedded_postgres.start, embedded_postgres.start_again) if postgres else "",
        begin("Valkey", valkey.start, valkey.start) if redis else "",
        _start_sandbox(data_dir, kept) if sandbox else "",
    )


def _start_sandbox(data_dir: Path, kept: list[KeptServer]) -> str:
    """Start the sandbox last, and without waiting: what needs it comes later than what needs the servers."""
    kept.append(KeptServer("sandbox", partial(starting.start_again, data_dir)))
    return starting.start(data_dir, kept[-1].running)


def forget_libpq_settings() -> None:
    """Remove libpq's variables (PGHOSTADDR, PGSERVICE, …) from this process: they would lead to another server."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]


def require_installation(data_dir: Path) -> None:
    """Raise Unusable where `run` has made no database yet: a verb in the wrong folder must not make one there."""
    data_dir = absolute(data_dir)
    with explaining_errors(data_dir):
        if not (data_dir / "postgres").exists():
            raise Unusable(
                f"There is no installation in {data_dir}: run this where `{PROGRAM} run` was started, "
                "or set DATABASE_URL (or UNSTUCK_DATA_DIR)."
            )


def running(data_dir: Path) -> Services | None:
    """Return the servers of the program that holds this data directory, or None if no program does.

    Raises Unusable when the directory belongs to another user.
    """
    program = holder(absolute(data_dir))
    if program is None or not program.is_ready:
        return None
    if program.database_url:
        forget_libpq_settings()
    noted = starting.noted_address(absolute(data_dir)) if program.database_url else ""
    return Services(program.database_url, program.redis_url, noted)
