"""The loop behind each of our threads: it runs a function every so often, and no error ends it."""

import threading
from collections.abc import Callable

from core.rounds import OUTAGES, Rounds

#: Seconds that a stop waits for a round to end.
STOP_WITHIN = 2.0


class Loop:
    """A thread that calls `once` until it is stopped, with a pause after each call."""

    def __init__(
        self,
        name: str,
        once: Callable[[], object],
        pause: Callable[[], float],
        *,
        missed: str,
        at_once: bool = False,
        every: float | None = None,
        outages: tuple[type[Exception], ...] = OUTAGES,
    ) -> None:
        """Prepare a thread; `missed` is what the log says of a failed round, `at_once` runs it without a first pause.

        `every` is the longest time between two rounds in seconds, unless `pause` says it.
        """
        self._once, self._pause, self._missed, self._at_once = once, pause, missed, at_once
        self._every, self._outages = every, outages
        self._name = name
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.rounds: Rounds | None = None

    def start(self) -> None:
        """Begin."""
        self.rounds = Rounds(self._name, self._pause() if self._every is None else self._every, self._outages)
        self.rounds.begin()
        self._thread.start()

    def finish(self) -> None:
        """End after the present round."""
        self._stop.set()

    def stop(self, within: float = STOP_WITHIN) -> None:
        """End after the present round, and wait for that."""
        self.finish()
        if self.rounds is not None:
            self._thread.join(within)
            self.rounds.end()

    def note_round(self) -> None:
        """Say, within a long round, that it goes well."""
        if self.rounds is not None:
            self.rounds.well()

    @property
    def is_stopping(self) -> bool:
        """Tell whether a long round should end."""
        return self._stop.is_set()

    @property
    def is_well(self) -> bool:
        """Tell whether the last round went well."""
        return self.rounds is None or self.rounds.is_well

    def _run(self) -> None:
        if not self._at_once and self._stop.wait(self._pause()):
            return
        while not self._stop.is_set():
            self._round()
            self._stop.wait(self._pause())

    def _round(self) -> None:
        assert self.rounds is not None, "a thread runs after its start"
        try:
            self._once()
        except BaseException as error:  # noqa: BLE001 - whatever one round ended with, the next one may go well
            self.rounds.failed(error, self._missed)
        else:
            self.rounds.well()
