"""What stays while pages come and go: top bar, navigation, status bar; and the simpler frame of a creator's pages."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from nicegui import ui

from core.models import Role
from core.settings import settings
from core.wording import counted
from ui import access, design, error_page, live
from ui.components.base.box import box, link, text
from ui.components.base.button import icon_button, refuse
from ui.components.base.keys import keys_dialog
from ui.components.base.palette import Palette
from ui.console_pages import ConsolePages

#: Only pages that exist: path, word, icon, key.
PLACES: Final = (
    ("/", "Overview", "dashboard", "g+o"),
    ("/jobs", "Jobs", "list_alt", "g+j"),
    ("/users", "Users", "group", "g+u"),
    ("/workers", "Workers", "memory", "g+w"),
    ("/queues", "Queues", "low_priority", "g+q"),
    ("/schedules", "Schedules", "event_repeat", "g+s"),
)
#: Only for admins.
ADMIN_PLACES: Final = (("/operators", "Operators", "badge", "g+p"), ("/audit", "Audit", "policy", "g+a"))
_HOME: Final = (("/dashboard", "Dashboard"), ("/settings/demo-mode", "Demo mode"))
_THEMES: Final = (("auto", "brightness_auto"), ("light", "light_mode"), ("dark", "dark_mode"))
_ENVIRONMENTS: Final = {"production": design.BAD, "staging": design.WARN}


def console_frame(routes: dict[str, Callable[..., Any]]) -> None:
    """Draw the operators' frame, and in it the page that the address names."""
    switch = design.dress("console.css")
    ui.on_exception(_apologise)
    with box("shell"):
        with box("top", "header"):
            _brand("/")
            text(settings().environment, f"badge {_ENVIRONMENTS.get(settings().environment, design.OK)}")
            box("grow")
            _search()
            box("grow")
            _theme_button(switch)
            keys_dialog()
            _person()
        with box("side", "nav").props('aria-label="Main"'):
            _navigation()
        with box("main", "main").props("id=main tabindex=-1"):
            ConsolePages(routes)
        with box("foot", "footer"):
            _status_bar()


@contextmanager
def home_frame(here: str) -> Iterator[None]:
    """Draw the creator's frame around one of their pages; `here` is its path."""
    switch = design.dress("customer.css")
    ui.on_exception(_apologise)
    with box("home"):
        with box("bar", "header"):
            _brand("/dashboard")
            if access.me().may(Role.VIEWER):
                link("/", "tab back", "Console").props('title="Back to the operators\' console"')
            with box("hbox", "nav").props('aria-label="Main"').style("gap: 0"):
                for path, word in _HOME:
                    tab = link(path, "tab", word)
                    if path == here:
                        tab.props["aria-current"] = "page"
            box("grow")
            _theme_button(switch)
            _person()
        with box("page", "main"):
            yield


def _brand(href: str) -> None:
    with link(href, "brand").props('aria-label="Unstuck: start page"'):
        box(tag="img").props(f'src="{design.url_of("favicon.svg")}" alt=""')
        text("Unstuck")


def _search() -> None:
    palette = Palette(_places())
    made = box("find", "button").props('type=button data-key="ctrl+k" aria-haspopup=dialog')
    with made.on("click", palette.open):
        ui.icon("search").props("aria-hidden=true")
        text("Search or do", "grow")
        text("Ctrl K", tag="kbd")


def _places() -> tuple[tuple[str, str, str, str], ...]:
    return PLACES + ADMIN_PLACES if access.me().may(Role.ADMIN) else PLACES


def _navigation() -> None:
    links = {}
    for path, word, icon, key in _places():
        with link(path).props(f'data-key="{key}" title="{word}"') as links[path]:
            ui.icon(icon).props("aria-hidden=true")
            text(word, "word")
    with links["/users"]:
        stuck = text("", "count")

    def mark(path: str) -> None:
        place = "/" + path.split("?")[0].strip("/").split("/")[0]
        for each, element in links.items():
            element.props["aria-current"] = "page" if each == place else None
            element.update()

    def count() -> None:
        pulse = live.status().pulse
        worried = pulse.stuck_users + pulse.failed_users if pulse else 0
        stuck.set_text(str(worried))
        stuck.set_visibility(worried > 0)
        stuck.props["aria-label"] = f"{worried} stuck or failed"

    router = ui.context.client.sub_pages_router
    router.on_path_changed(mark)
    mark(router.current_path)
    count()
    live.watch_status(count)


def _status_bar() -> None:
    connection = text("connected", f"state {design.OK}")
    age = text("")
    workers = text("")
    waiting = text("")
    box("grow")
    stuck = link("/users?need=stuck")
    text("? shortcuts", "muted")

    def tell() -> None:
        status = live.status()
        fresh, pulse = status.connected, status.pulse
        connection.set_text("live" if fresh else "database unreachable")
        connection.classes(replace=f"state {design.OK if fresh else design.BAD}")
        age.set_text(f"data {int(status.age_seconds)} s old")
        if pulse is None:
            return
        alive = pulse.workers_alive
        workers.set_text(f"{counted(alive, 'worker')} alive" if alive else "no worker alive")
        workers.classes(add=None if alive else "alarm", remove="alarm" if alive else None)
        oldest = f", oldest {int(pulse.oldest_wait_seconds)} s" if pulse.oldest_wait_seconds else ""
        waiting.set_text(f"{pulse.running:,} running · {pulse.queue_depth:,} waiting{oldest}")
        stuck.text = counted(pulse.stuck_users, "stuck user") if pulse.stuck_users else "nobody stuck"
        stuck.classes(add="alarm" if pulse.stuck_users else None, remove=None if pulse.stuck_users else "alarm")

    tell()
    live.watch_status(tell)


def _theme_button(switch: ui.dark_mode) -> None:
    names = [name for name, _ in _THEMES]
    icons = dict(_THEMES)
    state = {"theme": design.chosen_theme()}

    def turn() -> None:
        theme = names[(names.index(state["theme"]) + 1) % len(names)]
        state["theme"] = theme
        switch.value = {"dark": True, "light": False}.get(theme)
        ui.run_javascript(f"setTheme('{theme}')")
        made.icon = icons[theme]
        made.props["aria-label"] = f"Theme: {theme}"

    made = icon_button(icons[state["theme"]], f"Theme: {state['theme']}", turn)


def _person() -> None:
    actor = access.me()
    made = ui.button(icon="account_circle", color=None).classes("btn quiet person")
    made.props('unelevated no-caps no-wrap :ripple="false"')
    made.props["aria-label"] = f"Signed in as {actor.name}"
    with made:
        text(actor.name, "who")
    with made, ui.menu().props("auto-close"):
        with box("vbox").style("padding: 10px 12px; gap: 2px"):
            text(actor.name, "strong")
            text(f"role: {actor.role}", "muted")
        ui.separator()
        if actor.may(Role.VIEWER):
            ui.menu_item("Console", lambda: ui.navigate.to("/"))
        ui.menu_item("My dashboard", lambda: ui.navigate.to("/dashboard"))
        ui.menu_item("Settings", lambda: ui.navigate.to("/settings"))
        ui.menu_item("Sign out", lambda: ui.run_javascript("signOut()"))


def _apologise(error: Exception) -> None:
    refuse(f"Something went wrong on our side; nothing was changed. Incident {error_page.incident(error)}.")
