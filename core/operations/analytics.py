"""The task that adds up finished jobs in the figures of Analytics."""

from pydantic import Field

from core.analytics import rolling
from core.clock import ZonedTime
from core.models import Role
from core.operation import Form, Progress, Steps, Task, TaskWork
from core.operations.expiry import seconds_ahead


class RollUpForm(Form):
    """Which figures to write."""

    since: ZonedTime | None = Field(
        default=None, description="Write the figures of all days since then anew; empty: what is new."
    )


def add_up(work: TaskWork[RollUpForm]) -> Steps:
    """Write the buckets of finished jobs, one day per step; those whose jobs may have been deleted stay."""
    written = 0
    for stretch in rolling.stretches(work.session, work.form.since):
        written += rolling.write(work.session, stretch)
        yield Progress(stretch.done, stretch.total, f"{stretch.stop:%d %b %Y} added up")
    forgotten = rolling.forget(work.session, seconds_ahead(work.session))
    return {"days_written": written, "old_buckets_deleted": forgotten}


roll_up = Task(
    name="analytics.roll_up",
    label="Add up finished jobs",
    form=RollUpForm,
    run=add_up,
    role=Role.ADMIN,
    queue="maintenance",
    cancel_effect="Days that are written stay; the next run goes on there.",
)
