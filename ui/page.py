"""What a page is: its address, the role it needs, the function that draws it, and its place in the navigation."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.actor import Actor
from core.models import Role


class Frame(StrEnum):
    """What surrounds a page: the operators' console, the simpler frame of a creator's pages, or each for its people."""

    CONSOLE = "console"
    CREATOR = "creator"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class Place:
    """A page's place in the navigation; in the console it has an icon, and a key to press after `g`."""

    icon: str = ""
    key: str = ""
    #: Whether a phone shows it beside the button More, behind which the others are.
    on_phone: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """One page; without a place, only links lead to it."""

    route: str
    title: str
    role: Role
    draw: Callable[..., Any]
    place: Place | None = None
    frame: Frame = Frame.CONSOLE

    @property
    def window_title(self) -> str:
        """Return the title of the browser's tab."""
        return f"{self.title} · Unstuck"


#: A page of the navigation, and its place there.
Places = tuple[tuple[Page, Place], ...]


def places(pages: Iterable[Page], frame: Frame, actor: Actor) -> Places:
    """Return the navigation of a frame: the pages with a place that the person may open."""
    return tuple((page, page.place) for page in pages if page.place and page.frame is frame and actor.may(page.role))
