"""What the remote demo service must send: every answer is checked here before a row is made of it.

The protocol is docs/demo-service.md; change both together.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from core.demo.batch import Batch, Row, Totals, connection_row, unit_id, window_start
from core.demo.presets import Kind, Platform, Preset, Sentiment

#: More would not be a demo; a broken service must not fill the database.
MOST_CONNECTIONS, MOST_INTERACTIONS = 20, 100_000
#: Characters.
LONGEST_NAME, LONGEST_BODY = 100, 5_000


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What a page was asked for; the answer must fit it."""

    preset: Preset
    seed: str
    requested_at: datetime
    start: int
    limit: int
    #: What the pages before said; empty for the first of an attempt.
    totals: Totals | None

    @property
    def since(self) -> datetime:
        """Return the earliest time that an interaction may have."""
        return window_start(self.requested_at)


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("it holds a NUL character, which PostgreSQL cannot store")
    return text


Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), AfterValidator(_storable)]
Body = Annotated[str, Field(max_length=LONGEST_BODY), AfterValidator(_storable)]


class _Answer(BaseModel):
    """Unknown fields are ignored, so that a service may grow; the wrong type is refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class RemoteTotals(_Answer):
    """How much the preset holds in all."""

    connections: int = Field(ge=0, le=MOST_CONNECTIONS)
    interactions: int = Field(ge=1, le=MOST_INTERACTIONS)


class RemoteConnection(_Answer):
    """One connection; its number is its place among all of them."""

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
    """One answer: the units from `start` on, connections first. Validate it with an Asked as context."""

    preset: str
    start: int
    totals: RemoteTotals
    connections: list[RemoteConnection]
    interactions: list[RemoteInteraction]

    @model_validator(mode="after")
    def _fits(self, info: ValidationInfo) -> Self:
        asked = info.context
        if isinstance(asked, PageRequest):
            self._is_for(asked)
            self._is_whole(asked)
            for number, interaction in enumerate(self.interactions):
                self._holds(number, interaction, asked)
        return self

    def _is_for(self, asked: PageRequest) -> None:
        if self.preset != asked.preset:
            raise ValueError(f"preset is not {asked.preset.value}, which was asked for")
        if self.start != asked.start:
            raise ValueError(f"start is {self.start}, asked for was {asked.start}")
        if asked.totals and asked.totals != self.counted:
            raise ValueError("totals are not the same as in the page before")

    def _is_whole(self, asked: PageRequest) -> None:
        sent, left = len(self.connections) + len(self.interactions), self.counted.units - self.start
        if left < 0:
            raise ValueError(f"totals make {self.counted.units} rows, fewer than were sent before ({self.start})")
        if not min(left, 1) <= sent <= min(left, asked.limit):
            raise ValueError(f"{sent} rows are in it, expected were 1 to {min(left, asked.limit)}")
        if len(self.connections) != min(max(self.totals.connections - self.start, 0), sent):
            raise ValueError("connections must all come before the first interaction")

    def _holds(self, number: int, interaction: RemoteInteraction, asked: PageRequest) -> None:
        if interaction.connection is not None and interaction.connection >= self.totals.connections:
            raise ValueError(f"interactions.{number}.connection: there is no connection {interaction.connection}")
        if not asked.since <= interaction.created_at <= asked.requested_at:
            raise ValueError(f"interactions.{number}.created_at is not between since and requested_at")

    @property
    def counted(self) -> Totals:
        """Return the totals as the rest of the program knows them."""
        return Totals(self.totals.connections, self.totals.interactions)

    def batch(self, asked: PageRequest) -> Batch:
        """Return the page as rows."""
        connections = [
            connection_row(asked.seed, self.start + number, each.platform.value, each.handle, asked.since)
            for number, each in enumerate(self.connections)
        ]
        first = self.start + len(connections)
        interactions = [_row(asked.seed, first + number, each) for number, each in enumerate(self.interactions)]
        return Batch(self.start, self.counted, connections, interactions)


def _row(seed: str, unit: int, said: RemoteInteraction) -> Row:
    return {
        "id": unit_id(seed, unit),
        "connection_id": None if said.connection is None else unit_id(seed, said.connection),
        "kind": said.kind.value,
        "author": said.author,
        "body": said.body,
        "sentiment": said.sentiment and said.sentiment.value,
        "is_demo": True,
        "created_at": said.created_at.astimezone(UTC),
    }
