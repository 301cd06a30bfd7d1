"""Visits of a page by a real Chromium: when its content is painted, and what that took of browser and server."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SCREEN = {"width": 1440, "height": 900}
#: Milliseconds after the content in which a page may still load something.
SETTLED = 700
#: Looks before each frame; the time is that of the frame in which the content is painted.
PROBE = """(() => { const look = () => {
  if (%s) requestAnimationFrame(() => { window.painted = performance.now(); });
  else requestAnimationFrame(look); }; requestAnimationFrame(look); })()"""


@dataclass(frozen=True, slots=True)
class Site:
    """A server's address, the process that serves it, and the cookie of the person who looks at it."""

    url: str
    pid: int
    cookie: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """Milliseconds until the first byte and the painted content, of the browser's main thread and the server's CPU."""

    first_byte: float
    ready: float
    main_thread: float
    server: float
    size: int
    requests: int


@contextmanager
def chromium() -> Iterator[Any]:
    """Give a browser; RuntimeError if there is none."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        raise RuntimeError("There is no Chromium or Chrome here.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def new_context(browser: Any, site: Site) -> Any:
    """Return a browser without a cache, in which a person is signed in to a site."""
    context = browser.new_context(base_url=site.url, viewport=SCREEN)
    if site.cookie:
        context.add_cookies([{"name": "unstuck_session", "value": site.cookie, "url": site.url}])
    return context


def visit(context: Any, site: Site, path: str, there: str) -> Visit:
    """Open a page in a new tab, wait until the expression `there` is true and the page is quiet, and close it."""
    before = cpu_of(site.pid)
    page = context.new_page()
    page.add_init_script(PROBE % there)
    devtools = context.new_cdp_session(page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
    devtools.send("Network.enable")
    loaded = {"size": 0, "requests": 0}
    devtools.on("Network.requestWillBeSent", lambda _: loaded.update(requests=loaded["requests"] + 1))
    devtools.on("Network.loadingFinished", lambda e: loaded.update(size=loaded["size"] + int(e["encodedDataLength"])))
    page.goto(path, wait_until="commit")
    page.wait_for_function("window.painted")
    page.wait_for_timeout(SETTLED)
    metrics = {each["name"]: each["value"] for each in devtools.send("Performance.getMetrics")["metrics"]}
    first_byte = page.evaluate("performance.getEntriesByType('navigation')[0].responseStart")
    server, ready = cpu_of(site.pid) - before, page.evaluate("window.painted")
    page.close()
    return Visit(first_byte, ready, 1000 * metrics["TaskDuration"], server, **loaded)


def cpu_of(pid: int) -> float:
    """Return the milliseconds of CPU that a process has used."""
    times = psutil.Process(pid).cpu_times()
    return 1000 * (times.user + times.system)
