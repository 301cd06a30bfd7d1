"""Pre: engine events and archived audit entries may be deleted, and maintenance has schedules. Old code deletes none.

The schedules are added here, once: a person who removes or pauses one does not find it back at the next start.
"""

import sqlalchemy as sa
from alembic import op

from migrations import ddl
from migrations.columns import large_number, moment, text

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

#: Which rows of `gone`, the deleted ones, may go, and what people call them.
MAY_GO = {
    "events": (
        """via = 'engine' OR EXISTS (SELECT FROM audit_seals s JOIN audit_checkpoints c ON s.position <= c.position
            WHERE s.event_id = gone.id)""",
        "events of the engine and archived ones",
    ),
    "audit_seals": ("EXISTS (SELECT FROM audit_checkpoints c WHERE gone.position <= c.position)", "archived seals"),
}
ARCHIVE = "maintenance.archive_audit_log"
#: Name, kind, cron in UTC, and its first time: in the day or week in which tomorrow lies. At night, one after the other.
SCHEDULES = (
    ("delete old jobs", "maintenance.delete_old_jobs", "15 3 * * *", "day", "3 hours 15 minutes"),
    ("delete ended sessions", "maintenance.expire_sessions", "45 3 * * *", "day", "3 hours 45 minutes"),
    ("archive the audit log", ARCHIVE, "15 4 * * 0", "week", "6 days 4 hours 15 minutes"),
)


def upgrade() -> None:
    """Add the checkpoint, let the triggers make their exception, and add the schedules."""
    make_audit_checkpoints()
    for table, (condition, exception) in MAY_GO.items():
        let_go(table, condition, exception)
    keep_checkpoint_honest()
    for schedule in SCHEDULES:
        add_schedule(*schedule)


def downgrade() -> None:
    """Refuse every deletion again, and remove the schedules that are as they were added.

    A checkpoint stays, since the chain begins there.
    """
    ddl.drop_trigger("audit_seals_only_new", "audit_seals")
    ddl.drop_trigger("audit_checkpoints_only_forward", "audit_checkpoints")
    op.execute("DROP TRIGGER IF EXISTS audit_checkpoints_append_only ON audit_checkpoints")
    for table in MAY_GO:
        ddl.drop_trigger(f"{table}_may_go", table)
        make_append_only(table, "UPDATE OR DELETE OR TRUNCATE")
    for name, kind, cron, *_ in SCHEDULES:
        op.execute(
            f"DELETE FROM schedules WHERE name = '{name}' AND kind = '{kind}' AND cron = '{cron}' "
            "AND created_by = 'engine' AND paused_at IS NULL"
        )
    ddl.drop_table_unless_used("audit_checkpoints")


def make_audit_checkpoints() -> None:
    op.create_table(
        "audit_checkpoints",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        large_number("position"),
        large_number("event_id"),
        large_number("txid"),
        text("hash"),
        moment("before", nullable=False),
        text("file"),
        text("proof"),
        text("key_id"),
        sa.CheckConstraint("id = 1", name="one_row"),
        sa.PrimaryKeyConstraint("id", name="pk_audit_checkpoints"),
        if_not_exists=True,
    )


def make_append_only(table: str, changes: str) -> None:
    """Refuse these changes of the table, whatever the rows."""
    op.execute(f"DROP TRIGGER IF EXISTS {table}_append_only ON {table}")
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE {changes} ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite()"
    )


def let_go(table: str, condition: str, exception: str) -> None:
    """Refuse to delete rows that do not fulfil the condition; an update and a TRUNCATE are refused as before."""
    make_append_only(table, "UPDATE OR TRUNCATE")
    refuse_if(
        f"{table}_may_go",
        f"EXISTS (SELECT FROM gone WHERE NOT ({condition}))",
        f"DELETE refused: {table} is append-only, except for {exception}",
    )
    trigger(table, "may_go", "AFTER DELETE", "REFERENCING OLD TABLE AS gone FOR EACH STATEMENT")


def keep_checkpoint_honest() -> None:
    """A seal cannot claim to be archived, and a checkpoint that was written once stays or moves on."""
    refuse_if(
        "audit_seals_only_new",
        "EXISTS (SELECT FROM added WHERE NOT (position > greatest(0, (SELECT max(c.position) FROM audit_checkpoints c))))",
        "INSERT refused: a seal has a position after all archived ones",
    )
    trigger("audit_seals", "only_new", "AFTER INSERT", "REFERENCING NEW TABLE AS added FOR EACH STATEMENT")
    make_append_only("audit_checkpoints", "DELETE OR TRUNCATE")
    refuse_if(
        "audit_checkpoints_only_forward",
        "new.position <= old.position",
        "UPDATE refused: the checkpoint of the audit log only moves forward",
        returned="new",
    )
    trigger("audit_checkpoints", "only_forward", "BEFORE UPDATE", "FOR EACH ROW")


def refuse_if(name: str, refused: str, message: str, returned: str = "NULL") -> None:
    """Make a trigger's function whose names mean this schema's tables, whatever the caller's search_path is."""
    op.execute(
        f"""DO $do$ BEGIN EXECUTE 'CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET search_path = '
        || quote_ident(current_schema()) || ', pg_temp AS ' || quote_literal($body$ BEGIN
            IF {refused} THEN
                RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = '{message}';
            END IF;
            RETURN {returned};
        END $body$); END $do$"""
    )


def trigger(table: str, name: str, when: str, how: str) -> None:
    op.execute(f"DROP TRIGGER IF EXISTS {table}_{name} ON {table}")
    op.execute(f"CREATE TRIGGER {table}_{name} {when} ON {table} {how} EXECUTE FUNCTION {table}_{name}()")


def add_schedule(name: str, kind: str, cron: str, unit: str, time: str) -> None:
    """Add a schedule, unless one has its kind or its name; a run that was missed, with no worker alive, comes later."""
    op.execute(
        f"""INSERT INTO schedules (id, name, kind, cron, missed, next_due_at)
        SELECT gen_random_uuid(), '{name}', '{kind}', '{cron}', 'once',
               (date_trunc('{unit}', now() AT TIME ZONE 'UTC' + interval '1 day') + interval '{time}') AT TIME ZONE 'UTC'
        WHERE NOT EXISTS (SELECT FROM schedules WHERE kind = '{kind}') ON CONFLICT (name) DO NOTHING"""
    )
