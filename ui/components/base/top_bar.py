"""The bar at the top of both frames: one element with plain buttons; what they open is drawn on first use."""

from collections.abc import Callable
from functools import cache
from typing import Final

from markupsafe import Markup
from nicegui import ui
from nicegui.events import GenericEventArguments

from core.models import Role
from ui import access, design
from ui.components.base.box import box, text
from ui.components.base.button import Pressed, attempt
from ui.components.base.markup import anchor, icon, lines, plain_button, tagged, words

#: In the order of the switch, as in assets/console.js, which acts on it.
_THEMES: Final = {"auto": "brightness_auto", "light": "light_mode", "dark": "dark_mode"}
_EMIT: Final = """(event) => {
  const act = event.target.closest("[data-act]")?.dataset.act;
  if (act && act !== "theme") emit(act);
}"""

GAP: Final = tagged("div", classes="grow")


def top_bar(content: list[Markup], classes: str, drawn: dict[str, Callable[[], Pressed]]) -> None:
    """Draw the bar; pressing a button with `data-act` runs what its entry in `drawn` returns, which is called once."""
    bar = lines(content, classes, "header")
    on_press = {name: cache(draw) for name, draw in (drawn | {"person": _person_menu}).items()}

    async def press(event: GenericEventArguments) -> None:
        if event.args in on_press:
            with bar.client.content:
                act = on_press[event.args]()
            await attempt(bar.client, act)

    bar.on("click", press, js_handler=_EMIT)


def brand(href: str) -> Markup:
    """Return the product's name as a link to the start page."""
    image = tagged("img", src=design.url_of("favicon.svg"), alt="")
    return anchor(href, image, words("Unstuck"), classes="brand", aria_label="Unstuck: start page")


def theme_button() -> Markup:
    """Return the button that goes from one theme to the next."""
    name = design.chosen_theme()
    return bar_button("theme", _THEMES[name], f"Theme: {name}")


def bar_button(act: str, icon_name: str, name: str, **attributes: str) -> Markup:
    """Return an icon-only button of the bar; `name` is its accessible name and tooltip."""
    return plain_button(act, icon(icon_name), classes="quiet icon", aria_label=name, title=name, **attributes)


def person_button() -> Markup:
    """Return the button with the person's name, which opens their menu."""
    name = access.me().name
    content = icon("account_circle"), words(name, "who")
    return plain_button(
        "person", *content, classes="quiet person", id="person", aria_label=f"Signed in as {name}", aria_haspopup="menu"
    )


def _person_menu() -> Pressed:
    actor = access.me()
    with ui.menu().props("auto-close target=#person no-parent-event") as menu:
        with box("vbox").style("padding: 10px 12px; gap: 2px"):
            text(actor.name, "strong")
            text(f"role: {actor.role}", "muted")
        ui.separator()
        if actor.may(Role.VIEWER):
            ui.menu_item("Console", lambda: ui.navigate.to("/"))
        ui.menu_item("My dashboard", lambda: ui.navigate.to("/dashboard"))
        ui.menu_item("Settings", lambda: ui.navigate.to("/settings"))
        ui.menu_item("Sign out", lambda: ui.run_javascript("signOut()"))
    return menu.toggle
