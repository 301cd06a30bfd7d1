"""The built-in generator: the same at every call, plausible, and never in the future."""

from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from itertools import pairwise, product

import pytest

from core.demo import phrases
from core.demo.batch import window_start
from core.demo.generator import batches
from core.demo.presets import Preset, Sentiment
from tests.demo.driving import AT
from tests.repeats import mostly_slow

#: Made once for the tests that only read them, for the large presets take half a second.
made_of = cache(lambda preset: list(batches(preset, "a", AT, 0)))


def rows_of(preset, seed="a", at=AT, start=0):
    as_made = (seed, at, start) == ("a", AT, 0)
    made = made_of(preset) if as_made else batches(preset, seed, at, start)
    return [row for batch in made for row in (*batch.connections, *batch.interactions)]


def interactions_of(preset, seed="a", at=AT):
    return [row for row in rows_of(preset, seed, at) if "kind" in row]


@pytest.mark.parametrize("preset", mostly_slow(Preset, fast=3))
def test_the_same_seed_gives_the_same_rows_with_the_same_ids(preset):
    assert list(batches(preset, "a", AT, 0)) == made_of(preset)


def test_another_seed_gives_other_rows_and_no_id_in_common():
    first, second = rows_of(Preset.MICRO, "a"), rows_of(Preset.MICRO, "b")
    assert not {row["id"] for row in first} & {row["id"] for row in second}
    firsts = [next(batches(Preset.MICRO, seed, AT, 0)) for seed in "abcdef"]
    assert len({tuple(row["sentiment"] for row in batch.interactions) for batch in firsts}) == len(firsts)


@pytest.mark.parametrize("preset", mostly_slow([Preset.NANO, Preset.MICRO, Preset.MID_TIER], fast=2))
def test_resumed_at_any_batch_boundary_it_goes_on_as_if_undisturbed(preset):
    whole = made_of(preset)
    for number, batch in enumerate(whole):
        assert list(batches(preset, "a", AT, batch.start)) == whole[number:]
    assert list(batches(preset, "a", AT, whole[-1].end)) == []


def test_resumed_at_any_row_it_goes_on_as_if_undisturbed():
    whole = rows_of(Preset.NANO)
    for start in range(len(whole) + 1):
        assert rows_of(Preset.NANO, start=start) == whole[start:]


@pytest.mark.parametrize("preset", mostly_slow(Preset, fast=3))
def test_batches_join_without_gap_and_end_at_the_total(preset):
    end = 0
    for batch in made_of(preset):
        assert batch.start == end
        end = batch.end
    assert end == batch.totals.units == preset.profile.interactions + len(preset.profile.accounts)


@pytest.mark.parametrize("preset", mostly_slow(Preset, fast=3))
def test_every_preset_has_at_least_ten_checkpoints(preset):
    assert 10 <= len(made_of(preset)) <= 30


@pytest.mark.parametrize(
    "at",
    [
        AT,
        datetime(2026, 3, 1, 0, 0, tzinfo=UTC),
        datetime(2026, 3, 1, 0, 0, 0, 1, tzinfo=UTC),
        datetime(2026, 3, 1, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 3, 1, 5, 30, tzinfo=timezone(timedelta(hours=14))),
    ],
)
def test_nothing_lies_in_the_future_or_before_the_ninety_days(at):
    for seed in "abcdef":
        times = [row["created_at"] for row in rows_of(Preset.MICRO, seed, at)]
        assert max(times) <= at
        assert min(times) >= window_start(at) > at - timedelta(days=90)


def test_the_ninety_days_are_calendar_days_in_utc_with_today():
    assert window_start(AT) == datetime(2026, 8, 25, tzinfo=UTC)
    already_tomorrow = datetime(2026, 11, 23, 5, 30, tzinfo=timezone(timedelta(hours=14)))
    assert window_start(already_tomorrow) == datetime(2026, 8, 25, tzinfo=UTC)


@pytest.mark.parametrize("preset", mostly_slow(Preset, fast=3))
def test_interactions_refer_to_connections_that_came_before(preset):
    known = set()
    for row in rows_of(preset):
        if "kind" in row:
            assert row["connection_id"] in known
        else:
            known.add(row["id"])


def texts_of(sentiment):
    texts = [of_sentiment[sentiment] for of_sentiment in (*phrases.BY_KIND.values(), phrases.FOLLOW_UPS, phrases.BURST)]
    filled = product(sum(map(tuple, texts), ()), phrases.TOPICS, phrases.PLACES)
    return {text.format(topic=topic, where=where) for text, topic, where in filled}


def test_every_text_agrees_with_its_sentiment():
    texts = {sentiment.value: texts_of(sentiment) for sentiment in Sentiment}
    assert not texts["positive"] & texts["negative"]
    assert not texts["neutral"] & (texts["positive"] | texts["negative"])
    for row in interactions_of(Preset.MACRO):
        assert row["body"] in texts[row["sentiment"]]


def test_hundreds_of_texts_and_names_occur():
    rows = interactions_of(Preset.MID_TIER)
    assert len({row["body"] for row in rows}) > 500
    assert len({row["author"] for row in rows}) > 200


@pytest.mark.parametrize("preset", mostly_slow([Preset.MACRO, Preset.CELEBRITY], fast=1))
def test_kinds_sentiments_and_accounts_have_the_shares_of_the_preset(preset):
    rows, profile = interactions_of(preset), preset.profile
    shares = [account.share for account in profile.accounts]
    kinds, situations = (Counter(row[side] for row in rows) for side in ("kind", "sentiment"))
    accounts = Counter(row["connection_id"] for row in rows)
    for expected, counts in ((profile.kinds, kinds), (profile.sentiments, situations)):
        assert {name: 100 * number / len(rows) for name, number in counts.items()} == pytest.approx(expected, abs=3)
    parts = sorted(100 * number / len(rows) for number in accounts.values())
    assert parts == pytest.approx(sorted(100 * share / sum(shares) for share in shares), abs=3)


def test_days_have_a_rhythm_weekends_are_busier_and_it_grows():
    times = [row["created_at"] for seed in "abcdef" for row in interactions_of(Preset.MID_TIER, seed)]
    hours, weekdays = Counter(at.hour for at in times), Counter(at.weekday() for at in times)
    assert hours[20] > 5 * hours[3]
    assert weekdays[5] + weekdays[6] > 1.15 * (weekdays[1] + weekdays[2])
    middle = window_start(AT) + timedelta(days=45)
    assert sum(at >= middle for at in times) > sum(at < middle for at in times)


@pytest.mark.parametrize("seed", mostly_slow("abcd", fast=1))
def test_a_viral_post_makes_one_day_stand_out(seed):
    days = Counter(row["created_at"].date() for row in interactions_of(Preset.MACRO, seed))
    assert max(days.values()) > 2 * sorted(days.values())[45]


def test_some_people_go_on_speaking_in_the_same_place():
    rows = interactions_of(Preset.MID_TIER)
    follow = sum(
        earlier["author"] == later["author"] and earlier["connection_id"] == later["connection_id"]
        for earlier, later in pairwise(rows)
    )
    assert follow > len(rows) / 10
