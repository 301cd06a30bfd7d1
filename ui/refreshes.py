"""Refreshes of open pages: one run at a time for each, and few at once, so that a changed row need not wait for all."""

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from nicegui import Client, app, background_tasks
from nicegui.element import Element
from sqlalchemy.exc import SQLAlchemyError

from core.bus import Changes

log = logging.getLogger(__name__)

#: Pages that refresh at once, watchers called without a break, and the seconds that one waits for slow pages.
AT_ONCE = 4
IN_A_ROW = 8
LONGEST = 1.0

Refresh = Callable[[], Awaitable[None] | None]


@dataclass(eq=False, slots=True)
class Watcher:
    """A part of a page, and what it is about: a user, a job, or everything."""

    client: Client
    refresh: Refresh
    user_id: UUID | None
    job_id: UUID | None
    within: Element | None
    running: bool = False
    again: bool = False

    @property
    def is_gone(self) -> bool:
        """Whether its page was closed, or this part of it is no longer there."""
        return self.client.is_deleted or (self.within is not None and self.within.is_deleted)

    @property
    def is_of_everything(self) -> bool:
        """Whether it lists or counts users and jobs, and is about none of them alone."""
        return self.user_id is None and self.job_id is None

    def concerns(self, changes: Changes) -> bool:
        """Tell whether any of the changes is of what it is about."""
        if changes.everything:
            return True
        if self.is_of_everything:
            return bool(changes.jobs or changes.users)
        return self.user_id in changes.users or self.job_id in changes.jobs


class Refreshes:
    """Runs the refreshes of all pages of this process."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        #: Those whose last refresh the database did not answer.
        self._missed: set[Watcher] = set()

    async def of_each(self, watchers: Iterable[Watcher]) -> None:
        """Refresh pages, with a break after some."""
        for number, watcher in enumerate(watchers, 1):
            self.of(watcher)
            if number % IN_A_ROW == 0:
                await asyncio.sleep(0)

    async def of_missed(self) -> None:
        """Refresh the pages that the database did not answer, now that it does."""
        missed, self._missed = self._missed, set()
        await self.of_each(missed)

    def of(self, watcher: Watcher) -> None:
        """Refresh a page, one run at a time; changes during a run cause one more. Only one that waits takes a task."""
        if watcher.running or not watcher.client.has_socket_connection:
            watcher.again = watcher.running
            return
        try:
            with watcher.client:
                answer: Any = watcher.refresh()
            if inspect.isawaitable(answer):
                watcher.running, watcher.again = True, False
                background_tasks.create(self._run(watcher, answer), name="live: refresh")
        except Exception as error:  # noqa: BLE001 - the pages of all others wait for their turn
            app.handle_exception(error)

    async def _run(self, watcher: Watcher, answer: Awaitable[None]) -> None:
        try:
            async with self._turn():
                watcher.again = False  # what is read from here on contains all that has changed before
                with watcher.client:
                    await answer
        except SQLAlchemyError as error:
            log.warning("live: database down", extra={"error": str(error).split("\n")[0]})
            self._missed.add(watcher)
        finally:
            watcher.running = False
            if inspect.iscoroutine(answer):
                answer.close()  # if it never began, as when the program stops
            if watcher.again:
                self.of(watcher)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait until few pages refresh, but not for slow ones."""
        try:
            async with asyncio.timeout(LONGEST):
                await self._turns.acquire()
        except TimeoutError:
            yield
            return
        try:
            yield
        finally:
            self._turns.release()
