"""Timelines: one line per event with what happened, who did it and how, why, and when."""

from collections.abc import Mapping, Sequence
from typing import Final

from core.models import Event
from core.operations import BY_NAME
from ui import design
from ui.components.base.box import box, text
from ui.components.base.event_words import event_title
from ui.components.base.times import time_text

#: Sentences for the life of a job; other events show their title.
_SENTENCES: Final[Mapping[str, str]] = {
    "job.requested": "Requested: {label}",
    "job.retrying": "Attempt {attempt} failed; it will be retried",
    "job.rescued": "Worker lost; job taken over",
    "job.handed_back": "Returned to the queue",
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
    """Values for a sentence; a missing one is left out."""

    def __missing__(self, key: str) -> str:
        return ""


def timeline(events: Sequence[Event]) -> None:
    """Draw events in the order given."""
    with box("timeline", "ol"):
        for event in events:
            with box(_TONES.get(event.name, design.IDLE), "li").props(f'data-event="{event.id or 0}"'):
                _line(event)


def sentence_of(event: Event) -> str:
    """Return an event as a short sentence."""
    template = _SENTENCES.get(event.name)
    if template is None:
        return event_title(event.name)
    kind = BY_NAME.get(str(event.data.get("kind")))
    values = {**event.data, "label": kind.label if kind else event.data.get("kind", "a job")}
    return template.format_map(_Gaps(values)).strip(" :")


def _line(event: Event) -> None:
    with box():
        text(sentence_of(event), "strong")
        actor = event.actor if event.actor_id else "the program" if event.actor == "engine" else event.actor
        via = f" via {event.via}" if event.via in ("api", "cli") else ""
        text(f" · {actor}{via}", "who")
    time_text(event.at)
    if event.reason:
        text(f"“{event.reason}”", "why quote")
    if error := event.data.get("error"):
        text(str(error).splitlines()[0][:200], "why")
