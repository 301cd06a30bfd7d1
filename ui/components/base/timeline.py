"""Timelines: one line per event with what happened, who did it and how, why, and when."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

from markupsafe import Markup

from core.commands.connections import DENIED
from core.models import Event
from core.oauth.providers import label_of
from core.operations import BY_NAME
from ui import design
from ui.components.base.event_words import event_title
from ui.components.base.markup import lines, moment, tagged, words

#: Sentences for the life of a job; other events show their title.
_SENTENCES: Final[Mapping[str, str]] = {
    "job.requested": "Requested: {label}",
    "job.retrying": "Attempt {attempt} failed; it will be retried",
    "job.rescued": "Worker lost; the job is queued again",
    "job.handed_back": "Returned to the queue",
    "job.cancelled": "Cancelled: {label}",
    "job.succeeded": "Succeeded: {label}",
    "job.failed": "Failed: {label}",
    "connection.consent_asked": "Sent to {platform} for consent",
    "connection.refused": "{platform} sent no consent",
    "session.ended": "Signed out: {how}",
    "user.repaired": "Repaired: {was} became {now}",
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


def timeline(events: Sequence[Event], unhandled: Collection[UUID] | None = None) -> None:
    """Draw events in the order given; red are the failures of the jobs `unhandled`, or all without it."""
    lines([_line(event, _tone(event, unhandled)) for event in events], "timeline", "ol")


def _tone(event: Event, unhandled: Collection[UUID] | None) -> str:
    is_handled = event.name == "job.failed" and unhandled is not None and event.job_id not in unhandled
    return design.IDLE if is_handled else _TONES.get(event.name, design.IDLE)


def sentence_of(event: Event) -> str:
    """Return an event as a short sentence."""
    template = _SENTENCES.get(event.name)
    if event.name == "job.requested" and event.details.get("retry_of"):
        template = "Retry requested: {label}"
    if _is_denial(event):
        template = "Gave no consent at {platform}"
    if template is None:
        return event_title(event.name)
    kind, platform = BY_NAME.get(str(event.details.get("kind"))), label_of(str(event.details.get("platform", "")))
    label = kind.label if kind else event.details.get("kind", "")
    values = {**event.details, "label": label, "platform": platform or "The platform"}
    return template.format_map(_Gaps(values)).strip(" :")


def _is_denial(event: Event) -> bool:
    """Tell whether a creator did not agree at their platform: no error, though the platform sends it as one."""
    return event.name == "connection.refused" and event.details.get("error") == DENIED


def _line(event: Event, tone: str) -> Markup:
    actor = event.actor if event.actor_id else "the program" if event.actor == "engine" else event.actor
    via = f" via {event.via}" if event.via in ("api", "cli") else ""
    parts = [
        tagged("div", words(sentence_of(event), "strong"), words(f" · {actor}{via}", "who")),
        moment(event.at),
    ]
    if event.reason:
        parts.append(words(f"“{event.reason}”", "why quote"))
    if (error := event.details.get("error")) and not _is_denial(event):
        parts.append(words(str(error).splitlines()[0][:200], "why"))
    return tagged("li", *parts, classes=tone, data_event=str(event.id or 0))
