"""A kind or a queue that this release does not declare: what waits is stuck, and people read what helps."""

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core.diagnosis.situation import Situation
from core.diagnosis.user import explain_job
from core.errors import GiveUp
from core.job_list.filters import JobFilter
from core.job_list.queries import page
from core.models import User
from core.settings import settings, worker_command
from core.wording import PROGRAM
from tests import driving
from tests.journeys.stuck.stage import Stage
from ui.cli.doctor import examine

UNKNOWN = "UPDATE background_jobs SET kind = 'demo.unknown', run_at = now() - interval '4 minutes' WHERE id = :job"


def unknown(engine: Engine) -> Stage:
    stage = Stage(engine)
    stage.ask()
    stage.new_worker()
    stage.sql(UNKNOWN, job=stage.job)
    return stage


def state_of(stage: Stage) -> str:
    with Session(stage.engine) as session:
        return session.get_one(User, stage.user).demo_mode_status


def findings(engine: Engine) -> dict[str, tuple[str, str]]:
    with Session(engine) as session:
        return {each.problem: (each.says, each.remedy) for each in examine(session) if not each.is_held}


def test_a_due_job_of_an_unknown_kind_is_stuck_and_promised_no_start(engine: Engine) -> None:
    stage = unknown(engine)
    with Session(engine) as session:
        shown = explain_job(session, stage.job)
        listed = page(session, JobFilter(situation=frozenset({Situation.STUCK})), limit=9).items
    assert shown.situation is stage.diagnosis().situation is Situation.STUCK
    assert [row["id"] for row in listed] == [str(stage.job)]
    assert shown.sentence == "demo.unknown cannot start: no worker of this release knows this kind of job."
    assert any("start a worker of the release that knows it" in each for each in shown.evidence)
    assert shown.remedy
    assert shown.remedy.command == "job.cancel"
    assert "next" not in stage.customer().sentence
    says, remedy = findings(engine)["unknown kind"]
    assert says == "no worker of this release knows the kind demo.unknown, and 1 job waits"
    assert f"{PROGRAM} jobs list --kind demo.unknown" in remedy


def test_a_job_of_an_unknown_kind_is_not_ahead_of_others(engine: Engine) -> None:
    unknown(engine)
    other = Stage(engine)
    other.ask()
    assert "before it" not in other.diagnosis().sentence


def test_cancelling_a_job_of_an_unknown_kind_that_has_not_begun_gives_its_user_their_state_back(
    engine: Engine,
) -> None:
    stage = unknown(engine)
    assert state_of(stage) == "enabling"
    driving.ask_to_cancel(engine, stage.job)
    assert state_of(stage) == "disabled"
    assert stage.diagnosis().situation is Situation.FINE


def test_cancelling_one_that_has_begun_says_what_it_leaves_and_offers_a_repair_afterwards(engine: Engine) -> None:
    stage = Stage(engine)
    stage.die_at_work()
    stage.sweep()
    stage.new_worker()
    stage.sql(UNKNOWN, job=stage.job)
    remedy = stage.diagnosis().remedy
    assert remedy
    assert remedy.effect == "It ends at once. This release cannot undo what it did: press Repair afterwards."
    driving.ask_to_cancel(engine, stage.job)
    after = stage.diagnosis().remedy
    assert after
    assert after.command == "user.repair"


def test_a_failed_job_of_an_unknown_kind_offers_no_retry_that_is_refused(engine: Engine) -> None:
    stage = Stage(engine)
    stage.ask()
    stage.fail(GiveUp("broken"), 1)
    stage.sql("UPDATE background_jobs SET kind = 'demo.unknown', error_type = 'TryAgain'")
    with Session(engine) as session:
        assert explain_job(session, stage.job).remedy is None


def test_a_queue_that_this_release_does_not_have_names_a_worker_that_serves_it(engine: Engine) -> None:
    stage = Stage(engine)
    stage.ask()
    command = f"({worker_command()})"
    assert any(command in each for each in stage.diagnosis().evidence)
    stage.sql("UPDATE background_jobs SET queue = 'nowhere' WHERE id = :job", job=stage.job)
    evidence = stage.diagnosis().evidence
    assert not any(command in each for each in evidence), "such a worker serves other queues"
    helps = "This release has no queue nowhere: start a worker of the release that has it"
    assert any(helps in each for each in evidence)
    says, remedy = findings(engine)["no worker"]
    assert "queue nowhere" in says
    assert remedy.startswith("Start a worker of the release that has the queue nowhere")


def test_the_command_that_starts_a_worker_names_a_data_directory_that_is_not_the_default(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(engine)
    stage.ask()
    monkeypatch.setenv("UNSTUCK_DATA_DIR", "/srv/un stuck")
    settings.cache_clear()
    try:
        said = " ".join(stage.diagnosis().evidence)
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    assert f"Start one ({PROGRAM} worker --data-dir '/srv/un stuck')." in said
