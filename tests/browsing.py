"""One Chromium for each process of a run, and tabs of it that every test gets as if they were new.

A tab that goes on to the next address keeps what its renderer has read and compiled: a page then costs a third of the
CPU that it costs in a context of its own. After each test, its leftovers in the tab are cleared.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: First the same browser without its windows, menus and extensions, which takes a third less CPU for each page.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SCREEN = {"width": 1280, "height": 720}
#: The person's preferences as a page sees them; without motion, tests wait for no animation.
WISHES = {"media": "screen", "color_scheme": "light", "reduced_motion": "reduce", "forced_colors": "none"}
#: Milliseconds that a page may take for anything.
PATIENCE = 30_000
COOKIE = "unstuck_session"
#: Lists what has moved inside a page since it began. An incident that begins or ends moves the whole page: not listed.
SHIFTED = """() => { window.shifted = []; new PerformanceObserver((list) => list.getEntries().forEach((each) => {
  const inside = each.sources.map(({node}) => node?.closest?.('.main > *') && node).filter(Boolean);
  if (inside.length) window.shifted.push([each.value, inside.map((node) => node.className || node.nodeName)]);
})).observe({type: 'layout-shift', buffered: true}) }"""
#: Keeps what a page did last.
WITNESS = Path(__file__).with_name("witness.js")


@contextmanager
def a_browser() -> Iterator[Any]:
    """Give a real Chromium; where there is none, the test is skipped."""
    sync_api = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium or Chrome here")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def settle(page: Any) -> None:
    """Wait until a page has loaded all that it asks for, or for ten seconds.

    A tab that goes on may count a request of the page before as one that never ends: once in a hundred pages.
    """
    from playwright.sync_api import TimeoutError as NeverIdle

    with suppress(NeverIdle):
        page.wait_for_load_state("networkidle", timeout=10_000)


class Tab:
    """A person's browser with one tab; it is not closed after a test but cleared."""

    def __init__(self, browser: Any, url: str, **settings: object) -> None:
        self._url = url
        self._context = browser.new_context(base_url=url, viewport=SCREEN, reduced_motion="reduce", **settings)
        self._context.add_init_script(path=WITNESS)
        self._listeners: list[tuple[str, Callable[..., None]]] = []
        self.page = self._new_page()

    def _new_page(self) -> Any:
        page = self._context.new_page()
        page.set_default_timeout(PATIENCE)
        page.wrong = []
        hear = page.on

        def on(event: str, answer: Callable[..., None]) -> None:
            self._listeners.append((event, answer))
            hear(event, answer)

        page.on = on
        return page

    def lend(self, token: str | None = None, screen: dict[str, int] | None = None) -> Any:
        """Return the tab, signed in by a session's token, with a list `wrong` of what fails in it."""
        page = self.page
        page.wrong.clear()
        page.on("pageerror", lambda error: page.wrong.append(str(error)))
        page.on("console", lambda message: page.wrong.append(message.text) if message.type == "error" else None)
        if token:
            self._context.add_cookies([{"name": COOKIE, "value": token, "url": self._url}])
        if screen:
            page.set_viewport_size(screen)
        return page

    def clear(self) -> None:
        """Clear what the last test left: socket, cookie, storage, listeners, routes, preferences, further tabs."""
        listeners, self._listeners = self._listeners, []
        if self.page.is_closed():
            self.page, listeners = self._new_page(), []
        for event, answer in listeners:
            self.page.remove_listener(event, answer)
        for other in self._context.pages:
            if other != self.page:
                other.close()
        self._forget()
        self.page.set_viewport_size(SCREEN)
        self.page.emulate_media(**WISHES)

    def seen(self) -> str:
        """Return what each page of this tab shows as text, with its address and what failed in it."""
        return "\n".join(_seen(page) for page in self._context.pages)

    def close(self) -> None:
        """Close it for good."""
        self._context.close()

    def _forget(self) -> None:
        for target in (self.page, self._context):
            target.unroute_all()
            target.set_extra_http_headers({})
        self._context.set_offline(False)
        self._context.clear_permissions()
        self.page.goto("/healthz")  # leaves the page and its socket, and is where its notes can be reached
        self.page.evaluate("localStorage.clear(), sessionStorage.clear()")
        self._context.clear_cookies()  # last: a page that is left may still set one


def _seen(page: Any) -> str:
    wrong = getattr(page, "wrong", [])
    try:
        done = "\n".join(page.evaluate("window.witness()"))
        return f"{page.url}, wrong: {wrong}\n{page.locator('body').inner_text(timeout=2000)}\nIts last acts:\n{done}"
    except Exception as error:  # noqa: BLE001 - a report of a failure must not hide it
        return f"{page.url}, wrong: {wrong}, not read: {error}"


class Tabs:
    """The tabs that are open on one address: one for nearly all tests, more where several people look at once."""

    def __init__(self, browser: Any, url: str) -> None:
        self._browser, self._url = browser, url
        self._tabs: list[Tab] = []
        self._lent = 0
        self._apart: list[Tab] = []

    def lend(self, token: str | None = None, screen: dict[str, int] | None = None) -> Any:
        """Return a tab for this caller alone; it shares nothing with the other tabs of this test."""
        if self._lent == len(self._tabs):
            self._tabs.append(Tab(self._browser, self._url))
        self._lent += 1
        return self._tabs[self._lent - 1].lend(token, screen)

    def apart(self, token: str, **settings: object) -> Any:
        """Return a tab of a browser of its own, for what a tab cannot change, such as the time zone."""
        self._apart.append(Tab(self._browser, self._url, **settings))
        return self._apart[-1].lend(token)

    def seen(self) -> str:
        """Return what the lent tabs show, for the report of a failed test."""
        return "\n\n".join(tab.seen() for tab in self._tabs[: self._lent] + self._apart)

    def clear(self) -> None:
        """Take all tabs back."""
        for tab in self._tabs[: self._lent]:
            tab.clear()
        self._lent = 0
        while self._apart:
            self._apart.pop().close()
