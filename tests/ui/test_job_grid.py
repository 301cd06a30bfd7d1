"""The job grid in a real browser, on a real database: rows, scrolling, live changes, keys, filters, trouble.

`serve` is the server that the tests look at.
"""

import json
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import pytest
from sqlmodel import Session, col, select

from core import sample
from core.database.engine import connect
from core.job_list.columns import WIDEST
from core.job_list.filters import JobFilter
from core.job_list.queries import ids_between
from core.job_list.queries import page as page_of
from core.job_list.rows import rows_by_id
from core.models import BackgroundJob
from tests.browsing import Tabs
from tests.loaded import Forked
from tests.waiting import eventually
from ui.components.base.kind_words import kind_label
from ui.components.jobs.columns import COLUMNS
from ui.components.jobs.job_grid import JobGrid

JOBS = 6_000
MOST_BETWEEN = 5_000
PAGING = {"limit", "after", "offset", "of", "sort"}


def serve(url: str, port: int) -> None:
    """Serve one page with a grid and a label that shows the grid's events; deltas and failures on request."""
    import uvicorn
    from fastapi import FastAPI, Request
    from fastapi.responses import JSONResponse
    from nicegui import core, ui

    from ui import compact, design

    engine, api, trouble = connect(url), FastAPI(), {"status": 0}

    @api.get("/api/jobs")
    def jobs(request: Request) -> Any:
        if trouble["status"]:
            return JSONResponse({"detail": "the database is away"}, trouble["status"])
        params = dict(request.query_params)
        paging = {
            key: value if key in ("after", "sort") else int(value) for key, value in params.items() if key in PAGING
        }
        job_filter = JobFilter.from_params({key: value for key, value in params.items() if key not in PAGING})
        with Session(engine) as session:
            part = page_of(session, job_filter, **paging)
        return {"items": part.items, "next": part.next, "total": asdict(part.total)}

    @api.get("/healthz")
    def healthz() -> None:
        """Answer, as the console does."""

    @api.get("/api/jobs/between")
    def between(request: Request) -> Any:
        if trouble["status"]:
            return JSONResponse({"detail": "the database is away"}, trouble["status"])
        params = dict(request.query_params)
        ends, sort = (UUID(params.pop("first")), UUID(params.pop("last"))), params.pop("sort", "-created_at")
        with Session(engine) as session:
            ids = ids_between(session, JobFilter.from_params(params), ends, MOST_BETWEEN + 1, sort)
        return {"ids": ids[:MOST_BETWEEN], "more": len(ids) > MOST_BETWEEN}

    @api.post("/trouble/{status}")
    def make_trouble(status: int) -> None:
        trouble["status"] = status

    @api.post("/delta")
    async def delta(request: Request) -> None:
        await core.sio.emit("jobs:delta", {"rows": await request.json(), "reload": False}, room="jobs")

    @api.post("/reload")
    async def reload() -> None:
        await core.sio.emit("jobs:delta", {"rows": [], "reload": True}, room="jobs")

    @core.sio.on("jobs:join")
    async def join(sid: str, _: object) -> bool:
        await core.sio.enter_room(sid, "jobs")
        return True

    @ui.page("/")
    def home(q: str = "") -> None:
        reported: dict[str, object] = {}
        label = ui.label("{}").props('data-testid="said"').style("height: 24px; overflow: hidden")
        ui.input("Search")
        grid = JobGrid(query=dict(parse_qsl(q))).style("height: 700px; width: 1300px")

        def note(name: str, value: object) -> None:
            reported[name] = value
            label.set_text(json.dumps(reported))

        grid.on_select(lambda chosen: note("select", "everything" if chosen.everything else chosen.ids))
        grid.on_refused(lambda sentence: note("refused", sentence))
        grid.on_open(lambda job_id: note("open", job_id))
        grid.on_fresh(lambda number: note("fresh", number))
        grid.on_loaded(lambda length: note("loaded", asdict(length)))
        grid.on_shortcut(lambda name, chosen: note("shortcut", [name, chosen.ids]))
        grid.on_context(lambda menu: note("context", asdict(menu)))
        grid.on_columns(lambda state: note("columns", [column["name"] for column in state]))
        ui.button("Refresh", on_click=grid.refresh)
        ui.button("Everything", on_click=grid.select_all)
        ui.button("Failed only", on_click=lambda: grid.set_query({"status": "failed"}))

    ui.add_head_html(f'<script src="{design.url_of("console.js")}"></script>', shared=True)
    api.mount(design.ASSETS_URL, compact.Assets(directory=design.ASSETS))
    ui.run_with(api, tailwind=False)
    uvicorn.run(api, host="127.0.0.1", port=port, log_level="error", ws="websockets-sansio")


