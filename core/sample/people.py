"""Whose history it is: creators of the users table, some of them added, and the operators who helped."""

import random
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import Connection

from core.demo.presets import Preset
from core.models.columns import new_id

#: Creators that a database without any is given.
FIRST_USERS: Final = 200
#: Creators left in failed: enough for lists of who needs help, few enough to be believed.
MOST_FAILED: Final = 9

_FIRST: Final = ("Ana", "Bruno", "Chiara", "Dmitri", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kaya", "Lena")
_LAST: Final = ("Alvarez", "Becker", "Chen", "Diallo", "Esposito", "Garcia", "Haddad", "Ivanova", "Lopez", "Novak")


@dataclass(frozen=True, slots=True)
class Person:
    """A creator: the state in which their history has to end, and how many interactions they have then."""

    id: UUID
    email: str
    ends: str
    preset: str
    interactions: int
    connections: int
    #: When they joined, in seconds since the epoch.
    since: float

    @property
    def units(self) -> int:
        """Return how much there is to write or to delete."""
        return self.interactions + self.connections


@dataclass(frozen=True, slots=True)
class Operator:
    """Someone of the staff, as events name them."""

    id: UUID | None
    email: str


#: Who helped, in a database that has no operators yet.
_FORMER_STAFF: Final = (Operator(None, "maria@support.example.com"), Operator(None, "tom@support.example.com"))


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody in the story."""

    creators: list[Person]
    operators: list[Operator]


def gather(connection: Connection, *, add: int | None, jobs: int, now: datetime) -> Cast:
    """Return the creators who are at rest, after adding some; choose who ends in failed."""
    if add is None and not connection.scalar(sa.text("SELECT EXISTS (SELECT FROM users WHERE role = 'member')")):
        add = FIRST_USERS
    _add(connection, add or 0, now)
    rows = connection.execute(_AT_REST).all()
    dice = random.Random(len(rows))  # noqa: S311  no secret: the same sample from the same people
    can_fail = [row.id for row in rows if row.demo_mode_status == "disabled" and not row.interactions]
    fail = set(dice.sample(can_fail, min(MOST_FAILED, len(can_fail) // 20, jobs)))
    creators = [_person(row, fails=row.id in fail) for row in rows]
    staff = connection.execute(sa.text("SELECT id, email FROM users WHERE role IN ('support', 'admin') LIMIT 20")).all()
    return Cast(creators, [Operator(row.id, row.email) for row in staff] or list(_FORMER_STAFF))


def _person(row: sa.Row[*tuple[Any, ...]], *, fails: bool) -> Person:
    """Return a creator; one without demo rows is given the figures of their preset."""
    preset = Preset(row.demo_preset) if row.demo_preset in list(Preset) else Preset.MID_TIER
    return Person(
        id=row.id,
        email=row.email,
        ends="failed" if fails else row.demo_mode_status,
        preset=preset.value,
        interactions=row.interactions or preset.profile.interactions,
        connections=row.connections or len(preset.profile.accounts),
        since=row.created_at.timestamp(),
    )


def settle(connection: Connection, failed: Collection[UUID]) -> None:
    """Set the creators whose last job failed to failed, with nothing left of demo mode."""
    if not failed:
        return
    ids = {"ids": list(failed)}
    connection.execute(sa.text("DELETE FROM interactions WHERE is_demo AND user_id = ANY(:ids)"), ids)
    connection.execute(sa.text("DELETE FROM platform_connections WHERE is_demo AND user_id = ANY(:ids)"), ids)
    moved = "UPDATE users SET demo_mode_status = 'failed', demo_preset = NULL WHERE id = ANY(:ids)"
    connection.execute(sa.text(moved), ids)


#: Creators without a job under way: a history may be put behind them. Those in between are somebody's work.
_AT_REST: Final = sa.text("""
    SELECT u.id, u.email, u.created_at, u.demo_mode_status, u.demo_preset,
           coalesce(i.n, 0) AS interactions, coalesce(c.n, 0) AS connections
    FROM users u
    LEFT JOIN (SELECT user_id, count(*) AS n FROM interactions WHERE is_demo GROUP BY 1) i ON i.user_id = u.id
    LEFT JOIN (SELECT user_id, count(*) AS n FROM platform_connections WHERE is_demo GROUP BY 1) c ON c.user_id = u.id
    WHERE u.role = 'member' AND u.demo_mode_status IN ('disabled', 'enabled', 'failed')
      AND NOT EXISTS (SELECT FROM background_jobs j WHERE j.user_id = u.id AND j.status IN ('queued', 'running'))
    ORDER BY u.created_at, u.id
""")


def _add(connection: Connection, count: int, now: datetime) -> None:
    """Add creators who joined during the last two years; all of them with demo mode off."""
    dice = random.Random(count)  # noqa: S311
    cursor = connection.connection.cursor()
    with cursor.copy("COPY users (id, email, name, role, demo_mode_status, created_at) FROM STDIN") as copy:
        for _ in range(count):
            first, last, user_id = dice.choice(_FIRST), dice.choice(_LAST), new_id()
            joined = now - timedelta(days=31 + 700 * dice.random())
            email = f"{first}.{last}.{user_id.hex[-6:]}@example.com".lower()
            copy.write_row((user_id, email, f"{first} {last}", "member", "disabled", joined))
