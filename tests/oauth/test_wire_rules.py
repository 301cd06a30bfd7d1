"""What a provider may send: each answer has an end, a type of error and a sentence, and no secret comes out with it."""

import email.utils
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core import clock, limited_transport
from core.errors import GiveUp, OnlyTheOwner, TryAgain
from core.oauth import client as client_module
from core.oauth.answers import Tokens
from core.oauth.client import AccessEnded, ProviderClient
from core.oauth.providers import OAuthProvider
from core.oauth.transport import LONGEST_PAUSE, ProviderTransport
from core.settings import settings
from tests.oauth.strangers import Stranger, a_stranger
from tests.repeats import mostly_slow

CANARY = "canary-7b1d-do-not-sing"
SOUND = {"access_token": "a1", "refresh_token": "r2", "token_type": "Bearer", "expires_in": 3600}


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stranger]:
    monkeypatch.setenv("UNSTUCK_PUBLIC_URL", "https://console.example")
    for platform in ("TIKTOK", "YOUTUBE", "INSTAGRAM", "FACEBOOK"):
        monkeypatch.setenv(f"UNSTUCK_{platform}_CLIENT_ID", f"{platform.lower()}-id")
        monkeypatch.setenv(f"UNSTUCK_{platform}_CLIENT_SECRET", "client-secret")
    settings.cache_clear()
    with a_stranger() as stranger:
        yield stranger


@pytest.fixture
def google(stranger: Stranger) -> OAuthProvider:
    return stranger.in_place_of("youtube")


def refreshed(provider: OAuthProvider, token: str = "r1") -> Tokens:
    with ProviderClient(provider) as client:
        return client.refreshed("a0", token)


def problem_of(provider: OAuthProvider) -> tuple[str, str]:
    """Return the kind and the sentence of what refreshing raises; no secret is in it or in what it comes from."""
    with pytest.raises((TryAgain, GiveUp)) as caught:
        refreshed(provider, CANARY)
    assert CANARY not in str(caught.getrepr(style="short"))
    assert caught.value.__cause__ is None
    return type(caught.value).__name__, str(caught.value)


WITHOUT = "YouTube sent an answer without tokens. Tell the admins: it may have changed."
EARLY = "YouTube closed the connection early."


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, WITHOUT),
        ([], WITHOUT),
        ([SOUND], WITHOUT),
        (None, WITHOUT),
        ({"data": [1]}, WITHOUT),
        ({"data": []}, WITHOUT),
        (b"<!doctype html>" + CANARY.encode(), WITHOUT),
        (b"", WITHOUT),
        (b"\xff\xfe{", WITHOUT),
        (b"[" * 100_000, WITHOUT),
        (SOUND | {"access_token": ""}, WITHOUT),
        (SOUND | {"access_token": 7}, WITHOUT),
        (SOUND | {"access_token": [CANARY]}, WITHOUT),
        (SOUND | {"access_token": CANARY * 500}, WITHOUT),
        (SOUND | {"access_token": f"{CANARY}\x00"}, WITHOUT),
        (SOUND | {"access_token": f"{CANARY}\N{EURO SIGN}"}, WITHOUT),
        (SOUND | {"access_token": f"{CANARY}\r\nX: y"}, WITHOUT),
        (SOUND | {"refresh_token": CANARY * 500}, WITHOUT),
        (SOUND | {"refresh_token": 7}, WITHOUT),
        (SOUND | {"padding": "x" * 2_000_000}, EARLY),
    ],
    ids=lambda each: (each if isinstance(each, bytes) else repr(each).encode())[:40].decode("latin-1"),
)
def test_an_answer_without_sound_tokens_is_refused_in_one_sentence(
    stranger: Stranger, google: OAuthProvider, body: Any, said: str
) -> None:
    stranger.says(body if body is not None else b"null")
    assert problem_of(google) == ("TryAgain" if said == EARLY else "GiveUp", said)


@pytest.mark.parametrize(
    ("status", "word", "kind", "said"),
    [
        (400, "invalid_grant", "AccessEnded", "YouTube ended this access."),
        (200, "invalid_grant", "AccessEnded", "YouTube ended this access."),
        (401, "invalid_client", "GiveUp", "YouTube does not accept this program (invalid_client)"),
        (400, "temporarily_unavailable", "TryAgain", "YouTube is busy."),
        (400, CANARY, "GiveUp", "YouTube refused the request."),
        (400, {"code": 7}, "GiveUp", "YouTube refused the request."),
        (403, ["x"], "GiveUp", "YouTube refused the request."),
    ],
    ids=str,
)
def test_an_error_of_the_protocol_is_said_in_its_own_words(
    stranger: Stranger, google: OAuthProvider, status: int, word: Any, kind: str, said: str
) -> None:
    stranger.says({"error": word, "error_description": CANARY}, status)
    name, sentence = problem_of(google)
    assert (name, sentence.startswith(said)) == (kind, True), sentence


