"""Old code works after every *pre* revision, and new code before the *post* ones; each reads the rows of the other."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlmodel import Session, col, select

from core.encryption.cipher import TokenCipher
from core.models import ConnectionStatus, DemoModeStatus, Interaction, MarketingCampaign, PlatformConnection, User
from migrations import revisions, run
from tests.migrations.schema import SECRET, by_id, connected, execute, rows

#: The last revision with which old code still works.
LAST_PRE = "0007"
PRE = [revision.id for revision in revisions.path() if revision.id <= LAST_PRE]
NEW, CONNECTION, REMARK = uuid4(), uuid4(), uuid4()
VERA = UUID("19f9919c-895f-47b3-a6b9-4c7f9118bb16")


def test_the_legacy_product_must_end_where_the_first_post_revision_begins() -> None:
    summaries = [(revision.id, revision.summary.partition(":")[0]) for revision in revisions.path()[1:]]
    first_post = next(number for number, (_, word) in enumerate(summaries) if word == "Post")
    assert summaries[first_post - 1] == (LAST_PRE, "Pre")
    assert {word for _, word in summaries} == {"Pre", "Post"}


@pytest.mark.parametrize("stop", PRE)
def test_old_code_signs_up_connects_and_switches_demo_mode_after_every_pre_revision(legacy_url: str, stop: str) -> None:
    run.upgrade(legacy_url, secret=SECRET, to=stop)
    old_code_at_work(legacy_url)
    run.upgrade(legacy_url, secret=SECRET)
    users, connections = by_id(legacy_url, "users"), by_id(legacy_url, "platform_connections")
    assert users[NEW]["demo_mode_status"] == "enabled"
    assert users[NEW]["created_at"] == datetime(2026, 11, 1, 12, tzinfo=UTC)
    assert users[VERA]["demo_mode_status"] == "disabled"
    assert connections[CONNECTION]["connection_status"] == "connected"
    assert TokenCipher(SECRET).decrypt(connections[CONNECTION]["access_token"]) == "a plain token"
    opted = {row["user_id"]: row["marketing_opt_in"] for row in rows(legacy_url, "SELECT * FROM marketing_campaigns")}
    assert (opted[NEW], opted[VERA], len(opted)) == (False, True, 241)
    assert REMARK in by_id(legacy_url, "interactions")


def old_code_at_work(url: str) -> None:
    """Write and read as the legacy product does: by its own columns alone."""
    execute(
        url,
        f"""INSERT INTO users (id, email, name, demo_mode, marketing_opt_in, created_at)
        VALUES ('{NEW}', 'new@example.com', 'New', true, false, '2026-11-01 12:00:00')""",
        f"UPDATE users SET demo_mode = false, marketing_opt_in = true WHERE id = '{VERA}'",
        f"""INSERT INTO platform_connections (id, user_id, platform, access_token)
        VALUES ('{CONNECTION}', '{NEW}', 'tiktok', 'a plain token')""",
        f"INSERT INTO interactions (id, user_id, kind, is_demo) VALUES ('{REMARK}', '{NEW}', 'comment', true)",
    )
    (new,) = rows(url, f"SELECT demo_mode, marketing_opt_in, created_at FROM users WHERE id = '{NEW}'")
    assert tuple(new.values()) == (True, False, datetime(2026, 11, 1, 12))  # noqa: DTZ001 as old code reads it
    (token,) = rows(url, f"SELECT access_token, is_active FROM platform_connections WHERE id = '{CONNECTION}'")
    assert tuple(token.values()) == ("a plain token", True)


@pytest.fixture
def between_url(legacy_url: str) -> str:
    """Return a database at the last pre revision, where old and new code meet."""
    run.upgrade(legacy_url, secret=SECRET, to=LAST_PRE)
    return legacy_url


@pytest.mark.parametrize("status", list(ConnectionStatus))
def test_new_code_writes_before_post_what_it_reads_after_it(between_url: str, status: ConnectionStatus) -> None:
    moment = datetime(2026, 11, 2, 3, 4, 5, tzinfo=UTC)
    with connected(between_url) as connection, Session(connection) as session:
        session.add(User(id=NEW, email="new@example.com", created_at=moment))
        session.flush()
        session.add(MarketingCampaign(user_id=NEW, marketing_opt_in=False))
        session.add(PlatformConnection(id=CONNECTION, user_id=NEW, platform="x", connection_status=status))
        session.add(Interaction(id=REMARK, user_id=NEW, kind="comment", created_at=moment))
        session.commit()
    run.upgrade(between_url, secret=SECRET)
    with connected(between_url) as connection, Session(connection) as session:
        assert session.get_one(User, NEW).created_at == moment
        assert session.get_one(PlatformConnection, CONNECTION).connection_status == status
        assert session.get_one(Interaction, REMARK).created_at == moment
        campaigns = session.exec(select(MarketingCampaign).where(col(MarketingCampaign.user_id) == NEW)).all()
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
