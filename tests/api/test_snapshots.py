"""Pages, answers and verbs read one moment of the database, whatever is committed while they read."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import InternalError
from sqlmodel import Session, col, select

from core import clock
from core.actor import Actor
from core.database.engine import session_scope, snapshot_scope
from core.models import PersonalToken, Role, User, UserSession
from core.operations import demo
from core.people import personal_tokens
from core.people.users import user_page
from tests.driving import ask, must_take, work_on
from tests.factories import make_user
from tests.loops import in_a_loop
from ui import access
from ui.cli import terminal, users

SignIn = Callable[[Role], tuple[TestClient, User]]


@pytest.fixture
def support(signed_in: SignIn) -> TestClient:
    """Return a client of the support."""
    return signed_in(Role.SUPPORT)[0]


@pytest.fixture
def enabling(engine: Engine) -> Iterator[UUID]:
    """Return a user whose demo mode is being enabled, until somebody has read the user: then the job succeeds."""
    with session_scope(engine) as session:
        user_id = make_user(session).id
    ask(engine, demo.enable, user_id, {"preset": "nano"})
    held = must_take(engine)
    with _once_read(engine, "FROM users", lambda: work_on(engine, held)) as is_read:
        yield user_id
    assert is_read, "the reader did not read the user"


@contextmanager
def _once_read(engine: Engine, source: str, act: Callable[[], object]) -> Iterator[list[bool]]:
    """Act right after the first statement that reads from there, before the reader's next one."""
    done: list[bool] = []

    def between(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if source in statement and "demo_mode_status" in statement and not done:
            done.append(True)
            act()

    event.listen(engine, "after_cursor_execute", between)
    try:
        yield done
    finally:
        event.remove(engine, "after_cursor_execute", between)


def test_an_answer_of_the_api_finds_no_drift_in_a_job_that_just_ended(support: TestClient, enabling: UUID) -> None:
    diagnosis = support.get(f"/api/users/{enabling}/diagnosis").json()
    assert (diagnosis["situation"], diagnosis["remedy"]) == ("moving", None), diagnosis


def test_a_page_shows_a_users_state_and_job_of_one_moment(engine: Engine, enabling: UUID) -> None:
    access.use(engine)
    page = in_a_loop(access.load(user_page, enabling))
    assert page.context is not None
    assert (page.user.demo_mode_status, page.context.label) == ("enabling", "running")
    assert page.demo_interactions == 0


def test_a_verb_finds_no_drift_in_a_job_that_just_ended(
    engine: Engine, enabling: UUID, capsys: pytest.CaptureFixture[str]
) -> None:
    with Session(engine) as session:
        email = session.execute(text("SELECT email FROM users WHERE id = :id"), {"id": enabling}).scalar_one()
    terminal.use(lambda: nullcontext(engine))
    users.diagnose(email, as_json=True)
    assert json.loads(capsys.readouterr().out)["situation"] == "moving"


def test_a_snapshot_reads_only_and_its_connection_writes_again_afterwards(engine: Engine) -> None:
    with pytest.raises(InternalError, match="read-only"), snapshot_scope(engine) as session:
        make_user(session)
    with snapshot_scope(engine) as session:
        assert session.execute(text("SHOW transaction_isolation")).scalar_one() == "repeatable read"
    with session_scope(engine) as session:
        assert session.execute(text("SHOW transaction_isolation")).scalar_one() == "read committed"
        make_user(session)


def test_a_snapshot_sends_no_more_messages_than_any_transaction(engine: Engine, tmp_path: Any) -> None:
    def messages(scope: Any) -> list[str]:
        with engine.connect() as connection, (tmp_path / scope.__name__).open("w+") as noted:
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.pgconn.trace(noted.fileno())
            connection.close()
            with scope(engine) as session:
                session.connection().exec_driver_sql(f"SELECT '{scope.__name__}'")  # one that is new
            driver.pgconn.untrace()
            noted.seek(0)
            # Before BEGIN, the pool may have tested the connection.
            return noted.read().partition("BEGIN")[2].splitlines()

    assert len(messages(snapshot_scope)) == len(messages(session_scope)) > 0


def test_reading_notes_when_a_session_and_a_token_were_used(engine: Engine, signed_in: SignIn) -> None:
    client, user = signed_in(Role.VIEWER)
    owner = Actor(user.id, user.email, user.role, "console")
    long_ago = clock.now() - timedelta(minutes=5)
    with session_scope(engine) as session:
        token = personal_tokens.create(session, user.id, personal_tokens.TokenForm(name="script"), owner)
        session.execute(text("UPDATE user_sessions SET last_seen_at = :then"), {"then": long_ago})
    assert client.get("/api/me").status_code == 200
    client.cookies.clear()
    assert client.get("/api/me", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    with Session(engine) as session:
        seen = session.exec(select(UserSession.last_seen_at).where(col(UserSession.user_id) == user.id)).one()
        used = session.exec(select(PersonalToken.last_used_at).where(col(PersonalToken.user_id) == user.id)).one()
    assert seen > long_ago
    assert used is not None
