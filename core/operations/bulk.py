"""Running a bulk action, by a job: so it survives its worker, and operators see how far it is.

What it does to each row is a command, which knows operations: whoever has the commands lends the work (`lend`).
"""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from pydantic import Field

from core.errors import GiveUp
from core.models import Role
from core.operation import Form, Steps, Task, TaskWork


class RunForm(Form):
    """Which bulk action to run, or to go on with."""

    bulk: UUID = Field(description="The id of the bulk action.")


_lent: list[Callable[[TaskWork[RunForm]], Steps]] = []


def lend(work: Callable[[TaskWork[RunForm]], Steps]) -> None:
    """Let this be the work of the jobs of this process."""
    _lent[:] = [work]


def run(work: TaskWork[RunForm]) -> Steps:
    """Go through the rows that have no outcome yet."""
    if not _lent:
        raise GiveUp("This process does not have the commands that bulk actions consist of.")
    return (yield from _lent[0](work))


NAME: Final = "bulk.run"

run_bulk = Task(
    name=NAME,
    label="Run a bulk action",
    form=RunForm,
    run=run,
    role=Role.ADMIN,
    queue="maintenance",
    cancel_effect="What it has done to rows stays; the rest is left as it is.",
)
