"""What goes wrong in the sample: a handful of errors that group, with the numbers in them changing."""

import random
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from core.jobs.failure import fingerprint


@dataclass(frozen=True, slots=True)
class Trouble:
    """One kind of error; `{n}` and `{m}` in its message are numbers, `{id}` is the user's id."""

    type: str
    message: str
    #: The innermost frame: file, line, function, code.
    place: tuple[str, int, str, str]
    #: How often it happens, relative to the others.
    weight: int
    #: Passes by itself: an automatic retry usually helps.
    passes: bool = True


TROUBLES: Final = (
    Trouble("TryAgain", "The demo service answered 503 after {n} s; it is overloaded or being deployed.",
            ("core/demo/remote.py", 88, "_ask", "raise TryAgain(_told(answer))"), 42),
    Trouble("TryAgain", "The demo service did not answer within 10 s (request {m}).",
            ("core/demo/remote.py", 74, "_ask", "answer = client.post(url, json=body)"), 25),
    Trouble("OperationalError", "deadlock detected: process {m} waits for ShareLock on transaction {n}.",
            ("core/demo/rows.py", 41, "write", "session.connection().execute(statement, values)"), 8),
    Trouble("GiveUp", "The demo service knows no preset 'mid-tier' (HTTP 404); it is older than this console.",
            ("core/demo/remote.py", 93, "_ask", "raise GiveUp(_told(answer))"), 7, passes=False),
    Trouble("IntegrityError", "duplicate key value violates unique constraint \"pk_interactions\": id {id} exists.",
            ("core/demo/rows.py", 41, "write", "session.connection().execute(statement, values)"), 4, passes=False),
    Trouble("WorkerLost", "worker lost 3 times: whatever this job does ends the worker that runs it.",
            ("core/jobs/sweep.py", 86, "_rescue", "finish.release(session, job)"), 3, passes=False),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Error:
    """One error as a job stores it."""

    type: str
    message: str
    traceback: str
    fingerprint: str
    passes: bool


def error(dice: random.Random, user_id: UUID) -> Error:
    """Return what went wrong this time."""
    trouble = dice.choices(TROUBLES, _WEIGHTS)[0]
    message = trouble.message.format(n=dice.randint(2, 30), m=dice.randint(10_000, 99_999), id=user_id)
    print_ = fingerprint(trouble.type, message, f"{trouble.place[0]}:{trouble.place[2]}")
    return Error(trouble.type, message, _traceback(trouble, message), print_, trouble.passes)


_WEIGHTS: Final = [trouble.weight for trouble in TROUBLES]


def _traceback(trouble: Trouble, message: str) -> str:
    file, line, function, code = trouble.place
    frames = [("core/jobs/run.py", 96, "_advance", "step = next(steps)"),
              ("core/operations/demo.py", 31, "fill", "for batch in batches(work.form.preset):"),
              (file, line, function, code)]  # fmt: skip
    shown = "".join(f'  File "/app/{file}", line {line}, in {name}\n    {code}\n' for file, line, name, code in frames)
    return f"Traceback (most recent call last):\n{shown}{trouble.type}: {message}\n"
