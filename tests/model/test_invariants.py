"""No invariant is empty: for each there is a world, or a move, that breaks it."""

import pytest

from tests.model.invariants import OF_MOVES, OF_STATES
from tests.model.settings import ENABLE
from tests.model.state import (
    CANCELLED,
    DISABLED,
    ENABLED,
    FAILED,
    HEARD_STOP,
    QUEUED,
    RUNNING,
    SUCCEEDED,
    Job,
    Worker,
    World,
)
from tests.model.transition import Move, Transition

FIRST = ENABLE.first()
JOB = FIRST.jobs[0]
HELD = JOB._replace(status=RUNNING, token=2, attempt=2, started=True)
#: A planned job that has lost its worker before it began.
PLAN = Job("demo.disable", ENABLED, token=1, attempt=1)


def world(job: Job, *more: Job, effects: tuple[int, ...] = (), workers: tuple[Worker, ...] = ()) -> World:
    return FIRST._replace(jobs=(job, *more), effects=effects, workers=workers)


BROKEN_STATES = {
    "no effect twice": world(JOB, effects=(0, 0)),
    "at most one terminal transition": world(JOB._replace(endings=2)),
    "succeeded means the work is complete": world(JOB._replace(status=SUCCEEDED, token=1), effects=(0,)),
    "failed or cancelled means nothing left": world(JOB._replace(status=FAILED, token=1, started=True), effects=(0,)),
    "user state = f(last job)": world(JOB)._replace(user="enabled"),
    "attempt <= max_attempts": world(JOB._replace(attempt=3)),
    "one holder per token": world(HELD, workers=(Worker(0, 2), Worker(0, 2))),
    "at most one active job per row": world(JOB, JOB),
    "accepted cancel is kept": world(JOB._replace(status=QUEUED, cancel=True)),
}
BROKEN_MOVES = {
    "terminal is final": (world(JOB._replace(status=CANCELLED)), Move("retry", 0), world(JOB)),
    "token never decreases": (world(HELD), Move("claim", 0, 1), world(HELD._replace(token=1))),
    "only the holder changes a job": (world(HELD), Move("step", 0, 1), world(HELD._replace(done=1), effects=(0,))),
    "a healthy job is left alone": (world(HELD), Move("rescue", 0, 1), world(HELD._replace(status=QUEUED))),
    "stopping spends no attempt": (
        world(HELD, workers=(Worker(0, 2, HEARD_STOP),)),
        Move("end", 0, 2),
        world(HELD._replace(status=QUEUED)),
    ),
    "moving on spends no attempt": (
        world(HELD._replace(done=1)),
        Move("rescue", 0, 2),
        world(HELD._replace(status=QUEUED, done=1, mark=1)),
    ),
    "what has not begun is left alone": (
        world(PLAN, effects=(0, 1))._replace(user=PLAN.came_from),
        Move("cancel", 0),
        world(PLAN._replace(status=CANCELLED))._replace(user="disabled"),
    ),
    "what was asked to stop does not begin": (
        world(HELD._replace(cancel=True))._replace(user=DISABLED),
        Move("begin", 0, 2),
        world(HELD._replace(cancel=True)),
    ),
    "one event per change by a person": (world(HELD), Move("cancel", 0), world(HELD._replace(cancel=True))),
    "what is refused changes nothing": (world(JOB), Move("ask"), world(HELD)),
}


@pytest.mark.parametrize("name", OF_STATES)
def test_every_invariant_of_a_state_can_break(name: str) -> None:
    assert OF_STATES[name](FIRST)
    assert not OF_STATES[name](BROKEN_STATES[name])


@pytest.mark.parametrize("name", OF_MOVES)
def test_every_invariant_of_a_move_can_break(name: str) -> None:
    before, move, after = BROKEN_MOVES[name]
    refusal = "NotAllowed" if move.name == "ask" else ""
    assert OF_MOVES[name](before, Transition(move, before))
    assert not OF_MOVES[name](before, Transition(move, after, refusal))
