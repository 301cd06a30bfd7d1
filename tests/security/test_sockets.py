"""A raw Socket.IO client against the pages' sockets: foreign, without a session, another's, too late, too much."""

import ast
import gc
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import socketio
import websocket
from socketio.exceptions import BadNamespaceError
from sqlalchemy import Engine
from sqlmodel import select

from core.actor import ENGINE
from core.database.engine import session_scope
from core.models import Role, User, UserSession
from core.people import auth, operators, sessions
from core.people.auth import Visitor
from tests.factories import ADMIN, make_user
from tests.waiting import eventually

COOKIE = "unstuck_session"
# The library does the same with a connection that was refused.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module", autouse=True)
def collected() -> Iterator[None]:
    """Collect the library's leftovers while its warnings are still ignored; once, for a collection takes a second."""
    yield
    gc.collect()


@dataclass
class Site:
    """A console under attack."""

    url: str
    engine: Engine

    def person(self, role: Role = Role.ADMIN) -> User:
        with session_scope(self.engine) as session:
            return make_user(session, role=role)

    def sign_in(self, person: User) -> str:
        with session_scope(self.engine) as session:
            link = auth.make_link(session, session.get_one(User, person.id))
            session.flush()
            return auth.sign_in_by_link(session, link, Visitor())

    def page_of(self, token: str, address: str = "/target") -> "OpenPage":
        html = httpx.get(f"{self.url}{address}", cookies={COOKIE: token}, verify=False).raise_for_status().text
        query = ast.literal_eval(re.search(r"query: (\{.*?\}),", html)[1])
        elements = json.loads(re.search(r"parseElements\(String\.raw`(.*?)`\)", html, re.S)[1].replace("&quot;", '"'))
        return OpenPage(query, {str(e.get("props", {}).get("label")): e | {"id": int(n)} for n, e in elements.items()})

    def counted(self) -> dict[str, int]:
        return httpx.get(f"{self.url}/healthz/counted", verify=False).json()


@dataclass
class OpenPage:
    """A page's ids, as a browser knows them."""

    query: dict[str, Any]
    elements: dict[str, Any]

    def click(self, name: str = "button") -> dict[str, Any]:
        element = self.elements[name]
        [listener] = [each for each in element["events"] if each["type"] == "click"]
        client = {"client_id": self.query["client_id"]}
        return {**client, "id": element["id"], "listener_id": listener["listener_id"], "args": ["{}"]}


@pytest.fixture(scope="module")
def site(attacked: tuple[str, Engine]) -> Site:
    return Site(*attacked)


@contextmanager
def socket(site: Site, token: str | None, origin: str | None = None) -> Iterator[socketio.Client]:
    client = socketio.Client(reconnection=False, websocket_extra_options={"origin": origin or site.url})
    cookie = {"Cookie": f"{COOKIE}={token}"} if token else {}
    client.connect(site.url, headers=cookie, socketio_path="/_nicegui_ws/socket.io", transports=["websocket"])
    line = client.eio.ws
    try:
        yield client
    finally:
        client.disconnect()
        line.shutdown()  # the library leaves a connection that the server has cut to the garbage collector


def shake(client: socketio.Client, page: OpenPage) -> bool:
    """Shake hands as the page's own browser does."""
    handshake = {**page.query, "tab_id": "a-tab", "document_id": "a-document", "next_message_id": 0}
    return bool(client.call("handshake", handshake, timeout=10))


def clicks(site: Site, client: socketio.Client, page: OpenPage, name: str = "button") -> int:
    """Click, wait until a permitted click has passed too, and return how many more clicks were counted."""
    before = site.counted()[name]
    client.emit("event", page.click(name))
    settle(site)
    return site.counted()[name] - before


def settle(site: Site) -> None:
    """Wait until the server has handled all earlier messages: a click of another page comes after them."""
    token = site.sign_in(site.person())
    page = site.page_of(token)
    with socket(site, token) as client:
        assert shake(client, page)
        before = site.counted()["button"]
        client.emit("event", page.click())
        eventually(lambda: site.counted()["button"] > before)


