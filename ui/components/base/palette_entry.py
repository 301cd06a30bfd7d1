"""One line of the palette."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the palette: what it says, and what happens when it is chosen."""

    icon: str
    label: str
    hint: str
    act: Callable[[], Awaitable[Any] | Any]