@pytest.fixture(scope="module")
def database(server: str, template: str) -> Iterator[str]:
    from tests.conftest import _fresh

    for url in _fresh(server, template):
        engine = connect(url)
        sample.fill(engine, users=80, jobs=JOBS, now=datetime.now(UTC))
        yield url
        engine.dispose()


@pytest.fixture(scope="module")
def site(database: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = Forked(serve, database, port)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(30)


class Screen:
    """A page with the grid, and what a person sees and does there."""

    def __init__(self, page: Any, site: str) -> None:
        self.page, self.site = page, site

    def visit(self, **query: str) -> None:
        self.page.goto(f"{self.site}/?{urlencode({'q': urlencode(query)})}")
        self.see(lambda: "loaded" in self.reported())

    def see(self, condition: Any) -> None:
        eventually(condition)

    def reported(self) -> dict[str, Any]:
        return json.loads(self.page.get_by_test_id("said").inner_text())

    def row(self, job_id: str) -> Any:
        return self.page.locator(f'.jg-row[row-id="{job_id}"]')

    def post(self, path: str, data: object = None) -> None:
        body = json.dumps(data).encode()
        request = urllib.request.Request(self.site + path, body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request).close()


@pytest.fixture(scope="module")
def tabs(browser: Any, site: str) -> Tabs:
    eventually(lambda: reached(f"{site}/healthz"), within=30)
    return Tabs(browser, site)


def reached(url: str) -> bool:
    try:
        urllib.request.urlopen(url).close()
    except OSError:
        return False
    return True


@pytest.fixture
def screen(tabs: Tabs, site: str) -> Iterator[Screen]:
    page = tabs.lend(screen={"width": 1340, "height": 860})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield Screen(page, site)
    tabs.clear()
    assert errors == []


@contextmanager
def rows(database: str) -> Iterator[Session]:
    engine = connect(database)
    with Session(engine, expire_on_commit=False) as session:
        yield session
    engine.dispose()


def listed(database: str, **options: Any) -> list[dict[str, Any]]:
    with rows(database) as session:
        return page_of(session, JobFilter.from_params(options.pop("params", {})), **options).items


pytestmark = pytest.mark.browser


def test_the_newest_jobs_are_shown_in_a_grid_named_jobs(screen: Screen, database: str) -> None:
    screen.visit()
    assert screen.page.get_by_role("grid", name="Jobs").count()
    newest = listed(database, limit=5)
    for place, job in enumerate(newest):
        assert screen.row(job["id"]).get_attribute("row-index") == str(place)
        assert (job["user_email"] or "no user") in screen.row(job["id"]).inner_text()
    assert screen.reported()["loaded"] == {"value": JOBS, "exact": True, "first_only": False}
    requested = screen.row(newest[0]["id"]).locator("[data-name=created_at]")
    requested.hover()
    screen.see(lambda: str(datetime.now(UTC).year) in (requested.get_attribute("title") or ""))


def test_the_grid_has_the_columns_of_the_list_in_its_order(screen: Screen) -> None:
    screen.visit()
    headers = screen.page.locator(".jg-title").evaluate_all(
        "cells => cells.map(cell => [Number(cell.getAttribute('aria-colindex')), cell.innerText.trim()])"
    )
    assert [name for _, name in sorted(headers)] == [column.header for column in COLUMNS if not column.is_hidden]


def test_a_failed_job_s_error_has_the_width_that_is_left_and_its_title_is_the_whole(
    screen: Screen, database: str
) -> None:
    screen.visit(status="failed")
    (job,) = listed(database, params={"status": "failed"}, limit=1)
    error = screen.row(job["id"]).locator("[data-name=error]")
    assert error.get_attribute("title") == job["error"]
    grid = screen.page.locator(".jg-view").bounding_box()
    place = error.bounding_box()
    assert place["x"] + place["width"] <= grid["x"] + grid["width"]
    assert place["width"] >= 300, "of 1,300 pixels"
    title = screen.page.get_by_role("columnheader", name="Requested")
    assert title.evaluate("title => getComputedStyle(title, '::after').content") == '" ↓"'


def test_progress_is_shown_while_a_job_runs_and_its_error_afterwards(screen: Screen, database: str) -> None:
    screen.visit()
    (job,) = listed(database, limit=1)
    cell = screen.row(job["id"]).locator("[data-name=error]")
    measured = {
        "status": "running",
        "label": "running",
        "progress_done": 20,
        "progress_total": 50,
        "error": "No answer",
    }
    screen.post("/delta", [{**job, **measured, "token": job["token"] + 1}])
    screen.see(lambda: cell.inner_text() == "40%")
    ended = {**measured, "status": "failed", "label": "failed", "error": "No answer\nTraceback"}
    screen.post("/delta", [{**job, **ended, "token": job["token"] + 2}])
    screen.see(lambda: cell.inner_text() == "No answer" and cell.get_by_role("progressbar").count() == 0)
    assert cell.get_attribute("title") == "No answer\nTraceback"


def test_the_scrollbars_end_shows_the_oldest_job(screen: Screen, database: str) -> None:
    screen.visit()
    (oldest,) = listed(database, limit=1, sort="created_at")
    screen.page.locator(".jg-view").evaluate("element => { element.scrollTop = element.scrollHeight }")
    screen.see(lambda: screen.row(oldest["id"]).is_visible())
    assert screen.row(oldest["id"]).get_attribute("row-index") == str(JOBS - 1)


def test_a_change_is_shown_in_its_row_and_the_selection_stays(screen: Screen, database: str) -> None:
    screen.visit()
    first, second = listed(database, limit=2)
    screen.row(first["id"]).click()
    screen.row(second["id"]).click(modifiers=["Control"])
    screen.see(lambda: set(screen.reported()["select"]) == {first["id"], second["id"]})
    mark = "element => { element.marked = true }"
    screen.row(first["id"]).evaluate(mark)
    running = {"status": "running", "label": "running", "progress_done": 412, "progress_total": 2_000}
    screen.post("/delta", [{**first, **running, "token": first["token"] + 1}])
    screen.see(
        lambda: "running" in screen.row(first["id"]).inner_text() and "20%" in screen.row(first["id"]).inner_text()
    )
    assert screen.row(first["id"]).evaluate("element => element.marked"), "the row was drawn anew"
    assert screen.row(first["id"]).get_by_role("progressbar").get_attribute("title").startswith("412 / 2,000")
    assert screen.row(first["id"]).get_attribute("aria-selected") == "true"
    screen.post("/delta", [first, {**second, "label": "stopping", "token": second["token"] + 1}])
    screen.see(lambda: "stopping" in screen.row(second["id"]).inner_text())
    assert "running" in screen.row(first["id"]).inner_text(), "an older state came after a newer one"


def test_a_job_that_waits_for_its_time_shows_until_when_and_counts_down(screen: Screen, database: str) -> None:
    screen.visit()
    (first,) = listed(database, limit=1)
    status = screen.row(first["id"]).locator(".jg-status")
    waiting = {**first, "status": "queued", "label": "scheduled", "situation": "waiting", "token": first["token"] + 1}
    due = datetime.now(UTC) + timedelta(hours=34, minutes=30)
    screen.post("/delta", [{**waiting, "run_at": due.isoformat()}])
    screen.see(lambda: status.inner_text() == "scheduled in 34 h")
    assert status.get_attribute("title").startswith("Due ")
    assert status.evaluate("cell => cell.scrollWidth <= cell.clientWidth"), "it is shown whole"
    soon = {"run_at": (datetime.now(UTC) + timedelta(seconds=3)).isoformat(), "label": "retrying"}
    screen.post("/delta", [{**waiting, **soon, "token": first["token"] + 2}])
    screen.see(lambda: status.inner_text() == "retrying in 1 s")
    screen.see(lambda: status.inner_text() == "retrying")
    assert status.get_attribute("title") == ""


def test_a_kind_leads_to_its_jobs_and_the_row_beside_it_opens(screen: Screen, database: str) -> None:
    screen.visit()
    # The name of a nightly job fills its cell; at that time of day it may be the newest.
    job = next(each for each in listed(database, limit=20) if each["kind"].startswith("demo."))
    kind = screen.row(job["id"]).locator("[data-name=kind]")
    assert kind.get_by_role("link").get_attribute("href") == f"/jobs?q=kind:{job['kind']}"
    box = kind.bounding_box()
    kind.click(position={"x": box["width"] - 3, "y": box["height"] / 2})
    screen.see(lambda: screen.reported().get("open") == job["id"])


def test_new_jobs_wait_and_are_counted_once(screen: Screen, database: str) -> None:
    screen.visit()
    with rows(database) as session:
        session.add(BackgroundJob(kind="mail.send", queue="mail", status="succeeded"))
        session.commit()
        newest = session.exec(select(BackgroundJob).order_by(col(BackgroundJob.created_at).desc())).first()
        (row,) = rows_by_id(session, [newest.id])
    try:
        screen.post("/delta", [row])
        screen.post("/delta", [row])
        screen.see(lambda: screen.reported().get("fresh") == 1)
        assert screen.row(row["id"]).count() == 0
        screen.post("/reload", None)
        screen.see(lambda: screen.row(row["id"]).count() == 1 and screen.reported()["fresh"] == 0)
        assert screen.row(row["id"]).get_attribute("row-index") == "0"
    finally:
        with rows(database) as session:
            session.delete(session.get(BackgroundJob, UUID(row["id"])))
            session.commit()


def test_an_empty_list_shows_its_first_job_by_itself(screen: Screen, database: str) -> None:
    screen.visit(kind="mail.first")
    screen.see(lambda: screen.page.get_by_text("No job matches these filters").is_visible())
    with rows(database) as session:
        session.add(job := BackgroundJob(kind="mail.first", queue="mail", status="succeeded"))
        session.commit()
        (row,) = rows_by_id(session, [job.id])
    try:
        screen.post("/delta", [row])
        screen.see(lambda: screen.row(row["id"]).count() == 1)
        assert not screen.reported().get("fresh")
        assert not screen.page.get_by_text("No job matches these filters").is_visible()
    finally:
        with rows(database) as session:
            session.delete(session.get(BackgroundJob, UUID(row["id"])))
            session.commit()


def test_a_new_job_that_a_search_finds_waits_and_is_counted_and_another_is_not(screen: Screen, database: str) -> None:
    screen.visit(q="mail.search")
    screen.see(lambda: screen.page.get_by_text("No job matches these filters").is_visible())
    made: list[dict[str, Any]] = []

    def ask_for(kind: str) -> dict[str, Any]:
        with rows(database) as session:
            session.add(job := BackgroundJob(kind=kind, queue="mail", status="succeeded"))
            session.commit()
            made.extend(rows_by_id(session, [job.id]))
        screen.post("/delta", [made[-1]])
        return made[-1]

    try:
        first = ask_for("mail.searched")
        screen.see(lambda: screen.row(first["id"]).count() == 1)
        ask_for("mail.other")
        second = ask_for("mail.searched")
        screen.see(lambda: screen.reported().get("fresh") == 1)
        screen.page.get_by_role("button", name="Refresh").click()
        screen.see(lambda: screen.row(second["id"]).count() == 1 and screen.reported()["fresh"] == 0)
    finally:
        with rows(database) as session:
            for each in made:
                session.delete(session.get(BackgroundJob, UUID(each["id"])))
            session.commit()


def test_everything_is_reached_by_keys_unless_a_person_is_typing(screen: Screen, database: str) -> None:
    screen.visit()
    first, second = (job["id"] for job in listed(database, limit=2))
    press = screen.page.keyboard.press
    for key in ("j", "j", "x"):
        press(key)
    screen.see(lambda: screen.reported().get("select") == [second])
    press("k")
    press("Enter")
    screen.see(lambda: screen.reported().get("open") == first)
    press("r")
    screen.see(lambda: screen.reported().get("shortcut") == ["retry", [second]])
    press("Escape")
    screen.see(lambda: screen.reported()["select"] == [])
    press("c")
    screen.see(lambda: screen.reported()["shortcut"] == ["cancel", [first]])
    press("/")
    screen.see(lambda: screen.reported()["shortcut"][0] == "filter")
    screen.page.get_by_label("Search").fill("jack")
    press("c")
    assert screen.page.get_by_label("Search").input_value() == "jackc"
    assert screen.reported()["shortcut"][0] == "filter"


def test_a_press_on_its_title_sorts_a_column_and_another_turns_it(screen: Screen, database: str) -> None:
    screen.visit()
    title = screen.page.get_by_role("columnheader", name="Requested")
    assert title.get_attribute("aria-sort") == "descending"
    for order, sort in (("ascending", "created_at"), ("descending", "-created_at")):
        title.click()
        (first,) = listed(database, limit=1, sort=sort)
        screen.page.locator(f'.jg-row[row-index="0"][row-id="{first["id"]}"]').wait_for()
        assert title.get_attribute("aria-sort") == order
    title.evaluate("title => title.click()")  # as assistive technology presses it
    assert title.get_attribute("aria-sort") == "ascending"
    title.evaluate("title => title.click()")
    screen.page.get_by_role("columnheader", name="Kind").click()  # which no order helps
    assert title.get_attribute("aria-sort") == "descending"


def test_columns_are_moved_and_widened_by_mouse_and_by_keys(screen: Screen) -> None:
    screen.visit()
    mouse, kind = screen.page.mouse, screen.page.get_by_role("columnheader", name="Kind")

    def drag(x: float, y: float, by: float) -> None:
        mouse.move(x, y)
        mouse.down()
        mouse.move(x + by / 2, y)
        mouse.move(x + by, y)
        mouse.up()

    place = kind.bounding_box()
    drag(place["x"] + place["width"] - 2, place["y"] + 10, 80)
    assert kind.bounding_box()["width"] == place["width"] + 80
    drag(place["x"] + place["width"] + 78, place["y"] + 10, -place["width"])
    kind.locator(".jg-edge").dblclick()
    clipped = "cells => cells.filter(cell => cell.scrollWidth > cell.clientWidth).length"
    assert screen.page.locator(".jg-cell[data-name=kind]").evaluate_all(clipped) == 0
    screen.page.locator(".jg-cell[data-name=queue]").first.evaluate("cell => { cell.textContent = 'x'.repeat(4000) }")
    screen.page.get_by_role("columnheader", name="Queue").locator(".jg-edge").dblclick()
    assert screen.page.get_by_role("columnheader", name="Queue").bounding_box()["width"] == 600
    drag(kind.bounding_box()["x"] + 10, place["y"] + 10, -place["x"])
    screen.see(lambda: screen.reported().get("columns", [])[:2] == ["kind", "label"])
    assert screen.page.locator(".jg-row .jg-cell").first.get_attribute("data-name") == "kind"
    kind.focus()
    wide = kind.bounding_box()["width"]
    for key in ("Alt+ArrowRight", "Shift+ArrowRight"):
        screen.page.keyboard.press(key)
    screen.see(lambda: screen.reported()["columns"][:2] == ["label", "kind"])
    assert kind.bounding_box()["width"] == wide + 10
    assert kind.evaluate("title => title === document.activeElement")


def test_shift_selects_what_lies_between_and_control_one_more(screen: Screen, database: str) -> None:
    screen.visit()
    ids = [job["id"] for job in listed(database, limit=9)]
    screen.row(ids[1]).click()
    screen.row(ids[4]).click(modifiers=["Shift"])
    screen.see(lambda: screen.reported()["select"] == ids[1:5])
    screen.row(ids[8]).click(modifiers=["Control"])
    screen.row(ids[2]).click(modifiers=["Control"])
    screen.see(lambda: set(screen.reported()["select"]) == {ids[1], ids[3], ids[4], ids[8]})
    screen.page.keyboard.press("Shift+ArrowDown")
    screen.see(lambda: ids[3] in screen.reported()["select"])
    assert screen.reported()["open"] == ids[1]
    screen.page.keyboard.press("Escape")
    screen.page.keyboard.press("Shift+PageDown")
    cursor = screen.page.evaluate("Number(document.activeElement.closest('.jg-row').getAttribute('row-index'))")
    assert cursor > 20
    passed = [job["id"] for job in listed(database, limit=cursor + 1)][4:]
    screen.see(lambda: set(screen.reported()["select"]) == set(passed))


def test_arrows_move_over_cells_rows_and_the_header(screen: Screen, database: str) -> None:
    screen.visit()
    focused = "document.activeElement.dataset.name + document.activeElement.closest('[aria-rowindex]').ariaRowIndex"

    def at(*keys: str) -> str:
        for key in keys:
            screen.page.keyboard.press(key)
        return str(screen.page.evaluate(focused))

    screen.page.locator(".jg-cell").first.click()
    assert at("ArrowDown", "ArrowRight") == "kind3"
    assert at("Control+ArrowRight", "ArrowRight") == "error3"
    assert at("Home", "ArrowUp") == "error1"
    assert at("ArrowLeft", "ArrowDown") == "worker2"
    assert at("PageDown", "PageUp") == "worker2"
    assert at("End") == f"worker{JOBS + 1}"
    (oldest,) = listed(database, limit=1, sort="created_at")
    screen.see(lambda: screen.row(oldest["id"]).is_visible())
    screen.page.keyboard.press(" ")
    screen.see(lambda: screen.reported().get("select", [])[-1:] == [oldest["id"]])


def test_text_is_marked_and_copied_and_a_user_is_a_link(screen: Screen, database: str) -> None:
    screen.visit()
    job = next(job for job in listed(database, limit=20) if job["user_email"])
    copied = """() => new Promise((done) => {
        document.addEventListener("copy", (event) => setTimeout(() => done(
            event.clipboardData.getData("text/plain") || String(getSelection()))), { once: true })
        document.execCommand("copy")
    })"""
    kind = screen.row(job["id"]).locator("[data-name=kind]")
    place = kind.bounding_box()  # from beside a link: a browser marks nothing from within
    screen.page.mouse.move(place["x"] + place["width"] - 2, place["y"] + 13)
    screen.page.mouse.down()
    screen.page.mouse.move(place["x"] + 9, place["y"] + 13)
    screen.page.mouse.up()
    label = kind_label(job["kind"])
    assert kind.get_attribute("title") == job["kind"], "the name by which it is filtered"
    assert screen.page.evaluate("String(getSelection())") == label
    assert screen.page.evaluate(copied) == label
    assert "open" not in screen.reported(), "marking text is no press"
    assert screen.page.url.startswith(f"{screen.site}/?"), "nor does it follow the link"
    user = screen.row(job["id"]).locator("[data-name=user_email] a")
    assert user.get_attribute("href") == f"/users/{job['user_id']}"
    assert user.inner_text() == job["user_email"]


def test_ten_million_rows_are_scrolled_to_the_last(screen: Screen) -> None:
    many = 10_000_000

    def answer(route: Any) -> None:
        params = dict(parse_qsl(route.request.url.split("?")[1]))
        start = int(params.get("offset", 0))
        items = [{"id": f"row-{start + number}", "label": "queued", "token": 0} for number in range(100)]
        total = {"value": many, "exact": True}
        route.fulfill(json={"items": items, "next": "more" if start + 100 < many else None, "total": total})

    screen.page.route("**/api/jobs?*", answer)
    screen.visit()
    screen.page.locator(".jg-view").evaluate("list => { list.scrollTop = list.scrollHeight }")
    last = screen.row(f"row-{many - 1}")
    last.wait_for()
    bottom = screen.page.locator(".jg-view").bounding_box()
    assert last.bounding_box()["y"] + 26 == bottom["y"] + bottom["height"]
    assert last.get_attribute("aria-rowindex") == str(many + 1)
    screen.page.locator(".jg-view").evaluate("list => { list.scrollTop = list.scrollHeight / 2 }")
    screen.page.locator(".jg-row[row-id^=row-5000]").first.wait_for()
    screen.page.unroute("**/api/jobs?*")


def test_the_context_menu_is_asked_for_with_the_job_under_it(screen: Screen, database: str) -> None:
    screen.visit()
    job_id = listed(database, limit=3)[2]["id"]
    screen.row(job_id).click(button="right")
    screen.see(lambda: screen.reported().get("context", {}).get("job_id") == job_id)


def test_a_filter_shows_its_matches_and_a_row_that_leaves_it_says_so(screen: Screen, database: str) -> None:
    screen.visit()
    screen.page.get_by_role("button", name="Failed only").click()
    failed = listed(database, limit=200, params={"status": "failed"})
    screen.see(lambda: screen.reported()["loaded"] == {"value": len(failed), "exact": True, "first_only": False})
    screen.see(lambda: screen.row(failed[0]["id"]).count() == 1)
    shown = screen.page.locator(".jg-row .jg-status").all_inner_texts()
    assert set(shown) <= {"failed", "failed ✓"}, "a mark for what other work has come after"
    handled = next(row["id"] for row in failed if row["situation"] == "handled")
    assert screen.row(handled).locator(".jg-status").inner_text() == "failed ✓"
    screen.post("/delta", [{**failed[0], "status": "queued", "label": "queued", "token": failed[0]["token"] + 1}])
    screen.see(lambda: "jg-row-left" in screen.row(failed[0]["id"]).get_attribute("class"))
    assert "no longer" in screen.row(failed[0]["id"]).locator(".jg-status").get_attribute("title")


@pytest.mark.slow
def test_a_row_that_leaves_its_situation_says_so_and_others_are_not_announced(screen: Screen, database: str) -> None:
    screen.visit(situation="failed")
    failed = listed(database, limit=1, params={"situation": "failed"})[0]
    other = {**failed, "id": "another", "situation": "waiting", "created_at": datetime.now(UTC).isoformat()}
    fitting = {**other, "id": "a failed one", "situation": "failed"}
    screen.post("/delta", [{**failed, "situation": "handled"}, other, fitting])
    screen.see(lambda: "jg-row-left" in screen.row(failed["id"]).get_attribute("class"))
    screen.see(lambda: screen.reported().get("fresh") == 1)


@pytest.mark.slow
def test_no_change_of_an_old_job_counts_as_new_where_the_oldest_are_first(screen: Screen, database: str) -> None:
    screen.visit()
    title = screen.page.get_by_role("columnheader", name="Requested")
    title.click()
    first, second = listed(database, limit=2, sort="created_at")
    screen.see(lambda: screen.row(first["id"]).count() == 1)
    (newest,) = listed(database, limit=1)
    screen.post("/delta", [{**newest, "token": newest["token"] + 1}, {**second, "label": "stopping"}])
    screen.see(lambda: "stopping" in screen.row(second["id"]).inner_text())
    assert not screen.reported().get("fresh")


def test_rows_are_shown_though_changes_come_faster_than_answers(screen: Screen) -> None:
    screen.visit()
    screen.page.evaluate(
        """() => {
            const { fetch } = window
            window.fetch = async (...request) => {
                await new Promise((done) => setTimeout(done, 120))
                return fetch(...request)
            }
            setInterval(() => window.socket.listeners("jobs:delta").forEach((tell) => tell({ reload: true })), 40)
            document.querySelector(".jg-view").scrollTop = 26 * 1000
        }"""
    )
    screen.page.locator('.jg-row[row-index="1010"]:not([row-id=""])').wait_for(timeout=5_000)


def test_a_list_says_that_it_loads_until_its_rows_are_there(screen: Screen) -> None:
    held: list[Any] = []
    screen.page.route("**/api/jobs?*", lambda route: held.append(route))
    screen.page.goto(screen.site)
    view = screen.page.locator(".jg-view[aria-busy=true]")
    view.wait_for()
    assert "Loading jobs" in view.evaluate("view => getComputedStyle(view, '::after').content")
    for route in held:
        route.continue_()
    screen.page.locator(".jg-row").first.wait_for()
    screen.see(lambda: view.count() == 0)


def test_rows_that_failed_to_load_are_told_of_until_they_are_loaded(screen: Screen) -> None:
    screen.visit()
    screen.page.route("**/api/jobs?*offset=1000*", lambda route: route.fulfill(status=500, json={"detail": "boom"}))
    list_, alert = screen.page.locator(".jg-view"), screen.page.locator(".jg-line")
    list_.evaluate("list => { list.scrollTop = 26 * 1090 }")
    screen.page.locator('.jg-row[row-index="1101"]:not([row-id=""])').wait_for()
    screen.see(lambda: "boom" in alert.inner_text())
    screen.page.unroute("**/api/jobs?*offset=1000*")
    screen.page.get_by_role("button", name="Try again").click()
    screen.page.locator('.jg-row[row-index="1095"]:not([row-id=""])').wait_for()
    screen.see(lambda: not alert.is_visible())


@pytest.mark.slow
def test_shift_selects_from_no_row_of_another_order(screen: Screen, database: str) -> None:
    screen.visit()
    first, second = (job["id"] for job in listed(database, limit=2, sort="created_at"))
    screen.page.locator('.jg-row[row-index="9"]').click()
    screen.page.keyboard.press("Escape")
    screen.page.get_by_role("columnheader", name="Requested").click()
    screen.row(first).wait_for()
    screen.row(second).click(modifiers=["Shift"])
    screen.see(lambda: screen.reported().get("select") == [second])


def scroll_to(screen: Screen, place: int) -> Any:
    screen.page.locator(".jg-view").evaluate(f"list => {{ list.scrollTop = 26 * {place - 5} }}")
    row = screen.page.locator(f'.jg-row[row-index="{place}"]:not([row-id=""])')
    row.wait_for()
    return row


def test_shift_selects_rows_that_were_never_loaded_and_none_of_too_many(screen: Screen, database: str) -> None:
    screen.visit()
    ids = [job["id"] for place in range(0, 2_400, 200) for job in listed(database, limit=200, offset=place)]
    screen.row(ids[20]).click()
    scroll_to(screen, 2_300).click(modifiers=["Shift"])
    screen.see(lambda: screen.reported()["select"] == ids[20:2_301])
    scroll_to(screen, JOBS - 10).click(modifiers=["Shift"])
    screen.see(lambda: "At most 5,000 jobs are selected one by one." in screen.reported().get("refused", ""))
    assert screen.reported()["select"] == ids[20:2_301]
    scroll_to(screen, 60).click(modifiers=["Shift"])
    screen.see(lambda: screen.reported()["select"] == ids[20:61])


def test_shift_selects_nothing_where_the_server_cannot_say_what_lies_between(screen: Screen, database: str) -> None:
    screen.visit()
    (first,) = listed(database, limit=1)
    screen.row(first["id"]).click()
    last = scroll_to(screen, 1_000)
    screen.post("/trouble/503")
    try:
        last.click(modifiers=["Shift"])
        screen.see(lambda: "the database is away" in screen.page.get_by_role("alert").inner_text())
    finally:
        screen.post("/trouble/0")
    assert screen.reported()["select"] == [first["id"]]


def test_ticks_select_one_by_one_all_that_is_loaded_and_all_that_match(screen: Screen, database: str) -> None:
    screen.visit()
    page, ids = screen.page, [job["id"] for job in listed(database, limit=100)]
    screen.row(ids[1]).locator(".jg-tick").click()
    screen.row(ids[4]).locator(".jg-tick").click()
    screen.see(lambda: screen.reported()["select"] == [ids[1], ids[4]])
    assert "open" not in screen.reported(), "a tick opens no job"
    screen.row(ids[6]).locator(".jg-tick").click(modifiers=["Shift"])
    screen.see(lambda: screen.reported()["select"] == [ids[1], *ids[4:7]])
    box = page.get_by_role("checkbox")
    assert box.get_attribute("aria-checked") == "mixed"
    box.click()
    screen.see(lambda: screen.reported()["select"] == [])
    box.click()
    screen.see(lambda: set(screen.reported()["select"]) >= set(ids))
    page.get_by_role("button", name="Everything").click()
    screen.see(lambda: screen.reported()["select"] == "everything" and box.get_attribute("aria-checked") == "true")
    scroll_to(screen, 3_000)
    assert page.locator('.jg-row:not([row-id=""])[aria-selected=false]').count() == 0
    page.get_by_role("button", name="Failed only").click()
    screen.see(lambda: screen.reported()["select"] == [])


def test_the_cursor_stays_at_its_job_when_others_come_above_it(screen: Screen, database: str) -> None:
    screen.visit()
    second = listed(database, limit=2)[1]["id"]
    for key in ("j", "j"):
        screen.page.keyboard.press(key)
    with rows(database) as session:
        session.add(added := BackgroundJob(kind="mail.send", queue="mail", status="succeeded"))
        session.commit()
        session.refresh(added)
        try:
            screen.post("/reload", None)
            screen.row(str(added.id)).wait_for()
            focused = "document.activeElement.closest('.jg-row')?.getAttribute('row-id')"
            screen.see(lambda: screen.page.evaluate(focused) == second)
            screen.page.keyboard.press("c")
            screen.see(lambda: screen.reported()["shortcut"] == ["cancel", [second]])
        finally:
            session.delete(added)
            session.commit()


def test_kept_columns_that_make_no_sense_are_passed_over_and_one_column_stays(screen: Screen, database: str) -> None:
    # columns.js needs only its cells, so it runs by itself in the page
    screen.visit()
    shown = screen.page.evaluate(
        """async (columns) => {
            const source = [...document.querySelectorAll("link[rel=modulepreload]")].map((link) => link.href)
            const { Columns } = await import(source.find((href) => href.includes("job-grid")))
            const of = (layout) => new Columns(columns, layout).shown.map(({ name, width }) => [name, width])
            const one = new Columns(columns)
            for (const { name } of columns) one.show(name, false)
            const all = of(undefined)
            return {
                junk: of([null, 1, { name: "kind" }, { name: "kind" }, { name: "gone" }]).length === all.length,
                narrow: of([{ name: "kind", width: -500 }])[0],
                wide: of([{ name: "kind", width: 9e9 }])[0],
                hidden: of(columns.map(({ name }) => ({ name, hide: true }))).length === all.length,
                last: one.shown.length,
            }
        }""",
        [asdict(column) for column in COLUMNS],
    )
    assert shown == {"junk": True, "narrow": ["kind", 36], "wide": ["kind", WIDEST], "hidden": True, "last": 1}


def test_no_match_and_no_answer_say_what_to_do(screen: Screen, database: str) -> None:
    screen.visit(user="nobody@nowhere")
    screen.see(lambda: screen.page.get_by_text("No job matches these filters").is_visible())
    screen.post("/trouble/503")
    try:
        screen.page.get_by_role("button", name="Refresh").click()
        screen.see(lambda: "the database is away" in screen.page.get_by_role("alert").inner_text())
    finally:
        screen.post("/trouble/0")
    screen.page.get_by_role("button", name="Try again").click()
    screen.see(lambda: not screen.page.locator(".jg-line").is_visible())


def test_a_signed_out_person_is_led_to_the_login_page(screen: Screen) -> None:
    screen.visit()
    screen.post("/trouble/401")
    try:
        screen.page.get_by_role("button", name="Refresh").click()
        screen.page.wait_for_url("**/login?next=%2F*")
    finally:
        screen.post("/trouble/0")


@pytest.mark.parametrize(
    ("event", "sent"),
    [
        ("select", {"ids": "no id", "everything": False}),
        ("select", {"ids": [], "everything": False}),
        ("select", None),
        ("open", {}),
        ("fresh", "many"),
        ("loaded", {"value": 1e999, "exact": 1}),
        ("shortcut", {"name": "retry"}),
        ("context", {"id": "x", "ids": "", "everything": False, "x": 0, "y": 0}),
        ("columns", [1]),
    ],
)
def test_what_our_script_never_sends_is_passed_over(event: str, sent: object) -> None:
    grid, heard, handlers = JobGrid.__new__(JobGrid), [], {}
    grid.on = handlers.__setitem__
    getattr(grid, f"on_{event}")(heard.append)
    handlers[event](SimpleNamespace(args=sent))
    assert heard == []
