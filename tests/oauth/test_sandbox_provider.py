"""The sandbox keeps OAuth's promises, and breaks them on request: over real HTTP, and killed without warning."""

import hashlib
import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from authlib.integrations.httpx_client import OAuth2Client

from tests.sandboxes import FORM, Sandbox, running_sandbox

BACK = "http://127.0.0.1:8080/connections/callback"
VERIFIER = "v" * 64
SCOPES = "profile posts.read"


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared: Sandbox) -> Sandbox:
    shared.behave(life=3600, offset=0)
    return shared


def client_of(sandbox: Sandbox, platform: str = "sandbox", **options: Any) -> OAuth2Client:
    options = {"scope": SCOPES, "redirect_uri": BACK, "trust_env": False, "verify": False, "timeout": 10} | options
    return OAuth2Client(f"unstuck-{platform}", sandbox.secret, code_challenge_method="S256", **options)


def asking(sandbox: Sandbox, state: str = "s1", platform: str = "sandbox", **changed: Any) -> str:
    with client_of(sandbox, platform) as client:
        address, _ = client.create_authorization_url(f"{sandbox.url}/authorize", state, VERIFIER)
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()} | changed
    return f"{sandbox.url}/authorize?{httpx2.QueryParams({k: v for k, v in query.items() if v is not None})}"


def answer_in(address: str) -> dict[str, str]:
    assert address.startswith(f"{BACK}?")
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def code_of(sandbox: Sandbox, account: str = "ana", platform: str = "sandbox") -> str:
    return answer_in(sandbox.consent(asking(sandbox, platform=platform), account))["code"]


def post(
    sandbox: Sandbox, path: str = "/token", platform: str = "sandbox", patience: float = 10, **fields: str
) -> httpx2.Response:
    with sandbox.client(timeout=patience) as client:
        return client.post(path, data=fields, auth=(f"unstuck-{platform}", sandbox.secret))


def exchange(sandbox: Sandbox, code: str, verifier: str = VERIFIER, back: str = BACK, **more: str) -> httpx2.Response:
    fields = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier, "redirect_uri": back}
    return post(sandbox, **fields, **more)


def refresh(sandbox: Sandbox, token: str, **more: Any) -> httpx2.Response:
    return post(sandbox, grant_type="refresh_token", refresh_token=token, **more)


def connected(sandbox: Sandbox, account: str = "ana") -> dict[str, Any]:
    return exchange(sandbox, code_of(sandbox, account)).raise_for_status().json()


def profile(sandbox: Sandbox, token: str) -> httpx2.Response:
    with sandbox.client() as client:
        return client.get("/me", headers={"Authorization": f"Bearer {token}"})


def line(sandbox: Sandbox, text: str) -> dict[str, Any]:
    hashed = hashlib.sha256(text.encode()).hexdigest()
    return next(each for each in sandbox.ledger() if each["hash"] == hashed)


def is_refused(answer: httpx2.Response, error: str = "invalid_grant", status: int = 400) -> bool:
    return answer.status_code == status and answer.json()["error"] == error


def test_authlib_s_client_connects_refreshes_and_revokes(sandbox: Sandbox) -> None:
    came = sandbox.consent(asking(sandbox), "new person", without_scopes=["posts.read"])
    with client_of(sandbox) as client:
        client.fetch_token(f"{sandbox.url}/token", authorization_response=came, state="s1", code_verifier=VERIFIER)
        first = client.token
        assert (first["scope"], first["expires_in"], first["token_type"]) == ("profile", 3600, "Bearer")
        person = client.get(f"{sandbox.url}/me").json()
        assert (person["handle"], person["platform"], answer_in(came)["state"]) == ("new person", "sandbox", "s1")
        client.scope = None  # Authlib's client would ask for more than was granted, which is refused
        second = client.refresh_token(f"{sandbox.url}/token")
        assert client.get(f"{sandbox.url}/me").json() == person, "and not the token before: that one ended"
        assert profile(sandbox, first["access_token"]).status_code == 401
        assert client.revoke_token(f"{sandbox.url}/revoke", second["access_token"]).status_code == 200
        assert client.get(f"{sandbox.url}/me").status_code == 401
    assert is_refused(refresh(sandbox, second["refresh_token"]))
    assert not any(each["live"] for each in sandbox.ledger() if each["account"] == "new person")


