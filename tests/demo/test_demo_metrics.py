"""The dashboard's figures add up for any rows in the table."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from sqlmodel import Session

from core.demo.metrics import UNKNOWN, metrics_of
from core.demo.presets import Preset
from core.models import Interaction, PlatformConnection
from core.operations import demo
from tests.demo.driving import AT, a_user, drive

TODAY = AT.date()
MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)


def anything(session: Session, user, seed: int) -> list[Interaction]:
    random = Random(seed)
    connections = [PlatformConnection(user_id=user.id, platform=name) for name in ("youtube", "tiktok", "youtube")]
    session.add_all(connections)
    session.flush()
    rows = [
        Interaction(
            user_id=user.id,
            connection_id=random.choice([None, *(each.id for each in connections)]),
            kind=random.choice(["comment", "message", "mention", "gift"]),
            author=random.choice([None, "", "@ann", "@ben", "@cem", "@dua", "@eva", "@fay"]),
            sentiment=random.choice([None, "", UNKNOWN, "positive", "negative"]),
            created_at=MIDNIGHT + timedelta(seconds=random.randrange(-100 * 86_400, 3 * 86_400)),
        )
        for _ in range(400)
    ]
    session.add_all(rows)
    session.commit()
    return rows


@pytest.mark.parametrize("seed", range(3))
def test_every_side_adds_up_to_the_total(session, seed):
    user = a_user(session)
    rows = anything(session, user, seed)
    anything(session, a_user(session), seed)
    metrics = metrics_of(session, user.id, TODAY, generated=False)
    within = [row for row in rows if MIDNIGHT - timedelta(days=89) <= row.created_at < MIDNIGHT + timedelta(days=1)]
    assert 0 < metrics.total == len(within) < len(rows)
    for side in (metrics.by_kind, metrics.by_sentiment, metrics.by_platform, metrics.by_day):
        assert sum(side.values()) == metrics.total
    assert metrics.by_kind["gift"] == sum(row.kind == "gift" for row in within)
    assert metrics.by_sentiment["positive"] == sum(row.sentiment == "positive" for row in within)
    assert metrics.by_platform[UNKNOWN] == sum(row.connection_id is None for row in within)
    assert metrics.by_day[TODAY] == sum(row.created_at.date() == TODAY for row in within)


def test_all_ninety_days_are_there_also_without_any_interaction(session):
    metrics = metrics_of(session, a_user(session).id, TODAY, generated=False)
    assert list(metrics.by_day) == [TODAY - timedelta(days=ago) for ago in range(89, -1, -1)]
    assert (metrics.total, set(metrics.by_day.values())) == (0, {0})
    assert [metrics.by_kind, metrics.by_sentiment, metrics.by_platform, metrics.top_authors] == [{}] * 4


def test_the_five_busiest_authors_come_busiest_first(session):
    user = a_user(session)
    for number, author in enumerate(["@ann", "@ben", "@cem", "@dua", "@eva", "@fay"]):
        session.add_all(
            Interaction(user_id=user.id, kind="comment", author=author, created_at=AT) for _ in range(number + 1)
        )
    session.commit()
    metrics = metrics_of(session, user.id, TODAY, generated=False).top_authors
    assert list(metrics.items()) == [("@fay", 6), ("@eva", 5), ("@dua", 4), ("@cem", 3), ("@ben", 2)]


@pytest.mark.parametrize("preset", [Preset.NANO, Preset.MID_TIER])
def test_right_after_enabling_the_dashboard_shows_the_whole_preset(session, preset):
    user = a_user(session)
    drive(session, demo.enable, user, demo.EnableForm(preset=preset))
    metrics = metrics_of(session, user.id, TODAY, generated=True)
    assert metrics.total == preset.profile.interactions
    assert set(metrics.by_platform) == {account.platform for account in preset.profile.accounts}
