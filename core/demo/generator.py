"""The built-in generator: plausible interactions from a seed, identical in every call.

It first weights the hours of 90 days (time of day, weekday, growth, viral posts), then spreads the rows over that curve
in order of time. Each batch has its own random numbers, so it can be generated independently.
"""

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random

from core.demo import phrases
from core.demo.batch import WINDOW_DAYS, Batch, Row, Totals, batch_size, connection_row, unit_id, window_start
from core.demo.presets import Kind, Preset, Profile, Sentiment

HOUR = timedelta(hours=1)

#: Weight of each hour of the day, in UTC: quiet at four, busiest in the evening.
RHYTHM = (5, 3, 2, 1, 1, 2, 4, 7, 9, 9, 9, 10, 12, 12, 11, 10, 11, 13, 16, 19, 20, 18, 13, 8)
#: Monday to Sunday.
WEEK = (1.0, 0.95, 0.95, 1.0, 1.1, 1.3, 1.35)

#: A viral post multiplies the traffic by up to this much, and loses two thirds of it every 14 hours.
BURST_STRENGTH, BURST_HOURS = 9.0, 14.0
#: The probability that the same author writes the next interaction too.
FOLLOW_UP_CHANCE = 0.18
#: An author writes about five interactions on average; the first ones write far more often than the last.
PER_AUTHOR, SMALLEST_CROWD, LARGEST_CROWD, FAVOURITES = 5, 12, 3_000, 2.2


@dataclass(frozen=True, slots=True)
class _Plan:
    seed: str
    profile: Profile
    first_moment: datetime
    last_moment: datetime
    #: Cumulative weight up to the end of each hour.
    curve: list[float]
    bursts: list[int]
    crowd: list[str]

    @property
    def totals(self) -> Totals:
        return Totals(len(self.profile.accounts), self.profile.interactions)


@dataclass(frozen=True, slots=True)
class _Voice:
    """The author of an interaction, their account, and the interaction's kind and sentiment."""

    author: str
    account: int
    kind: Kind
    sentiment: Sentiment


def batches(preset: Preset, seed: str, requested_at: datetime, start: int) -> Iterator[Batch]:
    """Yield batches from unit `start` on; the same arguments give the same rows, whatever `start` was before."""
    plan = _plan(preset.profile, seed, requested_at)
    size = batch_size(plan.totals.units)
    for first in range(start - start % size, plan.totals.units, size):
        batch = _batch(plan, first, min(first + size, plan.totals.units), skip=max(0, start - first))
        if batch.end > batch.start:
            yield batch


def _batch(plan: _Plan, first: int, end: int, skip: int) -> Batch:
    connections = plan.totals.connections
    rows = [_connection(plan, unit) for unit in range(first, min(end, connections))]
    interactions = list(_interactions(plan, max(first, connections), end))
    skipped = max(0, skip - len(rows))
    return Batch(first + skip, plan.totals, rows[skip:], interactions[skipped:])


def _plan(profile: Profile, seed: str, requested_at: datetime) -> _Plan:
    random = _dice(f"{seed}:plan")
    first, last = window_start(requested_at), requested_at.astimezone(UTC)
    hours = max(1, math.ceil((last - first) / HOUR))
    bursts = sorted(random.randrange(hours) for _ in range(profile.viral_posts))
    days = [random.uniform(0.8, 1.25) for _ in range(WINDOW_DAYS)]
    weights = [
        _weight(profile, first + hour * HOUR, hour / hours) * days[hour // 24] * random.uniform(0.6, 1.4)
        for hour in range(hours)
    ]
    for burst in bursts:
        for hour in range(burst, min(hours, burst + 72)):
            weights[hour] *= 1 + BURST_STRENGTH * math.exp((burst - hour) / BURST_HOURS)
    return _Plan(seed, profile, first, last, list(accumulate(weights)), bursts, _crowd(random, profile.interactions))


def _dice(seed: str) -> Random:
    return Random(seed)  # noqa: S311 - must be repeatable, need not be secret


def _weight(profile: Profile, at: datetime, age: float) -> float:
    return float(RHYTHM[at.hour] * WEEK[at.weekday()] * profile.growth**age)


def _crowd(random: Random, interactions: int) -> list[str]:
    size = min(max(interactions // PER_AUTHOR, SMALLEST_CROWD), LARGEST_CROWD)
    names = {f"@{random.choice(phrases.FIRST_NAMES).lower()}": None for _ in range(3)}
    while len(names) < size:
        first, tail = random.choice(phrases.FIRST_NAMES).lower(), random.choice(phrases.TAILS)
        names[f"@{first}{random.choice('._')}{tail}{random.choice(('', '', random.randrange(2, 99)))}"] = None
    return list(names)


def _connection(plan: _Plan, unit: int) -> Row:
    account = plan.profile.accounts[unit]
    persona = _dice(f"{plan.seed}:name").choice(phrases.PERSONAS)
    return connection_row(plan.seed, unit, account.platform, account.handle.format(name=persona), plan.first_moment)


def _interactions(plan: _Plan, first: int, end: int) -> Iterator[Row]:
    random = _dice(f"{plan.seed}:{first}")
    voice: _Voice | None = None
    for unit in range(first, end):
        hour, at = _moment(plan, unit - plan.totals.connections, random.random())
        goes_on = voice is not None and random.random() < FOLLOW_UP_CHANCE
        if voice is None or not goes_on:
            voice = _voice(plan, random)
        yield {
            "id": unit_id(plan.seed, unit),
            "connection_id": unit_id(plan.seed, voice.account),
            "kind": voice.kind.value,
            "author": voice.author,
            "body": _body(random, voice, goes_on=goes_on, burst=_in_burst(plan, hour)),
            "sentiment": voice.sentiment.value,
            "is_demo": True,
            "created_at": at,
        }


def _moment(plan: _Plan, number: int, jitter: float) -> tuple[int, datetime]:
    """Return hour and time of an interaction: its slice of the area under the curve, all slices being equal."""
    area = (number + jitter) / plan.profile.interactions * plan.curve[-1]
    hour = min(bisect_left(plan.curve, area), len(plan.curve) - 1)
    before = plan.curve[hour - 1] if hour else 0.0
    begins = plan.first_moment + hour * HOUR
    length = min(HOUR, plan.last_moment - begins)
    part = (area - before) / (plan.curve[hour] - before)
    return hour, begins + timedelta(seconds=int(length.total_seconds() * min(part, 1.0)))


def _voice(plan: _Plan, random: Random) -> _Voice:
    profile = plan.profile
    shares = [account.share for account in profile.accounts]
    return _Voice(
        author=plan.crowd[int(len(plan.crowd) * random.random() ** FAVOURITES)],
        account=random.choices(range(len(shares)), shares)[0],
        kind=random.choices(list(profile.kinds), list(profile.kinds.values()))[0],
        sentiment=random.choices(list(profile.sentiments), list(profile.sentiments.values()))[0],
    )


def _in_burst(plan: _Plan, hour: int) -> bool:
    return any(0 <= hour - burst < BURST_HOURS for burst in plan.bursts)


def _body(random: Random, voice: _Voice, *, goes_on: bool, burst: bool) -> str:
    texts = phrases.BY_KIND[voice.kind]
    if goes_on:
        texts = phrases.FOLLOW_UPS
    elif burst and voice.kind is not Kind.MESSAGE and random.random() < 0.5:
        texts = phrases.BURST
    text = random.choice(texts[voice.sentiment])
    return text.format(topic=random.choice(phrases.TOPICS), where=random.choice(phrases.PLACES))
