"""Requests byte by byte: none is two to us and one to a proxy, and none names a host that only looks like ours."""

import re
import socket
from urllib.parse import urlsplit

import pytest

from tests.security.conftest import Site

BEGIN = b"POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
SECOND = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"

AMBIGUOUS = {
    "a length, then chunks": b"Content-Length: 4\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "chunks, then a length": CHUNKED + b"Content-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}",
    "a length with a sign": b"Content-Length: +2\r\n\r\n{}",
    "a space before the colon": b"Content-Length : 2\r\n\r\n{}",
    "a folded header": b"X: a\r\n Content-Length: 2\r\n\r\n",
    "a bare CR": b"X: a\rContent-Length: 2\r\n\r\n{}",
    "another coding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked, but not last": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a negative chunk": CHUNKED + b"\r\n-2\r\n{}\r\n0\r\n\r\n",
    "a chunk beyond 64 bits": CHUNKED + b"\r\nFFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n",
}
#: As a browser, a careless proxy or a resolver might still take them for this machine.
NOT_OURS = ["127.0.0.1.", "127.1", "0.0.0.0", "[::1", "localhost:1:2", "user@localhost", "localhost.evil.example", ""]


def answers(site: Site, sent: bytes) -> list[int]:
    """Return the status of every answer on one connection until it is closed."""
    parts = urlsplit(site.url)
    received = b""
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as line:
        line.sendall(sent)
        while part := line.recv(65_536):
            received += part
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3})", received)]


@pytest.mark.parametrize("how", AMBIGUOUS)
def test_a_request_that_could_be_two_is_refused_whole(site: Site, how: str) -> None:
    assert answers(site, BEGIN + AMBIGUOUS[how] + SECOND) == [400]


@pytest.mark.parametrize("host", NOT_OURS)
def test_a_host_that_looks_like_ours_is_refused(site: Site, host: str) -> None:
    assert answers(site, f"GET /login HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()) == [400]


def test_a_request_that_names_two_hosts_is_refused(site: Site) -> None:
    for hosts in (("localhost", "evil.example"), ("evil.example", "localhost")):
        named = "".join(f"Host: {host}\r\n" for host in hosts)
        assert answers(site, f"GET /healthz HTTP/1.1\r\n{named}Connection: close\r\n\r\n".encode()) == [400]
