"""Calls of a worker process to others: its queue has more due jobs than it has threads."""

import time
from typing import Final

#: Seconds between two calls to other processes for a queue, while this one has more due jobs than threads.
CALL: Final = 0.1


class Calls:
    """When this process last called others to each of its queues."""

    def __init__(self) -> None:
        self._called_at: dict[str, float] = {}

    def may_call(self, queue: str) -> bool:
        """Tell whether it is time to call another process to a queue, and note the call."""
        now = time.monotonic()
        is_time = now - self._called_at.get(queue, 0) >= CALL
        self._called_at.update({queue: now} if is_time else {})
        return is_time
