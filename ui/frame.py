"""The frames around pages: the console's top bar, navigation and status bar, and the simpler frame of a creator."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from typing import Final

from markupsafe import Markup
from nicegui import ui

from core.diagnosis.incidents import Incident
from core.diagnosis.situation import Situation
from core.health import HealthSummary
from core.job_list.addresses import jobs_with
from core.models import Role
from core.settings import settings
from core.wording import counted, spoken, with_visible_marks
from ui import access, design, error_page, live, query_cache
from ui.components.base import undo_toast
from ui.components.base.box import box, path_prefix, text
from ui.components.base.button import refuse
from ui.components.base.keys import keys_dialog
from ui.components.base.markup import anchor, icon, lines, linked, set_html, tagged, words
from ui.components.base.palette import Palette
from ui.components.base.top_bar import GAP, bar_button, brand, person_button, theme_button, top_bar
from ui.console_pages import ConsolePages
from ui.page import Frame, Page, Place, Places, places
from ui.view_as import ViewedCustomer, nothing_to_press

#: Incidents in the strip; the page Queues has all.
INCIDENTS_SHOWN: Final = 3
#: The jobs that the status bar counts.
RUNNING: Final = jobs_with({"status": "running"})
WAITING: Final = jobs_with({"due": "yes"})
_SHOW_TAB: Final = "document.querySelector('.bar nav [aria-current]')?.scrollIntoView({inline: 'end'})"
_ENVIRONMENTS: Final = {"production": design.BAD, "staging": design.WARN}


async def console_frame(pages: Sequence[Page]) -> None:
    """Draw the operators' frame with the page that the URL names."""
    design.dress("console.css")
    navigation = places(pages, Frame.CONSOLE, access.me())
    ui.on_exception(_apologise)
    undo_toast.listen()
    _list_all_elements()
    with box("shell"):
        _console_bar(navigation)
        shows = [_incident_strip(), _navigation(navigation)]
        with box("main", "main").props("id=main tabindex=-1"):
            content = ConsolePages([page for page in pages if page.frame is not Frame.CREATOR])
        with box("foot", "footer").props("translate=no"):  # figures that Chrome translated would stand still
            shows.append(_status_bar())

    def show_health() -> None:
        for show in shows:
            show()

    live.watch_status(show_health)
    await content.drawn()


def _list_all_elements() -> None:
    """Let NiceGUI look for sub pages in its list of a page's elements; it walks through their tree three times."""
    client = ui.context.client
    vars(client.layout)["descendants"] = lambda: list(client.elements.values())


@contextmanager
def creator_frame(pages: Sequence[Page], current: Page, customer: ViewedCustomer | None = None) -> Iterator[None]:
    """Draw the creator's frame around their page `current`; `customer`: whom staff view it as."""
    design.dress("customer.css")
    ui.on_exception(_apologise)
    with box("home"):
        tabs = _tabs(pages, current, customer.prefix if customer else "")
        top_bar([brand("/" if customer else "/dashboard"), *tabs, GAP, theme_button(), person_button()], "bar", {})
        if access.me().may(Role.VIEWER):  # with the way back to the console, a phone has no room for all tabs
            ui.run_javascript(_SHOW_TAB)
        with nothing_to_press(customer) if customer else box("page", "main"):
            yield


def _tabs(pages: Sequence[Page], current: Page, prefix: str) -> Iterator[Markup]:
    if access.me().may(Role.VIEWER):
        yield anchor("/", words("Console"), classes="tab back", title="Back to the operators' console")
    shown = [page for page, _ in places(pages, Frame.CREATOR, access.me())]
    marks = [{"aria_current": "page"} if page is current else {} for page in shown]
    tabs = [
        anchor(prefix + page.route, words(page.title), classes="tab", **mark)
        for page, mark in zip(shown, marks, strict=True)
    ]
    yield tagged("nav", *tabs, classes="hbox", aria_label="Main", style="gap: 0")


def _console_bar(navigation: Places) -> None:
    environment = settings().environment
    search = icon("search"), words("Search or run a command", "grow"), words("Ctrl K", tag="kbd")
    content = [
        brand("/"),
        words(environment, f"badge {_ENVIRONMENTS.get(environment, design.OK)}"),
        GAP,
        tagged(
            "button", *search, classes="find", type="button", data_act="palette", data_key="ctrl+k",
            aria_haspopup="dialog",
        ),
        GAP,
        theme_button(),
        bar_button("keys", "keyboard", "Keyboard shortcuts", data_key="?"),
        person_button(),
    ]  # fmt: skip
    top_bar(content, "top", {"palette": lambda: Palette(navigation).open, "keys": lambda: keys_dialog(navigation).open})


def _navigation(navigation: Places) -> Callable[[], None]:
    """Draw the navigation; return what shows how many users need help now."""
    router, routes = ui.context.client.sub_pages_router, {page.route for page, _ in navigation}
    current, shown = _section(router.current_path, routes), _in_need()

    def link_to(page: Page, place: Place) -> Markup:
        content = [icon(place.icon), words(page.title, "word")]
        if page.route == "/users":
            hidden = {} if shown else {"hidden": ""}
            label = f"{shown} stuck or failed"
            content.append(words(str(shown), "count", translate="no", aria_label=label, **hidden))
        mark = {"aria_current": "page"} if page.route == current else {}
        shown_as = {"classes": "first" if place.on_phone else "", "title": page.title}
        return anchor(page.route, *content, data_key=f"g+{place.key}", data_route=page.route, **shown_as, **mark)

    more = icon("more_vert"), words("More", "word")
    button = tagged("button", *more, classes="more", type="button", data_act="more", aria_expanded="false")
    lines([*(link_to(page, place) for page, place in navigation), button], "side", "nav").props('aria-label="Main"')

    def show_count() -> None:
        nonlocal shown
        if shown != (shown := _in_need()):
            ui.run_javascript(f"showInNeed({shown})")

    def mark_current(path: str) -> None:
        ui.run_javascript(f"markNavigation('{_section(path, routes)}')")

    mark_current(router.current_path)
    # Drawing the links anew would take the focus from the one that was just used.
    router.on_path_changed(mark_current)
    return show_count


