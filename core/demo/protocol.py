"""The remote demo service's responses: each one is validated here before its rows are used.

The protocol is docs/demo-service.md; change both together.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from core.demo.batch import Batch, Row, Totals, connection_row, unit_id, window_start
from core.demo.presets import Kind, Platform, Preset, Sentiment

#: Limits that keep a broken service from filling the database.
MOST_CONNECTIONS, MOST_INTERACTIONS = 20, 100_000
#: Characters.
LONGEST_NAME, LONGEST_BODY = 100, 5_000


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The request for one page; the response must match it."""

    preset: Preset
    seed: str
    requested_at: datetime
    start: int
    limit: int
    #: The totals from the previous page; None for the first page of an attempt.
    totals: Totals | None

    @property
    def since(self) -> datetime:
        """Return the earliest time that an interaction may have."""
        return window_start(self.requested_at)


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("it contains a NUL character, which PostgreSQL cannot store")
    return text


Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), AfterValidator(_storable)]
Body = Annotated[str, Field(max_length=LONGEST_BODY), AfterValidator(_storable)]


class _Answer(BaseModel):
    """Unknown fields are ignored, so that the service can add some; wrong types are refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class RemoteTotals(_Answer):
    """The size of the whole preset."""

    connections: int = Field(ge=0, le=MOST_CONNECTIONS)
    interactions: int = Field(ge=1, le=MOST_INTERACTIONS)


class RemoteConnection(_Answer):
    """One connection; its number is its position among all connections."""

    platform: Platform
    handle: Name


class RemoteInteraction(_Answer):
    """One interaction; `connection` is the number of a connection, counted from 0."""

    connection: int | None = Field(default=None, ge=0)
    kind: Kind
    author: Name | None = None
    body: Body | None = None
    sentiment: Sentiment | None = None
    created_at: AwareDatetime


class DemoPage(_Answer):
    """One response: the units from `start` on, connections first. Validate it with a PageRequest as context."""

    preset: str
    start: int
    totals: RemoteTotals
    connections: list[RemoteConnection]
    interactions: list[RemoteInteraction]

    @model_validator(mode="after")
    def _fits(self, info: ValidationInfo) -> Self:
        request = info.context
        if isinstance(request, PageRequest):
            self._check_header(request)
            self._check_size(request)
            for number, interaction in enumerate(self.interactions):
                self._check_interaction(number, interaction, request)
        return self

    def _check_header(self, request: PageRequest) -> None:
        if self.preset != request.preset:
            raise ValueError(f"preset is not {request.preset.value}, as requested")
        if self.start != request.start:
            raise ValueError(f"start is {self.start}, requested was {request.start}")
        if request.totals and request.totals != self.counted:
            raise ValueError("totals differ from the previous page")

    def _check_size(self, request: PageRequest) -> None:
        sent, remaining = len(self.connections) + len(self.interactions), self.counted.units - self.start
        if remaining < 0:
            raise ValueError(f"totals add up to {self.counted.units} rows, fewer than already sent ({self.start})")
        if not min(remaining, 1) <= sent <= min(remaining, request.limit):
            raise ValueError(f"it has {sent} rows, expected were 1 to {min(remaining, request.limit)}")
        if len(self.connections) != min(max(self.totals.connections - self.start, 0), sent):
            raise ValueError("all connections must come before the first interaction")

    def _check_interaction(self, number: int, interaction: RemoteInteraction, request: PageRequest) -> None:
        if interaction.connection is not None and interaction.connection >= self.totals.connections:
            raise ValueError(f"interactions.{number}.connection: there is no connection {interaction.connection}")
        if not request.since <= interaction.created_at <= request.requested_at:
            raise ValueError(f"interactions.{number}.created_at is not between since and requested_at")

    @property
    def counted(self) -> Totals:
        """Return the totals as this program's own type."""
        return Totals(self.totals.connections, self.totals.interactions)

    def batch(self, request: PageRequest) -> Batch:
        """Return the page as rows."""
        connections = [
            connection_row(request.seed, self.start + number, each.platform.value, each.handle, request.since)
            for number, each in enumerate(self.connections)
        ]
        first = self.start + len(connections)
        interactions = [_row(request.seed, first + number, each) for number, each in enumerate(self.interactions)]
        return Batch(self.start, self.counted, connections, interactions)


def _row(seed: str, unit: int, interaction: RemoteInteraction) -> Row:
    return {
        "id": unit_id(seed, unit),
        "connection_id": None if interaction.connection is None else unit_id(seed, interaction.connection),
        "kind": interaction.kind.value,
        "author": interaction.author,
        "body": interaction.body,
        "sentiment": interaction.sentiment and interaction.sentiment.value,
        "is_demo": True,
        "created_at": interaction.created_at.astimezone(UTC),
    }
