"""Limits of the routes that answer without a session: requests by address, and answers computed once for all."""

import asyncio
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from sqlalchemy import Engine
from starlette.types import ASGIApp, Receive, Scope, Send

from core.people import rate_limits
from ui import access
from ui.api.problems import problem

T = TypeVar("T")

#: Seconds for which an answer stays fresh.
FRESH = 1.0
#: Each probe has a count of its own, so that a flood elsewhere behind one proxy does not make a console look dead.
PROBES: Final = ("/healthz", "/readyz", "/metrics")
_PAGES: Final = ("/login", "/logout", "/connections/callback", "/unsubscribe", "/api/openapi.json", "/api/docs")
_ASSETS: Final = ("/assets/", "/_nicegui/", "/_nicegui_ws/", "/favicon.ico")


class PublicLimits:
    """ASGI middleware: refuses an address that asks the public routes too often. Each process counts for itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._counts = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        app = self.app
        if scope["type"] == "http" and rate_limits.are_on():
            app = self._refusal(scope["path"], scope["client"][0] if scope["client"] else "") or app
        await app(scope, receive, send)

    def _refusal(self, path: str, address: str) -> ASGIApp | None:
        limit = rate_limits.ASSETS if path.startswith(_ASSETS) else rate_limits.STRANGERS
        counted = path if path in PROBES else "assets" if limit is rate_limits.ASSETS else "pages"
        if counted == "pages" and not path.startswith(_PAGES):
            return None
        item = RateLimitItemPerSecond(limit.times, limit.seconds)
        if self._counts.hit(item, counted, address):
            return None
        seconds = max(1, round(self._counts.get_window_stats(item, counted, address).reset_time - time.time()))
        answer = problem(429, "Too many requests", f"{limit.says} Wait {seconds} seconds and try again.")
        answer.headers["Retry-After"] = str(seconds)
        return answer


class SharedAnswer(Generic[T]):
    """An answer that is computed in one thread for everyone who waits for it, and again after `fresh` seconds."""

    def __init__(self, compute: Callable[[], T], fresh: float = FRESH) -> None:
        self._compute, self.fresh = compute, fresh
        self._flight: asyncio.Future[T] | None = None
        self._done_at = 0.0
        self._engine: Engine | None = None

    async def now(self) -> T:
        """Return the answer of the last second, the one being computed, or a new one."""
        flight = self._flight
        is_old = flight is None or (flight.done() and time.monotonic() - self._done_at > self.fresh)
        if flight is None or is_old or flight.cancelled() or self._engine is not access.engine():
            self._engine = access.engine()
            flight = self._flight = asyncio.ensure_future(asyncio.to_thread(self._timed))
        return await asyncio.shield(flight)  # one who leaves does not take the answer from the others

    def _timed(self) -> T:
        try:
            return self._compute()
        finally:
            self._done_at = time.monotonic()
