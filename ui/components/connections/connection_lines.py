"""The operators' lines of one user's connections: state, why, and the operations that can start now."""

from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID

from nicegui import ui

from core import clock
from core.models import ConnectionStatus, PlatformConnection
from core.oauth.providers import label_of, provider_of
from core.operations import operations_of
from core.operations.connection import PAGE, refresh
from core.people.connections import ConnectionState
from core.people.users import UserPage
from core.wording import counted
from ui.components.base.box import Part, box, text
from ui.components.base.empty import empty
from ui.components.base.markup import title
from ui.components.base.owner_link import owner_link
from ui.components.base.state_chip import state_chip
from ui.components.base.times import time_text
from ui.components.jobs.operation_button import operation_button

#: From these, only the user can connect.
_THEIRS = (ConnectionStatus.DISCONNECTED, ConnectionStatus.FAILED)
_LINK = "Copy connect link"


class ConnectionLines:
    """The lines; sentences change in place, so that a button keeps its focus while an age in them ticks."""

    def __init__(self, after: Callable[[], Awaitable[None]]) -> None:
        """`after` runs once an operation was started."""
        self._after = after
        self._sentences: dict[UUID, ui.label] = {}
        self._title: Part[int] = Part(_draw_title)
        self._part: Part[UserPage] = Part(self._draw)

    def show(self, page: UserPage) -> None:
        """Show the connections of a user's page."""
        states = page.connection_states
        self._title.show(page.demo_interactions, key=page.demo_interactions)
        self._part.show(page, key=[_key(row, states) for row in page.connections])
        for connection_id, label in self._sentences.items():
            if state := states.get(connection_id):
                label.set_text(state.diagnosis.sentence)

    def _draw(self, page: UserPage) -> None:
        self._sentences = {}
        if not page.connections:
            with empty(
                "link_off", "No connections", "Only the user can connect; demo mode adds its own while it is on."
            ):
                owner_link(PAGE, label=_LINK)
            return
        with box("rows connections"):
            for row in page.connections:
                self._draw_line(row, page.connection_states[row.id])

    def _draw_line(self, row: PlatformConnection, state: ConnectionState) -> None:
        with box("row-line"):
            state_chip(row.connection_status.value)
            text(label_of(row.platform), "strong")
            text(row.handle or "", "clip muted")
            with box("muted"):
                if row.is_demo:
                    text("demo")
                elif row.token_expires_at and not row.withdrawn_at:
                    text("access ended " if row.token_expires_at <= clock.now() else "access until ")
                    time_text(row.token_expires_at, "clock")
        if row.is_demo:
            return
        with box("row-more"):
            if row.connection_status not in (ConnectionStatus.CONNECTED, ConnectionStatus.DISCONNECTED):
                self._sentences[row.id] = text(state.diagnosis.sentence)
            self._draw_actions(row, state)

    def _draw_actions(self, row: PlatformConnection, state: ConnectionState) -> None:
        with box("hbox wrap"):
            for operation in operations_of(row):
                is_hopeless = operation is refresh and row.withdrawn_at is not None
                if operation.needs_consent or is_hopeless or not operation.allowed_from(row):
                    continue
                element = operation_button(
                    operation, row, filled=lambda: ({}, None), at_work=state.is_active, after=self._after, is_main=False
                )
                element.props["aria-label"] = f"{operation.label}: {label_of(row.platform)} {row.handle or ''}".rstrip()
            if row.connection_status in _THEIRS and not row.keeps_access and provider_of(row.platform):
                owner_link(f"{PAGE}?connect={row.platform}", label=_LINK)


def _draw_title(demo_interactions: int) -> None:
    # By itself: the number moves with a job, and the buttons below keep their focus.
    title("Connections", counted(demo_interactions, "demo interaction"))


def _key(row: PlatformConnection, states: Mapping[UUID, ConnectionState]) -> object:
    access = row.token_expires_at, row.withdrawn_at, row.access_token is not None
    return row.id, row.connection_status, row.handle, access, states[row.id].is_active
