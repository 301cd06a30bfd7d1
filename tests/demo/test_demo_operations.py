"""Enabling, disabling and dismissing demo mode: complete, resumable, and only ever about demo rows."""

import pytest
from sqlmodel import Session, col, select

from core.demo.presets import Preset
from core.errors import NotFound
from core.models import DemoModeStatus, Interaction, PlatformConnection, User
from core.operation import NoForm
from core.operations import BY_NAME, demo, known, operations_of
from core.settings import settings
from tests.demo.driving import AT, a_user, demo_rows, drive, work_for
from tests.repeats import mostly_slow

NANO = demo.EnableForm(preset=Preset.NANO)
NANO_RESULT = {"preset": "nano", "interactions": 60, "connections": 1}


@pytest.fixture
def user(session):
    return a_user(session)


@pytest.fixture
def undisturbed(session, user):
    """The rows of an undisturbed demo mode, already deleted again."""
    drive(session, demo.enable, user, NANO)
    rows = demo_rows(session, user)
    demo.wipe(work_for(session, user, NANO))
    session.commit()
    return rows


def test_enabling_fills_the_account_and_says_with_what(session, user):
    ended = drive(session, demo.enable, user, NANO)
    assert ended.result == NANO_RESULT
    assert len(demo_rows(session, user)) == 61
    assert user.demo_preset == "nano"


def test_a_fill_killed_at_any_checkpoint_ends_as_if_undisturbed(session, user, undisturbed):
    checkpoints = drive(session, demo.enable, user, NANO).checkpoints
    for kill_after in range(checkpoints + 1):
        demo.wipe(work_for(session, user, NANO))
        session.commit()
        killed = drive(session, demo.enable, user, NANO, kill_after=kill_after)
        ended = drive(session, demo.enable, user, NANO, done=killed.done)
        assert (ended.result, demo_rows(session, user), user.demo_preset) == (NANO_RESULT, undisturbed, "nano")
        assert killed.checkpoints + ended.checkpoints == checkpoints  # no step runs twice


@pytest.mark.parametrize(
    "operation", mostly_slow([demo.enable, demo.disable, demo.dismiss], fast=2), ids=lambda each: each.name
)
def test_cancelled_at_any_checkpoint_nothing_is_left(session, user, operation):
    form, kill_after, killed = operation.form(), 0, None
    while killed is None or killed.result is None:
        drive(session, demo.enable, user, NANO)
        killed = drive(session, operation, user, form, key="job-2", kill_after=kill_after)
        operation.undo(work_for(session, user, form, done=killed.done))
        session.commit()
        assert (demo_rows(session, user), user.demo_preset) == ([], None)
        kill_after += 5
    assert kill_after > 5


def test_a_fill_from_the_start_first_removes_demo_rows_of_another_job(session, user, undisturbed):
    drive(session, demo.enable, user, NANO, key="an earlier job")
    drive(session, demo.enable, user, NANO)
    assert demo_rows(session, user) == undisturbed


def test_the_message_counts_interactions(session, user):
    messages = [step.message for step in demo.fill(work_for(session, user, NANO))]
    assert messages[0] == "4 of 60 interactions"
    assert messages[-1] == "60 of 60 interactions"


@pytest.mark.parametrize("operation", mostly_slow([demo.disable, demo.dismiss], fast=1), ids=lambda each: each.name)
def test_deleting_killed_at_any_checkpoint_still_reports_everything(session, user, operation):
    kill_after, ended = 0, None
    while True:
        drive(session, demo.enable, user, NANO)
        killed = drive(session, operation, user, NoForm(), kill_after=kill_after)
        if killed.result is not None:
            break
        ended = drive(session, operation, user, NoForm(), done=killed.done)
        assert ended.result == {"interactions_deleted": 60, "connections_deleted": 1}
        assert (demo_rows(session, user), user.demo_preset) == ([], None)
        kill_after += 1
    assert kill_after == 13  # at each of the 12 checkpoints, and between the last one and the end


def test_deleting_moves_its_progress_to_the_total(session, user):
    drive(session, demo.enable, user, NANO)
    steps = [(step.done, step.total) for step in demo.empty(work_for(session, user, NoForm()))]
    assert steps == [(done, 60) for done in range(5, 61, 5)]


def test_disabling_an_account_without_demo_rows_deletes_nothing_and_succeeds(session, user):
    assert drive(session, demo.disable, user, NoForm()).result == {
        "interactions_deleted": 0,
        "connections_deleted": 0,
    }


