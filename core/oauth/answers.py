"""Reading providers' answers: tokens, accounts and errors in JSON that may hold anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import httpx2

from core import clock
from core.errors import GiveUp
from core.oauth.providers import OAuthProvider
from core.oauth.transport import REPORT

#: The shortest and longest life of a token that is believed, in seconds; one without a life ends in an hour.
_SHORTEST, _LONGEST, _USUAL = 60, 400 * 86_400, 3_600
#: Characters of a token, a handle and an id that are stored.
_MOST_TOKEN, _MOST_NAME = 8_000, 200
#: What they answer where another attempt can help: words, and the numbers of Meta's platforms.
BUSY: Final = frozenset({"temporarily_unavailable", "server_error", "slow_down", "rate_limit_exceeded"})
_BUSY_NUMBERS: Final = frozenset({1, 2, 4, 17, 32, 341, 613})
#: The number of Meta's platforms for a token that has ended.
ENDED_NUMBER: Final = 190
#: Google's words, with 403, for a quota of ours that is used up, and the seconds after which it may be asked again. A
#: day's quota begins anew at midnight in California: two such pauses end before an access token, which lives an hour.
QUOTAS: Final[Mapping[str | int, float]] = {
    "quotaExceeded": 1_500,
    "dailyLimitExceeded": 1_500,
    "rateLimitExceeded": 60,
    "userRateLimitExceeded": 60,
}


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a provider has issued; it prints without its secrets."""

    access: str = field(repr=False)
    refresh: str | None = field(repr=False)
    expires_at: datetime
    #: Granted scopes; empty: the provider did not say.
    scopes: tuple[str, ...] = ()


def tokens_in(provider: OAuthProvider, answer: Any, refresh: str | None) -> Tokens:
    """Return an answer's tokens, checked; without a new refresh token, the present one stays."""
    answer = unwrapped(answer)
    access, new = answer.get("access_token"), answer.get("refresh_token") or refresh
    if not _is_token(access) or not (new is None or _is_token(new)):
        raise GiveUp(f"{provider.label} sent an answer without tokens. {REPORT}")
    return Tokens(access, new, _end_of(answer.get("expires_in")), _scopes(answer))


def _is_token(value: object) -> bool:
    """Tell whether a value can be a token: of the characters that OAuth allows, and no more of them than we store."""
    return isinstance(value, str) and 0 < len(value) <= _MOST_TOKEN and value.isascii() and value.isprintable()


def _is_number(value: object) -> bool:
    text = str(value) if isinstance(value, int | float | str) else ""
    return text.isascii() and text.replace(".", "", 1).isdigit()


def unwrapped(answer: Any) -> dict[str, Any]:
    """Return what an answer is about: Instagram puts it into a list."""
    inner = answer.get("data") if isinstance(answer, dict) else None
    answer = inner[0] if isinstance(inner, list) and inner else answer
    return answer if isinstance(answer, dict) else {}


def with_sound_times(answer: httpx2.Response) -> httpx2.Response:
    """Return an answer without times that Authlib could not read: it would refuse the tokens beside them."""
    content = answer.json()
    if not isinstance(content, dict):
        return answer
    seconds = content.get("expires_in", 0)
    if "expires_at" not in content and type(seconds) is int:
        return answer
    sound = {name: value for name, value in content.items() if name not in ("expires_at", "expires_in")}
    sound |= {"expires_in": int(min(float(seconds), _LONGEST))} if _is_number(seconds) else {}
    return httpx2.Response(answer.status_code, json=sound, request=answer.request)


def error_in(answer: httpx2.Response) -> str | int:
    """Return the word or number of the error in an answer; empty: there is none."""
    try:
        content = answer.json()
    except (ValueError, RecursionError):
        return ""
    error = content.get("error") if isinstance(content, dict) else None
    if isinstance(error, dict):
        reason = text_at(error, ("errors", 0, "reason"))
        error = reason if reason in QUOTAS else _number_of(error)
    return error if isinstance(error, str | int) else ""


def _number_of(error: dict[str, Any]) -> Any:
    return "temporarily_unavailable" if error.get("is_transient") is True else error.get("code")


def says_done(answer: httpx2.Response) -> bool:
    """Tell whether an answer says in Meta's way that what was asked for is done."""
    try:
        content = answer.json()
    except (ValueError, RecursionError):
        return False
    return (content.get("success") if isinstance(content, dict) else content) is True


def is_transient(error: str | int) -> bool:
    """Tell whether an error passes by itself."""
    return error in BUSY or error in _BUSY_NUMBERS


def _end_of(seconds: object) -> datetime:
    """Return when a token ends, by our clock; a life that nobody can mean counts as an hour."""
    life = float(str(seconds)) if _is_number(seconds) else _USUAL
    return clock.now() + timedelta(seconds=min(max(life, _SHORTEST), _LONGEST))


def _scopes(answer: dict[str, Any]) -> tuple[str, ...]:
    granted = answer.get("scope") or answer.get("permissions") or ""
    words = granted if isinstance(granted, list) else str(granted).replace(",", " ").split()
    return tuple(_storable(str(word)) for word in words[:50])


def json_of(provider: OAuthProvider, answer: httpx2.Response) -> dict[str, Any]:
    """Return an answer's JSON object. Raises GiveUp."""
    try:
        content = answer.json()
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise GiveUp(f"{provider.label} sent something else than JSON ({answer.status_code}). {REPORT}")
    return content


def text_at(content: Any, path: tuple[str | int, ...]) -> str:
    """Return the text at a path of JSON, without what PostgreSQL cannot store; empty: there is none."""
    for step in path:
        try:
            content = content[step]
        except (KeyError, IndexError, TypeError):
            return ""
    return _storable(str(content)) if isinstance(content, str | int) else ""


def _storable(text: str) -> str:
    """Return a text as PostgreSQL can store it."""
    return text[:_MOST_NAME].replace("\x00", "").encode("utf-8", "replace").decode()
