"""Old code works after every *pre* revision, and new code before the *post* ones; each reads the rows of the other."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlmodel import Session, col, select

from core.encryption.cipher import TokenCipher
from core.models import ConnectionStatus, DemoModeStatus, Interaction, MarketingCampaign, PlatformConnection, User
from migrations import revisions, run
from tests.migrations.conftest import LAST_PRE
from tests.migrations.schema import SECRET, by_id, connected, execute, rows

VERA = UUID("19f9919c-895f-47b3-a6b9-4c7f9118bb16")


def test_the_legacy_product_must_end_where_the_first_post_revision_begins() -> None:
    summaries = [(revision.id, revision.summary.partition(":")[0]) for revision in revisions.path()[1:]]
    first_post = next(number for number, (_, word) in enumerate(summaries) if word == "Post")
    assert summaries[first_post - 1] == (LAST_PRE, "Pre")
    assert {word for _, word in summaries} == {"Pre", "Post"}


@dataclass
class Creator:
    """A user who signs up with old code, and one who switches demo mode and mail with it."""

    switching: UUID
    id: UUID = field(default_factory=uuid4)
    connection: UUID = field(default_factory=uuid4)
    remark: UUID = field(default_factory=uuid4)


@pytest.mark.slow
def test_old_code_signs_up_connects_and_switches_demo_mode_after_every_pre_revision(legacy_url: str) -> None:
    """One database on its way up; after each revision, old code works for other users."""
    stops = [revision.id for revision in revisions.path() if revision.id <= LAST_PRE]
    enabled = rows(legacy_url, f"SELECT id FROM users WHERE demo_mode ORDER BY id LIMIT {len(stops)}")
    creators = [Creator(row["id"]) for row in enabled]
    for stop, creator in zip(stops, creators, strict=True):
        run.upgrade(legacy_url, secret=SECRET, to=stop)
        old_code_at_work(legacy_url, creator)
    run.finish(legacy_url, secret=SECRET)
    users, connections = by_id(legacy_url, "users"), by_id(legacy_url, "platform_connections")
    opted = {row["user_id"]: row["marketing_opt_in"] for row in rows(legacy_url, "SELECT * FROM marketing_campaigns")}
    assert len(opted) == 240 + len(stops)
    for stop, creator in zip(stops, creators, strict=True):
        assert users[creator.id]["demo_mode_status"] == "enabled", stop
        assert users[creator.id]["created_at"] == datetime(2026, 11, 1, 12, tzinfo=UTC), stop
        assert users[creator.switching]["demo_mode_status"] == "disabled", stop
        assert connections[creator.connection]["connection_status"] == "connected", stop
        assert TokenCipher(SECRET).decrypt(connections[creator.connection]["access_token"]) == "a plain token", stop
        assert (opted[creator.id], opted[creator.switching]) == (False, True), stop
        assert creator.remark in by_id(legacy_url, "interactions"), stop


def old_code_at_work(url: str, creator: Creator) -> None:
    """Write and read as the legacy product does: by its own columns alone."""
    execute(
        url,
        f"""INSERT INTO users (id, email, name, demo_mode, marketing_opt_in, created_at)
        VALUES ('{creator.id}', '{creator.id}@example.com', 'New', true, false, '2026-11-01 12:00:00')""",
        f"UPDATE users SET demo_mode = false, marketing_opt_in = true WHERE id = '{creator.switching}'",
        f"""INSERT INTO platform_connections (id, user_id, platform, access_token)
        VALUES ('{creator.connection}', '{creator.id}', 'tiktok', 'a plain token')""",
        "INSERT INTO interactions (id, user_id, kind, is_demo) "
        f"VALUES ('{creator.remark}', '{creator.id}', 'comment', true)",
    )
    (new,) = rows(url, f"SELECT demo_mode, marketing_opt_in, created_at FROM users WHERE id = '{creator.id}'")
    assert tuple(new.values()) == (True, False, datetime(2026, 11, 1, 12))  # noqa: DTZ001 as old code reads it
    (token,) = rows(url, f"SELECT access_token, is_active FROM platform_connections WHERE id = '{creator.connection}'")
    assert tuple(token.values()) == ("a plain token", True)


def test_new_code_writes_before_post_what_it_reads_after_it(kept_url: str) -> None:
    moment, new = datetime(2026, 11, 2, 3, 4, 5, tzinfo=UTC), uuid4()
    connections = {status: uuid4() for status in ConnectionStatus}
    with connected(kept_url) as connection, Session(connection) as session:
        session.add(User(id=new, email="new@example.com", created_at=moment))
        session.flush()
        session.add(MarketingCampaign(user_id=new, marketing_opt_in=False))
        for status, key in connections.items():
            session.add(PlatformConnection(id=key, user_id=new, platform="x", connection_status=status))
        session.add(remark := Interaction(user_id=new, kind="comment", created_at=moment))
        session.commit()
        remark_id = remark.id
    run.finish(kept_url, secret=SECRET)
    with connected(kept_url) as connection, Session(connection) as session:
        assert session.get_one(User, new).created_at == moment
        after = {session.get_one(PlatformConnection, key).connection_status: key for key in connections.values()}
        assert after == connections
        assert session.get_one(Interaction, remark_id).created_at == moment
        campaigns = session.exec(select(MarketingCampaign).where(col(MarketingCampaign.user_id) == new)).all()
        assert [campaign.marketing_opt_in for campaign in campaigns] == [False]


#: `switching` came after the boolean had gone.
STATES = [status for status in DemoModeStatus if status is not DemoModeStatus.SWITCHING]


@pytest.mark.parametrize("status", STATES)
def test_old_code_sees_the_state_that_new_code_set(between_url: str, status: DemoModeStatus) -> None:
    execute(between_url, f"UPDATE users SET demo_mode_status = '{status.value}'")
    assert {user["demo_mode"] or False for user in by_id(between_url, "users").values()} == {
        status in {DemoModeStatus.ENABLED, DemoModeStatus.DISABLING}
    }


def test_an_update_of_old_code_that_changes_nothing_leaves_the_state_alone(between_url: str) -> None:
    execute(
        between_url,
        f"UPDATE users SET demo_mode_status = 'failed' WHERE id = '{VERA}'",
        f"UPDATE users SET name = 'V', demo_mode = demo_mode WHERE id = '{VERA}'",
    )
    assert by_id(between_url, "users")[VERA]["demo_mode_status"] == "failed"
