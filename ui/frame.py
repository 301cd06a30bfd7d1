"""The frames around pages: the console's top bar, navigation and status bar, and the simpler frame of a creator."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from nicegui import ui

from core.models import Role
from core.settings import settings
from core.wording import counted, with_visible_marks
from ui import access, design, error_page, live, query_cache
from ui.components.base.box import box, link, text
from ui.components.base.button import icon_button, refuse
from ui.components.base.keys import keys_dialog
from ui.components.base.palette import Palette
from ui.console_pages import ConsolePages
from ui.page import Frame, Page, Places, places

_THEMES: Final = (("auto", "brightness_auto"), ("light", "light_mode"), ("dark", "dark_mode"))
_ENVIRONMENTS: Final = {"production": design.BAD, "staging": design.WARN}


async def console_frame(pages: Sequence[Page]) -> None:
    """Draw the operators' frame with the page that the URL names."""
    switch = design.dress("console.css")
    navigation = places(pages, Frame.CONSOLE, access.me())
    ui.on_exception(_apologise)
    with box("shell"):
        with box("top", "header"):
            _brand("/")
            text(settings().environment, f"badge {_ENVIRONMENTS.get(settings().environment, design.OK)}")
            box("grow")
            _search(navigation)
            box("grow")
            _theme_button(switch)
            keys_dialog(navigation)
            _person()
        with box("side", "nav").props('aria-label="Main"'):
            _draw_navigation(navigation)
        with box("main", "main").props("id=main tabindex=-1"):
            content = ConsolePages([page for page in pages if page.frame is Frame.CONSOLE])
        with box("foot", "footer").props("translate=no"):  # figures that Chrome translated would stand still
            _status_bar()
    await content.drawn()


@contextmanager
def creator_frame(pages: Sequence[Page], current: Page) -> Iterator[None]:
    """Draw the creator's frame around their page `current`."""
    switch = design.dress("customer.css")
    ui.on_exception(_apologise)
    with box("home"):
        with box("bar", "header"):
            _brand("/dashboard")
            if access.me().may(Role.VIEWER):
                link("/", "tab back", "Console").props('title="Back to the operators\' console"')
            with box("hbox", "nav").props('aria-label="Main"').style("gap: 0"):
                for page, _ in places(pages, Frame.CREATOR, access.me()):
                    tab = link(page.route, "tab", page.title)
                    if page is current:
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


def _search(navigation: Places) -> None:
    palette = Palette(navigation)
    field = box("find", "button").props('type=button data-key="ctrl+k" aria-haspopup=dialog')
    with field.on("click", palette.open):
        ui.icon("search").props("aria-hidden=true")
        text("Search or run a command", "grow")
        text("Ctrl K", tag="kbd")


def _draw_navigation(navigation: Places) -> None:
    links: dict[str, ui.element] = {}
    for page, place in navigation:
        with link(page.route).props(f'data-key="g+{place.key}" title="{page.title}"') as links[page.route]:
            ui.icon(place.icon).props("aria-hidden=true")
            text(page.title, "word")
    with links["/users"]:
        badge = text("", "count").props("translate=no")

    def mark_current(path: str) -> None:
        section = "/" + path.split("?")[0].strip("/").split("/")[0]
        for route, element in links.items():
            element.props["aria-current"] = "page" if route == section else None
            element.update()

    def show_count() -> None:
        health = live.status().health
        in_need = health.stuck_users + health.failed_users if health else 0
        badge.set_text(str(in_need))
        badge.set_visibility(in_need > 0)
        badge.props["aria-label"] = f"{in_need} stuck or failed"

    router = ui.context.client.sub_pages_router
    router.on_path_changed(mark_current)
    mark_current(router.current_path)
    show_count()
    live.watch_status(show_count)


def _status_bar() -> None:
    connection = text("connected", f"state {design.OK}")
    age = text("")
    workers = text("")
    waiting = text("")
    slow = text("", "alarm slow")
    box("grow")
    stuck = link("/users?need=stuck")
    text("? shortcuts", "muted")

    def show_status() -> None:
        status = live.status()
        connected, health = status.connected, status.health
        connection.set_text("live" if connected else "database unreachable")
        connection.classes(replace=f"state {design.OK if connected else design.BAD}")
        age.set_text(f"data {int(status.age_seconds)} s old")
        if health is None:
            return
        alive = health.workers_alive
        workers.set_text(f"{counted(alive, 'worker')} alive" if alive else "no worker alive")
        workers.classes(add=None if alive else "alarm", remove="alarm" if alive else None)
        oldest = f", oldest {int(health.oldest_wait_seconds)} s" if health.oldest_wait_seconds else ""
        waiting.set_text(f"{health.running:,} running · {health.queue_depth:,} waiting{oldest}")
        stuck.text = counted(health.stuck_users, "stuck user") if health.stuck_users else "no stuck users"
        stuck.classes(add="alarm" if health.stuck_users else None, remove=None if health.stuck_users else "alarm")

    show_status()
    live.watch_status(show_status)
    if access.me().may(Role.ADMIN):
        _slowdown(slow)


def _slowdown(line: ui.label) -> None:
    """Tell an admin, who can do something about it, what slows the program down: one sentence, the cause first."""

    async def show_slowdown() -> None:
        slowdowns = await query_cache.slowdown.now()
        line.set_text(with_visible_marks(slowdowns[0].sentence) if slowdowns else "")
        line.props["title"] = slowdowns[0].remedy if slowdowns else None
        line.update()

    live.watch_status(show_slowdown)


def _theme_button(switch: ui.dark_mode) -> None:
    names = [name for name, _ in _THEMES]
    icons = dict(_THEMES)
    state = {"theme": design.chosen_theme()}

    def switch_theme() -> None:
        theme = names[(names.index(state["theme"]) + 1) % len(names)]
        state["theme"] = theme
        switch.value = {"dark": True, "light": False}.get(theme)
        ui.run_javascript(f"setTheme('{theme}')")
        theme_button.icon = icons[theme]
        theme_button.props["aria-label"] = f"Theme: {theme}"

    theme_button = icon_button(icons[state["theme"]], f"Theme: {state['theme']}", switch_theme)


def _person() -> None:
    actor = access.me()
    account = ui.button(icon="account_circle", color=None).classes("btn quiet person")
    account.props('unelevated no-caps no-wrap :ripple="false"')
    account.props["aria-label"] = f"Signed in as {actor.name}"
    with account:
        text(actor.name, "who")
    with account, ui.menu().props("auto-close"):
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