def test_a_socket_drives_its_own_page(site: Site) -> None:
    token = site.sign_in(site.person())
    page = site.page_of(token)
    with socket(site, token) as client:
        assert shake(client, page)
        assert clicks(site, client, page) == 2


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1.evil.example"]
)
def test_a_page_of_another_site_opens_no_socket(site: Site, origin: str) -> None:
    with pytest.raises(socketio.exceptions.ConnectionError), socket(site, site.sign_in(site.person()), origin):
        pass


@pytest.mark.parametrize("token", [None, "", "made-up"])
def test_a_stranger_opens_no_socket(site: Site, token: str | None) -> None:
    with pytest.raises(socketio.exceptions.ConnectionError), socket(site, token):
        pass


def test_a_session_that_has_ended_opens_no_socket(site: Site) -> None:
    token = site.sign_in(site.person())
    sign_out(site, token)
    with pytest.raises(socketio.exceptions.ConnectionError), socket(site, token):
        pass


def test_knowing_a_pages_id_is_not_enough_to_drive_it(site: Site) -> None:
    page = site.page_of(site.sign_in(site.person()))
    with socket(site, site.sign_in(site.person(Role.MEMBER))) as other:
        assert not shake(other, page)
        assert clicks(site, other, page) == 1
        assert other.call("jobs:join", {"client_id": page.query["client_id"]}) is False


def test_a_page_that_its_own_browser_has_open_is_not_driven_by_another_socket(site: Site) -> None:
    token = site.sign_in(site.person())
    page = site.page_of(token)
    with socket(site, token) as own, socket(site, site.sign_in(site.person())) as other:
        assert shake(own, page)
        assert clicks(site, other, page) == 1
        assert clicks(site, own, page) == 2


def test_a_page_is_not_driven_by_another_session_of_the_same_person(site: Site) -> None:
    person = site.person()
    page = site.page_of(site.sign_in(person))
    with socket(site, site.sign_in(person)) as other:
        assert not shake(other, page)


def test_a_page_is_not_driven_before_the_handshake(site: Site) -> None:
    token = site.sign_in(site.person())
    page = site.page_of(token)
    with socket(site, token) as client:
        assert clicks(site, client, page) == 1


def sign_out(site: Site, token: str) -> None:
    httpx.post(f"{site.url}/api/auth/logout", cookies={COOKIE: token}, verify=False).raise_for_status()


def disable(site: Site, person: User) -> None:
    with session_scope(site.engine) as session:
        operators.disable(session, person.id, ENGINE, "left the company")


def degrade(site: Site, person: User) -> None:
    """Take the role and nothing else: the session stays valid."""
    with session_scope(site.engine) as session:
        session.get_one(User, person.id).role = Role.MEMBER


def revoke(site: Site, person: User) -> None:
    with session_scope(site.engine) as session:
        for each in session.exec(select(UserSession).where(UserSession.user_id == person.id)):
            sessions.end(session, each.id, ADMIN, "revoked")


@pytest.mark.parametrize("end", [disable, degrade, revoke])
def test_an_open_page_ends_with_the_session_role_or_person_that_opened_it(site: Site, end: Any) -> None:
    person = site.person()
    token = site.sign_in(person)
    page = site.page_of(token)
    scripts: list[str] = []
    with socket(site, token) as client:
        client.on("run_javascript", lambda message: scripts.append(message["code"]))
        assert shake(client, page)
        end(site, person)
        eventually(lambda: not client.connected)
    assert "window.location.reload()" in scripts
    with socket_or_none(site, token) as late:
        assert late is None or not shake(late, page)


def test_an_open_page_ends_at_sign_out(site: Site) -> None:
    token = site.sign_in(site.person())
    page = site.page_of(token)
    with socket(site, token) as client:
        assert shake(client, page)
        sign_out(site, token)
        eventually(lambda: not client.connected)


