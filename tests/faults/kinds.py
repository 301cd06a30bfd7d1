"""Jobs that no product would have, for a worker process of the tests: slow ones, deaf ones, deadly ones.

`install` registers them in the process. Each step of a well-behaved one leaves one row in `fault_effects`.
"""

import os
import signal
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import text

from core import clock
from core.models import Role
from core.operation import Form, NoForm, Operation, Progress, Steps, Task, TaskWork, Work
from core.operations import BY_NAME, demo

#: Seconds for which demo.enable keeps the transaction of each of its steps open.
HOLD = "FAULT_HOLD_SECONDS"
#: Seconds by which the process's own clock is wrong.
SKEW = "FAULT_CLOCK_SKEW"

#: No constraint: a step that ran twice must show.
EFFECTS = "CREATE TABLE fault_effects (job_id uuid NOT NULL, step int NOT NULL)"
_LEAVE = text("INSERT INTO fault_effects (job_id, step) VALUES (:job_id, :step)")


class StepsForm(Form):
    """How many steps, and how long each takes."""

    steps: int = 5
    seconds: float = 0


class HowForm(Form):
    """In which way to go wrong."""

    how: str


def leave(work: TaskWork[Any], step: int) -> None:
    """Leave the effect of one step."""
    work.session.connection().execute(_LEAVE, {"job_id": work.key, "step": step})


def take_steps(work: TaskWork[StepsForm]) -> Steps:
    """Behave well: one effect per step, going on where an earlier attempt ended."""
    for step in range(work.done, work.form.steps):
        time.sleep(work.form.seconds)
        leave(work, step)
        yield Progress(step + 1, work.form.steps)
    return {"steps": work.form.steps}


def swallow(work: TaskWork[StepsForm]) -> Steps:
    """Wrap each step so that it ignores even its own interruption."""
    for step in range(work.done, work.form.steps):
        leave(work, step)
        until = time.monotonic() + work.form.seconds
        while time.monotonic() < until:
            with suppress(BaseException):  # this is its fault
                _wait(until - time.monotonic())
        yield Progress(step + 1, work.form.steps)
    return {"steps": work.form.steps}


def never_reach_a_checkpoint(work: TaskWork[NoForm]) -> Steps:
    """Work without end."""
    leave(work, 0)
    _wait(3600)
    yield Progress(1, 1)
    return None


def heed_nothing(work: TaskWork[NoForm]) -> Steps:
    """Hang in a call that cannot be interrupted, with its transaction open."""
    leave(work, 0)
    time.sleep(3600)
    yield Progress(1, 1)
    return None


def kill_the_worker(work: TaskWork[NoForm]) -> Steps:
    """End the process that runs it, as the kernel does when memory runs out."""
    leave(work, 0)
    os.kill(os.getpid(), signal.SIGKILL)
    yield Progress(1, 1)
    return None


def eat_memory(work: TaskWork[NoForm]) -> Steps:
    """Take memory until the kernel ends the process."""
    leave(work, 0)
    eaten = []
    while True:
        eaten.append(bytearray(10_000_000))
        yield Progress(len(eaten), 1_000_000)


def take_a_rest(_: TaskWork[NoForm]) -> Steps:
    """Take a moment, and leave nothing."""
    time.sleep(0.02)
    return None
    yield Progress(1, 1)


def go_wrong(work: TaskWork[HowForm]) -> Steps:
    """Leave an effect that must not stay, and go wrong."""
    leave(work, 0)
    result = WAYS[work.form.how](work)
    yield Progress(1, 1, cast(dict[str, str], result or {}).get("message", ""))
    return result


class Unprintable(Exception):
    """An error whose message cannot be printed."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


def _raising(error: BaseException) -> Callable[[TaskWork[Any]], None]:
    def way(_: TaskWork[Any]) -> None:
        raise error

    return way


def _recurse(work: TaskWork[Any]) -> None:
    _recurse(work)


def _break_the_transaction(work: TaskWork[Any]) -> None:
    with suppress(Exception):  # this is its fault
        work.session.connection().execute(text("SELECT 1 / 0"))


#: Ways to go wrong, none of which a job survives and each of which its worker does.
WAYS: dict[str, Callable[[TaskWork[Any]], dict[str, Any] | None]] = {
    "SystemExit": _raising(SystemExit(3)),
    "KeyboardInterrupt": _raising(KeyboardInterrupt()),
    "GeneratorExit": _raising(GeneratorExit()),
    "MemoryError": _raising(MemoryError()),
    "StopIteration": _raising(StopIteration()),
    "unprintable": _raising(Unprintable()),
    "10 MB with NUL": _raising(ValueError("\x00x" * 5_000_000)),
    "lone surrogate": _raising(ValueError("half of a pair: \ud800")),
    "recursion": _recurse,
    "broken transaction": _break_the_transaction,
    "result that is no JSON": lambda _: {"x": object()},
    "result with NUL": lambda _: {"x": "\x00"},
    "message with NUL": lambda _: {"message": "\x00"},
}


def _wait(seconds: float) -> None:
    """Wait in short steps: an exception from outside arrives between two of them."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.02)


def _task(name: str, form: type[Form], run: Callable[[Any], Steps], max_attempts: int = 3) -> Task[Any]:
    return Task(name=name, label=name, form=form, run=run, role=Role.ADMIN, queue=demo.QUEUE, max_attempts=max_attempts)


#: Thousands wait in one queue, and now and then there is one in another.
FLOODED, QUIET = "flooded", "quiet"
rest = replace(_task("fault.rest", NoForm, take_a_rest), queue=FLOODED)
seldom = replace(_task("fault.seldom", NoForm, take_a_rest), queue=QUIET)

TASKS = (
    rest,
    seldom,
    _task("fault.steps", StepsForm, take_steps),
    _task("fault.swallow", StepsForm, swallow),
    _task("fault.endless", NoForm, never_reach_a_checkpoint, max_attempts=2),
    _task("fault.deaf", NoForm, heed_nothing, max_attempts=2),
    _task("fault.deadly", NoForm, kill_the_worker),
    _task("fault.hungry", NoForm, eat_memory),
    _task("fault.wrong", HowForm, go_wrong, max_attempts=1),
)
BY_FAULT = {task.name: task for task in TASKS}


def install() -> None:
    """Register these kinds in this process, with the faults that its environment sets."""
    known = cast(dict[str, Any], BY_NAME)
    known.update(BY_FAULT)
    if hold := float(os.environ.get(HOLD, 0)):
        known[demo.enable.name] = _holding(demo.enable, hold)
    if skew := float(os.environ.get(SKEW, 0)):
        _set_clock_wrong(skew)


def _holding(operation: Operation[Any, Any], seconds: float) -> Operation[Any, Any]:
    def run(work: Work[Any, Any]) -> Generator[Progress, None, dict[str, Any] | None]:
        steps = operation.run(work)
        while True:
            try:
                progress = next(steps)
            except StopIteration as end:
                return end.value
            time.sleep(seconds)
            yield progress

    return replace(operation, run=run)


def _set_clock_wrong(seconds: float) -> None:
    now, epoch, nanos = clock.now, time.time, time.time_ns
    clock.now = lambda: now() + timedelta(seconds=seconds)
    time.time = lambda: epoch() + seconds
    time.time_ns = lambda: nanos() + int(seconds * 1e9)
