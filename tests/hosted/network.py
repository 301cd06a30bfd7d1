"""The network of a hosted installation: hosts of their own, an address that moves, a link that can be cut.

With network namespaces, both database servers and one worker have hosts of their own on one bridge. Where the machine
allows none, the same runs on one host with TCP proxies in place of links, and the tests say so.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal, Protocol

from tests.faults.proxy import Proxy

#: The two database servers, of which one is the primary, and the worker with a host of its own.
Host = Literal["one", "two", "far"]
HOSTS: tuple[Host, ...] = ("one", "two", "far")
DATABASE_PORT = 5432


class Network(Protocol):
    """What the tests do to a network."""

    #: What stands for hosts and links, for the run's last lines.
    kind: str

    def place(self, host: Host) -> list[str]:
        """Return the beginning of a command that runs on a host."""

    def listen(self) -> str:
        """Return the addresses of its host that a database server listens on, besides its socket."""

    def server(self, host: Host) -> str:
        """Return the address of one database server, for the pooler and for its replica."""

    def addresses(self, host: Host | None, broker: int) -> tuple[tuple[str, int], tuple[str, int]]:
        """Return where a program on a host finds the moving address of the database, and the broker."""

    def move(self, host: Host) -> None:
        """Move the address of the database to a server."""

    def cut(self, host: Host) -> None:
        """Let nothing through to a host or from it, without a word to either side."""

    def join(self, host: Host) -> None:
        """Repair the link of a host."""


@contextmanager
def network(sockets: Mapping[Host, Path], broker: Path) -> Iterator[Network]:
    """Make the network; `sockets` and `broker` are the servers' unix sockets, for proxies where nothing else works."""
    with ExitStack() as stack:
        namespaces = Namespaces()
        stack.callback(namespaces.remove)
        if namespaces.make():
            yield namespaces
            return
        proxies = Proxies(sockets, stack.enter_context(Proxy(sockets["one"])), stack.enter_context(Proxy(broker)))
        proxies.far_database = stack.enter_context(Proxy(sockets["one"]))
        yield proxies


class Namespaces:
    """A bridge, and a veth pair for each host; names and addresses are of this process, as runs go side by side."""

    kind = "network namespaces"

    def __init__(self) -> None:
        self._name = f"us{os.getpid()}"
        # 198.18.0.0/15 is for tests of networks; each process has eight addresses of it.
        first = (198 << 24) + (18 << 16) + os.getpid() % 2**14 * 8
        self._addresses = [".".join(str((first + n) >> shift & 255) for shift in (24, 16, 8, 0)) for n in range(8)]
        self._at: Host | None = None

    def make(self) -> bool:
        """Make bridge, namespaces and links; tell whether this machine allows it."""
        try:
            _ip("link", "add", self._name, "type", "bridge")
            _ip("address", "add", f"{self._addresses[1]}/29", "dev", self._name)
            _ip("link", "set", self._name, "up")
            for host in HOSTS:
                self._add(host)
        except (OSError, subprocess.CalledProcessError):
            return False
        self.move("one")
        return True

    def _add(self, host: Host) -> None:
        space, link = self._space(host), self._link(host)
        _ip("netns", "add", space)
        _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space)
        _ip("link", "set", link, "master", self._name, "up")
        _ip("-n", space, "address", "add", f"{self.server(host)}/29", "dev", "eth0")
        _ip("-n", space, "link", "set", "eth0", "up")
        _ip("-n", space, "link", "set", "lo", "up")

    def remove(self) -> None:
        """Remove everything that is there of it."""
        for command in (
            *(("link", "delete", self._link(host)) for host in HOSTS),
            *(("netns", "delete", self._space(host)) for host in HOSTS),
            ("link", "delete", self._name),
        ):
            subprocess.run(["ip", *command], capture_output=True, check=False)

    def _space(self, host: Host) -> str:
        return f"{self._name}-{host}"

    def _link(self, host: Host) -> str:
        return f"{self._name}{host}"

    def place(self, host: Host) -> list[str]:
        naming = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', self._space(host)]
        return ["ip", "netns", "exec", self._space(host), *naming]

    def listen(self) -> str:
        return "*"

    def server(self, host: Host) -> str:
        return self._addresses[2 + HOSTS.index(host)]

    def addresses(self, host: Host | None, broker: int) -> tuple[tuple[str, int], tuple[str, int]]:
        return (self._addresses[5], DATABASE_PORT), (self._addresses[1], broker)

    def move(self, host: Host) -> None:
        """Move the address as keepalived does; the neighbours forget where it was, as after its announcement."""
        address = f"{self._addresses[5]}/29"
        if self._at is not None:
            _ip("-n", self._space(self._at), "address", "delete", address, "dev", "eth0")
        _ip("-n", self._space(host), "address", "add", address, "dev", "eth0")
        self._at = host
        _ip("neighbour", "flush", "to", self._addresses[5], "dev", self._name)
        for other in HOSTS:
            _ip("-n", self._space(other), "neighbour", "flush", "to", self._addresses[5], "dev", "eth0")

    def cut(self, host: Host) -> None:
        _ip("link", "set", self._link(host), "down")

    def join(self, host: Host) -> None:
        _ip("link", "set", self._link(host), "up")


class Proxies:
    """One host: proxies are the moving address and the links of the far worker."""

    kind = "TCP proxies on one host, since this machine allows no network namespaces"
    far_database: Proxy

    def __init__(self, sockets: Mapping[Host, Path], database: Proxy, far_broker: Proxy) -> None:
        self._sockets = sockets
        self._database = database
        self._far_broker = far_broker

    def place(self, host: Host) -> list[str]:
        return []

    def listen(self) -> str:
        return ""

    def server(self, host: Host) -> str:
        return str(self._sockets[host].parent)

    def addresses(self, host: Host | None, broker: int) -> tuple[tuple[str, int], tuple[str, int]]:
        local = "127.0.0.1"
        if host == "far":
            return (local, self.far_database.port), (local, self._far_broker.port)
        return (local, self._database.port), (local, broker)

    def move(self, host: Host) -> None:
        for proxy in (self._database, self.far_database):
            proxy.lead_to(self._sockets[host])
            if proxy.mode == "blackhole":  # the old host vanished; the new one knows nothing of its connections
                proxy.reset()
                proxy.be("up")

    def cut(self, host: Host) -> None:
        for proxy in self._of(host):
            proxy.be("blackhole")

    def join(self, host: Host) -> None:
        for proxy in self._of(host):
            proxy.be("up")

    def _of(self, host: Host) -> Sequence[Proxy]:
        return (self.far_database, self._far_broker) if host == "far" else (self._database, self.far_database)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