@pytest.mark.parametrize(
    ("status", "is_untouched"), [(500, False), (502, False), (504, False), (408, False), (503, True), (429, True)]
)
def test_a_busy_provider_is_asked_again(
    stranger: Stranger, google: OAuthProvider, status: int, is_untouched: bool
) -> None:
    stranger.says(CANARY.encode(), status, {"Retry-After": "7"})
    with pytest.raises(TryAgain, match=rf"^YouTube answered with an error \({status}") as caught:
        refreshed(google)
    assert (caught.value.after, caught.value.is_untouched) == (7, is_untouched)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("0", 0),
        ("30", 30),
        ("31536000", LONGEST_PAUSE),
        ("9" * 4000, LONGEST_PAUSE),
        ("-5", 0),
        ("1.5", 0),
        ("\xb2", 0),
        ("soon", 0),
        ("", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_PAUSE),
        ("Fri, 31 Dec 99999 23:59:59 GMT", 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 0),
    ],
)
def test_a_pause_that_a_provider_asks_for_is_kept_up_to_an_hour(
    stranger: Stranger, google: OAuthProvider, said: str, seconds: float
) -> None:
    stranger.says({}, 429, {"Retry-After": said})
    with pytest.raises(TryAgain) as caught:
        refreshed(google)
    assert caught.value.after == seconds


def test_a_pause_may_be_a_date(stranger: Stranger, google: OAuthProvider) -> None:
    stranger.says({}, 429, {"Retry-After": email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=90))})
    with pytest.raises(TryAgain) as caught:
        refreshed(google)
    assert 30 < caught.value.after <= 90


@pytest.mark.parametrize("status", mostly_slow([302, 307, 301, 303, 308], fast=2))
def test_redirects_are_not_followed(stranger: Stranger, google: OAuthProvider, status: int) -> None:
    stranger.says({}, status, {"Location": f"{stranger.url}/elsewhere"})
    kind, said = problem_of(google)
    assert (kind, said) == (
        "GiveUp",
        f"YouTube redirects to another address ({status}). Tell the admins: it may have changed.",
    )
    assert [each.path for each in stranger.asked] == ["/token"]


@pytest.mark.parametrize("address", ["http://provider.example/token", "http://127.0.0.1.example/token"])
def test_nothing_is_sent_without_encryption_but_to_this_machine(google: OAuthProvider, address: str) -> None:
    from dataclasses import replace

    with pytest.raises(GiveUp, match=r"^YouTube has an address without encryption"):
        refreshed(replace(google, token=address))


def test_who_sends_byte_after_byte_is_cut_off(
    stranger: Stranger, google: OAuthProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limited_transport, "MOST_SECONDS", 0.5)
    stranger.says(SOUND | {"padding": "x" * 1000}, dripping=True)
    assert problem_of(google) == ("TryAgain", EARLY)


def test_a_silent_one_is_left_after_a_while_and_asked_later(
    stranger: Stranger, google: OAuthProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "ANSWER_SECONDS", 0.05)
    stranger.says(SOUND, dripping=True)
    with pytest.raises(TryAgain, match=r"^YouTube did not answer in time\.$") as caught:
        refreshed(google)
    assert (caught.value.after, caught.value.is_untouched) == (60, False), "it may be at work still"


def test_who_refuses_connections_has_not_been_asked(google: OAuthProvider) -> None:
    from dataclasses import replace

    with pytest.raises(TryAgain, match="no connection") as caught:
        refreshed(replace(google, token="http://127.0.0.1:1/token"))
    assert caught.value.is_untouched


@pytest.mark.parametrize(
    ("life", "seconds"),
    [
        (7200, 7200),
        ("7200", 7200),
        ("7200.0", 7200),
        ("7200.", 7200),
        (7200.9, 7200),
        (None, 3600),
        ("", 3600),
        (-1, 3600),
        ("-1", 3600),
        (1e30, 3600),
        (10**30, 400 * 86_400),
        ("9" * 400, 400 * 86_400),
        ("9" * 5000, 400 * 86_400),
        (float("nan"), 3600),
        (float("inf"), 3600),
        ("\xb2", 3600),
        ("soon", 3600),
        ([7200], 3600),
        (True, 3600),
        (0, 60),
        (1, 60),
        ("missing", 3600),
    ],
    ids=lambda each: str(each)[:40],
)
def test_a_life_that_nobody_can_mean_counts_as_an_hour(
    stranger: Stranger, google: OAuthProvider, life: Any, seconds: int
) -> None:
    stranger.says({name: value for name, value in (SOUND | {"expires_in": life}).items() if value != "missing"})
    tokens = refreshed(google)
    assert abs((tokens.expires_at - clock.now()).total_seconds() - seconds) < 30
    assert (tokens.access, tokens.refresh) == ("a1", "r2")


