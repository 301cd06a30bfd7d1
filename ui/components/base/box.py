"""Boxes and text with a class of our style sheets, and parts that redraw only when their content changed."""

import time
from collections.abc import Awaitable, Callable, Hashable, Mapping
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote
from uuid import UUID

from nicegui import ui

from core.wording import with_visible_marks
from ui import live

T = TypeVar("T")
ElementT = TypeVar("ElementT", bound=ui.element)
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
#: Marks a part that was never drawn; None is a valid key.
_NEVER_DRAWN: Final = object()


def box(classes: str = "", tag: str = "div") -> ui.element:
    """Return a container with these CSS classes."""
    return dressed(ui.element(tag), classes)


def text(content: str, classes: str = "", tag: str = "span") -> ui.label:
    """Return a text in its own element; it is shown literally, never read as HTML."""
    label = dressed(ui.label(with_visible_marks(content)), classes)
    label.tag = tag
    return label


def dressed(element: ElementT, classes: str = "", props: Mapping[str, Any] = _NOTHING) -> ElementT:
    """Give a new element its classes and props at once, and return it.

    NiceGUI's own `classes` and `props` tell the page of each change, which is a third of what an element costs; an
    element that was made just now is sent whole anyway.
    """
    list.extend(element.classes, classes.split())
    dict.update(element.props, props)
    return element


def link(href: str, classes: str = "", label: str = "") -> ui.label:
    """Return a link within the product; `href` starts with a slash and contains no text written by people."""
    element = text(label, f"nicegui-link {classes}", tag="a")
    element.props["href"] = f"{path_prefix()}{href}"
    return element


def path_prefix() -> str:
    """Return the path under which a proxy serves this page, escaped for an address."""
    request = ui.context.client.request
    return quote(request.headers.get("X-Forwarded-Prefix", ""), safe="/") + str(request.scope.get("root_path", ""))


class Part(Generic[T]):
    """A part of a page that redraws only when its content differs, so that focus stays."""

    def __init__(self, draw: Callable[[T], object], classes: str = "") -> None:
        self.box = box(classes)
        self._draw = draw
        self._shown: object = _NEVER_DRAWN

    def show(self, value: T, *, key: object) -> None:
        """Draw `value`, unless `key` (everything visible of it) is the same as before."""
        if key == self._shown or self.box.is_deleted:
            return
        if self._shown is not _NEVER_DRAWN:
            self.box.clear()
        self._shown = key
        with self.box:
            self._draw(value)


class Rows(Generic[T]):
    """Lines that are drawn once and then updated in place: focus and scroll stay while the figures change.

    `draw` draws a line and returns a function that updates it.
    """

    def __init__(self, draw: Callable[[T], Callable[[T], None]], classes: str, tag: str = "div") -> None:
        self.box = box(classes, tag)
        self._draw = draw
        self._updates: dict[Hashable, Callable[[T], None]] = {}

    def show(self, lines: Mapping[Hashable, T]) -> None:
        """Show these lines; redraw all of them only when a line comes, goes or changes its place."""
        if self.box.is_deleted:
            return
        if list(lines) != list(self._updates):
            self.box.clear()
            with self.box:
                self._updates = {key: self._draw(line) for key, line in lines.items()}
        for key, line in lines.items():
            self._updates[key](line)


def keep_fresh(
    within: ui.element,
    refresh: Callable[[], Awaitable[None]],
    *,
    user_id: UUID | None = None,
    job_id: UUID | None = None,
) -> None:
    """Refresh a part of the page after each change of that user or job, while `within` is on the page."""
    live.watch(refresh, user_id=user_id, job_id=job_id, within=within)


def keep_ticking(within: ui.element, refresh: Callable[[], Awaitable[None]], *, seconds: float = live.POLL) -> None:
    """Refresh a part of the page once per `seconds`, for values that change without a commit: heartbeats, ages."""
    due = time.monotonic() + seconds

    def refresh_if_due() -> Awaitable[None] | None:
        nonlocal due
        if time.monotonic() + live.POLL / 2 < due:
            return None
        due = time.monotonic() + seconds
        return refresh()

    live.watch_status(refresh_if_due, within=within)


def keep_roughly_fresh(within: ui.element, refresh: Callable[[], Awaitable[None]], *, seconds: float) -> None:
    """Refresh a part of the page at most once per `seconds`, and only if a job or user has changed since.

    For lists and counts over everything: a busy system changes faster than people can read.
    """
    changed = False

    def note_change() -> None:
        nonlocal changed
        changed = True

    async def refresh_if_changed() -> None:
        nonlocal changed
        if changed:
            changed = False
            await refresh()

    live.watch(note_change, within=within)
    keep_ticking(within, refresh_if_changed, seconds=seconds)
