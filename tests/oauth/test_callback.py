"""The way to a platform and back, without a browser: what is taken, what is refused, and what is never said."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, update
from sqlmodel import Session, col, select

from core import clock
from core.commands.connections import ConsentAnswer
from core.commands.gateway import CommandRequest, perform
from core.database.engine import session_scope
from core.errors import NotAllowed, TooMany
from core.models import BackgroundJob, Consent, Event, PlatformConnection, Role, User
from core.oauth.tokens import unseal
from core.people import auth, rate_limits
from core.people.auth import Credentials, Visitor
from tasks.shared_limiter import SharedLimiter
from tests.api.conftest import anonymous as anonymous
from tests.api.conftest import signed_in as signed_in
from tests.factories import ADMIN, SUPPORT
from tests.oauth.test_connecting import run_next
from tests.sandboxes import Sandbox
from ui import access

CALLBACK, PAGE = "/connections/callback", "/settings/connections"
SignIn = Callable[[Role], tuple[TestClient, User]]


@pytest.fixture
def browser(sandbox: Sandbox, signed_in: SignIn) -> tuple[TestClient, User]:
    return signed_in(Role.MEMBER)


def begin(client: TestClient, engine: Engine, **args: str) -> str:
    """Return the platform's address to which a creator is sent, as their page gets it."""
    credentials = Credentials(client.cookies[access.cookie_name()], "console")
    request = CommandRequest(name="connection.begin", args={"provider": "sandbox", **args})
    return str(perform(engine, credentials, request)["authorize_url"])


def answer_of(sandbox: Sandbox, address: str, **options: object) -> dict[str, str]:
    """Return the parameters with which the platform sends a browser back."""
    return {name: values[0] for name, values in parse_qs(urlsplit(sandbox.consent(address, **options)).query).items()}


def outcome(client: TestClient, **params: str | list[str]) -> str:
    answer = client.get(CALLBACK, params=params)
    assert answer.status_code == 303, answer.text
    assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "no-referrer")
    path, _, word = answer.headers["location"].partition("?outcome=")
    assert path == PAGE
    return word


def events(engine: Engine, name: str) -> list[Event]:
    with Session(engine) as session:
        return list(session.exec(select(Event).where(Event.name == name)).all())


def jobs(engine: Engine) -> list[BackgroundJob]:
    with Session(engine) as session:
        return list(session.exec(select(BackgroundJob)).all())


def test_a_creator_comes_back_and_is_connected(engine: Engine, sandbox: Sandbox, browser: tuple) -> None:
    client, user = browser
    sent = answer_of(sandbox, begin(client, engine))
    assert outcome(client, **sent) == "taken"
    run_next(engine)
    with Session(engine) as session:
        row = session.exec(select(PlatformConnection).where(PlatformConnection.platform == "sandbox")).one()
    assert (row.user_id, row.connection_status, row.handle) == (user.id, "connected", "ana")
    [asked] = events(engine, "connection.consent_asked")
    assert (asked.actor_id, asked.connection_id, asked.data) == (user.id, row.id, {"platform": "sandbox"})


def test_an_answer_counts_once(engine: Engine, sandbox: Sandbox, browser: tuple) -> None:
    client, _ = browser
    sent = answer_of(sandbox, begin(client, engine))
    assert outcome(client, **sent) == "taken"
    assert outcome(client, **sent) == "unknown"
    assert outcome(client, state=sent["state"], code="another") == "unknown"
    assert len(jobs(engine)) == 1


def test_a_state_of_ones_own_making_counts_never(engine: Engine, sandbox: Sandbox, browser: tuple) -> None:
    client, _ = browser
    sent = answer_of(sandbox, begin(client, engine))
    for state in ("x" * 43, sent["state"] + "A", sent["state"][:-1], sent["state"].lower(), "ü💥"):
        assert outcome(client, state=state, code=sent["code"]) == "unknown"
    assert jobs(engine) == []


def test_another_persons_session_takes_no_answer(
    engine: Engine, sandbox: Sandbox, browser: tuple, signed_in: SignIn
) -> None:
    client, _ = browser
    sent = answer_of(sandbox, begin(client, engine))
    for role in Role:
        assert outcome(signed_in(role)[0], **sent) == "unknown"
    assert jobs(engine) == []
    assert outcome(client, **sent) == "taken"  # nobody has used it up


def test_another_session_of_the_same_person_takes_no_answer(
    engine: Engine, sandbox: Sandbox, browser: tuple, anonymous: TestClient
) -> None:
    client, user = browser
    sent = answer_of(sandbox, begin(client, engine))
    with session_scope(engine) as session:
        link = auth.make_link(session, session.get_one(User, user.id))
    with session_scope(engine) as session:
        anonymous.cookies.set(access.cookie_name(), auth.sign_in_by_link(session, link, Visitor()))
    assert outcome(anonymous, **sent) == "unknown"


def test_without_a_session_the_answer_is_dropped(
    engine: Engine, sandbox: Sandbox, browser: tuple, anonymous: TestClient
) -> None:
    client, _ = browser
    sent = answer_of(sandbox, begin(client, engine))
    answer = anonymous.get(CALLBACK, params=sent)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=/settings/connections%3Foutcome%3Dsigned-out"
    assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert "set-cookie" not in answer.headers
    assert jobs(engine) == []


