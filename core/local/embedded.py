"""A private PostgreSQL and Valkey in the data directory, from wheels, for whoever gives no addresses of their own.

The wheels' programs are started directly, not through the wheels' `get_server` and `ValkeyServer`. Those open every
parent folder to all users when root runs them, share one lock among all programs of a user, end with the first Ctrl-C,
refuse a Valkey that outlived its owner, and warn about the session's runtime folder. What is left to do is little.

    <data_dir>/lock         held by the one program that uses the directory; says who that is and where its servers are
    <data_dir>/secret_key   encrypts provider tokens
    <data_dir>/postgres/    the database; <data_dir>/postgres.log
    <data_dir>/run/         the sockets, where their path is short and plain enough; otherwise in /tmp
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.local import postgres as embedded_postgres
from core.local import valkey
from core.local.account import Account
from core.local.folders import hold, holder, prepare, settle, socket_folder, telling
from core.local.secret import secret_key
from core.local.server import Server, stop_all

__all__ = ["Services", "embedded", "running", "secret_key"]


@dataclass(frozen=True)
class Services:
    """Where the servers are; empty for one that was not asked for."""

    database_url: str
    redis_url: str


@contextmanager
def embedded(data_dir: Path, *, postgres: bool = True, redis: bool = True) -> Iterator[Services]:
    """Hold the data directory, with the servers that are asked for, until the block ends.

    Servers that outlived a killed holder are taken over. Both kinds are stopped at the end, so the caller must turn
    SIGTERM and SIGHUP into an exception, as Python does with Ctrl-C. Raises Unusable with what to do.
    """
    data_dir = settle(data_dir)
    prepare(data_dir)
    with hold(data_dir) as announce, ExitStack() as stack:
        servers: list[Server] = []
        stack.callback(stop_all, servers)
        with telling(data_dir):
            services = _start(data_dir, servers, postgres=postgres, redis=redis)
            announce(services.database_url, services.redis_url)
        yield services


def _start(data_dir: Path, servers: list[Server], *, postgres: bool, redis: bool) -> Services:
    account = Account.for_servers(data_dir / "postgres")
    account.let_in(data_dir)
    sockets = socket_folder(data_dir, account)
    return Services(
        embedded_postgres.start(data_dir, sockets, account, servers) if postgres else "",
        valkey.start(data_dir, sockets, account, servers) if redis else "",
    )


def running(data_dir: Path) -> Services | None:
    """Return the servers of the program that holds this data directory, or None when there is none.

    Raises Unusable when the directory belongs to somebody else.
    """
    found = holder(settle(data_dir))
    if found is None or not found.is_ready:
        return None
    return Services(found.database_url, found.redis_url)
