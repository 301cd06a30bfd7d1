"""Sweeps over the checkpoints of an operation: each round starts from the same moment, brought back."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from core.models import AttemptOutcome
from core.operation import Operation
from tests import driving
from tests.contract.worlds import World

#: Which checkpoints a sweep stops at.
SOME, EVERY = "some", "every"


@dataclass
class Sweep:
    """An operation, requested on a row: `rounds` brings back that moment for each of its checkpoints."""

    world: World
    row: UUID
    job: UUID
    #: The rows that an undisturbed run leaves, and its number of checkpoints.
    end: dict[str, Any]
    checkpoints: int
    bring_back: Callable[[], tuple[UUID, UUID]]

    def rounds(self, which: str) -> Iterator[int]:
        """Number `every` checkpoint, or `some`: the first two, the middle and the last; between them lie batches."""
        last = self.checkpoints - 1
        numbers = {0, min(1, last), self.checkpoints // 2, last} if which == SOME else range(self.checkpoints)
        for number in sorted(numbers):
            self.row, self.job = self.bring_back()
            yield number

    def end_now(self) -> dict[str, Any]:
        return {**self.world.picture(self.row), "result": self.world.result(self.job)}


#: What undisturbed runs left and how many checkpoints they had, by operation: what is compared is the same in each.
UNDISTURBED: dict[str, tuple[dict[str, Any], int]] = {}


def sweep_of(world: World, operation: Operation[Any, Any]) -> Sweep:
    row = world.prepare(operation)
    job = world.ask(operation, row)
    sweep = Sweep(world, row, job, {}, 0, world.keep(row, job))
    if operation.name not in UNDISTURBED:
        with pytest.MonkeyPatch.context() as patch:
            passed = driving.at_checkpoint(patch, -1)
            assert world.run_next() is AttemptOutcome.SUCCEEDED
        UNDISTURBED[operation.name] = sweep.end_now(), len(passed)
        sweep.row, sweep.job = sweep.bring_back()
    sweep.end, sweep.checkpoints = UNDISTURBED[operation.name]
    assert sweep.end["state"] == operation.target
    assert sweep.checkpoints > 0
    return sweep