def test_a_visit_ends_after_ten_minutes(engine: Engine, sandbox: Sandbox, browser: tuple) -> None:
    client, _ = browser
    sent = answer_of(sandbox, begin(client, engine))
    with session_scope(engine) as session:
        session.exec(update(Consent).values(expires_at=clock.now() - timedelta(seconds=1)))
    assert outcome(client, **sent) == "late"
    assert jobs(engine) == []


@pytest.fixture
def limited(redis_url: str) -> Iterator[None]:
    rate_limits.use(SharedLimiter(redis_url))
    yield
    rate_limits.use(None)


@pytest.mark.usefixtures("limited")
def test_the_31st_visit_within_five_minutes_is_refused_in_words(
    engine: Engine, browser: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    visits = rate_limits.VISITS
    assert visits.seconds == 300
    monkeypatch.setattr(rate_limits, "VISITS", replace(visits, seconds=86_400))  # whose end does not come meanwhile
    for _ in range(30):
        begin(browser[0], engine)
    with pytest.raises(TooMany, match=r"^You have begun to connect too often\. Wait "):
        begin(browser[0], engine)


def test_a_refused_consent_is_noted_and_starts_nothing(engine: Engine, sandbox: Sandbox, browser: tuple) -> None:
    client, user = browser
    sent = answer_of(sandbox, begin(client, engine), allow=False)
    assert outcome(client, **sent) == "refused"
    [refused] = events(engine, "connection.refused")
    assert (refused.actor_id, refused.user_id, refused.data) == (
        user.id,
        user.id,
        {"platform": "sandbox", "error": "access_denied"},
    )
    assert jobs(engine) == []
    assert outcome(client, **sent) == "unknown"


@pytest.mark.parametrize("word", ["<script>alert(1)</script>", "x" * 60_000, "access_denied\n", "ACCESS_DENIED"])
def test_an_error_of_ones_own_making_is_repeated_nowhere(
    engine: Engine, sandbox: Sandbox, browser: tuple, word: str
) -> None:
    client, _ = browser
    sent = answer_of(sandbox, begin(client, engine), allow=False)
    assert outcome(client, state=sent["state"], error=word) == "failed"
    [refused] = events(engine, "connection.refused")
    assert refused.data == {"platform": "sandbox", "error": None}


def test_what_is_no_answer_uses_nothing_up(engine: Engine, sandbox: Sandbox, browser: tuple) -> None:
    client, _ = browser
    sent = answer_of(sandbox, begin(client, engine))
    state, code = sent["state"], sent["code"]
    for params in (
        {},
        {"state": state},
        {"code": code},
        {"state": state, "code": code, "error": "access_denied"},
        {"state": [state, state], "code": code},
        {"state": state, "code": [code, "another"]},
        {"state": state, "code": ""},
        {"state": state, "code": "c" * 4_001},
        {"state": "s" * 201, "code": code},
        {"state": state, "code": "a\x00b"},
    ):
        assert outcome(client, **params) == "broken", params
    assert jobs(engine) == []
    assert outcome(client, **sent, scope="profile", iss="https://elsewhere.example") == "taken"


def test_a_code_that_was_used_connects_nothing(engine: Engine, sandbox: Sandbox, browser: tuple) -> None:
    client, _ = browser
    first = answer_of(sandbox, begin(client, engine))
    assert outcome(client, **first) == "taken"
    run_next(engine)
    second = answer_of(sandbox, begin(client, engine))
    assert outcome(client, state=second["state"], code=first["code"]) == "taken"
    run_next(engine)
    with Session(engine) as session:
        rows = session.exec(select(PlatformConnection).where(PlatformConnection.platform == "sandbox")).all()
    assert sorted(row.connection_status for row in rows) == ["connected", "failed"]
    assert [row.access_token for row in rows if row.connection_status == "failed"] == [None]


def test_state_and_code_are_stored_sealed_and_told_to_nobody(
    engine: Engine, sandbox: Sandbox, browser: tuple, caplog: pytest.LogCaptureFixture
) -> None:
    client, _ = browser
    sent = answer_of(sandbox, begin(client, engine))
    assert outcome(client, **sent) == "taken"
    [job] = jobs(engine)
    assert unseal(job.args["secret_code"]) == sent["code"]
    with Session(engine) as session:
        consent = session.exec(select(Consent).order_by(col(Consent.id))).one()
        stored = [*session.exec(select(Event)).all(), consent, job]
    text = "".join(each.model_dump_json() for each in stored) + caplog.text
    assert sent["state"] not in text
    assert sent["code"] not in text


def test_staff_and_the_command_line_connect_nobody_else(engine: Engine, sandbox: Sandbox, browser: tuple) -> None:
    client, _ = browser
    begin(client, engine)
    with Session(engine) as session:
        connection = session.exec(select(PlatformConnection).where(PlatformConnection.platform == "sandbox")).one()
    for actor in (SUPPORT, ADMIN):
        with pytest.raises(NotAllowed, match="consent"):
            perform(engine, actor, CommandRequest(name="connection.connect", target=connection.id))
    assert jobs(engine) == []


def test_an_answer_prints_without_its_secrets() -> None:
    with pytest.raises(ValueError, match="either a code or an error") as problem:
        ConsentAnswer(state="the-state", code="the-code", error="access_denied")
    assert "the-state" not in str(problem.value)
    assert "the-code" not in str(problem.value)
