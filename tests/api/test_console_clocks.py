"""Hosts whose clocks differ: sessions, tokens, links, codes, schedules and ages go by the database's clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text
from sqlmodel import Session, select

from core import clock
from core.actor import ENGINE
from core.database.engine import session_scope
from core.errors import NotSignedIn
from core.models import Role, Schedule, User, UserSession
from core.people import auth, oidc_people, personal_tokens, second_factor, sessions
from core.people.auth import Credentials, Visitor
from core.people.oidc import Attempt
from core.people.personal_tokens import TokenForm
from core.schedules import scheduling, timing
from core.settings import settings
from tests.conftest import SECRET
from tests.factories import ADMIN, make_user

AHEAD, BEHIND = timedelta(minutes=31), -timedelta(minutes=31)
BOTH = pytest.mark.parametrize("off", [AHEAD, BEHIND], ids=["ahead", "behind"])


@contextmanager
def on_a_host(engine: Engine, off: timedelta) -> Iterator[None]:
    """Be a process that has just started on a host whose clock is off, and that has opened a connection."""

    class HostClock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime.now(UTC) + off

    engine.dispose()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "datetime", HostClock)
        patch.setattr(clock, "_heard", None)
        with engine.connect():
            yield


@pytest.fixture(autouse=True)
def _secret_key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("UNSTUCK_SECRET_KEY", SECRET)
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def user(engine: Engine) -> User:
    with session_scope(engine) as session:
        return make_user(session, role=Role.ADMIN)


def is_signed_in(engine: Engine, token: str | None, bearer: str | None = None) -> bool:
    with session_scope(engine) as session:
        try:
            auth.authenticate(session, Credentials(token, "api", bearer))
        except NotSignedIn:
            return False
        return True


def begin(engine: Engine, user: User) -> str:
    with session_scope(engine) as session:
        return auth.sign_in_by_link(session, auth.make_link(session, user), Visitor())


@BOTH
def test_a_session_is_valid_at_both_consoles_whichever_began_it(engine: Engine, user: User, off: timedelta) -> None:
    token = begin(engine, user)
    with on_a_host(engine, off):
        assert is_signed_in(engine, token)
        token = begin(engine, user)
    assert is_signed_in(engine, token)
    with Session(engine) as session:
        assert len(sessions.lines_of(session, ADMIN, user.id)) == 2


@BOTH
def test_an_idle_session_is_over_at_both_consoles(engine: Engine, user: User, off: timedelta) -> None:
    token = begin(engine, user)
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE user_sessions SET last_seen_at = now() - interval '30.5 min'"))
    assert not is_signed_in(engine, token)
    with on_a_host(engine, off):
        assert not is_signed_in(engine, token)


@BOTH
def test_a_session_that_another_console_used_a_moment_ago_is_written_with_the_database_s_time(
    engine: Engine, user: User, off: timedelta
) -> None:
    token = begin(engine, user)
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE user_sessions SET last_seen_at = now() - interval '5 min'"))
    with on_a_host(engine, off):
        assert is_signed_in(engine, token)
    with Session(engine) as session:
        now = session.connection().execute(text("SELECT now()")).scalar_one()
        for moment in session.exec(select(UserSession.last_seen_at)):
            assert timedelta() <= now - moment < timedelta(minutes=1)


@BOTH
def test_tokens_links_and_sign_ins_that_wait_live_as_long_at_both_consoles(
    engine: Engine, user: User, off: timedelta
) -> None:
    with on_a_host(engine, off), session_scope(engine) as session:
        link = auth.make_printed_link(session, user)
        bearer = personal_tokens.create(session, user.id, TokenForm(name="script", days=1), ENGINE)
        cookie = oidc_people.sealed(Attempt("state", "nonce", "verifier", "/"))
        auth.pend(session, user.id)
    lives = """SELECT (SELECT expires_at FROM sign_in_links) - now(), (SELECT expires_at FROM personal_tokens) - now(),
        (SELECT expires_at FROM pending_sign_ins) - now()"""
    with session_scope(engine) as session:
        shares = [
            life / whole
            for life, whole in zip(
                session.connection().execute(text(lives)).one(),
                (auth.PRINTED_LINK_LIFE, timedelta(days=1), auth.PENDING_LIFE),
                strict=True,
            )
        ]
        assert oidc_people.opened(session, cookie, "state").nonce == "nonce"
        assert auth.sign_in_by_link(session, link, Visitor())
    assert is_signed_in(engine, None, bearer)
    assert shares == pytest.approx([1.0] * 3, abs=0.1)


@BOTH
def test_the_code_of_a_phone_works_at_both_consoles(engine: Engine, user: User, off: timedelta) -> None:
    actor = auth.Actor(user.id, user.email, user.role, "console")
    with session_scope(engine) as session:
        secret = second_factor.set_up(session, actor).secret
    with on_a_host(engine, off), session_scope(engine) as session:
        code = pyotp.TOTP(secret).now()  # of the phone, whose clock is right
        assert second_factor.confirm(session, actor, second_factor.CodeForm(code=code))


@BOTH
def test_a_schedule_is_due_at_the_database_s_time_wherever_it_is_made(engine: Engine, off: timedelta) -> None:
    form = scheduling.NewSchedule(name="each minute", kind="maintenance.expire_sessions", cron="* * * * *")
    with on_a_host(engine, off), session_scope(engine) as session:
        scheduling.add(session, form, ADMIN, None)
        [preview] = timing.upcoming("* * * * *", None, "UTC", 1)
    with Session(engine) as session:
        row = session.exec(select(Schedule).where(Schedule.name == "each minute")).one()
        now = session.connection().execute(text("SELECT now()")).scalar_one()
    assert timedelta(seconds=-5) < row.next_due_at - now <= timedelta(minutes=1)
    assert row.next_due_at == preview
    assert abs(row.created_at - now) < timedelta(seconds=5)


@BOTH
def test_a_page_tells_the_browser_the_database_s_time(engine: Engine, anonymous: TestClient, off: timedelta) -> None:
    with on_a_host(engine, off):
        assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_console_that_hears_no_time_is_found_out(engine: Engine, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "hear", lambda _: None)
    with pytest.raises(AssertionError):
        test_a_session_is_valid_at_both_consoles_whichever_began_it(engine, user, AHEAD)
