"""What one platform alone does: Google's quotas, and how Facebook takes access back."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core import clock
from core.database.engine import session_scope
from core.errors import GiveUp, TryAgain
from core.jobs.request import request
from core.models import AttemptOutcome, BackgroundJob, PlatformConnection
from core.oauth import consents, providers
from core.oauth.client import AccessEnded, ProviderClient
from core.oauth.tokens import seal
from core.oauth.work import ConnectForm
from core.operations.connection import connect
from core.settings import settings
from tests.conftest import SECRET
from tests.factories import SUPPORT, make_user
from tests.oauth.strangers import Answer, Stranger, a_stranger
from tests.oauth.test_connecting import run_next


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stranger]:
    for platform in ("youtube", "facebook", "instagram"):
        monkeypatch.setenv(f"UNSTUCK_{platform.upper()}_CLIENT_ID", f"{platform}-id")
        monkeypatch.setenv(f"UNSTUCK_{platform.upper()}_CLIENT_SECRET", f"{platform}-secret")
    monkeypatch.setenv("UNSTUCK_PUBLIC_URL", "https://console.example")
    monkeypatch.setenv("UNSTUCK_SECRET_KEY", SECRET)
    settings.cache_clear()
    with a_stranger() as stranger:
        yield stranger


def of_google(*reasons: str) -> dict[str, Any]:
    errors = [{"domain": "youtube.quota", "reason": reason, "message": "canary"} for reason in reasons]
    return {"error": {"code": 403, "message": "canary", "errors": errors}}


@pytest.mark.parametrize(
    ("reason", "seconds"),
    [("quotaExceeded", 1500), ("dailyLimitExceeded", 1500), ("rateLimitExceeded", 60), ("userRateLimitExceeded", 60)],
)
def test_a_quota_that_is_used_up_is_no_refusal_of_the_account(stranger: Stranger, reason: str, seconds: int) -> None:
    stranger.says(of_google(reason), 403)
    with ProviderClient(stranger.in_place_of("youtube")) as client, pytest.raises(TryAgain) as caught:
        client.profile_of("a")
    assert str(caught.value) == "YouTube answered with an error (403: our quota there is used up for now)."
    assert caught.value.after == seconds


def test_connecting_waits_for_the_quota_and_keeps_what_it_has(
    engine: Engine, stranger: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(providers._BY_PLATFORM, "youtube", stranger.in_place_of("youtube"))
    connection_id, job_id = asks_to_connect(engine, "youtube")
    monkeypatch.delenv("UNSTUCK_PUBLIC_URL")  # workers need it for nothing of this
    settings.cache_clear()
    scope = "https://www.googleapis.com/auth/youtube.readonly"
    tokens = {"access_token": "a", "refresh_token": "r", "expires_in": 3599, "scope": scope}
    by_path = {"/token": Answer(tokens), "/youtube/v3/channels": Answer(of_google("quotaExceeded"), 403)}
    stranger.answer = lambda asked: by_path[asked.path]
    assert run_next(engine) is AttemptOutcome.ERROR
    with Session(engine) as session:
        job = session.get_one(BackgroundJob, job_id)
        assert job.run_at - clock.now() > timedelta(minutes=20)
        assert session.get_one(PlatformConnection, connection_id).connection_status == "connecting"
    by_path["/youtube/v3/channels"] = Answer({"items": [{"id": "UC1", "snippet": {"title": "Ana"}}]})
    assert run_next(engine) is AttemptOutcome.SUCCEEDED
    [code] = [asked.form for asked in stranger.asked if asked.path == "/token"]
    assert (code["code"], code["redirect_uri"]) == ("the-code", "https://console.example/connections/callback")
    with Session(engine) as session:
        assert session.get_one(PlatformConnection, connection_id).handle == "Ana"


def asks_to_connect(engine: Engine, platform: str) -> tuple[UUID, UUID]:
    with session_scope(engine) as session:
        user_id = make_user(session).id
        visit = consents.begin(session, user_id, None, platform)
        [state] = parse_qs(urlsplit(visit.address).query)["state"]
        answer = consents.take(session, user_id, None, state)
        form = ConnectForm(consent=answer.consent, secret_code=seal("the-code"))
        return visit.connection_id, request(session, connect, visit.connection_id, form, SUPPORT).id


@pytest.mark.parametrize(("odd", "stored"), [("\x00", ""), ("\ud800", "?"), ("\x00\udfff", "?")], ids=ascii)
def test_what_cannot_be_stored_of_the_granted_scopes_keeps_nobody_from_connecting(
    engine: Engine, stranger: Stranger, monkeypatch: pytest.MonkeyPatch, odd: str, stored: str
) -> None:
    monkeypatch.setitem(providers._BY_PLATFORM, "youtube", stranger.in_place_of("youtube"))
    connection_id, _ = asks_to_connect(engine, "youtube")
    scope = "https://www.googleapis.com/auth/youtube.readonly"
    tokens = {"access_token": "a", "refresh_token": "r", "expires_in": 3599, "scope": f"{scope} more{odd}"}
    channels = Answer({"items": [{"id": "UC1", "snippet": {"title": "Ana"}}]})
    stranger.answer = lambda asked: Answer(tokens) if asked.path == "/token" else channels
    assert run_next(engine) is AttemptOutcome.SUCCEEDED
    with Session(engine) as session:
        row = session.get_one(PlatformConnection, connection_id)
    assert (row.connection_status, row.scopes) == ("connected", f"{scope} more{stored}")


@pytest.mark.parametrize("answer", [of_google("insufficientPermissions"), of_google(), {"error": {"errors": "x"}}, {}])
def test_any_other_403_is_one(stranger: Stranger, answer: dict[str, Any]) -> None:
    stranger.says(answer, 403)
    with ProviderClient(stranger.in_place_of("youtube")) as client, pytest.raises(AccessEnded):
        client.profile_of("a")


@pytest.mark.parametrize("platform", ["facebook", "instagram"])
@pytest.mark.parametrize("status", [400, 403])
def test_a_limit_of_meta_is_no_refusal_of_the_account(stranger: Stranger, platform: str, status: int) -> None:
    stranger.says({"error": {"code": 4}}, status)
    with ProviderClient(stranger.in_place_of(platform)) as client, pytest.raises(TryAgain):
        client.profile_of("a")


@pytest.mark.parametrize("said", [{"success": True}, b"true"], ids=["object", "word"])
def test_facebook_is_asked_to_take_all_permissions_back(stranger: Stranger, said: Any) -> None:
    stranger.says(said)
    with ProviderClient(stranger.in_place_of("facebook")) as client:
        client.revoke("the-token", "access_token")
    [asked] = stranger.asked
    assert (asked.method, asked.path, asked.query, asked.form) == ("DELETE", "/v21.0/me/permissions", {}, {})
    assert asked.headers["authorization"] == "Bearer the-token"


def test_access_that_has_ended_at_facebook_is_not_owed_any_more(stranger: Stranger) -> None:
    stranger.says({"error": {"code": 190, "type": "OAuthException"}}, 400)
    with ProviderClient(stranger.in_place_of("facebook")) as client:
        client.revoke("the-token", "access_token")


@pytest.mark.parametrize(
    ("said", "status"), [(b"false", 200), ({"success": False}, 200), ({"error": {"code": 1}}, 400)]
)
def test_a_revocation_that_facebook_did_not_carry_out_stays_owed(stranger: Stranger, said: Any, status: int) -> None:
    stranger.says(said, status)
    with ProviderClient(stranger.in_place_of("facebook")) as client, pytest.raises(GiveUp):
        client.revoke("the-token", "access_token")
