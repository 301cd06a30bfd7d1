"""What was made while the database's clock stood in the future is worth nothing once it is right again."""

from collections.abc import Iterator
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from core import clock
from core.actor import ENGINE, Actor
from core.database.engine import session_scope
from core.errors import CodeNeeded, NotSignedIn, TooMany
from core.models import Role, User
from core.operation import NoForm, TaskWork
from core.operations.expiry import expire
from core.people import auth, oidc_people, operator_list, personal_tokens, second_factor
from core.people.auth import Credentials, Visitor
from core.people.oidc import Attempt
from core.people.operator_list import Access
from core.people.personal_tokens import TokenForm
from core.people.second_factor import CodeForm
from core.settings import settings
from tests.conftest import SECRET
from tests.factories import make_user

#: A clock that was put right by little, as by a failover, and by much.
BY_LITTLE, BY_MUCH = "1 minute", "30 days"


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


def put_back(engine: Engine, by: str, *tables: str) -> None:
    """Let rows be of a clock that was ahead, by so much, when they were written."""
    with session_scope(engine) as session:
        for table in tables:
            columns = "created_at = created_at + :by, expires_at = expires_at + :by"
            session.connection().execute(text(f"UPDATE {table} SET {columns}".replace(":by", f"interval '{by}'")))


def test_a_link_of_a_clock_that_stood_in_the_future_signs_nobody_in(engine: Engine, user: User) -> None:
    with session_scope(engine) as session:
        link, printed = auth.make_link(session, user), auth.make_link(session, user, life=auth.PRINTED_LINK_LIFE)
    put_back(engine, BY_LITTLE, "sign_in_links")
    with session_scope(engine) as session:
        assert auth.person_of_link(session, link).id == user.id
        assert auth.sign_in_by_link(session, printed, Visitor())
    put_back(engine, BY_MUCH, "sign_in_links")
    with session_scope(engine) as session, pytest.raises(NotSignedIn):
        auth.sign_in_by_link(session, link, Visitor())
    with session_scope(engine) as session, pytest.raises(NotSignedIn):
        auth.person_of_link(session, link)


def test_a_link_of_a_clock_that_stood_in_the_future_invites_nobody(engine: Engine, user: User) -> None:
    with session_scope(engine) as session:
        session.get_one(User, user.id).hashed_password = None
        auth.make_link(session, user)
    accesses = []
    for by in (BY_LITTLE, BY_MUCH):
        put_back(engine, by, "sign_in_links")
        with Session(engine) as session:
            accesses.append(operator_list.operator_line(session, user.id).access)
    assert accesses == [Access.INVITED, Access.ACTIVE]


@pytest.mark.parametrize(("by", "answer"), [(BY_LITTLE, CodeNeeded), (BY_MUCH, NotSignedIn)])
def test_a_sign_in_that_waits_for_its_code_since_a_time_in_the_future_is_over(
    engine: Engine, user: User, by: str, answer: type[NotSignedIn]
) -> None:
    with session_scope(engine) as session:
        token = auth.pend(session, user.id)
    put_back(engine, by, "pending_sign_ins")
    with pytest.raises(NotSignedIn) as refusal:
        auth.sign_in_by_code(engine, token, "000000", Visitor())
    assert type(refusal.value) is answer


def test_a_token_of_a_clock_that_stood_in_the_future_is_not_valid_and_can_be_revoked(
    engine: Engine, user: User
) -> None:
    with session_scope(engine) as session:
        bearer = personal_tokens.create(session, user.id, TokenForm(name="script", days=1), ENGINE)
    put_back(engine, BY_LITTLE, "personal_tokens")
    with session_scope(engine) as session:
        assert auth.authenticate(session, Credentials(None, "api", bearer)).id == user.id
    put_back(engine, BY_MUCH, "personal_tokens")
    with session_scope(engine) as session, pytest.raises(NotSignedIn):
        auth.authenticate(session, Credentials(None, "api", bearer))
    with session_scope(engine) as session:
        assert personal_tokens.revoke_all(session, user.id, ENGINE) == 1


def test_a_sign_in_at_the_provider_that_began_in_the_future_is_over(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.now
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: now() + timedelta(days=30))
        cookie = oidc_people.sealed(Attempt("state", "nonce", "verifier", "/"))
    with session_scope(engine) as session, pytest.raises(NotSignedIn):
        oidc_people.opened(session, cookie, "state")


@pytest.fixture
def phone(engine: Engine, user: User) -> pyotp.TOTP:
    """Return the phone of a person whose second factor is on."""
    actor = Actor(user.id, user.email, user.role, "console")
    with session_scope(engine) as session:
        phone = pyotp.TOTP(second_factor.set_up(session, actor).secret)
        second_factor.confirm(session, actor, CodeForm(code=phone.at(clock.now() - timedelta(seconds=30))))
    return phone


def uses(engine: Engine, user: User, code: str) -> bool:
    with session_scope(engine) as session:
        return second_factor.check(session, user, code)


def test_a_code_that_was_used_in_the_future_shuts_nobody_out(engine: Engine, user: User, phone: pyotp.TOTP) -> None:
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE second_factors SET last_step = last_step + 86400"))
    code = phone.at(clock.now())
    assert uses(engine, user, code)
    assert not uses(engine, user, code), "and it is used now"


def test_a_lock_of_the_future_ends(engine: Engine, user: User, phone: pyotp.TOTP) -> None:
    lock = "UPDATE second_factors SET locked_until = now() + interval '{}'"
    for until, is_locked in (("5 minutes", True), ("30 days", False)):
        with session_scope(engine) as session:
            session.connection().execute(text(lock.format(until)))
        if is_locked:
            with pytest.raises(TooMany):
                uses(engine, user, phone.at(clock.now()))
        else:
            assert uses(engine, user, phone.at(clock.now()))


ROWS = {
    "user_sessions": "INSERT INTO user_sessions (id, user_id, token_hash, created_at, last_seen_at, expires_at) "
    "VALUES (gen_random_uuid(), :user, 'x', :at, :at, :at + interval '12 hours')",
    "sign_in_links": "INSERT INTO sign_in_links (user_id, token_hash, created_at, expires_at) "
    "VALUES (:user, 'x', :at, :at)",
    "pending_sign_ins": "INSERT INTO pending_sign_ins (user_id, token_hash, created_at, expires_at) "
    "VALUES (:user, 'x', :at, :at)",
    "spent_states": "INSERT INTO spent_states (state_hash, expires_at) VALUES ('x', :at)",
    "idempotency_keys": "INSERT INTO idempotency_keys (actor_id, key, fingerprint, answer, created_at) "
    "VALUES (:user, 'x', '', '{}', :at)",
}


@pytest.mark.parametrize("table", ROWS)
def test_rows_of_a_clock_that_stood_in_the_future_are_deleted(engine: Engine, user: User, table: str) -> None:
    def rest(ahead: str) -> int:
        statement = ROWS[table].replace(":at", f"(now() + interval '{ahead}')").replace(":user", f"'{user.id}'")
        with session_scope(engine) as session:
            session.connection().exec_driver_sql(statement)
            list(expire(TaskWork(session, NoForm(), "", 0, clock.now())))
            return int(session.connection().exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())

    assert rest("6 days") == 1
    with session_scope(engine) as session:
        session.connection().exec_driver_sql(f"DELETE FROM {table}")
    assert rest("8 days") == 0
    with Session(engine) as session:
        assert session.get(User, user.id), "and nothing else"
