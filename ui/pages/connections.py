"""The creator's own page for their platforms: connect an account, follow what happens to it, disconnect it."""

from collections.abc import Sequence
from typing import Final

from nicegui import ui

from core.diagnosis.situation import Situation
from core.oauth.providers import all_platforms
from core.people.connections import PlatformState, platforms_of
from ui import access, design
from ui.components.base.box import box, keep_fresh, keep_ticking, text
from ui.components.base.button import say
from ui.components.connections.connection_words import Seen, news, outcome_words, request_words, seen_in
from ui.components.connections.platform_card import PlatformCard

#: Takes the outcome out of the address, so that loading the page again does not say it again.
_FORGET_OUTCOME: Final = "history.replaceState(history.state, '', location.pathname)"


async def draw() -> None:
    """Load the creator's platforms, draw them, and keep them fresh."""
    text("Connections", tag="h1")
    text(
        "Connect your accounts. You decide on each platform's own page what you share, and you can disconnect at any "
        "time.",
        "lead",
        tag="p",
    )
    params = ui.context.client.request.query_params
    _draw_outcome(params.get("outcome", ""))
    await Connections(params.get("connect", "")).begin()


def _draw_outcome(word: str) -> None:
    if not word:
        return
    ui.run_javascript(_FORGET_OUTCOME)
    if (said := outcome_words(word)) is None:
        return
    words, is_bad = said
    with box("banner bad" if is_bad else f"banner plain {design.IDLE}").props(
        "role=alert" if is_bad else "role=status"
    ):
        ui.icon("error" if is_bad else "info").props("aria-hidden=true")
        text(words, "words")


class Connections:
    """The platforms of one creator; `wanted` is the one that a link of the support names."""

    def __init__(self, wanted: str) -> None:
        self._user_id = access.whose()
        self._seen: Seen | None = None
        self._is_moving = False
        self._voice = text("", "hidden-visually").props("role=status aria-live=polite")
        self._wanted = wanted if wanted in all_platforms() else ""
        self._request = _draw_request() if self._wanted else None
        self._box = box("platforms")
        self._cards: dict[str, PlatformCard] = {}

    async def begin(self) -> None:
        """Show the platforms now and after every change, in one order, whatever becomes of them."""
        platforms = await access.load(platforms_of, self._user_id)
        with self._box:
            for platform in sorted(platforms, key=self._place):
                name = platform.platform
                self._cards[name] = PlatformCard(self.refresh, is_asked_for=name == self._wanted)
        self._show(platforms)
        keep_fresh(self._box, self.refresh, user_id=self._user_id)
        keep_ticking(self._box, self._tick)

    async def refresh(self) -> None:
        """Load the platforms and show what changed."""
        platforms = await access.load(platforms_of, self._user_id)
        if not self._box.is_deleted:
            self._show(platforms)

    def _place(self, platform: PlatformState) -> tuple[bool, str]:
        return platform.platform != self._wanted, platform.label.casefold()

    def _show(self, platforms: Sequence[PlatformState]) -> None:
        for platform in platforms:
            if card := self._cards.get(platform.platform):
                card.show(platform)
            if self._request and platform.platform == self._wanted:
                self._request.set_text(request_words(platform))
        self._announce(platforms)
        settled = (Situation.FINE, Situation.FAILED)
        self._is_moving = any(
            each.operation or each.diagnosis.situation not in settled
            for platform in platforms
            for each in platform.connections
        )

    def _announce(self, platforms: Sequence[PlatformState]) -> None:
        before, self._seen = self._seen, seen_in(platforms)
        for words in news(before, self._seen) if before is not None else []:
            say(words)
            self._voice.set_text(words)

    async def _tick(self) -> None:
        """Look again while something is not at rest: without a worker, there is no commit that would tell."""
        if self._is_moving:
            await self.refresh()


def _draw_request() -> ui.label:
    with box(f"banner plain {design.RUN}"):
        ui.icon("info").props("aria-hidden=true")
        return text("", "words")
