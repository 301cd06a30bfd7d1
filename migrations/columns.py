"""Short functions for the columns in revisions, one per type."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB


def moment(name: str, *, nullable: bool = True) -> sa.Column[Any]:
    """A time with its zone."""
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def moment_now(name: str) -> sa.Column[Any]:
    """A time that the database fills in."""
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)


def text(name: str, *, default: str | None = None, nullable: bool = False) -> sa.Column[Any]:
    """Text of any length."""
    return sa.Column(name, sa.Text(), server_default=default, nullable=nullable)


def number(name: str, default: str | None = None, *, nullable: bool = False) -> sa.Column[Any]:
    """A whole number."""
    return sa.Column(name, sa.Integer(), server_default=default, nullable=nullable)


def large_number(name: str, default: str | None = None) -> sa.Column[Any]:
    """A whole number of 64 bits."""
    return sa.Column(name, sa.BigInteger(), server_default=default, nullable=False)


def uuid(name: str, *, nullable: bool = True) -> sa.Column[Any]:
    """A UUID."""
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def state(name: str, default: str) -> sa.Column[Any]:
    """One of a few states; the table's check constraint lists them."""
    return sa.Column(name, sa.String(32), server_default=default, nullable=False)


def json(name: str) -> sa.Column[Any]:
    """A JSON object, empty by default."""
    return sa.Column(name, JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False)


#: Short names of types in revisions, and PostgreSQL's own.
_NAMES = {
    "varchar": "character varying",
    "timestamptz": "timestamp with time zone",
    "timestamp": "timestamp without time zone",
}


def type_name(of_type: str) -> str:
    """Return a type as PostgreSQL's format_type prints it."""
    name, bracket, length = of_type.partition("(")
    return _NAMES.get(name, name) + bracket + length
