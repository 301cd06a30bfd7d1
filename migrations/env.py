"""Alembic's entry: takes the connection that migrations/run.py has opened; no alembic.ini, no logging of its own."""

from alembic import context
from sqlmodel import SQLModel

import core.models
from core.errors import Unusable

assert core.models.__all__, "imported so that SQLModel.metadata knows every table"

if context.is_offline_mode():
    context.configure(
        dialect_name="postgresql",
        target_metadata=SQLModel.metadata,
        transaction_per_migration=True,
        literal_binds=True,
    )
elif (connection := context.config.attributes.get("connection")) is not None:
    context.configure(connection=connection, target_metadata=SQLModel.metadata, transaction_per_migration=True)
else:
    raise Unusable("Migrations are started with `python main.py migrate`, not with alembic's own command.")

with context.begin_transaction():
    context.run_migrations()
