"""Post: the kinds and the queue `upkeep` are now called `maintenance`. Old code does not know the new names.

The audit log is history and sealed: its entries about people's actions keep the old names.
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

OLD, NEW = "upkeep", "maintenance"
KINDS = ("delete_old_jobs", "expire_sessions")


def upgrade() -> None:
    """Rename jobs, engine events, counters, schedules, pauses and limits."""
    rename(OLD, NEW)


def downgrade() -> None:
    """Rename them back."""
    rename(NEW, OLD)


def rename(old: str, new: str) -> None:
    """Rename the queue and its kinds wherever a row names them."""
    move_counters(old, new)
    move("queues", "name", old, new)
    for kind in KINDS:
        was, now = f"{old}.{kind}", f"{new}.{kind}"
        op.execute(f"UPDATE background_jobs SET kind = '{now}', queue = '{new}' WHERE kind = '{was}'")
        op.execute(f"UPDATE schedules SET kind = '{now}' WHERE kind = '{was}'")
        move("job_kinds", "kind", was, now)
    for kind in KINDS:
        rename_in_args(f"{old}.{kind}", f"{new}.{kind}", new)
    # Last: it keeps others from writing events until the commit.
    for kind in KINDS:
        rename_in_events(f"{old}.{kind}", f"{new}.{kind}")


def rename_in_args(was: str, now: str, family: str) -> None:
    """Rename the kind that a deletion of old jobs is limited to, in jobs and schedules."""
    for table in ("background_jobs", "schedules"):
        op.execute(
            f"""UPDATE {table} SET args = jsonb_set(args, '{{kind}}', '"{now}"')
            WHERE kind = '{family}.delete_old_jobs' AND args ->> 'kind' = '{was}'"""
        )


def rename_in_events(was: str, now: str) -> None:
    """Rename the kind in engine events of such jobs; the append-only trigger is off for this statement."""
    op.execute("ALTER TABLE events DISABLE TRIGGER events_append_only")
    op.execute(
        f"""UPDATE events SET data = jsonb_set(data, '{{kind}}', '"{now}"')
        WHERE via = 'engine' AND data ->> 'kind' = '{was}'
          AND job_id IN (SELECT id FROM background_jobs WHERE kind = '{now}')"""
    )
    op.execute("ALTER TABLE events ENABLE TRIGGER events_append_only")


def move(table: str, column: str, was: str, now: str) -> None:
    """Rename the key of a row; if both names have a row, the one that was in force stays, with its pause and limits."""
    op.execute(f"DELETE FROM {table} WHERE {column} = '{now}' AND EXISTS (SELECT FROM {table} WHERE {column} = '{was}')")
    op.execute(f"UPDATE {table} SET {column} = '{now}' WHERE {column} = '{was}'")


def move_counters(old: str, new: str) -> None:
    """Add the hourly counters to those of the new name."""
    op.execute(
        f"""WITH moved AS (DELETE FROM job_counters WHERE kind LIKE '{old}.%' RETURNING *)
        INSERT INTO job_counters (hour, kind, queue, status, shard, jobs, ran_seconds)
        SELECT hour, '{new}' || substr(kind, {len(old) + 1}), '{new}', status, shard, jobs, ran_seconds FROM moved
        ON CONFLICT (hour, kind, queue, status, shard) DO UPDATE SET
            jobs = job_counters.jobs + excluded.jobs, ran_seconds = job_counters.ran_seconds + excluded.ran_seconds"""
    )
