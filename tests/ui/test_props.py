"""An element learns of each change of its props, classes and style, without NiceGUI's events in between."""

from typing import Any

import pytest
from nicegui.classes import Classes
from nicegui.props import Props
from nicegui.style import Style

from ui import props

KINDS: tuple[Any, ...] = (Props, Classes, Style)
TEXTS = ("outlined dense debounce=250", 'aria-label="Search jobs" data-key=/', "", None, "a='b c' :d=[1,2]")


class Element:
    """Counts how often it is told."""

    told = 0

    def update(self) -> None:
        """Count."""
        self.told += 1


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in KINDS:
        monkeypatch.setattr(kind, "_handle_change", kind._handle_change)
    monkeypatch.setattr(Props, "parse", staticmethod(Props.parse))
    props.install()


@pytest.mark.parametrize("kind", KINDS)
def test_an_element_learns_of_a_change_once_and_nobody_else_listens(kind: Any) -> None:
    element = Element()
    part = kind(element=element)
    part.append("a") if kind is Classes else part.update(a="b")
    assert element.told == 1
    assert part.change_handlers == [part._update], "NiceGUI has more who listen"
    with part.suspend_updates():
        part.clear()
    assert element.told == 1


def test_a_change_within_a_value_reaches_the_element_too() -> None:
    element = Element()
    part: Any = Props(element=element)
    part["options"] = ["one"]
    part["options"].append("two")
    assert element.told == 2


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_read_as_nicegui_reads_it(text: str | None) -> None:
    assert Props.parse(text) == Props.parse.__wrapped__(text)  # type: ignore[attr-defined]
    assert Props.parse(text) is Props.parse(text)
