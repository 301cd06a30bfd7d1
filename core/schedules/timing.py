"""The times of schedules: cron expressions, time zones, and the ticks that follow from them."""

import re
from datetime import datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from croniter import CroniterBadCronError, CroniterBadDateError, croniter

from core import clock
from core.errors import Invalid
from core.models import Schedule

#: Maximum distance of a single time from now; a year outside 1 to 9999, in UTC, would make its row unreadable.
FARTHEST: Final = timedelta(days=3_660)
#: Names that tzdata lists, but that mean another time on each host, or none.
_NO_ZONES: Final = frozenset({"localtime", "posixrules", "Factory", "leapseconds"})
_FIELDS: Final = 5
_EACH: Final = "*"
_WORDS: Final = frozenset({"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"})
_MONTHS: Final = frozenset({"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"})
_DAYS: Final = frozenset({"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"})
#: L is the last day.
_NAMES: Final = _MONTHS | _DAYS | {"L"}


@cache
def zones() -> frozenset[str]:
    """Return the names of all time zones that a schedule can have."""
    return frozenset(available_timezones() - _NO_ZONES)


def next_after(schedule: Schedule, moment: datetime) -> datetime | None:
    """Return the first tick of a cron schedule after a moment, in UTC; None for "at", which has only one tick.

    A schedule with fixed hours fires once in an hour that comes twice; one for each hour fires in both. Raises
    ValueError, KeyError or OverflowError if the row's cron, zone or time is unusable.
    """
    if schedule.cron is None:
        return None
    _check_form(schedule.cron)  # an older release took what this one refuses
    zone = ZoneInfo(schedule.timezone)
    has_fixed_hours = croniter.expand(schedule.cron)[0][1] != [_EACH]
    following = _following(schedule.cron, moment.astimezone(zone))
    while has_fixed_hours and _comes_again(following, zone):
        following = _following(schedule.cron, following)
    return following.astimezone(clock.UTC)


def _following(cron: str, local: datetime) -> datetime:
    following: datetime = croniter(cron, local).get_next(datetime)
    return following.astimezone(clock.UTC).astimezone(local.tzinfo)


def _comes_again(local: datetime, zone: ZoneInfo) -> bool:
    """Tell whether the clocks of a zone, put back, show a time for the second time."""
    return local.fold == 1 and local.replace(fold=0).astimezone(clock.UTC).astimezone(zone).fold == 0


def next_ticks(schedule: Schedule, count: int) -> list[datetime]:
    """Return the next `count` ticks, so that a person can check their input."""
    ticks: list[datetime] = []
    moment = schedule.next_due_at
    while moment is not None and len(ticks) < count:
        ticks.append(moment)
        moment = next_after(schedule, moment)
    return ticks


def upcoming(cron: str | None, at: datetime | None, timezone: str, count: int) -> list[datetime]:
    """Return the next runs of a schedule that does not exist yet. Raises Invalid."""
    check_time(cron, at, timezone)
    draft = Schedule(name="", kind="", cron=cron, at=at, timezone=timezone)
    draft.next_due_at = at or next_after(draft, clock.now())
    return next_ticks(draft, count)


def why_unusable(schedule: Schedule) -> str | None:
    """Return why a stored schedule has no times that this host can tell; None if it has."""
    try:
        ZoneInfo(schedule.timezone)
        next_ticks(schedule, 2)
    except (ZoneInfoNotFoundError, OSError):
        return f"The time zone {schedule.timezone!r} cannot be loaded on this host."
    except (ValueError, KeyError, OverflowError, TypeError, AttributeError):
        if schedule.cron is not None and _is_of_another_form(schedule.cron):
            return f"The cron expression {schedule.cron!r} is not one of five fields, such as 0 3 * * *."
        return f"The time {schedule.cron or schedule.next_due_at} cannot be read."
    return None


def check_time(cron: str | None, at: datetime | None, timezone: str) -> None:
    """Raise Invalid, naming the field, unless a schedule can have this time."""
    if (cron is None) == (at is None):
        raise Invalid("A schedule needs either a cron expression or a time.", {"cron": "Give either cron or at."})
    if timezone not in zones():
        message = f"Unknown time zone {timezone!r}; use e.g. Europe/Berlin."
        raise Invalid(message, {"timezone": message})
    if cron is not None:
        _check_cron(cron)
    elif at is not None and not clock.now() - FARTHEST <= at <= clock.now() + FARTHEST:
        raise Invalid("The time is out of range.", {"at": "Choose a time within ten years of now."})


def _check_cron(cron: str) -> None:
    try:
        _check_form(cron)
        croniter(cron, clock.now()).get_next(datetime)
    except (CroniterBadCronError, CroniterBadDateError, ValueError, KeyError) as error:
        message = f"{cron!r} is not a valid cron expression, or never due: {error}. Use five fields, e.g. 0 3 * * *."
        raise Invalid("The cron expression is invalid.", {"cron": message}) from None


def _is_of_another_form(cron: str) -> bool:
    return cron not in _WORDS and len(cron.split()) != _FIELDS


def _check_form(cron: str) -> None:
    """Raise ValueError for what the library reads in its own way: fields of seconds and years, and random times."""
    if _is_of_another_form(cron):
        raise ValueError(f"it has {len(cron.split())} fields")
    names = [] if cron in _WORDS else re.findall("[A-Za-z]+", cron)
    if unknown := [name for name in names if name.upper() not in _NAMES]:
        raise ValueError(f"{unknown[0]} is no month or day")
