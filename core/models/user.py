"""Users: creators and operators, and the state of a creator's demo mode."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core import clock
from core.models.columns import CREATED, Moment, new_id, one_of, text_enum


class Role(StrEnum):
    """A person's role; each role includes the ones before it."""

    MEMBER = "member"
    VIEWER = "viewer"
    SUPPORT = "support"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Return whether this role includes the rights of `other`."""
        ladder = list(Role)
        # A role of another release has no rights here.
        return self in ladder and ladder.index(self) >= ladder.index(other)


class DemoModeStatus(StrEnum):
    """disabled -> enabling -> enabled -> disabling -> disabled; enabled -> switching -> enabled.

    From each transitional state to failed, and from there to disabled or back to enabling.
    """

    DISABLED = "disabled"
    ENABLING = "enabling"
    ENABLED = "enabled"
    SWITCHING = "switching"
    DISABLING = "disabling"
    FAILED = "failed"


#: A column as searches compare it, as in core/database/text.py.
SEARCHED = (
    r"translate(lower(regexp_replace(normalize({}, NFD), '[\u0300-\u036f]', '', 'g')), "
    "'łøđıħŧŁØĐĦŦ', 'lodihtlodht')"
)


class User(SQLModel, table=True):
    """One person: a creator (member) or an operator."""

    __tablename__ = "users"
    __table_args__ = (
        one_of("role", Role),
        one_of("demo_mode_status", DemoModeStatus),
        sa.Index("uq_users_email_lower", sa.text("lower(email)"), unique=True),
        sa.Index("ix_users_name_search", sa.text(f"({SEARCHED.format('name')}) text_pattern_ops")),
        sa.Index("ix_users_email_search", sa.text(f"({SEARCHED.format('email')}) text_pattern_ops")),
        sa.Index(
            "ix_users_demo_attention",
            "demo_mode_status",
            postgresql_where=sa.text("demo_mode_status NOT IN ('disabled', 'enabled')"),
        ),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    email: str = Field(sa_type=sa.String(320))
    name: str | None = Field(default=None, sa_type=sa.Text)
    hashed_password: str | None = Field(default=None, sa_type=sa.Text)
    role: Role = Field(default=Role.MEMBER, sa_type=text_enum(Role), sa_column_kwargs={"server_default": "member"})
    demo_mode_status: DemoModeStatus = Field(
        default=DemoModeStatus.DISABLED,
        sa_type=text_enum(DemoModeStatus),
        sa_column_kwargs={"server_default": "disabled"},
    )
    demo_preset: str | None = Field(default=None, sa_type=sa.Text)
    disabled_at: datetime | None = Field(default=None, sa_type=Moment)
    created_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
