"""Turns: which of its queues a thread of this process takes the next job from, whatever waits in the others.

1. A due queue that no thread here serves comes first, once its last turn was `PATIENCE` ago: each has its turn.
2. Otherwise the queue with the most urgent due job comes first, so that priority counts across queues.
3. Among equally urgent ones, the queue with the fewest threads for its weight, and then with the fewest turns for it.

A queue is known to be due by a wake-up, a sweep, a claim, and, while all threads are busy, by a look at all queues.
Only the carrier's thread decides here.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

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
    """One queue, as this process knows it."""

    weight: float = 1
    #: The priority of its next job, as far as known, and that of its last one.
    urgency: int = 0
    is_due: bool = False
    #: When its last turn began, by the monotonic clock.
    turn_at: float = 0
    #: Its turns so far, each counted as 1 / weight, from the number that the queues had when it became due.
    turns: float = 0


class Turns:
    """The queues of one process; `look` reads which of several queues are due."""

    def __init__(
        self,
        look: Callable[[Iterable[str]], Iterable[DueQueue]],
        weights: Mapping[str, float] | None = None,
        queues: Iterable[str] = (),
    ) -> None:
        self._look = look
        self._weights = weights or {}
        self._lines = {queue: _Line(self._weights.get(queue, 1)) for queue in queues}
        #: The turns of the queue that was chosen last: a queue that becomes due has no claim to turns of the past.
        self._turns = 0.0
        self._next_look = 0.0

    @property
    def due(self) -> list[str]:
        """The queues that are due, as far as known."""
        return [queue for queue, line in list(self._lines.items()) if line.is_due]

    def learn(self, queue: str, urgency: int | None = None) -> None:
        """Note that a queue is due, and how urgent where that is known."""
        line = self._lines.get(queue)
        if line is None:
            line = self._lines[queue] = _Line(self._weights.get(queue, 1))
        line.is_due = True
        line.urgency = line.urgency if urgency is None else urgency

    def remind(self, queue: str, priority: int) -> None:
        """Note that a queue may be due because a job of it ended: its kind may have room again."""
        if not self._lines[queue].is_due:
            self.learn(queue, priority)

    def note(self, queue: str, *, is_due: bool, claimed: Sequence[int]) -> None:
        """Note whether a claim in a queue left more due jobs, and the priorities of those it claimed."""
        line = self._lines[queue]
        line.is_due = is_due
        line.urgency = max(claimed, default=line.urgency)

    def plan(self, free: int, busy: Mapping[str, int]) -> Counter[str]:
        """Share free threads among the queues that are due; `busy` are the threads of each queue that run a job."""
        threads, plan = Counter(busy), Counter[str]()
        due = {queue: line for queue, line in self._lines.items() if line.is_due}
        for _ in range(free if due else 0):
            now = time.monotonic()
            queue = min(due, key=lambda queue: self._rank(due[queue], threads[queue], now))
            line = due[queue]
            self._turns = max(self._turns, line.turns)
            line.turns = self._turns + 1 / line.weight
            line.turn_at = now
            threads[queue] += 1
            plan[queue] += 1
        return plan

    def look_around(self) -> None:
        """Look at all queues, if it is time to."""
        began = time.monotonic()
        if began < self._next_look or len(self._lines) < 2:
            return
        try:
            for queue, _, urgency in self._look(tuple(self._lines)):
                self.learn(queue, urgency)
        except SQLAlchemyError as error:
            log.debug("looked at no queue", extra={"error": str(error).split("\n")[0]})
        now = time.monotonic()
        self._next_look = now + min(max(LOOK, (now - began) / SHARE), PATIENCE)

    def _rank(self, line: _Line, threads: int, now: float) -> tuple[float, ...]:
        if not threads and now - line.turn_at >= PATIENCE:
            return (0, line.turn_at)
        return (1, line.urgency, threads / line.weight, max(line.turns, self._turns), line.turn_at)
