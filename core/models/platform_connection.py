"""A creator's connection to a platform such as Instagram."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from pydantic import ConfigDict
from sqlalchemy.ext.hybrid import hybrid_property
from sqlmodel import Field, SQLModel, col

from core import clock
from core.models.columns import CREATED, Moment, new_id, one_of, text_enum


class ConnectionStatus(StrEnum):
    """disconnected -> connecting -> connected -> disconnecting -> disconnected.

    Also connected -> refreshing -> connected; from each transitional state: failed.
    """

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    REFRESHING = "refreshing"
    DISCONNECTING = "disconnecting"
    FAILED = "failed"


class PlatformConnection(SQLModel, table=True):
    """One account on one platform. Tokens are stored encrypted: see core/encryption/cipher.py."""

    model_config = ConfigDict(ignored_types=(hybrid_property,))  # type: ignore[assignment] # as SQLModel documents it
    __tablename__ = "platform_connections"
    __table_args__ = (
        one_of("connection_status", ConnectionStatus),
        sa.Index(
            "ix_platform_connections_attention",
            "connection_status",
            postgresql_where=sa.text("connection_status IN ('connecting', 'refreshing', 'disconnecting', 'failed')"),
        ),
        sa.Index(
            "ix_platform_connections_refresh",
            "platform",
            "refresh_at",
            postgresql_where=sa.text("refresh_at IS NOT NULL"),
        ),
        sa.Index("ix_platform_connections_newest", "created_at", "id"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    platform: str = Field(sa_type=sa.String(32))
    handle: str | None = Field(default=None, sa_type=sa.Text)
    connection_status: ConnectionStatus = Field(
        default=ConnectionStatus.DISCONNECTED,
        sa_type=text_enum(ConnectionStatus),
        sa_column_kwargs={"server_default": "disconnected"},
    )
    access_token: str | None = Field(default=None, sa_type=sa.Text)
    refresh_token: str | None = Field(default=None, sa_type=sa.Text)
    token_expires_at: datetime | None = Field(default=None, sa_type=Moment)
    #: The provider's id of the account, and what its owner has granted, separated by spaces.
    account_id: str | None = Field(default=None, sa_type=sa.Text)
    scopes: str | None = Field(default=None, sa_type=sa.Text)
    #: When the program is to refresh it by itself; None: never.
    refresh_at: datetime | None = Field(default=None, sa_type=Moment)
    #: When the refresh token was sent, until the answer is stored; what became of it is unknown meanwhile.
    asked_at: datetime | None = Field(default=None, sa_type=Moment)
    #: When the provider said that access has ended: only the creator can connect again.
    withdrawn_at: datetime | None = Field(default=None, sa_type=Moment)
    #: Created and deleted by demo mode; the user's own connections are never touched.
    is_demo: bool = Field(default=False, sa_column_kwargs={"server_default": sa.false()})
    created_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)

    @hybrid_property
    def keeps_access(self) -> bool:
        """Whether it has access that lasts, and that the program is to refresh by itself; also in SQL."""
        ends_at = self.token_expires_at if self.refresh_at and self.access_token and not self.withdrawn_at else None
        return ends_at is not None and ends_at > clock.now()

    @keeps_access.inplace.expression
    @classmethod
    def _keeps_access(cls) -> sa.ColumnElement[bool]:
        is_kept = sa.and_(col(cls.refresh_at).is_not(None), col(cls.access_token).is_not(None))
        lasts = sa.func.coalesce(col(cls.token_expires_at) > clock.db_now(), sa.false())
        return sa.and_(is_kept, col(cls.withdrawn_at).is_(None), lasts)
