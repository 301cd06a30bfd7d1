"""Turns: which of its queues a thread of this process takes the next job from, whatever waits in the others.

1. A due queue that no thread here serves comes first, once its last turn was `PATIENCE` ago: each has its turn.
2. Otherwise the queue with the most urgent due job comes first, so that priority counts across queues.
3. Among equally urgent ones, the queue with the fewest threads for its weight, and then with the fewest turns for it.

A queue is known to be due by a wake-up, a sweep, a claim, and, while all threads are busy, by a look at all queues.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from core.jobs.due import DueQueue

log = logging.getLogger(__name__)

#: Seconds from one look at all queues to the next, at the least; a busy process needs no wake-up to see a due job.
LOOK: Final = 0.1
#: The share of the time that looks take at most, on a slow database; but two are never further apart than `PATIENCE`.
SHARE: Final = 0.1
#: Seconds after which a due queue that no thread serves goes first, before more urgent jobs of other queues.
PATIENCE: Final = 0.5


@dataclass(slots=True)
class _Line:
    """One queue, as the threads of this process know it."""

    weight: float = 1
    #: Threads of this process whose turn it is.
    threads: int = 0
    #: The priority of its next job, as far as known, and that of its last one.
    urgency: int = 0
    is_due: bool = False
    #: When its last turn began, by the monotonic clock.
    turn_at: float = 0
    #: Its turns so far, each counted as 1 / weight, from the number that the queues had when it became due.
    turns: float = 0


@dataclass(eq=False)
class Turns:
    """The queues of one process, and the threads among them; `look` reads which of several queues are due."""

    threads: int
    look: Callable[[Iterable[str]], Iterable[DueQueue]]
    weights: Mapping[str, float] = field(default_factory=dict)
    _lines: dict[str, _Line] = field(default_factory=dict)
    #: The turns of the queue that was chosen last: a queue that becomes due has no claim to turns of the past.
    _turns: float = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _next_look: float = 0

    def serve(self, queues: Iterable[str]) -> None:
        """Add queues to those that have turns."""
        with self._lock:
            for queue in queues:
                self._lines.setdefault(queue, _Line(self.weights.get(queue, 1)))

    def learn(self, due: Iterable[DueQueue]) -> None:
        """Note that queues are due, and how urgent."""
        with self._lock:
            for queue, _, urgency in due:
                if line := self._lines.get(queue):
                    line.is_due, line.urgency = True, urgency

    @contextmanager
    def begin(self, queue: str) -> Iterator["Turn"]:
        """Begin the turns of a thread that was woken for a queue; they end with the block."""
        self.serve([queue])
        turn = Turn(self)
        with self._lock:
            self._lines[queue].is_due = True
        self.move(turn)
        try:
            yield turn
        finally:
            with self._lock:
                self._leave(turn)

    def move(self, turn: "Turn", *, ended: "RanJob | None" = None) -> bool:
        """Give a thread's next turn to the queue that should have it; False: no queue is due as far as known."""
        with self._lock:
            self._remind(ended)
            self._leave(turn)
            due = {queue: line for queue, line in self._lines.items() if line.is_due}
            if not due:
                return False
            now = time.monotonic()
            turn.queue = min(due, key=lambda queue: self._rank(due[queue], now))
            line = due[turn.queue]
            self._turns = max(self._turns, line.turns)
            line.turns = self._turns + 1 / line.weight
            line.turn_at = now
            line.threads += 1
            turn.is_on = True
        return True

    def look_around(self) -> None:
        """Look at all queues, if every thread is busy and it is time to; threads that come meanwhile do not wait."""
        began = time.monotonic()
        if began < self._next_look or len(self._lines) < 2:
            return
        with self._lock:
            if began < self._next_look or not self._is_busy():
                return
            self._next_look = began + PATIENCE  # a look that hangs is not waited for
        try:
            self.learn(self.look(tuple(self._lines)))
        except SQLAlchemyError as error:
            log.debug("looked at no queue", extra={"error": str(error).split("\n")[0]})
        now = time.monotonic()
        self._next_look = now + min(max(LOOK, (now - began) / SHARE), PATIENCE)

    def note(self, queue: str, urgency: int | None, *, ended: "RanJob | None" = None) -> None:
        """Note the priority of the job that a claim in a queue found (None: it found nothing), after one that ended."""
        with self._lock:
            self._remind(ended)
            line = self._lines[queue]
            line.is_due = urgency is not None
            line.urgency = line.urgency if urgency is None else urgency

    def _remind(self, ended: "RanJob | None") -> None:
        """Note that a queue may be due because a job of it ended: its kind may have room again."""
        if ended and not (line := self._lines[ended.queue]).is_due:
            line.is_due, line.urgency = True, ended.priority

    def _is_busy(self) -> bool:
        return sum(line.threads for line in self._lines.values()) >= self.threads

    def _rank(self, line: _Line, now: float) -> tuple[float, ...]:
        if not line.threads and now - line.turn_at >= PATIENCE:
            return (0, line.turn_at)
        return (1, line.urgency, line.threads / line.weight, max(line.turns, self._turns), line.turn_at)

    def _leave(self, turn: "Turn") -> None:
        if turn.is_on:
            self._lines[turn.queue].threads -= 1
            turn.is_on = False


class RanJob(NamedTuple):
    """A job that a thread has run, as its queue remembers it."""

    queue: str
    priority: int


@dataclass(slots=True, eq=False)
class Turn:
    """The present turn of one thread: the queue that it claims its next job from."""

    turns: Turns
    queue: str = ""
    is_on: bool = False
    #: The job that this thread runs, or whose end it has just written. Its queue is reminded twice: before the end is
    #: written, so that there is a queue to choose, and after it, because another thread may have claimed in vain.
    _job: RanJob | None = None

    def next(self) -> str:
        """Choose a queue for the next job, now that the present one ends, and return it."""
        self.turns.look_around()
        self.turns.move(self, ended=self._job)
        return self.queue

    def found(self, priority: int) -> None:
        """Note that the claim in this queue found a job, of this priority."""
        self.turns.note(self.queue, priority, ended=self._job)
        self._job = RanJob(self.queue, priority)

    def pass_on(self) -> bool:
        """Note that the claim in this queue found no job, and go to the next due queue; False: there is none."""
        self.turns.note(self.queue, None, ended=self._job)
        self._job = None
        return self.turns.move(self)
