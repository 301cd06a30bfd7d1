"""The audit log records each change with the values before and after and the reason; dangerous commands need one."""

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from core.actor import Actor
from core.audit.record import record
from core.commands.gateway import CommandRequest, perform
from core.commands.registry import COMMANDS
from core.database.engine import session_scope
from core.errors import Invalid
from core.models import Event, Role
from core.redact import HIDDEN
from tests.factories import ADMIN, make_user

DANGEROUS = {
    "alert.snooze",
    "queue.pause",
    "kind.pause",
    "schedule.backfill",
    "schedule.pause",
    "schedule.remove",
    "operator.role",
    "operator.disable",
    "factor.reset",
    "maintenance.delete_old_jobs",
    "worker.quiet",
    "worker.stop",
    "failure.ignore",
}


def do(engine: Engine, name: str, target: UUID | None = None, reason: str | None = "why not", /, **args: Any) -> Any:
    return perform(engine, ADMIN, CommandRequest(name=name, target=target, args=args, reason=reason))


def last(engine: Engine) -> Event:
    with session_scope(engine) as session:
        return session.exec(select(Event).order_by(col(Event.id).desc()).limit(1)).one()


def change(engine: Engine) -> tuple[str, object, object]:
    event = last(engine)
    assert event.reason == "why not" or event.name == "password.changed"
    return event.name, event.data["was"], event.data["now"]


@pytest.fixture
def person(engine: Engine) -> UUID:
    with session_scope(engine) as session:
        return make_user(session, role=Role.SUPPORT).id


def test_exactly_the_dangerous_commands_need_a_reason() -> None:
    assert {name for name, command in COMMANDS.items() if command.needs_reason} == DANGEROUS


@pytest.mark.parametrize("reason", [None, "", "  \n "])
def test_without_a_reason_nothing_dangerous_is_done_and_the_field_is_named(
    engine: Engine, person: UUID, reason: str | None
) -> None:
    with pytest.raises(Invalid, match="Change role needs a reason") as refused:
        do(engine, "operator.role", person, reason, role="viewer")
    assert refused.value.fields.keys() == {"reason"}
    with session_scope(engine) as session:
        assert session.exec(select(Event)).all() == []


def test_a_change_of_role_says_before_and_after(engine: Engine, person: UUID) -> None:
    do(engine, "operator.role", person, role="viewer")
    assert change(engine) == ("operator.role_changed", "support", "viewer")
    do(engine, "operator.disable", person)
    assert change(engine) == ("operator.disabled", "viewer", "disabled")
    with session_scope(engine) as session:
        email = session.exec(select(Event).limit(1)) and make_user(session).email
    do(engine, "operator.add", email=email, role="support")
    assert change(engine) == ("operator.added", "member", "support")


def test_pausing_limiting_and_resuming_say_before_and_after(engine: Engine) -> None:
    for target, name in (("queue", "demo"), ("kind", "demo.enable")):
        do(engine, f"{target}.pause", name=name)
        assert change(engine) == (f"{target}.paused", "active", "paused")
        do(engine, f"{target}.resume", name=name)
        assert change(engine) == (f"{target}.resumed", "paused", "active")
    do(engine, "kind.limit", name="demo.enable", max_running=3)
    _, was, now = change(engine)
    assert (was["max_running"], now["max_running"]) == (None, 3)


def test_schedules_say_before_and_after(engine: Engine) -> None:
    added = do(engine, "schedule.add", name="nightly", kind="maintenance.expire_sessions", cron="0 3 * * *")
    written = {"kind": "maintenance.expire_sessions", "cron": "0 3 * * *", "timezone": "UTC", "missed": "skip"}
    assert change(engine) == ("schedule.added", None, written)
    target = UUID(added["id"])
    do(engine, "schedule.edit", target, cron="0 4 * * *")
    assert change(engine) == ("schedule.edited", {"cron": "0 3 * * *"}, {"cron": "0 4 * * *"})
    written["cron"] = "0 4 * * *"
    do(engine, "schedule.pause", target)
    assert change(engine) == ("schedule.paused", "active", "paused")
    do(engine, "schedule.resume", target)
    assert change(engine) == ("schedule.resumed", "paused", "active")
    do(engine, "schedule.remove", target)
    assert change(engine) == ("schedule.removed", written, None)


def test_operations_cancel_and_retry_say_before_and_after(engine: Engine) -> None:
    with session_scope(engine) as session:
        user = make_user(session).id
    job = UUID(do(engine, "demo.enable", user, preset="nano")["job_id"])
    assert change(engine) == ("job.requested", "disabled", "enabling")
    do(engine, "job.cancel", job)
    assert change(engine) == ("job.cancelled", "queued", "cancelled")
    do(engine, "job.retry", job)
    assert change(engine) == ("job.requested", "disabled", "enabling")
    assert last(engine).data["retry_of"] == str(job)


def test_a_new_password_is_recorded_without_any_value(engine: Engine, person: UUID) -> None:
    own = Actor(person, "sam", Role.SUPPORT, "console")
    perform(engine, own, CommandRequest(name="password.change", args={"password": "correct horse battery"}))
    assert change(engine) == ("password.changed", "not set", "set anew")
    event = last(engine)
    assert "horse" not in str(event.model_dump())
    assert "argon2" not in str(event.model_dump())


def test_secrets_are_not_written_into_the_log(session: Session, engine: Engine) -> None:
    record(session, ADMIN, "x.y", was={"api_token": "canary"}, now={"inner": [{"password": "canary"}]})
    session.commit()
    event = last(engine)
    assert event.data == {"was": {"api_token": HIDDEN}, "now": {"inner": [{"password": HIDDEN}]}}
    assert isinstance(event.at, datetime)
