"""Lists that only show something: one element with HTML of ours, instead of five of NiceGUI's for each line.

Every text and attribute is escaped here, and nowhere else: what people wrote never becomes HTML.
"""

from datetime import datetime
from urllib.parse import quote

from markupsafe import Markup, escape
from nicegui import ui

from core.wording import with_visible_marks
from ui.components.base.times import Mode


def lines(content: list[Markup], classes: str, tag: str = "div") -> ui.html:
    """Draw these lines in one element."""
    return ui.html(Markup().join(content), sanitize=False, tag=tag).classes(classes)


def tagged(tag: str, *content: Markup, classes: str = "", **attributes: str) -> Markup:
    """Return an element; an attribute's name is written with an underscore for each hyphen."""
    given = {"class": classes, **attributes} if classes else attributes
    written = "".join([f' {name.replace("_", "-")}="{escape(value)}"' for name, value in given.items()])
    # Markup.format takes ten times as long, and a list has hundreds of elements.
    return Markup(f"<{tag}{written}>{''.join(map(escape, content))}</{tag}>")  # noqa: S704 - all escaped here


def words(text: str, classes: str = "", tag: str = "span") -> Markup:
    """Return a text in its own element, shown literally."""
    return tagged(tag, escape(with_visible_marks(text)), classes=classes)


def anchor(href: str, *content: Markup) -> Markup:
    """Return a link within the product; behind a proxy that serves it under a path, with that path."""
    return tagged("a", *content, classes="nicegui-link", href=f"{path_prefix()}{href}")


def path_prefix() -> str:
    """Return the path under which a proxy serves this page, escaped for an address."""
    request = ui.context.client.request
    return quote(request.headers.get("X-Forwarded-Prefix", ""), safe="/") + str(request.scope.get("root_path", ""))


def moment(at: datetime | str, mode: Mode = "ago", classes: str = "") -> Markup:
    """Return a time that updates itself, as `time_text` does."""
    return tagged(
        "time-text", classes=classes, translate="no", mode=mode, at=at if isinstance(at, str) else at.isoformat()
    )
