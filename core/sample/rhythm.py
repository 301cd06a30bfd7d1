"""When jobs are asked for: more by day than by night, fewer at week-ends, and never in order to the second."""

import math
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

#: How far back the history goes: as far as finished jobs are kept.
DAYS: Final = 30
#: The last job of the sample ends before now by more than any job takes.
REST: Final = timedelta(minutes=10)
#: Relative traffic at the quietest hour, and on a Saturday or Sunday.
NIGHT: Final = 0.15
WEEKEND: Final = 0.45


def moments(count: int, now: datetime, dice: random.Random) -> Iterator[float]:
    """Yield `count` times in ascending order, as seconds since the epoch, up to `now`."""
    end = now - REST
    start = end - timedelta(days=DAYS)
    weights = [_weight(start + timedelta(minutes=minute)) for minute in range(DAYS * 24 * 60)]
    total, due, given = sum(weights), 0.0, 0
    origin = start.timestamp()
    for minute, weight in enumerate(weights):
        due += weight / total * count
        here = (count if minute == len(weights) - 1 else round(due)) - given
        given += here
        first = origin + minute * 60
        yield from sorted(first + dice.random() * 60 for _ in range(here))


def _weight(at: datetime) -> float:
    hour = at.hour + at.minute / 60
    # A wave that is lowest at 3 h and highest at 15 h, UTC.
    day = NIGHT + (1 - NIGHT) * (1 - math.cos((hour - 3) / 24 * math.tau)) / 2
    return day * (WEEKEND if at.weekday() >= 5 else 1)
