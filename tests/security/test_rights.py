"""Every command, requested by every role, on own and foreign data: exactly the permitted people succeed."""

import ast
import shlex
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import pytest
import typer
from sqlmodel import Session, func, select
from typer.testing import CliRunner

from core.actor import ENGINE
from core.commands.gateway import CommandRequest, perform
from core.commands.registry import COMMANDS
from core.errors import NotPermitted, NotSignedIn
from core.models import BackgroundJob, Event, Role
from core.operations import operations_on
from core.operations.demo import demo_mode
from core.people.auth import Credentials
from core.settings import settings
from tests.browsing import COOKIE
from tests.factories import make_user
from tests.repeats import mostly_slow
from tests.security.conftest import OF_A_PLATFORM, Site
from tests.security.rights import ASKERS, PAGE, RIGHTS, WITH_A_PHONE, WITH_CONSENT, Row, page
from tests.security.stage import Target, ready
from tests.security.writers import modules
from ui import cli
from ui.app import create_api

#: Unsafe routes that stand for another command's route, or for signing in and out.
OTHER_ROUTES = {
    "/api/auth/login",
    "/api/auth/logout",
    "/api/me/sessions",
    "/api/me/sessions/{session_id}",
    "/api/me/tokens",
    "/api/me/tokens/{token_id}",
    "/api/me/factor",
    "/api/me/factor/confirm",
    "/api/me/factor/off",
    "/api/me/messages",
    "/api/users/{user_id}/sessions",
    "/api/users/{user_id}/sessions/{session_id}",
    "/api/users/{user_id}/factor",
    "/api/connections/{id}/operations/connection.connect",
    *(f"/api/demo/{operation.name.removeprefix('demo.')}" for operation in operations_on(demo_mode)),
}
#: Commands whose routes name their target in another way; they are among the above.
OF_ANOTHER_SHAPE = {
    "session.revoke",
    "session.revoke_others",
    "token.create",
    "token.revoke",
    "factor.reset",
    "message.preferences",
    "user.view_as",
}
#: Of each group of commands with the same rights and the same kind of target, the first: all go through the gateway.
_BY_RIGHTS = {(row.may, name.partition(".")[0]): name for name, row in reversed(RIGHTS.items()) if row.route}
FAST = [name for name in RIGHTS if name in _BY_RIGHTS.values()]
ROUTED = [*FAST, *(name for name, row in RIGHTS.items() if row.route and name not in FAST)]
#: Functions that pages, routes and verbs call with a command's name.
WAYS_TO_COMMANDS = {"access.perform", "do", "run", "run_for_person", "_run_on"}


