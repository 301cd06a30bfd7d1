"""Announcing to a creator what happens to their demo mode."""

from core.diagnosis.customer import DemoState
from core.models import DemoModeStatus
from core.operations import operation_during
from core.operations.demo import demo_mode
from ui.components.base.box import text
from ui.components.base.button import refuse, say
from ui.components.demo.demo_words import completion


class Announcer:
    """A toast for each ending, and a live region for screen readers that says nothing which is over."""

    def __init__(self) -> None:
        self._voice = text("", "hidden-visually").props("role=status aria-live=polite")
        self._last: DemoState | None = None

    def show(self, state: DemoState) -> None:
        """Announce what has changed since the last time."""
        last, self._last = self._last, state
        if last is None:
            return
        if message := completion(last, state):
            (refuse if state.status is DemoModeStatus.FAILED else say)(message)
            self._voice.set_text(message)
        elif (last.status, last.job_id) != (state.status, state.job_id):
            operation = operation_during(demo_mode, state.status)
            self._voice.set_text(operation.doing if operation else "")
