"""Signing in by an organisation's provider: the way there and back, and the refusal of forged or stolen sign-ins."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlmodel import Session, select

from core import clock, limited_transport
from core.audit.search import AuditFilter, find_events
from core.database.engine import session_scope
from core.models import Role, User
from core.settings import settings
from tests.api.conftest import anonymous as anonymous
from tests.conftest import SECRET as SECRET_KEY
from tests.factories import make_user
from tests.security.provider import CLIENT, SECRET, Provider

UNTRUE, LOST, TWICE = "we cannot trust", "started in another browser", "already used"


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """Run a provider that this console knows."""
    made = Provider()
    monkeypatch.setenv("UNSTUCK_SECRET_KEY", SECRET_KEY)
    monkeypatch.setenv("UNSTUCK_PUBLIC_URL", "http://localhost")
    monkeypatch.setenv("UNSTUCK_OIDC_ISSUER", made.url)
    monkeypatch.setenv("UNSTUCK_OIDC_CLIENT_ID", CLIENT)
    monkeypatch.setenv("UNSTUCK_OIDC_CLIENT_SECRET", SECRET)
    settings.cache_clear()
    yield made
    monkeypatch.undo()
    settings.cache_clear()
    made.stop()


@pytest.fixture
def ada(engine: Engine) -> User:
    with session_scope(engine) as session:
        return make_user(session, email="Ada@Example.com", role=Role.SUPPORT)


def begin(browser: TestClient, next_address: str = "/jobs?status=failed") -> str:
    answer = browser.get("/login/oidc", params={"next": next_address})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def path_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def sign_in(browser: TestClient, provider: Provider, next_address: str = "/jobs?status=failed") -> object:
    return browser.get(path_of(provider.authorize(begin(browser, next_address))))


def refused(browser: TestClient, answer: object, says: str) -> None:
    assert (answer.status_code, says in answer.text) == (401, True), answer.text
    assert browser.get("/api/me").status_code == 401


def test_a_known_person_signs_in_and_reaches_the_page_they_requested(
    provider: Provider, anonymous: TestClient, ada: User
) -> None:
    assert 'href="/login/oidc?next=/jobs"' in anonymous.get("/login?next=/jobs").text
    answer = anonymous.get("/login/oidc")
    cookie = answer.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=lax", "Max-Age=600"))
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query["redirect_uri"] == ["http://localhost/login/oidc/callback"]
    assert query["tenant"] == ["1"]
    assert not any(query[name][0] in cookie for name in ("state", "nonce")), "what the cookie holds is sealed"
    answer = sign_in(anonymous, provider)
    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs?status=failed")
    assert anonymous.get("/api/me").json()["email"] == ada.email


def test_another_browsers_state_is_refused(provider: Provider, anonymous: TestClient, ada: User) -> None:
    """A thief sends another person the end of the thief's own sign-in."""
    back = path_of(provider.authorize(begin(anonymous)))
    victim = TestClient(anonymous.app, base_url="http://localhost", follow_redirects=False)
    refused(victim, victim.get(back), LOST)
    begin(victim)
    refused(victim, victim.get(back), LOST)


@pytest.mark.parametrize("change", [("state=", "state=x"), ("state=", "other=")])
def test_a_wrong_or_missing_state_is_refused(
    provider: Provider, anonymous: TestClient, ada: User, change: tuple[str, str]
) -> None:
    back = path_of(provider.authorize(begin(anonymous))).replace(*change)
    refused(anonymous, anonymous.get(back), LOST)


@pytest.mark.parametrize("cookie", ["", "made-up", "f1:00000000:gAAAA"])
def test_a_cookie_that_was_not_sealed_here_is_refused(
    provider: Provider, anonymous: TestClient, ada: User, cookie: str
) -> None:
    back = path_of(provider.authorize(begin(anonymous)))
    anonymous.cookies.clear()
    anonymous.cookies.set("unstuck_oidc", cookie)
    refused(anonymous, anonymous.get(back), LOST)