def test_refused_consent_returns_with_the_state_and_no_code(sandbox: Sandbox) -> None:
    answer = answer_in(sandbox.consent(asking(sandbox, "s&=1"), allow=False))
    assert answer.keys() == {"error", "error_description", "state"}
    assert (answer["error"], answer["state"]) == ("access_denied", "s&=1")


@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uri": "http://evil.example/"},
        {"redirect_uri": "https://a@b.example/"},
        {"redirect_uri": "https://a;script-src/"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "https://x.example/\N{EURO SIGN}\n"},
        {"redirect_uri": None},
        {"client_id": "somebody"},
        {"client_id": None},
    ],
    ids=str,
)
def test_a_request_that_cannot_be_trusted_leads_nowhere(sandbox: Sandbox, changed: dict[str, Any]) -> None:
    with sandbox.client() as browser:
        answer = browser.get(asking(sandbox, **changed))
    assert (answer.status_code, "location" in answer.headers) == (400, False)


@pytest.mark.parametrize(
    "changed",
    [{"code_challenge": None}, {"code_challenge_method": "plain"}, {"code_challenge_method": None}],
    ids=str,
)
def test_a_request_without_pkce_is_sent_back(sandbox: Sandbox, changed: dict[str, Any]) -> None:
    answer = answer_in(sandbox.consent(asking(sandbox, **changed)))
    assert (answer["error"], answer["state"]) == ("invalid_request", "s1")


def test_a_form_from_elsewhere_is_refused_and_the_page_stays_out_of_frames(sandbox: Sandbox) -> None:
    with sandbox.client() as browser, sandbox.client() as other:
        page = browser.get(asking(sandbox))
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        token = page.text.split('name="form_token" value="')[1].split('"')[0]
        for person, fields in ((browser, {}), (other, {"form_token": token})):
            for path in ("/authorize", "/behaviour", "/withdraw"):
                assert person.post(path, data={"mode": "gone", **fields}).status_code == 403
        assert browser.post("/behaviour", json={"mode": "gone"}).status_code == 401
        assert browser.get("/ledger").status_code == 401
        assert browser.get("/", headers={"Host": "evil.example"}).status_code == 400


def test_a_code_needs_its_verifier_its_address_its_client_and_its_time(sandbox: Sandbox) -> None:
    code = code_of(sandbox)
    assert is_refused(exchange(sandbox, code, verifier="w" * 64))
    assert is_refused(exchange(sandbox, code, back=f"{BACK}/"))
    assert is_refused(exchange(sandbox, code, platform="instagram"))
    with sandbox.client() as client:
        stranger = client.post("/token", data={"grant_type": "refresh_token"}, auth=("unstuck-sandbox", "wrong"))
    assert is_refused(stranger, "invalid_client", 401)
    sandbox.behave(offset=601)
    assert is_refused(exchange(sandbox, code))
    sandbox.behave(offset=300)
    assert exchange(sandbox, code).status_code == 200


def test_a_code_used_twice_revokes_all_that_it_brought(sandbox: Sandbox) -> None:
    code = code_of(sandbox)
    tokens = exchange(sandbox, code).json()
    newer = refresh(sandbox, tokens["refresh_token"]).json()
    assert profile(sandbox, newer["access_token"]).status_code == 200
    assert is_refused(exchange(sandbox, code))
    assert profile(sandbox, newer["access_token"]).status_code == 401
    assert is_refused(refresh(sandbox, newer["refresh_token"]))
    assert line(sandbox, code)["uses"] == 2


