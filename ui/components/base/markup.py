"""Lists that only show something: one element with HTML of ours, instead of five of NiceGUI's for each line.

Every text and attribute is escaped here, and nowhere else: what people wrote never becomes HTML.
"""

import re
from datetime import datetime
from typing import Final

from markupsafe import Markup, _escape_inner  # type: ignore[attr-defined]
from nicegui import ui

from core.wording import with_visible_marks
from ui import design
from ui.components.base.box import box, dressed, path_prefix
from ui.components.base.times import Mode

#: What a sentence names by its id.
_NAMED: Final = re.compile(r"\b(job|bulk action) ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")


def lines(content: list[Markup], classes: str, tag: str = "div") -> ui.element:
    """Draw these lines in one element."""
    return dressed(box(classes, tag), props={"innerHTML": Markup().join(content)})


def set_html(element: ui.element, *content: Markup) -> None:
    """Show this in an element that has no other content; what is already shown stays, with its focus."""
    html = Markup().join(content)
    if element.props.get("innerHTML") != html:
        element.props["innerHTML"] = html


def tagged(tag: str, *content: str, classes: str = "", **attributes: str) -> Markup:
    """Return an element; an attribute's name is written with an underscore for each hyphen."""
    # A list has hundreds of elements: Markup.format takes forty times as long; `escape` and `Markup` ask what they get.
    written = f' class="{_escaped(classes)}"' if classes else ""
    for name, value in attributes.items():
        written += f' {name.replace("_", "-")}="{_escaped(value)}"'
    return str.__new__(Markup, f"<{tag}{written}>{''.join(map(_escaped, content))}</{tag}>")


def _escaped(content: str) -> str:
    return content if type(content) is Markup else _escape_inner(content)


def words(text: str, classes: str = "", tag: str = "span", **attributes: str) -> Markup:
    """Return a text in its own element, shown literally."""
    return tagged(tag, with_visible_marks(text), classes=classes, **attributes)


def title(heading: str, about: str = "") -> None:
    """Draw the heading of a panel, and a few words about it."""
    lines([words(heading, tag="h2"), *([words(about, "muted")] if about else [])], "title")


def anchor(href: str, *content: Markup, classes: str = "", **attributes: str) -> Markup:
    """Return a link within the product; behind a proxy that serves it under a path, with that path."""
    return tagged(
        "a", *content, classes=f"nicegui-link {classes}".rstrip(), href=f"{path_prefix()}{href}", **attributes
    )


def linked(href: str, number: int, *content: Markup, classes: str = "", tag: str = "div") -> Markup:
    """Return a number as a link to what it counts; zero opens nothing, everywhere."""
    return anchor(href, *content, classes=classes) if number else tagged(tag, *content, classes=classes)


def with_links(text: str) -> Markup:
    """Return a text in which the id of a job, or of a bulk action, leads to it: `(job 01a2…)`."""
    *parts, rest = _NAMED.split(text)
    said = [
        words(before) + anchor(f"/{'jobs' if noun == 'job' else 'bulk'}/{uuid}", words(f"{noun} {uuid}"))
        for before, noun, uuid in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    ]
    return tagged("span", *said, words(rest))


def icon(name: str) -> Markup:
    """Return an icon as Quasar draws it, for those who see; its button or link has a name."""
    shape = tagged("svg", tagged("path", d=design.icons()[name]), viewBox="0 0 24 24")
    return tagged("i", shape, classes="q-icon", aria_hidden="true")


def plain_button(act: str, *content: Markup, classes: str, **attributes: str) -> Markup:
    """Return a button that looks as ours do; `on_press` of the element around it runs what `act` names."""
    inside = tagged("span", *content, classes="q-btn__content col row items-center justify-center no-wrap")
    look = f"q-btn q-btn--actionable btn {classes}"
    return tagged("button", inside, classes=look, type="button", data_act=act, **attributes)


def moment(at: datetime | str, mode: Mode = "ago", classes: str = "") -> Markup:
    """Return a time that updates itself, as `time_text` does."""
    return tagged(
        "time-text", classes=classes, translate="no", mode=mode, at=at if isinstance(at, str) else at.isoformat()
    )
