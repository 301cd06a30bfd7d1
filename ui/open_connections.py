"""How many connections are open: of this process, and of each address."""

import resource
from collections import Counter
from functools import cache
from typing import Final

from uvicorn.middleware.proxy_headers import _TrustedHosts
from uvicorn.server import ServerState

from core.settings import settings

#: Connections of a console, far above a hundred people with ten tabs each.
MOST_CONNECTIONS = 2_000
#: Files that a process needs besides its connections: database, broker, logs, libraries.
OTHER_FILES: Final = 200
_open: Counter[str] = Counter()


def most_connections() -> int:
    """Return how many connections this process may have: files that the operating system allows limit it too."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST_CONNECTIONS if files == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, max(files - OTHER_FILES, 10))


def enter(client: tuple[str, int] | None) -> None:
    """Count a connection of an address."""
    _open[_address(client)] += 1


def leave(client: tuple[str, int] | None) -> None:
    """Give the place of a connection to others."""
    address = _address(client)
    _open[address] -= 1
    if not _open[address]:
        del _open[address]


def are_full(client: tuple[str, int] | None, state: ServerState) -> bool:
    """Return whether a new connection is one too many; a proxy's connections are those of all its visitors."""
    address = _address(client)
    if len(state.connections) > most_connections():
        return True
    return _open[address] > settings().connections_per_address and address not in _proxies(settings().proxies)


@cache
def _proxies(addresses: str) -> _TrustedHosts:
    return _TrustedHosts(addresses)


def _address(client: tuple[str, int] | None) -> str:
    return client[0] if client else ""
