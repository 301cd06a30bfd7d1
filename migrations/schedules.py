"""Stored schedules that this release cannot fire: a migration names them, and their next tick pauses them."""

from collections.abc import Iterator

from sqlalchemy import Connection
from sqlmodel import Session

from core.schedules.listing import unusable
from migrations.report import Finding


def findings(connection: Connection) -> Iterator[Finding]:
    """Yield each active schedule of a database at head that cannot fire as it is."""
    with Session(connection) as session:
        for line in unusable(session):
            detail = f"The schedule {line.schedule.name} cannot fire: {line.problem}"
            yield Finding("unusable schedule", detail, "Remove it and add it anew.", blocks=False)