@pytest.fixture(autouse=True)
def _platform(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process know the same platform as the site."""
    for name, value in OF_A_PLATFORM.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()


def test_every_command_has_its_line() -> None:
    assert RIGHTS.keys() | WITH_A_PHONE | WITH_CONSENT == COMMANDS.keys(), (
        "say in tests/security/rights.py who may do it"
    )


@dataclass(frozen=True)
class Try:
    """One who asks, signed in unless they are anonymous, and a target of their own or of another."""

    asker: str
    token: str | None
    target: Target


@pytest.fixture(scope="module")
def refused(site: Site) -> dict[Role, str]:
    """Return a session of each role for those who may not: what is refused to them leaves it as it was."""
    return {role: site.token(role) for role in Role}


def tries(site: Site, rows: Session, row: Row, refused: dict[Role, str]) -> Iterator[Try]:
    """Give each asker: those who may not first, who share a target that is left as it was."""
    owner = make_user(rows)
    rows.commit()
    shared, own_token = ready(site.engine, row.on, owner.id), site.token(user=owner)
    for asker in sorted(ASKERS, key=lambda each: each in row.may):
        target = shared
        if asker in row.may:
            owner = make_user(rows)
            rows.commit()
            target, own_token = ready(site.engine, row.on, owner.id), site.token(user=owner)
        if asker == "anonymous":
            yield Try(asker, None, target)
        elif asker == "member, own":
            yield Try(asker, own_token, target)
        else:
            role = Role.MEMBER if asker.startswith("member") else Role(asker)
            yield Try(asker, site.token(role) if asker in row.may else refused[role], target)


def filled(row: Row, target: Target) -> dict[str, Any]:
    return {name: target.fill(value) if isinstance(value, str) else value for name, value in row.args.items()}


def changes(rows: Session) -> tuple[int, int]:
    """Return the numbers of events and jobs, without the events of the engine: a console sweeps, too."""
    rows.rollback()
    events = rows.exec(select(func.count()).select_from(Event).where(Event.via != ENGINE.via)).one()
    return events, rows.exec(select(func.count()).select_from(BackgroundJob)).one()


@pytest.mark.parametrize("name", RIGHTS)
def test_the_gateway_lets_exactly_the_permitted_people_pass(
    site: Site, rows: Session, refused: dict[Role, str], name: str
) -> None:
    row = RIGHTS[name]
    for each in tries(site, rows, row, refused):
        request = CommandRequest(name=name, target=each.target.id, args=filled(row, each.target), reason="a test")
        before = changes(rows)
        if each.asker in row.may:
            assert perform(site.engine, Credentials(each.token, "api"), request), each.asker
            assert changes(rows)[0] > before[0], f"what {each.asker} did has no event"
            continue
        with pytest.raises(NotSignedIn if each.asker == "anonymous" else NotPermitted):
            perform(site.engine, Credentials(each.token, "api"), request)
        assert changes(rows) == before, each.asker


@pytest.mark.parametrize("name", mostly_slow(ROUTED, fast=len(FAST)))
def test_the_route_of_each_command_decides_the_same(
    site: Site, rows: Session, refused: dict[Role, str], name: str
) -> None:
    row = RIGHTS[name]
    with site.client() as client:
        for each in tries(site, rows, row, refused):
            before = changes(rows)
            client.cookies.clear()
            sends = {"Cookie": f"{COOKIE}={each.token}"} if each.token else {}
            answer = client.post(each.target.fill(row.route), json=body_of(name, each.target), headers=sends)
            if each.asker in row.may:
                assert answer.status_code in (200, 201, 202), (each.asker, answer.text)
                assert changes(rows)[0] > before[0], each.asker
                continue
            assert answer.status_code == (401 if each.asker == "anonymous" else 403), (each.asker, answer.text)
            assert changes(rows) == before, each.asker


def body_of(name: str, target: Target) -> dict[str, Any]:
    row = RIGHTS[name]
    body = filled(row, target)
    if row.route.count("/") > 3:
        for each in ("name", "fingerprint", "event"):
            body.pop(each, None)  # it is in the path
    if COMMANDS[name].needs_reason:
        body["reason"] = "a test"
    return body


def test_every_command_has_a_route() -> None:
    assert {name for name, row in RIGHTS.items() if not row.route} == OF_ANOTHER_SHAPE


def test_every_unsafe_route_belongs_to_a_command(site: Site) -> None:
    paths = create_api(site.engine, "test").openapi()["paths"]
    unsafe = {path for path, verbs in paths.items() if verbs.keys() - {"get", "head"}}
    routes = {row.route for row in RIGHTS.values() if row.route} | OTHER_ROUTES
    shapes = {shape(path) for path in routes}
    assert {path for path in unsafe if shape(path) not in shapes} == set()


def shape(path: str) -> str:
    """Return a path with everything that may vary blanked: a verb's target, and a schedule's verb."""
    parts = path.split("/")
    nouns = (
        "queues",
        "schedules",
        "kinds",
        "users",
        "connections",
        "operators",
        "jobs",
        "alerts",
        "outbox",
        "bulk",
        "workers",
        "views",
        "failures",
        "audit",
    )
    if parts[2] in nouns and len(parts) > 4:
        parts[3] = "*"
    if parts[2] == "schedules" and len(parts) > 4:
        parts[4] = "*"
    return "/".join(parts)


@pytest.fixture(scope="module")
def verbs(site: Site) -> typer.Typer:
    app = typer.Typer()
    cli.install(app, lambda: nullcontext(site.engine))
    return app


@pytest.mark.parametrize("name", [name for name, row in RIGHTS.items() if row.cli])
def test_the_verb_of_each_command_acts_as_an_admin(site: Site, rows: Session, verbs: typer.Typer, name: str) -> None:
    row = RIGHTS[name]
    owner = make_user(rows)
    rows.commit()
    target = ready(site.engine, row.on, owner.id)
    before = changes(rows)
    result = CliRunner().invoke(verbs, shlex.split(target.fill(row.cli)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert changes(rows)[0] > before[0]
    newest = rows.exec(select(Event).order_by(Event.at.desc(), Event.id.desc())).first()
    assert newest.via == "cli"


def test_buttons_and_verbs_name_only_commands_that_there_are() -> None:
    named = {
        node.args[0].value if node.args else node.keywords[0].value.value
        for module in modules("ui").values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in WAYS_TO_COMMANDS
        for first in [node.args[0] if node.args else node.keywords[0].value]
        if isinstance(first, ast.Constant)
    }
    assert len(named) > 20
    assert named <= COMMANDS.keys()


def test_the_page_says_what_the_table_says() -> None:
    assert PAGE.read_text() == page(), "refresh it: python -m tests.security.rights"
