"""Events as a list of what happened: what, by whom and by which way, why, and when."""

from collections.abc import Mapping, Sequence
from typing import Final

from core.models import Event
from core.operations import BY_NAME
from ui import design
from ui.components.base.box import box, text
from ui.components.base.event_words import called
from ui.components.base.times import time_text

#: How the life of a job is told, which is more than how its events are called.
_TOLD: Final[Mapping[str, str]] = {
    "job.requested": "Asked for: {label}",
    "job.retrying": "Attempt {attempt} failed; another one follows",
    "job.rescued": "Worker lost; taken over",
    "job.handed_back": "Handed back to the queue",
    "job.cancelled": "Cancelled",
    "job.succeeded": "Succeeded",
    "job.failed": "Failed",
    "session.ended": "Signed out: {how}",
}
_TONES: Final[Mapping[str, str]] = {
    "job.succeeded": design.OK,
    "job.failed": design.BAD,
    "job.retrying": design.WARN,
    "job.rescued": design.WARN,
    "job.cancelled": design.IDLE,
    "job.requested": design.RUN,
}


class _Gaps(dict[str, object]):
    """Words for a sentence; a missing one is left out."""

    def __missing__(self, key: str) -> str:
        return ""


def timeline(events: Sequence[Event]) -> None:
    """Draw events in the order given."""
    with box("timeline", "ol"):
        for event in events:
            with box(_TONES.get(event.name, design.IDLE), "li").props(f'data-event="{event.id or 0}"'):
                _line(event)


def told(event: Event) -> str:
    """Return an event in a few words."""
    words = _TOLD.get(event.name)
    if words is None:
        return called(event.name)
    kind = BY_NAME.get(str(event.data.get("kind")))
    known = {**event.data, "label": kind.label if kind else event.data.get("kind", "a job")}
    return words.format_map(_Gaps(known)).strip(" :")


def _line(event: Event) -> None:
    with box():
        text(told(event), "strong")
        who = event.actor if event.actor_id else "the program" if event.actor == "engine" else event.actor
        via = f" via {event.via}" if event.via in ("api", "cli") else ""
        text(f" · {who}{via}", "who")
    time_text(event.at)
    if event.reason:
        text(f"“{event.reason}”", "why quote")
    if error := event.data.get("error"):
        text(str(error).splitlines()[0][:200], "why")
