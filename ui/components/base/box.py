"""Plain boxes and text with a class of our style sheets, and parts that are drawn again only when they changed."""

from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Final, Generic, TypeVar
from uuid import UUID

from nicegui import ui

from ui import live

T = TypeVar("T")
#: What a part shows before it was drawn; None would be a fair key.
_NOTHING: Final = object()


def box(classes: str = "", tag: str = "div") -> ui.element:
    """Return a container that looks as its classes say."""
    return ui.element(tag).classes(classes)


def text(words: str, classes: str = "", tag: str = "span") -> ui.label:
    """Return words in an element of their own; they are shown as they are, never read as HTML."""
    label = ui.label(words).classes(classes)
    label.tag = tag
    return label


def link(href: str, classes: str = "", words: str = "") -> ui.link:
    """Return a link within the product; `href` begins with a slash and holds no text that people wrote."""
    return ui.link(words, href).classes(classes)


class Part(Generic[T]):
    """A part of a page: drawn anew only when what it shows differs from what it showed, so that focus stays."""

    def __init__(self, draw: Callable[[T], object], classes: str = "") -> None:
        self.box = box(classes)
        self._draw = draw
        self._shown: object = _NOTHING

    def show(self, what: T, *, key: object) -> None:
        """Draw `what`, unless `key` (everything that is visible of it) is the same as before."""
        if key == self._shown or self.box.is_deleted:
            return
        self._shown = key
        self.box.clear()
        with self.box:
            self._draw(what)


class Rows(Generic[T]):
    """Lines that are drawn once and then moved in place: focus and scroll stay while the figures change.

    `draw` draws a line and returns what moves it to a newer state.
    """

    def __init__(self, draw: Callable[[T], Callable[[T], None]], classes: str, tag: str = "div") -> None:
        self.box = box(classes, tag)
        self._draw = draw
        self._move: dict[Hashable, Callable[[T], None]] = {}

    def show(self, lines: Mapping[Hashable, T]) -> None:
        """Show these lines; all are drawn anew only when one comes, goes or changes its place."""
        if self.box.is_deleted:
            return
        if list(lines) != list(self._move):
            self.box.clear()
            with self.box:
                self._move = {key: self._draw(line) for key, line in lines.items()}
        for key, line in lines.items():
            self._move[key](line)


def keep_fresh(
    within: ui.element,
    refresh: Callable[[], Awaitable[None]],
    *,
    user_id: UUID | None = None,
    job_id: UUID | None = None,
) -> None:
    """Refresh a part of the page after each change of that user or job, for as long as `within` is on the page."""
    live.watch(refresh, user_id=user_id, job_id=job_id, within=within)


def keep_ticking(within: ui.element, refresh: Callable[[], Awaitable[None]]) -> None:
    """Refresh a part of the page once a second, for what moves without any commit: heartbeats, ages."""
    live.watch_status(refresh, within=within)


def keep_roughly_fresh(within: ui.element, refresh: Callable[[], Awaitable[None]], *, seconds: float) -> None:
    """Refresh a part of the page at most once in `seconds`, and only when any job or user changed meanwhile.

    For lists and counts over everything: a busy system changes many times a second, and nobody reads that fast.
    """
    changed = False

    def note() -> None:
        nonlocal changed
        changed = True

    async def look() -> None:
        nonlocal changed
        if changed and ui.context.client.has_socket_connection:
            changed = False
            await refresh()

    live.watch(note, within=within)
    with within:
        ui.timer(seconds, look, immediate=False)