def test_a_page_that_was_closed_is_not_closed_again_when_its_browser_stays_away(site: Site) -> None:
    token, other = site.sign_in(site.person()), site.sign_in(site.person())
    page, later = site.page_of(token), site.page_of(other)
    before = site.counted()["errors"]
    with socket(site, token) as client:
        assert shake(client, page)
        sign_out(site, token)
        eventually(lambda: not client.connected)
    with socket(site, other) as client:
        assert shake(client, later)
    pages = site.counted()["pages"]
    eventually(lambda: site.counted()["pages"] < pages)  # the later one is forgotten, so the first one's time is over
    assert site.counted()["errors"] == before


@contextmanager
def socket_or_none(site: Site, token: str) -> Iterator[socketio.Client | None]:
    try:
        with socket(site, token) as client:
            yield client
    except socketio.exceptions.ConnectionError:
        yield None


def test_a_button_that_is_switched_off_is_not_pressed(site: Site) -> None:
    token = site.sign_in(site.person())
    page = site.page_of(token)
    with socket(site, token) as client:
        assert shake(client, page)
        assert clicks(site, client, page, "disabled") == 0


@pytest.mark.parametrize(
    "message",
    [None, 7, [], "text", {}, {"client_id": None}, {"client_id": {"$ne": 1}}, {"client_id": "nobody"}],
)
def test_messages_that_name_no_page_are_ignored(site: Site, message: Any) -> None:
    with socket(site, site.sign_in(site.person())) as client:
        for name in ("event", "javascript_response", "ack", "log", "handshake", "jobs:join"):
            client.emit(name, message)
        settle(site)
        assert client.connected


@pytest.mark.parametrize(
    "harm",
    [
        {"id": {}},
        {"id": "x" * 1000},
        {"id": -(2**62)},
        {"args": ["{"]},
        {"args": "text"},
        {"args": None},
        {"listener_id": []},
        {"listener_id": "../../etc/passwd"},
    ],
)
def test_malformed_messages_to_its_own_page_harm_no_other_page(site: Site, harm: dict[str, Any]) -> None:
    token = site.sign_in(site.person())
    page = site.page_of(token)
    with socket(site, token) as client:
        assert shake(client, page)
        client.emit("event", page.click() | harm)
        for name in ("javascript_response", "ack", "log"):
            client.emit(name, {"client_id": page.query["client_id"]} | harm)
        assert clicks(site, client, page) == 2


def test_a_message_that_is_too_long_ends_its_socket_alone(site: Site) -> None:
    token = site.sign_in(site.person())
    page = site.page_of(token)
    with socket(site, token) as client:
        assert shake(client, page)
        client.emit("event", page.click() | {"args": ["x" * 2_000_000]})
        eventually(lambda: not client.connected)
    settle(site)


@pytest.mark.parametrize(
    "frame", ["\x00", "42", '42["event"', "9" * 5000, "451-[", "40/other,", '42["event",{"id":' + "[" * 5000]
)
def test_frames_that_are_no_messages_end_at_most_their_socket(site: Site, frame: str) -> None:
    way = site.url.replace("http", "ws") + "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    token = site.sign_in(site.person())
    raw = websocket.create_connection(way, origin=site.url, cookie=f"{COOKIE}={token}", timeout=10)
    raw.recv()
    raw.send("40")
    raw.recv()
    raw.send(frame)
    settle(site)
    raw.close()


def test_a_flood_ends_its_socket_and_others_go_on(site: Site) -> None:
    token = site.sign_in(site.person())
    page = site.page_of(token)
    before = site.counted()["button"]
    with socket_or_none(site, token) as client:
        assert client is not None
        assert shake(client, page)
        with suppress(BadNamespaceError):  # it is closed in between
            for _ in range(3_000):
                client.emit("event", page.click())
        eventually(lambda: not client.connected, within=40)
    assert site.counted()["button"] - before < 1_500
    settle(site)