def test_a_refresh_token_used_twice_revokes_its_family_and_no_other(sandbox: Sandbox) -> None:
    tokens, other = connected(sandbox), connected(sandbox)
    newer = refresh(sandbox, tokens["refresh_token"]).json()
    assert is_refused(refresh(sandbox, tokens["refresh_token"]))
    assert profile(sandbox, newer["access_token"]).status_code == 401
    assert is_refused(refresh(sandbox, newer["refresh_token"]))
    assert profile(sandbox, other["access_token"]).status_code == 200
    old, last = line(sandbox, tokens["refresh_token"]), line(sandbox, newer["refresh_token"])
    assert (old["uses"], last["uses"], last["spent_at"]) == (2, 1, None)
    assert old["spent_at"] <= old["revoked_at"] == last["revoked_at"]


def test_of_refreshes_at_once_with_one_token_at_most_one_is_answered(sandbox: Sandbox) -> None:
    token = connected(sandbox)["refresh_token"]
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: refresh(sandbox, token).status_code, range(4)))
    assert sorted(answers) == [200, 400, 400, 400]
    assert line(sandbox, token)["uses"] == 4


def test_introspection_tells_a_client_about_its_own_tokens_alone(sandbox: Sandbox) -> None:
    tokens = connected(sandbox, "ben")
    known = post(sandbox, "/introspect", token=tokens["access_token"]).json()
    assert (known["active"], known["username"], known["scope"]) == (True, "ben", SCOPES)
    assert post(sandbox, "/introspect", "instagram", token=tokens["access_token"]).json() == {"active": False}
    sandbox.behave(offset=3601)
    assert post(sandbox, "/introspect", token=tokens["access_token"]).json() == {"active": False}
    assert profile(sandbox, tokens["access_token"]).status_code == 401
    assert post(sandbox, "/introspect", token=tokens["refresh_token"]).json()["active"] is True
    assert post(sandbox, "/revoke", token="unknown").status_code == 200


def test_a_person_who_withdraws_ends_all_access_to_the_account(sandbox: Sandbox) -> None:
    tokens, other = connected(sandbox, "chloe"), connected(sandbox, "dora")
    connected(sandbox, "<b>bold")
    with sandbox.client() as browser:
        assert all("&lt;b&gt;bold" in browser.get(path).text for path in ("/", asking(sandbox)))
    sandbox.withdraw("chloe")
    assert profile(sandbox, tokens["access_token"]).status_code == 401
    assert is_refused(refresh(sandbox, tokens["refresh_token"]))
    assert profile(sandbox, other["access_token"]).status_code == 200


def test_adopted_tokens_work_once_however_often_they_are_adopted(sandbox: Sandbox) -> None:
    legacy = {"platform": "instagram", "handle": "@old", "access_token": "a1", "refresh_token": "r1", "expires_at": 0}
    for _ in range(2):
        sandbox.adopt(**legacy)
    assert profile(sandbox, "a1").status_code == 401, "its time was over"
    newer = refresh(sandbox, "r1", platform="instagram").json()
    assert profile(sandbox, newer["access_token"]).json()["handle"] == "@old"
    sandbox.adopt(**legacy)
    assert is_refused(refresh(sandbox, "r1", platform="instagram")), "it was spent, and adopting again changes nothing"
    assert len({each["grant"] for each in sandbox.ledger() if each["account"] == "@old"}) == 1