def _section(path: str, routes: Collection[str]) -> str:
    """Return the route of the navigation that an address belongs to; empty: none."""
    section = "/" + path.split("?")[0].strip("/").split("/")[0]
    return section if section in routes else ""


def _in_need() -> int:
    health = live.status().health
    return health.users[Situation.STUCK] + health.users[Situation.FAILED] if health else 0


def _incident_strip() -> Callable[[], None]:
    """Show what holds up many users at once, and nothing while all is well; return what shows it again."""
    strip = box("incidents").props('role=status aria-label="Incidents"')

    def show_incidents() -> None:
        health = live.status().health
        found = health.incidents if health else ()
        set_html(strip, *(_incident(each) for each in found[:INCIDENTS_SHOWN]), *_more(len(found)))

    show_incidents()
    return show_incidents


def _incident(incident: Incident) -> Markup:
    tone = design.WARN if incident.is_held else design.BAD
    return anchor(
        jobs_with(incident.jobs) if incident.jobs else "/workers",
        words(incident.sentence, "clip"),
        classes=f"incident {tone}",
        title=incident.sentence,
    )


def _more(number: int) -> list[Markup]:
    more = number - INCIDENTS_SHOWN
    return [anchor("/queues", words(f"{more:,} more on the page Queues"), classes="incident")] if more > 0 else []


def _status_bar() -> Callable[[], None]:
    """Draw the status bar; return what shows it again."""
    figures = box("figures")
    if access.me().may(Role.ADMIN):
        _slowdown(text("", "alarm slow"))
    box("grow")
    more = box("figures")
    prefix = path_prefix()

    def show_status() -> None:
        status = live.status()
        age = spoken(timedelta(seconds=status.age_seconds))
        shown = _shown(prefix, is_live=status.connected, age=age, health=status.health)
        for element, html in zip((figures, more), shown, strict=True):
            set_html(element, html)

    show_status()
    return show_status


@lru_cache(maxsize=8)  # all pages show the same within one moment
def _shown(_prefix: str, *, is_live: bool, age: str, health: HealthSummary | None) -> tuple[Markup, Markup]:
    """Return both halves of the status bar, of pages that a proxy serves under this path."""
    tone, state = (design.OK, "live") if is_live else (design.BAD, "database unreachable")
    of_work = _figures(health) if health else []
    figures = [words(state, f"state {tone}"), words(f"data {age} old"), *of_work]
    return Markup().join(figures), Markup().join([*_stuck(health), words("? shortcuts", "muted")])


def _figures(health: HealthSummary) -> list[Markup]:
    alive = health.workers_alive
    waited = health.oldest_wait_seconds
    oldest = f", oldest {spoken(timedelta(seconds=waited))}" if waited else ""
    workers = words(f"{counted(alive, 'worker')} alive") if alive else words("no worker alive", "alarm")
    silent = [words(f", {health.workers_silent:,} silent", "alarm")] if health.workers_silent else []
    return [
        anchor("/workers", workers, *silent),
        linked(RUNNING, health.running, words(f"{health.running:,} running"), tag="span"),
        linked(WAITING, health.queue_depth, words(f"{health.queue_depth:,} waiting{oldest}"), tag="span"),
        *_paused(health),
    ]


def _paused(health: HealthSummary) -> list[Markup]:
    """Return what is paused, also while nothing waits for it: a pause is easily forgotten."""
    numbers = ((health.queues_paused, "queue"), (health.kinds_paused, "kind"))
    paused = [counted(number, noun) for number, noun in numbers if number]
    return [anchor("/queues", words(f"{' and '.join(paused)} paused", "warned"))] if paused else []


def _stuck(health: HealthSummary | None) -> list[Markup]:
    if health is None:
        return []
    stuck, held = health.users[Situation.STUCK], health.users[Situation.HELD]
    sentence = words(counted(stuck, "stuck user") if stuck else "no stuck users")
    of_held = [anchor("/users?situation=held", words(f"{counted(held, 'user')} held"), classes="held")] if held else []
    return [*of_held, linked("/users?situation=stuck", stuck, sentence, classes="alarm" if stuck else "", tag="span")]


def _slowdown(line: ui.label) -> None:
    """Tell an admin, who can do something about it, what slows the program down: one sentence, the cause first."""

    async def show_slowdown() -> None:
        slowdowns = await query_cache.slowdown.now()
        sentence, remedy = (slowdowns[0].sentence, slowdowns[0].remedy) if slowdowns else ("", None)
        line.set_text(with_visible_marks(sentence))
        if line.props.get("title") != remedy:
            line.props["title"] = remedy

    live.watch_status(show_slowdown)


def _apologise(error: Exception) -> None:
    refuse(f"Something went wrong on our side; nothing was changed. Incident {error_page.incident(error)}.")
