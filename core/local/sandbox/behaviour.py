"""How the provider behaves: well, or as providers do on a bad day; for the next requests, or until it is changed."""

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from core.local.sandbox.ledger import Ledger

#: Each way to behave, with what it means.
MODES: Final = {
    "normal": "answers at once",
    "slow": "does it, and answers some seconds later",
    "late": "waits some seconds, then does it and answers",
    "silent": "does it, and closes the connection without an answer",
    "500": "answers 500 and does nothing",
    "503": "answers 503 and does nothing",
    "429": "answers 429 with Retry-After and does nothing",
    "garbage": "answers 200 with a web page and does nothing",
    "huge": "answers 200 with 2 MB of JSON and does nothing",
    "gone": "closes each connection and does nothing",
    "redirect": "sends the program to another address and does nothing",
}
#: The endpoints that a behaviour can concern; pages and the ledger always answer.
ENDPOINTS: Final = ("all", "token", "me", "revoke", "introspect")
HUGE_BYTES: Final = 2_000_000
#: Seconds of `slow` and `late`, and of Retry-After, unless others are set.
SECONDS: Final = 3.0
RETRY_AFTER: Final = 30
#: The largest number of requests, and of seconds, that can be set.
_MOST: Final = {"times": 1_000_000, "seconds": 3600, "retry_after": 86_400, "life": 10**9, "offset": 10**9}


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the endpoints answer; `times` None lasts until it is changed."""

    mode: str = "normal"
    times: int | None = None
    seconds: float = SECONDS
    retry_after: int = RETRY_AFTER
    endpoint: str = "all"


def present(ledger: Ledger) -> Behaviour:
    """Return how the provider behaves now."""
    return Behaviour(**ledger.setting("behaviour", {}))


def change(ledger: Ledger, wanted: Mapping[str, Any]) -> None:
    """Set the behaviour if `mode` is given, and the tokens' `life` and the clock's `offset` (seconds) if these are.

    Raises ValueError with a sentence.
    """
    known = {field.name for field in fields(Behaviour)}
    if unknown := set(wanted) - known - {"life", "offset"}:
        raise ValueError(f"There is no {', '.join(sorted(unknown))} to set.")
    numbers = {name: _number(name, wanted[name]) for name in _MOST if wanted.get(name) is not None}
    if wanted.get("mode") is not None:
        _set_mode(ledger, wanted, numbers)
    for name, least in (("life", 1), ("offset", -_MOST["offset"])):
        if name in numbers:
            if numbers[name] < least:
                raise ValueError(f"The {name} must be at least {least}.")
            ledger.set(name, int(numbers[name]))


def _set_mode(ledger: Ledger, wanted: Mapping[str, Any], numbers: Mapping[str, float]) -> None:
    mode, endpoint = str(wanted["mode"]), str(wanted.get("endpoint") or "all")
    if mode not in MODES or endpoint not in ENDPOINTS:
        raise ValueError(f"The mode is one of {', '.join(MODES)}, and the endpoint one of {', '.join(ENDPOINTS)}.")
    times = int(numbers["times"]) if "times" in numbers else None
    seconds, retry_after = numbers.get("seconds", SECONDS), numbers.get("retry_after", RETRY_AFTER)
    if min(seconds, retry_after) < 0 or (times is not None and times < 1):
        raise ValueError("Times must be at least 1, and seconds at least 0.")
    ledger.set("behaviour", asdict(Behaviour(mode, times, seconds, int(retry_after), endpoint)))


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not abs(number) <= _MOST[name]:  # also what is not a number
        raise ValueError(f"{name} must be a number up to {_MOST[name]:,}.")
    return number


def take(ledger: Ledger, endpoint: str) -> Behaviour:
    """Return the behaviour for one request, and count the request if the behaviour ends after some."""
    current = present(ledger)
    if current.mode == "normal" or current.endpoint not in ("all", endpoint):
        return Behaviour()
    if current.times is not None:
        left = asdict(current) | {"times": current.times - 1}
        ledger.set("behaviour", left if current.times > 1 else {})
    return current


async def play(current: Behaviour, answer: Callable[[], Response]) -> Response:
    """Answer one request as the behaviour wants it; `answer` does what the request asks for."""
    match current.mode:
        case "normal":
            return answer()
        case "slow":
            response = answer()
            await asyncio.sleep(current.seconds)
            return response
        case "late":
            await asyncio.sleep(current.seconds)
            return answer()
        case "silent":
            answer()
            return HungUp()
    return _without_doing(current)


def _without_doing(current: Behaviour) -> Response:
    match current.mode:
        case "429":
            headers = {"Retry-After": str(current.retry_after)}
            return JSONResponse({"error": "temporarily_unavailable"}, 429, headers)
        case "garbage":
            return HTMLResponse("<!doctype html><title>Welcome</title><p>Please sign in to the hotel's network.")
        case "huge":
            return JSONResponse({"access_token": "x" * HUGE_BYTES, "token_type": "Bearer"})
        case "redirect":
            return RedirectResponse("/elsewhere", 307)
        case "gone":
            return HungUp()
    return PlainTextResponse("The provider has a bad day.", int(current.mode))


class HungUp(Response):
    """Ends the connection without an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reset the connection, and wait until the server has noticed: it would answer 500 otherwise."""
        scope["state"]["transport"].abort()
        while (await receive())["type"] != "http.disconnect":
            pass
