"""The requests that each real platform gets, beside what its public documentation asks for."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from core.oauth import providers
from core.oauth.client import ProviderClient
from core.oauth.providers import OAuthProvider
from core.settings import settings
from tests.oauth.strangers import Answer, Asked, Stranger, a_stranger

BACK = "https://console.example/connections/callback"
PLATFORMS = ("instagram", "youtube", "tiktok", "facebook")


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stranger]:
    monkeypatch.setenv("UNSTUCK_PUBLIC_URL", "https://console.example/")
    for platform in PLATFORMS:
        monkeypatch.setenv(f"UNSTUCK_{platform.upper()}_CLIENT_ID", f"{platform}-id")
        monkeypatch.setenv(f"UNSTUCK_{platform.upper()}_CLIENT_SECRET", f"{platform}-secret")
    settings.cache_clear()
    with a_stranger() as stranger:
        yield stranger


def consent_of(platform: str) -> tuple[str, dict[str, str]]:
    provider = providers.provider_of(platform)
    assert provider is not None
    with ProviderClient(provider, BACK) as client:
        parts = urlsplit(client.consent_address("the-state", "v" * 64))
    query = {name: " | ".join(values) for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    return f"{parts.scheme}://{parts.netloc}{parts.path}", query


def seen(asked: Asked) -> tuple[str, str, dict[str, str]]:
    return asked.method, asked.path, asked.form or asked.query


def answering(stranger: Stranger, by_path: dict[str, Any]) -> None:
    stranger.answer = lambda asked: Answer(by_path[asked.path])


def connected(provider: OAuthProvider) -> tuple[Any, Any]:
    """Do what connecting does, and return the tokens and the account."""
    with ProviderClient(provider, BACK) as client:
        tokens = client.lengthened(client.tokens_for("the-code", "v" * 64))
        return tokens, client.profile_of(tokens.access)


@pytest.mark.usefixtures("stranger")
@pytest.mark.parametrize(
    ("platform", "address", "more"),
    [
        (
            "instagram",
            "https://www.instagram.com/oauth/authorize",
            {"client_id": "instagram-id", "scope": "instagram_business_basic,instagram_business_manage_comments"},
        ),
        (
            "youtube",
            "https://accounts.google.com/o/oauth2/v2/auth",
            {
                "client_id": "youtube-id",
                "scope": "https://www.googleapis.com/auth/youtube.readonly",
                "access_type": "offline",
                "prompt": "consent",
                "code_challenge_method": "S256",
            },
        ),
        (
            "tiktok",
            "https://www.tiktok.com/v2/auth/authorize/",
            {"client_key": "tiktok-id", "scope": "user.info.basic,video.list"},
        ),
        (
            "facebook",
            "https://www.facebook.com/v21.0/dialog/oauth",
            {"client_id": "facebook-id", "scope": "public_profile,pages_show_list"},
        ),
    ],
)
def test_a_consent_page_gets_what_its_platform_documents(platform: str, address: str, more: dict[str, str]) -> None:
    went_to, query = consent_of(platform)
    assert went_to == address
    assert query.items() >= (more | {"response_type": "code", "redirect_uri": BACK, "state": "the-state"}).items()
    assert ("code_challenge" in query) == ("code_challenge_method" in query) == (platform == "youtube")
    assert "secret" not in str(query)
    assert "v" * 64 not in str(query), "the verifier stays here"


def test_instagram_answers_in_a_list_and_its_first_token_is_exchanged(stranger: Stranger) -> None:
    first = {"data": [{"access_token": "short", "user_id": "178", "permissions": "instagram_business_basic"}]}
    answers: dict[str, Any] = {"/oauth/access_token": first}
    answers["/access_token"] = answers["/refresh_access_token"] = {"access_token": "long", "expires_in": 5_184_000}
    answers["/me"] = {"data": [{"user_id": "178", "username": "ana"}]}
    answering(stranger, answers)
    tokens, profile = connected(stranger.in_place_of("instagram"))
    assert (tokens.access, tokens.refresh, profile.account_id, profile.handle) == ("long", None, "178", "ana")
    code, exchange, me = stranger.asked
    form = {"grant_type": "authorization_code", "code": "the-code", "redirect_uri": BACK}
    form |= {"client_id": "instagram-id", "client_secret": "instagram-secret"}
    assert seen(code) == ("POST", "/oauth/access_token", form)
    assert seen(exchange)[:2] == ("GET", "/access_token")
    documented = {
        "grant_type": "ig_exchange_token",
        "client_secret": "instagram-secret",
        "access_token": "short",
    }
    assert exchange.query.items() >= documented.items()
    assert (me.path, me.query["fields"], me.headers["authorization"]) == ("/me", "user_id,username", "Bearer long")
    with ProviderClient(stranger.in_place_of("instagram")) as client:
        client.refreshed("long", None)
    again = stranger.asked[-1]
    assert (again.method, again.path) == ("GET", "/refresh_access_token")
    assert again.query.items() >= {"grant_type": "ig_refresh_token", "access_token": "long"}.items()


def test_instagrams_flat_profile_is_read_too(stranger: Stranger) -> None:
    stranger.says({"user_id": "178", "username": "ana", "id": "9"})
    with ProviderClient(stranger.in_place_of("instagram")) as client:
        assert client.profile_of("long").account_id == "178"


def test_google_gets_the_verifier_and_keeps_its_refresh_token(stranger: Stranger) -> None:
    token = {"access_token": "a", "refresh_token": "r", "expires_in": 3599, "scope": "x"}
    answering(stranger, {"/token": token, "/youtube/v3/channels": {"items": [{"id": "UC1"}]}, "/revoke": {}})
    tokens, profile = connected(stranger.in_place_of("youtube"))
    assert (tokens.refresh, profile.account_id) == ("r", "UC1")
    form = {"grant_type": "authorization_code", "code": "the-code", "redirect_uri": BACK, "code_verifier": "v" * 64}
    form |= {"client_id": "youtube-id", "client_secret": "youtube-secret"}
    assert seen(stranger.asked[0]) == ("POST", "/token", form)
    assert stranger.asked[1].query == {"part": "id,snippet", "mine": "true"}
    answering(stranger, {"/token": {"access_token": "a2", "expires_in": 3599}, "/revoke": {}})
    with ProviderClient(stranger.in_place_of("youtube")) as client:
        assert client.refreshed("a", "r").refresh == "r", "Google sends it once"
        client.revoke("r", "refresh_token")
    form = {"grant_type": "refresh_token", "refresh_token": "r"}
    assert stranger.asked[2].form.items() >= (form | {"client_id": "youtube-id"}).items()
    assert stranger.asked[3].form["token"] == "r"


def test_tiktok_knows_the_client_by_its_key(stranger: Stranger) -> None:
    token = {"access_token": "a", "refresh_token": "r", "expires_in": 86_400, "open_id": "o1"}
    token["scope"] = "user.info.basic,video.list"
    profile = {"data": {"user": {"open_id": "o1", "display_name": "Ana"}}, "error": {"code": "ok"}}
    answering(stranger, {"/v2/oauth/token/": token, "/v2/user/info/": profile, "/v2/oauth/revoke/": b""})
    tokens, account = connected(stranger.in_place_of("tiktok"))
    assert (tokens.scopes, account.handle) == (("user.info.basic", "video.list"), "Ana")
    with ProviderClient(stranger.in_place_of("tiktok")) as client:
        client.refreshed("a", "r")
        client.revoke("a", "access_token")
    code, me, again, revoke = stranger.asked
    ours = {"client_key": "tiktok-id", "client_secret": "tiktok-secret"}
    form = {"grant_type": "authorization_code", "code": "the-code", "redirect_uri": BACK}
    assert seen(code) == ("POST", "/v2/oauth/token/", form | ours)
    assert code.headers["content-type"].startswith("application/x-www-form-urlencoded")
    assert me.query == {"fields": "open_id,display_name"}
    assert again.form == {"grant_type": "refresh_token", "refresh_token": "r"} | ours
    assert revoke.form.items() >= ({"token": "a"} | ours).items()


def test_facebooks_token_is_exchanged_for_a_long_one(stranger: Stranger) -> None:
    answering(
        stranger,
        {
            "/v21.0/oauth/access_token": {"access_token": "long", "token_type": "bearer", "expires_in": 5_183_944},
            "/v21.0/me": {"id": "10", "name": "Ana"},
        },
    )
    tokens, account = connected(stranger.in_place_of("facebook"))
    assert (tokens.access, account.account_id) == ("long", "10")
    code, exchange, me = stranger.asked
    assert code.form["redirect_uri"] == BACK
    documented = {"grant_type": "fb_exchange_token", "client_id": "facebook-id", "client_secret": "facebook-secret"}
    assert seen(exchange) == ("GET", "/v21.0/oauth/access_token", documented | {"fb_exchange_token": "long"})
    assert me.query == {"fields": "id,name"}


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        ({"code": 190, "type": "OAuthException"}, 400, "AccessEnded"),
        ({"code": 4, "type": "OAuthException"}, 400, "TryAgain"),
        ({"code": 2, "is_transient": True}, 400, "TryAgain"),
        ({"code": 17}, 403, "TryAgain"),
        ({"code": 77}, 403, "GiveUp"),
    ],
    ids=str,
)
@pytest.mark.parametrize("platform", ["facebook", "instagram"])
def test_metas_limits_are_no_withdrawal(
    stranger: Stranger, platform: str, error: dict[str, Any], status: int, kind: str
) -> None:
    stranger.says({"error": error}, status)
    with ProviderClient(stranger.in_place_of(platform)) as client, pytest.raises(Exception) as caught:  # noqa: PT011
        client.refreshed("a", None)
    assert type(caught.value).__name__ == kind