def real_rows(session: Session, user: User) -> tuple[PlatformConnection, list[Interaction]]:
    connection = PlatformConnection(user_id=user.id, platform="youtube", handle="@real")
    own = Interaction(user_id=user.id, connection_id=connection.id, kind="comment", body="real")
    loose = Interaction(user_id=user.id, kind="message", body="real, without a connection")
    for row in (connection, own, loose):
        session.add(row)
        session.flush()
    session.commit()
    return connection, [own, loose]


@pytest.mark.parametrize("removal", ["disable", "dismiss", "wipe", "fill"])
def test_real_rows_are_never_touched(session, user, removal):
    neighbour = a_user(session)
    drive(session, demo.enable, neighbour, NANO, key="another job")
    theirs = demo_rows(session, neighbour)
    connection, interactions = real_rows(session, user)
    before = [row.model_dump() for row in (connection, *interactions)]
    drive(session, demo.enable, user, NANO)
    if removal == "wipe":
        demo.wipe(work_for(session, user, NANO))
    elif removal == "fill":
        drive(session, demo.enable, user, NANO, key="job-2")
    else:
        drive(session, BY_NAME[f"demo.{removal}"], user, NoForm())
    session.expire_all()
    after = [session.get(type(row), row.id).model_dump() for row in (connection, *interactions)]
    assert after == before
    assert demo_rows(session, neighbour) == theirs


def test_a_real_interaction_outlives_the_demo_connection_it_was_put_on(session, user):
    drive(session, demo.enable, user, NANO)
    shown = session.exec(select(PlatformConnection).where(col(PlatformConnection.user_id) == user.id)).one()
    real = Interaction(user_id=user.id, connection_id=shown.id, kind="comment", body="real")
    session.add(real)
    session.commit()
    drive(session, demo.disable, user, NoForm())
    session.refresh(real)
    assert (real.body, real.connection_id) == ("real", None)


def test_no_transaction_is_open_while_the_next_batch_is_waited_for(session, user, monkeypatch):
    original, open_at = demo.batches, []

    def watched(preset, **arguments):
        made = original(preset, **arguments)
        while True:
            open_at.append(session.in_transaction())
            batch = next(made, None)
            if batch is None:
                return
            yield batch

    monkeypatch.setattr(demo, "batches", watched)
    drive(session, demo.enable, user, NANO)
    assert open_at == [False] * 14


@pytest.mark.parametrize("operation", [demo.enable, demo.disable])
def test_the_pause_of_a_step_holds_no_transaction(session, user, monkeypatch, operation):
    drive(session, demo.enable, user, NANO)
    monkeypatch.setenv("UNSTUCK_DEMO_STEP_SECONDS", "0.25")
    settings.cache_clear()
    pauses = []
    monkeypatch.setattr(demo.time, "sleep", lambda seconds: pauses.append((seconds, session.in_transaction())))
    drive(session, operation, user, operation.form(), key="job-2")
    settings.cache_clear()
    assert set(pauses) == {(0.25, False)}


def test_the_default_preset_is_the_mid_tier_creator():
    assert demo.EnableForm().preset is Preset.MID_TIER
    assert demo.EnableForm(preset="nano").preset is Preset.NANO
    assert Preset.MID_TIER.profile.label == "Mid-Tier Creator"


def test_dismiss_starts_from_failed_only_and_a_cancelled_one_stays_there():
    assert demo.dismiss.source == {DemoModeStatus.FAILED}
    assert (demo.dismiss.cancelled_state, demo.dismiss.target) == (DemoModeStatus.FAILED, DemoModeStatus.DISABLED)


def test_a_user_has_the_demo_operations_and_a_connection_has_none_of_them():
    assert {demo.enable, demo.disable, demo.dismiss} <= set(operations_of(User(email="a@b")))
    assert not {demo.enable, demo.disable, demo.dismiss} & set(operations_of(PlatformConnection()))


def test_an_unknown_name_is_refused_with_the_nearest_known_one():
    assert known("demo.enable") is demo.enable
    with pytest.raises(NotFound, match=r"demo\.enabel; did you mean demo\.enable\?"):
        known("demo.enabel")


def test_interactions_lie_before_the_moment_the_job_was_requested(session, user):
    drive(session, demo.enable, user, NANO)
    assert max(row.created_at for row in session.exec(select(Interaction))) <= AT