@pytest.mark.parametrize(
    ("mode", "status", "sent"),
    [
        ("500", 500, "text/plain"),
        ("503", 503, "text/plain"),
        ("429", 429, "application/json"),
        ("garbage", 200, "text/html"),
        ("huge", 200, "application/json"),
        ("redirect", 307, None),
        ("gone", None, None),
        ("silent", None, None),
        ("late", None, None),
        ("slow", None, None),
    ],
)
def test_the_provider_misbehaves_for_as_many_requests_as_it_is_told(
    sandbox: Sandbox, mode: str, status: int | None, sent: str | None
) -> None:
    tokens = connected(sandbox)
    sandbox.behave(mode, times=1, seconds=5, retry_after=7, endpoint="token")
    assert profile(sandbox, tokens["access_token"]).status_code == 200, "that is another endpoint"
    if status is None:
        with pytest.raises(httpx2.TransportError):
            refresh(sandbox, tokens["refresh_token"], patience=0.5)
    else:
        answer = refresh(sandbox, tokens["refresh_token"])
        assert answer.status_code == status
        assert answer.headers.get("content-type", "").partition(";")[0] == (sent or "")
        assert answer.headers.get("retry-after") == ("7" if mode == "429" else None)
        assert (len(answer.content) > 1_900_000) == (mode == "huge")
    spent = line(sandbox, tokens["refresh_token"])["spent_at"] is not None
    assert spent == (mode in ("silent", "slow")), "late does it after the client has gone"
    assert (refresh(sandbox, tokens["refresh_token"]).status_code == 200) == (not spent), "and it is well again"


@pytest.mark.parametrize(
    "wrong",
    [{"mode": "evil"}, {"times": 0}, {"seconds": -1}, {"seconds": "nan"}, {"endpoint": "x"}, {"life": 0}, {"x": 1}],
    ids=str,
)
def test_a_behaviour_that_does_not_exist_is_refused(sandbox: Sandbox, wrong: dict[str, Any]) -> None:
    with sandbox.client() as client:
        headers = {"Authorization": f"Bearer {sandbox.secret}"}
        answer = client.post("/behaviour", json={"mode": "503", **wrong}, headers=headers)
    assert (answer.status_code, answer.text.endswith(".")) == (400, True)
    assert connected(sandbox)


def test_what_was_answered_survives_kill_9_and_nobody_else_reads_it(tmp_path: Path) -> None:
    with running_sandbox(tmp_path) as sandbox:
        tokens = connected(sandbox)
        secret, newer = sandbox.secret, refresh(sandbox, tokens["refresh_token"]).json()
        sandbox.behave("503", times=2, endpoint="revoke", life=60)
        before = sandbox.ledger()
        sandbox.restart()
        assert (sandbox.secret, sandbox.ledger()) == (secret, before)
        assert [post(sandbox, "/revoke", token="unknown").status_code for _ in range(3)] == [503, 503, 200]
        assert profile(sandbox, newer["access_token"]).status_code == 200
        assert refresh(sandbox, newer["refresh_token"]).json()["expires_in"] == 60
        private = [path for path in tmp_path.iterdir() if path.name != "log"]
        assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}
        kept = b"".join(path.read_bytes() for path in private if path.name != "client_secret")
        assert not any(each.encode() in kept for each in (newer["access_token"], newer["refresh_token"], secret))


def test_nothing_is_logged_but_the_kind_of_a_failure(tmp_path: Path) -> None:
    with running_sandbox(tmp_path) as sandbox:
        code = code_of(sandbox)
        connected(sandbox)
        assert exchange(sandbox, code, verifier="short").status_code == 400
        with sandbox.client() as client:
            hostile = {"grant_type": "\x00\N{EURO SIGN}", "code": "\udcff".encode("utf-8", "surrogatepass")}
            assert client.post("/token", data=hostile, auth=("unstuck-\N{EURO SIGN}", "x")).status_code in (400, 401)
            not_utf8 = {"Authorization": "Basic /////w=="}
            assert client.post("/token", data={"grant_type": "refresh_token"}, headers=not_utf8).status_code == 400
            assert client.get("/authorize?response_type=%22%E2%82%AC&client_id=unstuck-x").status_code == 400
            assert client.post("/token", content=b"a=" + b"x" * 70_000, headers=FORM).status_code == 413
        assert sandbox.log.read_text() == ""
        sqlite3.connect(tmp_path / "sandbox.db").execute("DROP TABLE issued").connection.close()
        assert refresh(sandbox, "canary").status_code == 500
        sandbox.stop()
        assert sandbox.log.read_text() == "the sandbox failed: OperationalError\n"
