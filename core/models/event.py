"""Events: an append-only table behind the audit log and every timeline."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core import clock
from core.models.append_only import keep_append_only
from core.models.columns import CREATED, Json, Moment

#: The events of the audit log: changes by people, by scripts with a token, and by the command line.
IS_AUDIT = "via <> 'engine'"


class Event(SQLModel, table=True):
    """One event. It has no foreign keys: the log outlives the rows it refers to."""

    __tablename__ = "events"
    __table_args__ = (
        sa.Index("ix_events_job", "job_id", "id", postgresql_where=sa.text("job_id IS NOT NULL")),
        sa.Index("ix_events_user", "user_id", "id", postgresql_where=sa.text("user_id IS NOT NULL")),
        sa.Index("ix_events_actor", "actor_id", "id", postgresql_where=sa.text("actor_id IS NOT NULL")),
        sa.Index("ix_events_audit", "id", postgresql_where=sa.text(IS_AUDIT)),
        sa.Index("ix_events_unsealed", "txid", "id", postgresql_where=sa.text(IS_AUDIT)),
    )

    id: int | None = Field(default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(), primary_key=True))
    at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
    #: The type of event, as family.verb in the past tense: job.requested, job.failed, session.started.
    name: str = Field(sa_type=sa.Text)
    #: The person who caused it; None for the program.
    actor_id: UUID | None = None
    #: The actor's name at that time: an e-mail address, or "engine".
    actor: str = Field(default="engine", sa_type=sa.Text, sa_column_kwargs={"server_default": "engine"})
    #: console, api, cli, provider (of sign-ins) or engine. All events except the engine's are sealed.
    via: str = Field(default="engine", sa_type=sa.Text, sa_column_kwargs={"server_default": "engine"})
    #: The affected user.
    user_id: UUID | None = None
    connection_id: UUID | None = None
    job_id: UUID | None = None
    reason: str | None = Field(default=None, sa_type=sa.Text)
    data: dict[str, Any] = Field(
        default_factory=dict, sa_type=Json, sa_column_kwargs={"server_default": sa.text("'{}'::jsonb")}
    )
    #: The transaction that wrote it; it tells the sealer when no earlier event can still appear. 0 for events from
    #: before sealing existed.
    txid: int | None = Field(
        default=None,
        sa_column=sa.Column(
            sa.BigInteger, nullable=False, server_default=sa.text("(pg_current_xact_id()::text)::bigint")
        ),
    )

    @property
    def details(self) -> dict[str, Any]:
        """Return its data; what a hand or another release has written in another shape is left out."""
        return self.data if isinstance(self.data, dict) else {}


keep_append_only(
    SQLModel.metadata.tables["events"],
    unless="""via = 'engine' OR EXISTS (SELECT FROM audit_seals s JOIN audit_checkpoints c ON s.position <= c.position
            WHERE s.event_id = gone.id)""",
    exception="events of the engine and archived ones",
)
