"""Ranges in a filter: of spans, `>30s` or `30s..2m`, of attempts, `>1`, of moments, `2026-11-20..2026-11-22`."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from core import clock

#: The units that a span is written in, in milliseconds, the largest first.
_UNITS: Final = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_PART: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,3})?)(w|d|h|ms|min|m|s)")
_COMPARED: Final = re.compile(r"(>=|<=|>|<)(.+)")
#: Days by their names.
_DAYS_AGO: Final = {"today": timedelta(), "yesterday": timedelta(days=1)}
#: The longest span, and the highest attempt.
LONGEST: Final = timedelta(days=36_500)
MOST_ATTEMPTS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class SpanRange:
    """From one span of time to another; None: without that bound."""

    least: timedelta | None = None
    most: timedelta | None = None

    def __str__(self) -> str:
        if self.least is None or self.most is None:
            return f"<{_span_text(self.most)}" if self.most is not None else f">{_span_text(self.least)}"
        return f"{_span_text(self.least)}..{_span_text(self.most)}"


@dataclass(frozen=True, slots=True)
class NumberRange:
    """From one whole number to another, both included; None: without that bound."""

    least: int | None = None
    most: int | None = None

    def __str__(self) -> str:
        if self.least is None or self.most is None:
            return f"<{self.most + 1}" if self.most is not None else _above(self.least or 0)
        return str(self.least) if self.least == self.most else f"{self.least}..{self.most}"


def _above(least: int) -> str:
    return f">{least - 1}" if least else ">=0"


def span_range(value: object) -> object:
    """Return what a text says, `>30s`, `<=5m` or `30s..2m`; pydantic refuses all else. Raises ValueError."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not text:
        return None
    if compared := _COMPARED.fullmatch(text):
        span = _span(compared[2])
        return SpanRange(least=span) if compared[1][0] == ">" else SpanRange(most=span)
    least, is_range, most = text.partition("..")
    if not is_range or _span(least) > _span(most):
        raise ValueError("no range")
    return SpanRange(_span(least), _span(most))


def number_range(value: object) -> object:
    """Return what a text says: `2`, `>1`, `<=3` or `2..5`; pydantic refuses all else. Raises ValueError."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not text:
        return None
    if compared := _COMPARED.fullmatch(text):
        number, sign = _number(compared[2]), compared[1]
        if sign[0] == ">":
            return NumberRange(least=number + (sign == ">"))
        return NumberRange(most=number - (sign == "<"))
    least, is_range, most = text.partition("..")
    range_ = NumberRange(_number(least), _number(most if is_range else least))
    if (range_.least or 0) > (range_.most or 0):
        raise ValueError("no range")
    return range_


def moments(text: str) -> tuple[datetime | None, datetime | None]:
    """Return the first moment that a text means, and the first that it no longer does; days are those of UTC.

    `2026-11-20` and `today` are a day, `2026-11-20..2026-11-22` three, `>=2026-11-20T14:02Z` all from then on; today is
    the day on which this is asked. Raises ValueError.
    """
    try:
        if compared := _COMPARED.fullmatch(text):
            return _side(compared[1], *_moment(compared[2]))
        first, is_range, last = text.partition("..")
        if not is_range and first.lower() not in _DAYS_AGO and len(first) > len("2026-11-20"):
            raise ValueError("a moment is no range")
        begin, [last_begin, last_end] = _moment(first)[0], _moment(last if is_range else first)
    except OverflowError as error:
        raise ValueError("no such time") from error
    return begin, last_end if last_end - last_begin == timedelta(days=1) else last_begin


def _side(sign: str, begin: datetime, end: datetime) -> tuple[datetime | None, datetime | None]:
    if sign[0] == ">":
        return (begin if sign == ">=" else end), None
    return None, (begin if sign == "<" else end)


def moments_text(after: datetime | None, before: datetime | None) -> str:
    """Return the text from which `moments` reads these two; one of them is set."""
    if after is None or before is None:
        return f"<{_moment_text(before)}" if before else f">={_moment_text(after)}"
    if _is_midnight(before) and before.date() > date.min:
        if _is_midnight(after) and before - after == timedelta(days=1):
            return _moment_text(after)
        return f"{_moment_text(after)}..{_moment_text(before - timedelta(days=1))}"
    return f"{_moment_text(after)}..{_utc_text(before)}"


def is_span(text: str) -> bool:
    """Return whether a text is a range of spans."""
    try:
        return span_range(text) is not None
    except ValueError:
        return False


def _span(text: str) -> timedelta:
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError("no span")
    milliseconds = sum(round(float(number) * _UNITS[unit.replace("min", "m")]) for number, unit in parts)
    if milliseconds > LONGEST / timedelta(milliseconds=1):
        raise ValueError("too long")
    return timedelta(milliseconds=milliseconds)


def _span_text(span: timedelta | None) -> str:
    milliseconds = round((span or timedelta()) / timedelta(milliseconds=1))
    unit = next(unit for unit, size in _UNITS.items() if milliseconds % size == 0)
    return f"{milliseconds // _UNITS[unit]}{unit}" if milliseconds else "0s"


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,7}", text) or int(text) > MOST_ATTEMPTS:
        raise ValueError("no number")
    return int(text)


def _moment(text: str) -> tuple[datetime, datetime]:
    """Return the beginning and the end of a day, or a moment and the next one."""
    if (days_ago := _DAYS_AGO.get(text.lower())) is not None or len(text) == len("2026-11-20"):
        day = date.fromisoformat(text) if days_ago is None else clock.now().astimezone(UTC).date() - days_ago
        begin = datetime.combine(day, datetime.min.time(), UTC)
        return begin, begin + timedelta(days=1)
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment, moment + timedelta(microseconds=1)


def _moment_text(moment: datetime | None) -> str:
    assert moment is not None
    return moment.astimezone(UTC).date().isoformat() if _is_midnight(moment) else _utc_text(moment)


def _utc_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _is_midnight(moment: datetime) -> bool:
    at = moment.astimezone(UTC)
    return at == at.replace(hour=0, minute=0, second=0, microsecond=0)
