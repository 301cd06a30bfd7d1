"""Durations, times and counts in words, and text from outside as it is shown."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import ValidationError

#: How this program is started from a shell: as a command where it was installed, else from a clone of the project.
PROGRAM: Final = "unstuck" if "site-packages" in __file__ else "python main.py"
#: For each unit: the shortest duration it is used for, its length (both in seconds), and its name.
_UNITS = ((2 * 86_400, 86_400, "days"), (2 * 3_600, 3_600, "h"), (120, 60, "min"))

#: Characters that are invisible: some change the order in which others are shown, cod.exe could read as exe.doc, and
#: others hide in a name. The joiners that Persian and emoji need stay between letters, beyond the Latin ones.
_VISIBLE: Final = "[^\x00-\u02ff\u200b-\u200f]"
INVISIBLE: Final = (
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
    f"|(?<!{_VISIBLE})[\u200c\u200d]|[\u200c\u200d](?!{_VISIBLE})"
)
#: What pydantic says, and what it means.
_PLAIN: Final = (
    ("Extra inputs are not permitted", "unknown field"),
    ("Field required", "is missing"),
    ("Input should be", "should be"),
    ("should be a valid dictionary or object to extract fields from", "should be a JSON object"),
    ("Value error, ", ""),
)
_MARKS: Final = re.compile(INVISIBLE)
#: Stands where a job failed without one.
NO_ERROR: Final = "no error was recorded"


def with_visible_marks(text: str) -> str:
    """Return a text from outside with its invisible marks shown as what they are, such as [U+202E]."""
    return text if text.isascii() else _MARKS.sub(lambda match: f"[U+{ord(match[0]):04X}]", text)


def spoken(span: timedelta) -> str:
    """Return a duration in its largest fitting unit: 47 s, 3 min, 5 h, 2 days. Never below zero."""
    seconds = max(0.0, span.total_seconds())
    for least, size, unit in _UNITS:
        if seconds >= least:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def ago(span: timedelta) -> str:
    """Return how long ago something was: just now, 47 s ago."""
    return "just now" if span < timedelta(seconds=2) else f"{spoken(span)} ago"


def lasted(span: timedelta) -> str:
    """Return a duration in enough detail to compare: 0.48 s, 12.3 s, 2 min 05 s, 1 h 12 min."""
    seconds = max(0.0, span.total_seconds())
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def nearly(span: timedelta) -> str:
    """Return a duration that is known within five per cent: 8 ms, 0.48 s, 12 s, 3.5 min, 2.4 h."""
    seconds = max(0.0, span.total_seconds())
    if seconds < 0.1:
        return f"{max(1, round(seconds * 1000))} ms"
    size, unit = (1, "s") if seconds < 100 else (60, "min") if seconds < 6_000 else (3_600, "h")
    value = seconds / size
    return f"{value:.2f} {unit}" if value < 1 else f"{value:.1f} {unit}" if value < 10 else f"{value:,.0f} {unit}"


def clock_time(moment: datetime, now: datetime) -> str:
    """Return a time of day in UTC, the same for every reader: 14:02 UTC, with the date if not today."""
    at, today = moment.astimezone(UTC), now.astimezone(UTC).date()
    return f"{at:%H:%M} UTC" if at.date() == today else f"{at:%H:%M} UTC on {at.day} {at:%B}"


def shortened(text: str, longest: int = 60) -> str:
    """Return a text from outside as a sentence repeats it: a long one is cut."""
    return text if len(text) <= longest else text[:longest] + "…"


def cited(text: str) -> str:
    """Return a text from outside, shortened and in quotes."""
    return repr(shortened(text))


def plain_message(message: str) -> str:
    """Return what pydantic says of a field, as an operator says it."""
    for theirs, ours in _PLAIN:
        message = message.replace(theirs, ours)
    return message


def problems_of(error: ValidationError) -> dict[str, str]:
    """Return what is wrong with the fields of a form, by their names; what is wrong with all of it: by `form`."""
    return {".".join(map(str, each["loc"])) or "form": plain_message(each["msg"]) for each in error.errors()}


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """Return a number with its noun: 1 job, 1,240 jobs."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
