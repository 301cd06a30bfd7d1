"""Alembic's entry point, on the connection opened by migrations/run.py; without alembic.ini and logging setup."""

from alembic import context
from sqlmodel import SQLModel

import core.models
from core.database.version import VERSION_TABLE
from core.errors import Unusable
from core.wording import PROGRAM

assert core.models.__all__, "imported so that SQLModel.metadata knows every table"

if context.is_offline_mode():
    context.configure(
        dialect_name="postgresql",
        target_metadata=SQLModel.metadata,
        version_table=VERSION_TABLE,
        transaction_per_migration=True,
        literal_binds=True,
    )
elif (connection := context.config.attributes.get("connection")) is not None:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        version_table=VERSION_TABLE,
        transaction_per_migration=True,
    )
else:
    raise Unusable(f"Run migrations with `{PROGRAM} migrate`, not with the alembic command.")

with context.begin_transaction():
    context.run_migrations()