@pytest.mark.parametrize("odd", [{"expires_at": "soon"}, {"expires_at": float("nan")}, {"expires_at": [1]}], ids=str)
def test_other_times_in_an_answer_do_no_harm(stranger: Stranger, google: OAuthProvider, odd: dict[str, Any]) -> None:
    stranger.says(SOUND | odd)
    tokens = refreshed(google)
    assert (tokens.access, tokens.refresh) == ("a1", "r2")


@pytest.mark.parametrize(
    ("said", "scopes"),
    [
        ({}, ()),
        ({"scope": None}, ()),
        ({"scope": "a b"}, ("a", "b")),
        ({"scope": "a,b"}, ("a", "b")),
        ({"permissions": ["a", "b"]}, ("a", "b")),
        ({"scope": ["x" * 300]}, ("x" * 200,)),
    ],
    ids=lambda each: str(each)[:30],
)
def test_scopes_are_read_as_platforms_write_them(
    stranger: Stranger, google: OAuthProvider, said: dict[str, Any], scopes: tuple[str, ...]
) -> None:
    stranger.says(SOUND | said)
    assert refreshed(google).scopes == scopes


@pytest.mark.parametrize(
    ("item", "account", "handle"),
    [
        ({"id": "7", "snippet": {"title": "Ana"}}, "7", "Ana"),
        ({"id": 7, "snippet": {"title": "A\x00na"}}, "7", "Ana"),
        ({"id": "7", "snippet": {"title": "Ana \ud800"}}, "7", "Ana ?"),
        ({"id": "7", "snippet": {"title": "x" * 10_000}}, "7", "x" * 200),
        ({"id": "7", "snippet": []}, "7", "7"),
        ({"id": "7"}, "7", "7"),
        ({"id": ["7"], "snippet": {"title": "Ana"}}, None, None),
        ({}, None, None),
    ],
    ids=lambda each: str(each)[:40],
)
def test_a_profile_is_stored_as_far_as_it_can_be(
    stranger: Stranger, google: OAuthProvider, item: Any, account: str | None, handle: str | None
) -> None:
    stranger.says({"items": [item]})
    with ProviderClient(google) as client:
        if account is None:
            with pytest.raises(GiveUp, match=r"^YouTube sent a profile without an account"):
                client.profile_of("a1")
        else:
            profile = client.profile_of("a1")
            assert (profile.account_id, profile.handle) == (account, handle)


@pytest.mark.parametrize("status", [401, 403])
def test_a_profile_that_is_refused_is_the_owners_to_mend(
    stranger: Stranger, google: OAuthProvider, status: int
) -> None:
    stranger.says({"error": CANARY}, status)
    with ProviderClient(google) as client, pytest.raises(AccessEnded) as caught:
        client.profile_of("a1")
    assert isinstance(caught.value, OnlyTheOwner)
    assert str(caught.value) == "YouTube does not let us read the account."


@pytest.mark.parametrize(
    ("body", "status", "is_over"),
    [
        ({}, 200, True),
        (b"", 200, True),
        (b"", 204, True),
        ({"error": "invalid_token"}, 400, True),
        ({"error": "invalid_grant"}, 200, True),
        ({"error": "invalid_request"}, 400, False),
        ({"error": "invalid_request"}, 200, False),
        ({"error": {"code": 190}}, 400, False),
        (b"", 400, False),
        (b"", 401, False),
        (b"", 404, False),
    ],
    ids=str,
)
def test_a_revocation_counts_only_if_the_provider_says_so(
    stranger: Stranger, google: OAuthProvider, body: Any, status: int, is_over: bool
) -> None:
    stranger.says(body, status)
    with ProviderClient(google) as client:
        if is_over:
            client.revoke("r1", "refresh_token")
        else:
            with pytest.raises(GiveUp, match="refused to end the access"):
                client.revoke("r1", "refresh_token")


def test_a_web_page_is_no_revocation(stranger: Stranger, google: OAuthProvider) -> None:
    stranger.says(b"<p>Please sign in to the hotel's network.", headers={"Content-Type": "text/html"})
    with ProviderClient(google) as client, pytest.raises(GiveUp, match="sent a page"):
        client.revoke("r1", "refresh_token")


@pytest.mark.parametrize(
    ("body", "status"), [({"active": "yes"}, 200), ({}, 200), ({"error": "invalid_client"}, 401), ([], 200)], ids=str
)
def test_what_tells_nothing_about_a_token_does_not_end_it(
    stranger: Stranger, google: OAuthProvider, body: Any, status: int
) -> None:
    from dataclasses import replace

    stranger.says(body, status)
    with ProviderClient(replace(google, introspect=f"{stranger.url}/introspect")) as client, pytest.raises(GiveUp):
        client.is_active("r1")


def test_answers_are_not_decompressed(stranger: Stranger, google: OAuthProvider) -> None:
    stranger.says(b"x", headers={"Content-Encoding": "gzip"})
    assert problem_of(google) == ("TryAgain", EARLY)
    assert stranger.asked[0].headers["accept-encoding"] == "identity"
    assert isinstance(ProviderTransport("x"), limited_transport.LimitedTransport)
