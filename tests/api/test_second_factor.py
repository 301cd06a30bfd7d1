"""The second factor: on by a first code, required at every sign-in, each code good once, and the ways back in."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlmodel import Session, col, select, update

from core import clock
from core.commands.gateway import CommandRequest, perform
from core.database.engine import session_scope
from core.errors import TooMany
from core.models import Event, PendingSignIn, RecoveryCode, Role, SecondFactor, User
from core.people import auth, passwords, rate_limits, second_factor
from core.settings import settings
from tasks.shared_limiter import SharedLimiter
from tests.conftest import SECRET
from tests.factories import ADMIN, make_user

SignIn = Callable[[Role], tuple[TestClient, User]]
PASSWORD = "correct horse battery"
pytestmark = pytest.mark.usefixtures("quick_hashes")


@pytest.fixture(autouse=True)
def _secret_key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("UNSTUCK_SECRET_KEY", SECRET)
    settings.cache_clear()
    # The middle of a half minute: no time step ends while a test runs.
    middle = datetime.fromtimestamp(clock.now().timestamp() // 30 * 30 + 15, UTC)
    monkeypatch.setattr(clock, "now", lambda: middle)
    yield
    monkeypatch.undo()
    settings.cache_clear()


class Person:
    """A person with a password, a second factor and their phone."""

    def __init__(self, client: TestClient, user: User) -> None:
        self.client, self.email, self.id = client, user.email, user.id
        assert client.post("/api/me/password", json={"password": PASSWORD}).status_code == 200
        made = client.post("/api/me/factor").json()
        self.totp, self.qr = pyotp.TOTP(made["secret"]), made["qr"]
        answer = client.post("/api/me/factor/confirm", json={"code": self.code(-1)})
        assert answer.status_code == 200, answer.text
        self.recovery = answer.json()["recovery_codes"]

    def code(self, off: int = 0) -> str:
        return self.totp.generate_otp(self.totp.timecode(clock.now()) + off)

    def login(self, at: TestClient, code: str | None = None, password: str = PASSWORD) -> object:
        return at.post("/api/auth/login", json={"email": self.email, "password": password, "code": code})


@pytest.fixture
def person(signed_in: SignIn) -> Person:
    return Person(*signed_in(Role.SUPPORT))


def test_a_password_alone_does_not_sign_in_and_the_answer_requests_the_code(
    person: Person, anonymous: TestClient
) -> None:
    answer = person.login(anonymous)
    assert (answer.status_code, answer.json()["code_needed"]) == (401, True)
    assert "phone" in answer.json()["detail"]
    assert str(person.id) not in answer.text
    assert anonymous.get("/api/me").status_code == 401
    wrong = person.login(anonymous, person.code(), password="not this one, sorry")
    assert "code_needed" not in wrong.json()
    assert person.login(anonymous, person.code()).status_code == 200
    assert anonymous.get("/api/me").json()["email"] == person.email


def test_a_code_works_once(person: Person, anonymous: TestClient) -> None:
    code = person.code()
    assert person.login(anonymous, code).status_code == 200
    again = person.login(anonymous, code)
    assert (again.status_code, "already used" in again.json()["detail"]) == (401, True)
    assert person.login(anonymous, person.code(-1)).status_code == 401, "one from before is as used"
    assert person.login(anonymous, person.code(1)).status_code == 200


@pytest.mark.parametrize("off", [-3, 3])
def test_a_code_of_another_time_is_wrong(person: Person, anonymous: TestClient, off: int) -> None:
    assert person.login(anonymous, person.code(off)).status_code == 401


def test_a_recovery_code_works_once_and_however_it_is_typed(
    person: Person, anonymous: TestClient, engine: Engine
) -> None:
    assert len(set(person.recovery)) == 10
    typed = f" {person.recovery[0].upper().replace('-', ' ')} "
    assert person.login(anonymous, typed).status_code == 200
    assert person.login(anonymous, person.recovery[0]).status_code == 401
    assert anonymous.get("/api/me/factor").json() == {"on": True, "codes_left": 9}
    with Session(engine) as session:
        assert session.exec(select(Event).where(Event.name == "factor.recovery_used")).one().user_id == person.id


def test_wrong_codes_have_to_wait_and_then_the_right_one_is_good_again(
    person: Person, anonymous: TestClient, engine: Engine
) -> None:
    assert [person.login(anonymous, "000000").status_code for _ in range(5)] == [401] * 5
    locked = person.login(anonymous, person.code())
    assert (locked.status_code, int(locked.headers["retry-after"]) <= 301) == (429, True)
    assert person.login(anonymous, person.recovery[0]).status_code == 429
    with session_scope(engine) as session:
        session.exec(update(SecondFactor).values(locked_until=clock.now() - timedelta(seconds=1)))
    assert person.login(anonymous, person.code()).status_code == 200


def test_attempts_are_counted_before_a_code_is_checked(person: Person, engine: Engine, redis_url: str) -> None:
    """A hundred attempts at once would each find the account not locked yet."""
    rate_limits.use(SharedLimiter(redis_url))
    try:
        for number in range(rate_limits.CODES.times):
            assert not tried(person, engine, f"{number:06}")
        with pytest.raises(TooMany, match="Too many codes were"):
            tried(person, engine, person.code())
    finally:
        rate_limits.use(None)


def tried(person: Person, engine: Engine, code: str) -> bool:
    """Try a code as one of many attempts whose results are not known yet."""
    with session_scope(engine) as session:
        session.exec(update(SecondFactor).values(failures=0, locked_until=None))
    with session_scope(engine) as session:
        return second_factor.check(session, session.get_one(User, person.id), code)


def test_the_page_asks_for_the_password_first_and_then_for_the_code(person: Person, anonymous: TestClient) -> None:
    form = {"email": person.email, "password": PASSWORD, "next": "/jobs?status=failed"}
    answer = anonymous.post("/login", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login/code?next=/jobs%3Fstatus%3Dfailed")
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=strict" in answer.headers["set-cookie"]
    assert anonymous.get("/api/me").status_code == 401, "what is pending is not a session"
    page = anonymous.get(answer.headers["location"])
    assert 'autocomplete="one-time-code"' in page.text
    wrong = anonymous.post("/login/code", data={"code": "000000", "next": "/jobs"})
    assert (wrong.status_code, "The code is wrong" in wrong.text) == (401, True)
    done = anonymous.post("/login/code", data={"code": person.code(), "next": "/jobs"})
    assert (done.status_code, done.headers["location"]) == (303, "/jobs")
    assert anonymous.get("/api/me").json()["email"] == person.email


def pending_of(person: Person, engine: Engine) -> str:
    with session_scope(engine) as session:
        return auth.pend(session, person.id)


def test_a_pending_sign_in_is_good_for_one_use_few_attempts_and_minutes(
    person: Person, anonymous: TestClient, engine: Engine
) -> None:
    def send(token: str, code: str) -> int:
        anonymous.cookies.set("unstuck_code", token)
        return anonymous.post("/login/code", data={"code": code}).status_code

    assert send("made-up", person.code()) == 401
    old = pending_of(person, engine)
    with session_scope(engine) as session:
        session.exec(update(PendingSignIn).values(expires_at=clock.now() - timedelta(minutes=1)))
    assert send(old, person.code()) == 401
    tried = pending_of(person, engine)
    with session_scope(engine) as session:
        session.exec(update(PendingSignIn).values(attempts=auth.MOST_ATTEMPTS))
    assert send(tried, person.code()) == 401
    good = pending_of(person, engine)
    assert send(good, person.code()) == 303
    assert send(good, person.code(1)) == 401
    cut_off = pending_of(person, engine)
    perform(engine, ADMIN, CommandRequest(name="session.revoke_others", target=person.id))
    assert send(cut_off, person.code(1)) == 401


def test_a_pending_sign_in_is_neither_a_session_nor_a_token(
    person: Person, anonymous: TestClient, engine: Engine
) -> None:
    pending = pending_of(person, engine)
    anonymous.cookies.set("unstuck_session", pending)
    assert anonymous.get("/api/me").status_code == 401
    assert anonymous.get("/api/me", headers={"Authorization": f"Bearer {pending}"}).status_code == 401


def test_a_sign_in_link_is_one_factor_too_and_is_used_up(person: Person, anonymous: TestClient, engine: Engine) -> None:
    link = perform(engine, ADMIN, CommandRequest(name="operator.link", target=person.id))["link"]
    answer = anonymous.post(link)
    assert answer.headers["location"].startswith("/login/code")
    assert anonymous.get("/api/me").status_code == 401
    assert anonymous.post(link).status_code == 401
    assert anonymous.post("/login/code", data={"code": person.code()}).status_code == 303


def test_a_second_factor_counts_only_once_a_first_code_has_confirmed_it(
    signed_in: SignIn, anonymous: TestClient
) -> None:
    client, user = signed_in(Role.MEMBER)
    client.post("/api/me/password", json={"password": PASSWORD})
    assert client.post("/api/me/factor").status_code == 200
    assert client.post("/api/me/factor/confirm", json={"code": "000000"}).status_code == 422
    assert anonymous.post("/api/auth/login", json={"email": user.email, "password": PASSWORD}).status_code == 200


def test_switching_off_needs_a_code_or_the_password(person: Person, anonymous: TestClient) -> None:
    assert person.client.post("/api/me/factor").status_code == 409, "nor is it replaced without"
    for proof in ({}, {"code": "000000"}, {"password": "not this one, sorry"}, {"code": person.code(-1)}):
        assert person.client.post("/api/me/factor/off", json=proof).status_code == 422, proof
    assert person.client.post("/api/me/factor/off", json={"code": person.code()}).status_code == 200
    assert person.login(anonymous).status_code == 200


def test_the_password_switches_the_second_factor_off_as_well(person: Person) -> None:
    assert person.client.post("/api/me/factor/off", json={"password": PASSWORD}).status_code == 200
    assert person.client.get("/api/me/factor").json() == {"on": False, "codes_left": 0}


def test_an_admin_resets_another_persons_second_factor_and_it_is_recorded(
    person: Person, signed_in: SignIn, anonymous: TestClient, engine: Engine
) -> None:
    support, _ = signed_in(Role.SUPPORT)
    admin, ada = signed_in(Role.ADMIN)
    assert support.delete(f"/api/users/{person.id}/factor").status_code == 403
    assert admin.delete(f"/api/users/{ada.id}/factor?reason=mine").status_code == 403
    assert admin.delete(f"/api/users/{person.id}/factor?reason=lost+phone").status_code == 200
    assert person.login(anonymous).status_code == 200
    with Session(engine) as session:
        event = session.exec(select(Event).where(Event.name == "factor.reset")).one()
    assert (event.actor, event.user_id, event.reason) == (ada.email, person.id, "lost phone")


def test_the_secret_and_the_codes_are_not_readable_in_the_database(person: Person, engine: Engine) -> None:
    with Session(engine) as session:
        stored = session.get_one(SecondFactor, person.id)
        hashes = session.exec(select(RecoveryCode.code_hash).where(col(RecoveryCode.user_id) == person.id)).all()
    assert person.totp.secret not in stored.secret
    assert stored.secret.startswith("f1:")
    assert not any(code.replace("-", "") in text for code in person.recovery for text in hashes)
    assert person.qr.startswith("<svg")


def test_two_people_do_not_share_codes(person: Person, anonymous: TestClient, engine: Engine) -> None:
    with session_scope(engine) as session:
        other = make_user(session, hashed_password=passwords.hash_password(PASSWORD))
        assert not second_factor.check(session, other, person.recovery[0])
    assert anonymous.post("/api/auth/login", json={"email": other.email, "password": PASSWORD}).status_code == 200
