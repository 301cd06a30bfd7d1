"""A card for one platform on a creator's page: its accounts, what happens to them, and what they can do."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from nicegui import ui

from core import clock
from core.models import ConnectionStatus
from core.operations.connection import disconnect
from core.people.connections import ConnectionState, PlatformState
from ui import access, design
from ui.components.base.box import Part, box, text
from ui.components.base.button import DANGER, PLAIN, PRIMARY, button, say
from ui.components.base.progress_bar import ProgressBar
from ui.components.base.times import time_text
from ui.components.connections.connection_words import (
    CONNECT,
    CONNECT_AGAIN,
    CONNECT_ANOTHER,
    is_connected,
    name_of,
    state_words_of,
)
from ui.components.jobs.operation_button import agreed

#: Of a job that moves: its bar, and the sentence below it.
_Moving = tuple[ProgressBar | None, ui.label]


class PlatformCard:
    """One platform in any state; it is drawn anew only when something other than figures changes."""

    def __init__(self, after: Callable[[], Awaitable[None]], *, is_asked_for: bool) -> None:
        """`after` loads the page again; `is_asked_for`: a link of the support leads to this platform."""
        self._after, self._is_asked_for = after, is_asked_for
        self._moving: dict[UUID, _Moving] = {}
        self._part: Part[PlatformState] = Part(self._draw, f"card-big platform {'asked' if is_asked_for else ''}")
        self._part.box.props("role=group")

    def show(self, platform: PlatformState) -> None:
        """Show the platform now."""
        self._part.box.props["aria-label"] = platform.label
        self._part.show(platform, key=(platform.is_set_up, *map(_key, platform.connections)))
        for each in platform.connections:
            if moving := self._moving.get(each.connection.id):
                _update(moving, each)

    def _draw(self, platform: PlatformState) -> None:
        self._moving = {}
        with box("platform-head"):
            text(platform.label[0], f"platform-mark {platform.platform}").props("aria-hidden=true")
            with box("grow"):
                text(platform.label, tag="h2")
                if words := state_words_of(platform):
                    text(words, "muted small")
            if platform.is_set_up and not platform.connections:
                button(CONNECT, lambda: self._begin(platform), look=PRIMARY if self._is_asked_for else PLAIN)
        for each in platform.connections:
            with box("account"):
                self._draw_account(platform, each)
        if platform.is_set_up and _has_room(platform):
            with box("actions"):
                button(CONNECT_ANOTHER, lambda: self._begin(platform, another=True), look=PLAIN, icon="add")

    def _draw_account(self, platform: PlatformState, state: ConnectionState) -> None:
        if state.operation:
            self._draw_moving(state)
        elif not is_connected(state.connection):
            self._draw_failed(platform, state)
        else:
            self._draw_connected(state)

    def _draw_moving(self, state: ConnectionState) -> None:
        operation = state.operation
        assert operation is not None, "it is in the middle of one"
        with box(f"headword {design.RUN}"):
            ui.icon("autorenew").props("aria-hidden=true")
            text(operation.doing, tag="h3")
            text(state.connection.handle or "", "muted")
        bar = ProgressBar(operation.doing) if state.is_active else None
        sentence = text(state.diagnosis.customer, "lead", tag="p")
        self._moving[state.connection.id] = bar, sentence
        if state.cancel and (job := state.job):
            with box("actions"):
                button(state.cancel.label, lambda: self._cancel(job.id), look=PLAIN)
            text(f"{state.cancel.label}: {state.cancel.effect}", "muted small", tag="p")

    def _draw_failed(self, platform: PlatformState, state: ConnectionState) -> None:
        with box("banner bad").props("role=alert"):
            ui.icon("error").props("aria-hidden=true")
            with box("words"):
                text(name_of(state) if state.connection.handle else "It could not be connected", tag="strong")
                sentence = text(state.diagnosis.customer)
            with box("actions"):
                if platform.is_set_up:
                    button(CONNECT_AGAIN, lambda: self._begin(platform, state), look=PRIMARY)
                button(disconnect.label, lambda: self._disconnect(state), look=PLAIN)
        self._moving[state.connection.id] = None, sentence

    def _draw_connected(self, state: ConnectionState) -> None:
        row = state.connection
        with box("account-line"):
            is_past = row.token_expires_at is not None and row.token_expires_at <= clock.now()
            is_well = row.connection_status == ConnectionStatus.CONNECTED and not is_past
            ui.icon("check_circle" if is_well else "schedule").props("aria-hidden=true").classes(
                design.OK if is_well else design.WARN
            )
            with box("what grow"):
                text(name_of(state), "strong")
                with box("muted small"):
                    text("Connected since ")
                    time_text(state.since or row.created_at, "clock")
                    if row.token_expires_at:
                        text(". Access ended " if is_past else ". Access lasts until ")
                        time_text(row.token_expires_at, "clock")
                        renewed = " and is renewed soon, by itself." if is_past else " and is renewed by itself before."
                        text(renewed if row.refresh_at else ".")
                if row.connection_status == ConnectionStatus.FAILED:
                    text(state.diagnosis.customer, "muted small")
            button(disconnect.label, lambda: self._disconnect(state), look=DANGER)

    async def _begin(
        self, platform: PlatformState, again: ConnectionState | None = None, *, another: bool = False
    ) -> None:
        args: dict[str, Any] = {
            "another": another,
            "provider": platform.platform,
            "base": str(ui.context.client.request.base_url),
        }
        if again:
            args["connection"] = str(again.connection.id)
        answer = await access.perform("connection.begin", None, args)
        ui.navigate.to(answer["authorize_url"])

    async def _disconnect(self, state: ConnectionState) -> None:
        if await agreed(disconnect, state.connection):
            await access.perform(disconnect.name, state.connection.id)
            await self._after()

    async def _cancel(self, job_id: UUID) -> None:
        answer = await access.perform("job.cancel", job_id)
        if answer["stopping"]:
            say("It was asked to stop before." if answer["already"] else "It is stopping; this takes a moment.")
        await self._after()


def _key(state: ConnectionState) -> object:
    row = state.connection
    cancel = state.cancel and (state.cancel.label, state.cancel.effect)
    times = (state.since, row.token_expires_at, row.refresh_at)
    return (
        row.id,
        row.connection_status,
        row.keeps_access,
        row.handle,
        times,
        state.job and state.job.id,
        state.is_active,
        cancel,
    )


def _update(moving: _Moving, state: ConnectionState) -> None:
    bar, sentence = moving
    sentence.set_text(state.diagnosis.customer)
    if bar and (job := state.job):
        bar.show(job.progress_done, job.progress_total, job.progress_message, at_work=state.is_active)


def _has_room(platform: PlatformState) -> bool:
    """Tell whether another account is offered: one at a time, and beside one that was connected once."""
    statuses = {each.connection.connection_status for each in platform.connections}
    is_known = any(each.connection.handle for each in platform.connections)
    return is_known and statuses <= {ConnectionStatus.CONNECTED, ConnectionStatus.FAILED}
