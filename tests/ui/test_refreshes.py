"""Pages refresh one run at a time, and a tick makes tasks only for those that have something to wait for."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Any
from uuid import uuid4

import pytest
from nicegui import core
from sqlalchemy.exc import OperationalError

from core.bus import Changes
from tests.loops import in_a_loop
from ui import live, refreshes


class Page(nullcontext[None]):
    """A page as far as refreshes need one."""

    is_deleted = False

    def __init__(self, *, connected: bool = True) -> None:
        super().__init__()
        self.has_socket_connection = connected


def watcher_of(refresh: Callable[[], Awaitable[None] | None], *, connected: bool = True) -> Any:
    page: Any = Page(connected=connected)
    return refreshes.Watcher(page, refresh, None, None, None)


def in_loop(steps: Callable[[], Awaitable[None]], monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        monkeypatch.setattr(core, "loop", asyncio.get_running_loop())
        await steps()

    in_a_loop(run())


def test_a_refresh_that_waits_for_nothing_takes_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[str] = []

    async def steps() -> None:
        refreshes.Refreshes().of(watcher_of(lambda: runs.append("connected")))
        refreshes.Refreshes().of(watcher_of(lambda: runs.append("away"), connected=False))
        assert runs == ["connected"]
        assert len(asyncio.all_tasks()) == 1

    in_loop(steps, monkeypatch)


def test_changes_during_a_refresh_cause_one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    async def steps() -> None:
        runs, gate = [0], asyncio.Event()

        async def refresh() -> None:
            runs[0] += 1
            await gate.wait()

        watcher, pages = watcher_of(refresh), refreshes.Refreshes()
        for _ in range(3):
            pages.of(watcher)  # before the first run has begun
        await asyncio.sleep(0)
        pages.of(watcher)
        assert runs == [1]
        gate.set()
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0)
        assert runs == [2]
        assert not watcher.running

    in_loop(steps, monkeypatch)


def test_a_refresh_that_fails_does_not_stop_those_of_other_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Exception] = []
    monkeypatch.setattr("ui.refreshes.app.handle_exception", told.append)

    def fail() -> None:
        raise ValueError("a page's own mistake")

    async def steps() -> None:
        refreshes.Refreshes().of(watcher_of(fail))

    in_loop(steps, monkeypatch)
    assert [type(each) for each in told] == [ValueError]


async def until_all_end() -> None:
    while len(asyncio.all_tasks()) > 1:
        await asyncio.sleep(0)


def test_few_pages_refresh_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, most = 0, 0

    async def refresh() -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1

    async def steps() -> None:
        await refreshes.Refreshes().of_each([watcher_of(refresh) for _ in range(50)])
        await until_all_end()

    in_loop(steps, monkeypatch)
    assert most == refreshes.AT_ONCE


def test_slow_pages_do_not_keep_others_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refreshes, "LONGEST", 0.01)
    refreshed = asyncio.Event()

    async def refresh() -> None:
        refreshed.set()

    async def steps() -> None:
        slow = [watcher_of(refreshed.wait) for _ in range(refreshes.AT_ONCE)]
        await refreshes.Refreshes().of_each([*slow, watcher_of(refresh)])
        await until_all_end()

    in_loop(steps, monkeypatch)
    assert refreshed.is_set()


@pytest.mark.parametrize("error", [OperationalError("SELECT", {}, Exception()), ValueError("a bug")])
def test_what_changed_during_a_refresh_that_failed_is_shown_all_the_same(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def steps() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        runs = [0]

        async def refresh() -> None:
            runs[0] += 1
            if runs[0] == 1:
                pages.of(watcher)  # a change meanwhile
                raise error

        watcher, pages = watcher_of(refresh), refreshes.Refreshes()
        pages.of(watcher)
        await until(lambda: runs[0] == 2)

    in_loop(steps, monkeypatch)


def test_a_page_that_the_database_did_not_answer_is_refreshed_once_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    async def steps() -> None:
        runs = [0]

        async def refresh() -> None:
            runs[0] += 1
            if runs[0] == 1:
                raise OperationalError("SELECT", {}, Exception())

        watcher, pages = watcher_of(refresh), refreshes.Refreshes()
        pages.of(watcher)
        await until(lambda: not watcher.running)
        await pages.of_missed()
        await until(lambda: runs[0] == 2)
        await until(lambda: not watcher.running)
        await pages.of_missed()
        assert not watcher.running, "it is not missed any more"

    in_loop(steps, monkeypatch)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0)


def test_whoever_watches_a_job_is_told_of_its_change_and_nobody_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    async def steps() -> None:
        told: list[str] = []
        hub, job_id = live.Hub(), uuid4()
        for name, watched in (("this", job_id), ("another", uuid4())):
            watcher = watcher_of(lambda name=name: told.append(name))
            watcher.job_id = watched
            hub._watchers.add(watcher)
        calling = asyncio.create_task(hub._call_forever())
        await hub._send(Changes(jobs={job_id}))
        await until(lambda: told)
        calling.cancel()
        assert told == ["this"]

    in_loop(steps, monkeypatch)