def test_an_answer_comes_back_once(provider: Provider, anonymous: TestClient, ada: User) -> None:
    back = path_of(provider.authorize(begin(anonymous)))
    cookie = anonymous.cookies["unstuck_oidc"]
    code = parse_qs(urlsplit(back).query)["code"][0]
    grant = dict(provider.codes[code])
    assert anonymous.get(back).status_code == 303
    provider.codes[code] = grant  # a provider that takes its own codes twice
    thief = TestClient(anonymous.app, base_url="http://localhost", follow_redirects=False)
    thief.cookies.set("unstuck_oidc", cookie)
    refused(thief, thief.get(back), TWICE)


def test_an_attempt_that_took_too_long_is_refused(
    provider: Provider, anonymous: TestClient, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = path_of(provider.authorize(begin(anonymous)))
    cookie = anonymous.cookies["unstuck_oidc"]
    anonymous.cookies.clear()
    anonymous.cookies.set("unstuck_oidc", cookie)  # a browser that does not forget what it was told to
    later = clock.now() + timedelta(seconds=601)
    monkeypatch.setattr("core.people.oidc_people.clock.now", lambda: later)
    refused(anonymous, anonymous.get(back), LOST)


@pytest.mark.parametrize(
    "lies",
    [
        {"nonce": "of-another-sign-in"},
        {"nonce": None},
        {"aud": "another-console"},
        {"aud": "another-console", "azp": CLIENT},
        {"aud": None},
        {"aud": [CLIENT, "another-console"], "azp": "another-console"},
        {"aud": [CLIENT, "another-console"]},
        {"azp": "another-console"},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
    ],
    ids=str,
)
def test_a_wrong_claim_is_refused(
    provider: Provider, anonymous: TestClient, ada: User, lies: dict[str, object]
) -> None:
    provider.lies = lies
    refused(anonymous, sign_in(anonymous, provider), UNTRUE)


def test_a_client_without_a_secret_proves_itself_by_its_verifier_alone(
    provider: Provider, anonymous: TestClient, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.knows_a_secret = False
    refused(anonymous, sign_in(anonymous, provider), UNTRUE)
    monkeypatch.delenv("UNSTUCK_OIDC_CLIENT_SECRET")
    settings.cache_clear()
    assert sign_in(anonymous, provider).status_code == 303


@pytest.mark.parametrize("how", ["sign_with_nothing", "sign_with_public_key_as_secret", "sign_with_another_key"])
def test_a_token_that_the_provider_did_not_sign_is_refused(
    provider: Provider, anonymous: TestClient, ada: User, how: str
) -> None:
    provider.sign = getattr(provider, how)
    refused(anonymous, sign_in(anonymous, provider), UNTRUE)


def test_a_text_that_is_no_token_is_refused_in_one_sentence(
    provider: Provider, anonymous: TestClient, ada: User
) -> None:
    for nonsense in ("", "x", "a.b.c", "a.b.c.d.e"):
        provider.sign = lambda _, token=nonsense: token
        refused(anonymous, sign_in(anonymous, provider), UNTRUE)


def test_a_code_that_the_provider_did_not_give_is_refused(provider: Provider, anonymous: TestClient, ada: User) -> None:
    back = path_of(provider.authorize(begin(anonymous))).replace("code=", "code=x")
    refused(anonymous, anonymous.get(back), UNTRUE)


@pytest.mark.parametrize("email_verified", [False, None, "true", 1])
def test_an_unconfirmed_address_is_refused(
    provider: Provider, anonymous: TestClient, ada: User, email_verified: object
) -> None:
    provider.lies = {"email_verified": email_verified}
    refused(anonymous, sign_in(anonymous, provider), "has not confirmed your e-mail address")


def test_an_unknown_or_disabled_person_stays_out(provider: Provider, anonymous: TestClient, engine: Engine) -> None:
    refused(anonymous, sign_in(anonymous, provider), "is not known here")
    with session_scope(engine) as session:
        make_user(session, email="ada@example.com", disabled_at=clock.now())
    refused(anonymous, sign_in(anonymous, provider), "is disabled here")


@pytest.mark.parametrize(
    "next_address", ["//evil.example", "https://evil.example/x", "/\\evil.example", "javascript:alert(1)"]
)
def test_the_sign_in_never_leads_to_another_site(
    provider: Provider, anonymous: TestClient, ada: User, next_address: str
) -> None:
    answer = sign_in(anonymous, provider, next_address)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_a_person_whom_the_provider_refused_is_told_so(provider: Provider, anonymous: TestClient, ada: User) -> None:
    state = parse_qs(urlsplit(begin(anonymous)).query)["state"][0]
    answer = anonymous.get("/login/oidc/callback", params={"state": state, "error": "<script>alert(1)</script>"})
    refused(anonymous, answer, "refused the sign-in")
    assert "<script>" not in answer.text


def test_a_provider_that_is_away_too_talkative_or_another_one_is_answered_in_one_sentence(
    provider: Provider, anonymous: TestClient, ada: User
) -> None:
    provider.pad = b" " * 300_000
    assert "is not working properly" in anonymous.get("/login/oidc").text
    provider.pad, provider.stated_issuer = b"", "https://evil.example"
    assert UNTRUE in anonymous.get("/login/oidc").text
    provider.stated_issuer = None
    back = path_of(provider.authorize(begin(anonymous)))
    provider.pad = b" " * 300_000
    refused(anonymous, anonymous.get(back), "is not working properly")


@pytest.mark.parametrize(
    "address",
    ["https://[", "https://ex\ud800ample.com/", "https://example.com:99999/", "https://a\n.example", "https://-/"],
)
def test_an_address_that_is_none_is_answered_in_one_sentence(
    provider: Provider, anonymous: TestClient, ada: User, address: str
) -> None:
    provider.stated_address = address
    answer = anonymous.get("/login/oidc")
    if answer.status_code == 303:  # an address in form only shows when it is used
        answer = anonymous.get(path_of(provider.authorize(answer.headers["location"])))
    assert "sign-in" in answer.text
    assert answer.status_code in (401, 502)


def test_sixty_people_wait_for_a_slow_provider_together_and_not_for_long(
    provider: Provider, anonymous: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limited_transport, "MOST_SECONDS", 3)  # sixty threads are slow to begin
    provider.is_quick.clear()
    with ThreadPoolExecutor(60) as visitors:
        waiting = [visitors.submit(anonymous.get, "/login/oidc") for _ in range(60)]
        assert anonymous.get("/login").status_code == 200, "others need not wait"
        assert not waiting[0].done()
        answers = [each.result(timeout=20) for each in waiting]
    provider.is_quick.set()
    assert {answer.status_code for answer in answers} == {502}
    assert provider.requests <= 5


@pytest.mark.parametrize(
    ("groups", "role"),
    [(["ops", "cooks"], Role.SUPPORT), (["ops", "ops-admins"], Role.ADMIN), ("ops", Role.SUPPORT)],
)
def test_a_role_claim_of_the_provider_sets_each_persons_role(
    provider: Provider,
    anonymous: TestClient,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    groups: object,
    role: Role,
) -> None:
    monkeypatch.setenv("UNSTUCK_OIDC_ROLE_CLAIM", "groups")
    monkeypatch.setenv("UNSTUCK_OIDC_ROLES", "ops=support ops-admins=admin cooks=chef")
    settings.cache_clear()
    provider.person["groups"] = groups
    assert sign_in(anonymous, provider).status_code == 303
    assert anonymous.get("/api/me").json()["role"] == role
    provider.person["groups"] = ["ops"]
    assert sign_in(anonymous, provider).status_code == 303
    assert anonymous.get("/api/me").json()["role"] == "support"
    with Session(engine) as session:
        assert len(session.exec(select(User)).all()) == 1
        lines = find_events(session, AuditFilter(what="operator")).lines
    assert ("sign-in provider", str(role)) in {(line.who, line.now) for line in lines}, "and the audit log knows"
    fresh = TestClient(anonymous.app, base_url="http://localhost", follow_redirects=False)
    for nothing in (["cooks"], [], None, {"ops": True}):
        provider.person["groups"] = nothing
        refused(fresh, sign_in(fresh, provider), "has not given you a role here")


def test_without_a_provider_its_routes_do_not_exist(anonymous: TestClient) -> None:
    assert "organisation" not in anonymous.get("/login").text
    assert anonymous.get("/login/oidc").status_code == 404
    assert anonymous.get("/login/oidc/callback?code=x&state=y").status_code == 404
