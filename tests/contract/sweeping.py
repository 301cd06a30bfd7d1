"""Sweeps over the checkpoints of an operation: each round starts from the same rows, brought back, not made anew."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine

from core.models import AttemptOutcome
from core.operation import Operation
from tests import driving


@dataclass
class Sweep:
    """An operation, requested by a user: `rounds` brings back that moment for each of its checkpoints."""

    engine: Engine
    user: UUID
    job: UUID
    #: The rows that an undisturbed run leaves, and its number of checkpoints.
    end: dict[str, Any]
    checkpoints: int
    bring_back: Callable[[], None]

    def rounds(self) -> Iterator[int]:
        for number in range(self.checkpoints):
            self.bring_back()
            yield number

    def end_now(self) -> dict[str, Any]:
        return {**driving.picture(self.engine, self.user), "result": driving.job_row(self.engine, self.job).result}


#: What undisturbed runs left and how many checkpoints they had, by operation: ids and times are the same in every run.
UNDISTURBED: dict[str, tuple[dict[str, Any], int]] = {}


def sweep_of(engine: Engine, operation: Operation[Any, Any]) -> Sweep:
    user = driving.prepare(engine, operation)
    job = driving.ask_fixed(engine, operation, user)
    sweep = Sweep(engine, user, job, {}, 0, keep_rows(engine))
    if operation.name not in UNDISTURBED:
        with pytest.MonkeyPatch.context() as patch:
            passed = driving.at_checkpoint(patch, -1)
            assert driving.run_next(engine) is AttemptOutcome.SUCCEEDED
        UNDISTURBED[operation.name] = sweep.end_now(), len(passed)
        sweep.bring_back()
    sweep.end, sweep.checkpoints = UNDISTURBED[operation.name]
    assert sweep.end["state"] == operation.target
    assert sweep.checkpoints > 0
    return sweep


def keep_rows(engine: Engine) -> Callable[[], None]:
    """Keep all rows, and return a function that brings them back: for each round of a sweep over checkpoints."""
    with engine.begin() as connection:
        names, cursor = driving.tables_of(connection), connection.connection.cursor()
        kept = {}
        for name in names:
            with cursor.copy(f"COPY {name} TO STDOUT") as rows:
                kept[name] = b"".join(rows)

    def bring_back() -> None:
        with engine.begin() as connection:
            driving.delete_all(connection, names)
            cursor = connection.connection.cursor()
            for name in (name for name, rows in kept.items() if rows):
                with cursor.copy(f"COPY {name} FROM STDIN") as rows:
                    rows.write(kept[name])

    return bring_back
