"""Reading the audit log: filters, pages, exports, and the role it needs."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text
from sqlmodel import Session

from core.actor import ENGINE, Actor
from core.audit.export import export
from core.audit.record import record
from core.audit.search import AuditFilter, find_events
from core.database.engine import session_scope
from core.export import Format
from core.models import Role, User
from core.redact import HIDDEN
from tests.api.conftest import anonymous, signed_in  # noqa: F401 - the fixtures of the API's tests
from tests.factories import ADMIN, SUPPORT, make_user

SignIn = Callable[[Role], tuple[TestClient, User]]
CLI = Actor(None, "root (command line)", Role.ADMIN, "cli")


@pytest.fixture
def ana(session: Session) -> User:
    """Return a user whom three people and the engine have changed."""
    user = make_user(session, email="Ana.Alvarez@example.com")
    record(session, ADMIN, "queue.paused", reason="Deploying 100% of it", name="demo", was="active", now="paused")
    record(session, SUPPORT, "job.requested", user_id=user.id, kind="demo.enable", was="disabled", now="enabling")
    record(session, CLI, "operator.role_changed", user_id=user.id, reason="promoted", was="support", now="admin")
    record(session, ENGINE, "job.succeeded", user_id=user.id)
    record(session, ADMIN, "queue.resumed", name="demo", was="paused", now="active")
    session.commit()
    return user


def names_of(session: Session, **filters: object) -> list[str]:
    return [line.what for line in find_events(session, AuditFilter.model_validate(filters)).lines]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, ["queue.resumed", "operator.role_changed", "job.requested", "queue.paused"]),
        ({"who": "ADA"}, ["queue.resumed", "queue.paused"]),
        ({"who": "command line"}, ["operator.role_changed"]),
        ({"what": "queue"}, ["queue.resumed", "queue.paused"]),
        ({"what": "queue.paused"}, ["queue.paused"]),
        ({"what": "que"}, []),
        ({"user": "ana.al"}, ["operator.role_changed", "job.requested"]),
        ({"q": "100%"}, ["queue.paused"]),
        ({"q": "%"}, ["queue.paused"]),
        ({"q": "deploying", "who": "sam"}, []),
        ({"since": datetime.now(UTC) + timedelta(hours=1)}, []),
        ({"until": datetime.now(UTC) - timedelta(hours=1)}, []),
    ],
)
def test_filters_narrow_the_log_and_it_never_holds_the_engines_events(
    session: Session, ana: User, filters: dict[str, object], names: list[str]
) -> None:
    assert names_of(session, **filters) == names


def test_pages_follow_each_other_without_a_gap(session: Session, ana: User) -> None:
    ids, before = [], None
    while True:
        page = find_events(session, AuditFilter(), limit=1, before=before)
        ids += [line.id for line in page.lines]
        if (before := page.next) is None:
            break
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 4


def test_before_and_after_are_shown_field_by_field(session: Session) -> None:
    was, now = {"max_running": None, "rate": 2, "same": 1}, {"max_running": 3, "rate": None, "same": 1}
    record(session, ADMIN, "kind.limited", was=was, now=now)
    record(session, ADMIN, "schedule.removed", was={"cron": "0 3 * * *"}, now=None)
    session.commit()
    removed, limited = find_events(session, AuditFilter()).lines
    assert sorted(limited.changes) == [("max_running", None, "3"), ("rate", "2", None)]
    assert removed.changes == [("cron", "0 3 * * *", None)]


def test_values_of_secret_keys_are_hidden_even_if_they_were_written(session: Session, engine: Engine) -> None:
    written = '{"args": {"api_key": "canary"}, "was": {"token": "canary"}, "now": null}'
    with session_scope(engine) as other:
        insert = text("INSERT INTO events (name, via, data) VALUES ('x.y', 'cli', CAST(:data AS jsonb))")
        other.connection().execute(insert, {"data": written})
    [line] = find_events(session, AuditFilter()).lines
    assert (line.data, line.was) == ({"args": {"api_key": HIDDEN}}, {"token": HIDDEN})
    assert "canary" not in "".join(export(engine, AuditFilter(), Format.CSV))
    assert "canary" not in "".join(export(engine, AuditFilter(), Format.JSONL))


HOSTILE = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"]


@pytest.mark.parametrize("cell", HOSTILE)
def test_a_cell_of_the_csv_never_begins_a_formula(session: Session, engine: Engine, cell: str) -> None:
    actor = Actor(None, cell, Role.ADMIN, "api")
    record(session, actor, "x.y", reason=cell, was=cell, now={"a": cell})
    session.commit()
    [_, row] = list(csv.reader(io.StringIO("".join(export(engine, AuditFilter(), Format.CSV)), newline="")))
    assert f"'{cell}" in row
    assert not any(value.startswith(tuple("=+-@\t\r")) for value in row)


def test_an_export_holds_every_match_over_many_pages(engine: Engine, ana: User) -> None:
    lines = "".join(export(engine, AuditFilter(), Format.JSONL, page=1)).splitlines()
    assert [json.loads(line)["what"] for line in lines] == [
        "queue.resumed",
        "operator.role_changed",
        "job.requested",
        "queue.paused",
    ]
    text = "".join(export(engine, AuditFilter(what="queue"), Format.CSV, page=1))
    assert text.startswith('\ufeff"id","at",'), "spreadsheets read it as UTF-8"
    assert ",," not in text, "every cell is quoted"
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert [(row["who"], row["was"], row["now"]) for row in rows] == [
        (ADMIN.name, "paused", "active"),
        (ADMIN.name, "active", "paused"),
    ]


@pytest.mark.parametrize("path", ["/api/audit", "/api/audit/export"])
def test_only_an_admin_reads_the_log(signed_in: SignIn, anonymous: TestClient, path: str) -> None:  # noqa: F811
    assert anonymous.get(path).status_code == 401
    for role, status in {Role.MEMBER: 403, Role.VIEWER: 403, Role.SUPPORT: 403, Role.ADMIN: 200}.items():
        assert signed_in(role)[0].get(path).status_code == status, role


def test_the_api_pages_filters_and_exports(signed_in: SignIn, ana: User) -> None:  # noqa: F811
    client, _ = signed_in(Role.ADMIN)
    page = client.get("/api/audit", params={"what": "queue", "limit": 1}).json()
    assert [item["what"] for item in page["items"]] == ["queue.resumed"]
    assert page["total"] == {"value": 2, "exact": True}
    older = client.get("/api/audit", params={"what": "queue", "limit": 1, "after": page["next"]}).json()
    assert [item["what"] for item in older["items"]] == ["queue.paused"]
    assert older["next"] is None
    file = client.get("/api/audit/export", params={"what": "queue", "format": "csv"})
    assert file.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    assert len(file.text.splitlines()) == 3


@pytest.mark.parametrize("query", ["since=yesterday", "colour=red", "limit=0", "after=x", "user=%00", "format=pdf"])
def test_a_filter_that_does_not_fit_is_refused(signed_in: SignIn, query: str) -> None:  # noqa: F811
    client, _ = signed_in(Role.ADMIN)
    path = "/api/audit/export" if "format" in query else "/api/audit"
    assert client.get(f"{path}?{query}").status_code == 422
