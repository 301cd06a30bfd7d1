"""What a customer reads of a start is what the operator reads of it, and "next" is said of the next one only."""

from datetime import timedelta

from sqlalchemy import Engine

from core.database.engine import session_scope
from core.diagnosis.service_check import ServiceCheck, after_check
from core.errors import TryAgain
from core.jobs.abandon import abandon, abandoned
from core.operations.demo import demo_service
from tests import driving
from tests.journeys.stuck.stage import Stage

PAUSE = "our team has stopped this kind of work for now; it starts when that ends"
FAULT = "there is a fault on our side at the moment; it starts when that is mended"


def planned(engine: Engine) -> Stage:
    stage = Stage(engine)
    stage.ask(run_in=timedelta(hours=3, seconds=30))
    return stage


def between_attempts(engine: Engine) -> Stage:
    stage = Stage(engine)
    stage.ask()
    stage.fail(TryAgain("The demo service did not answer."), 1)
    stage.sql("UPDATE background_jobs SET run_at = now() + interval '150 seconds'")
    stage.sql("UPDATE workers SET stopped_at = now()")
    return stage


def test_the_third_at_a_limit_is_not_next(engine: Engine) -> None:
    first = Stage(engine)
    first.ask()
    driving.must_take(engine)
    first.forbid(most=1)
    waiting = [Stage(engine) for _ in range(3)]
    for stage in waiting:
        stage.ask()
    said = [stage.customer().sentence for stage in waiting]
    assert said[0] == "It is next, and starts by itself as soon as there is room."
    assert said[1].startswith("1 request is before yours;")
    assert said[2].startswith("2 requests are before yours;")
    assert "2 due jobs in the queue before it." in waiting[2].diagnosis().evidence


def test_a_planned_start_that_a_pause_prevents_is_denied_in_both_voices(engine: Engine) -> None:
    stage = planned(engine)
    stage.new_worker()
    assert stage.diagnosis().sentence == "Enabling demo mode is scheduled: it starts in 3 h."
    assert (stage.customer().sentence, stage.customer().obstacle) == ("It is planned to start in 3 h.", "")
    stage.pause()
    assert stage.diagnosis().sentence == (
        "Enabling demo mode is scheduled to start in 3 h, but it does not start before queue demo is resumed."
    )
    assert stage.customer().sentence == f"It is planned to start in 3 h, but {PAUSE}."
    assert stage.customer().obstacle == PAUSE


def test_a_planned_start_without_a_worker_is_denied_in_both_voices(engine: Engine) -> None:
    stage = planned(engine)
    assert stage.diagnosis().sentence.endswith(" to start in 3 h, but no worker is alive for the queue demo.")
    assert stage.customer().sentence == f"It is planned to start in 3 h, but {FAULT}."
    stage.pause()
    assert "resumed, and no worker is alive for the queue demo." in stage.diagnosis().sentence
    assert stage.customer().sentence.endswith("and there is a fault on our side; it starts when both end.")


def test_the_next_attempt_says_what_keeps_it_from_starting(engine: Engine) -> None:
    stage = between_attempts(engine)
    assert "number 2 of 3 is planned in 2 min, but no worker is alive for the queue demo: it ends as failed at " in (
        stage.diagnosis().sentence
    )
    assert not any("0 of 0 threads" in each for each in stage.diagnosis().evidence)
    assert f"is planned to start in 2 min, but {FAULT}. If it cannot go on, it ends" in stage.customer().sentence
    stage.new_worker()
    assert "number 2 of 3 starts in 2 min." in stage.diagnosis().sentence
    stage.pause()
    assert "is planned in 2 min, but it does not start before queue demo is resumed." in stage.diagnosis().sentence
    assert stage.customer().sentence.endswith(f"is planned to start in 2 min, but {PAUSE}.")


def test_start_now_without_a_worker_is_no_remedy_where_it_leads_to_the_end(engine: Engine) -> None:
    stage = between_attempts(engine)
    stage.sql("UPDATE workers SET stopped_at = now() - interval '1 day', heartbeat_at = now() - interval '1 day'")
    diagnosis = stage.diagnosis()
    assert diagnosis.remedy is None
    start_now = diagnosis.others[0]
    assert start_now.command == "job.start_now"
    assert "no worker is alive for the queue demo: it ends as failed at " in start_now.effect
    assert start_now.effect.endswith(" unless a worker starts.")
    stage.new_worker()
    remedy = stage.diagnosis().remedy
    assert remedy is not None
    assert "ends as failed" not in remedy.effect


def test_the_service_that_an_abandoned_job_cites_is_asked_as_for_other_failures(engine: Engine) -> None:
    stage = Stage(engine)
    stage.ask()
    stage.fail(TryAgain(f"{demo_service.name} at http://x answered 503."), 2)
    stage.sql("UPDATE background_jobs SET run_at = now()")
    stage.sql("UPDATE workers SET stopped_at = now() - interval '1 day', heartbeat_at = now() - interval '1 day'")
    with session_scope(engine) as session:
        [(job_id, token)] = abandoned(session, timedelta(minutes=5))
        assert abandon(session, job_id, token, timedelta(minutes=5))
    diagnosis = stage.diagnosis()
    assert "so there was no other attempt" in diagnosis.sentence
    assert diagnosis.service == demo_service.name
    after = after_check(diagnosis, ServiceCheck(demo_service.name, "answers with an error (503)"))
    assert after.remedy is None, "what the service refuses is not recommended"


def test_resume_without_a_worker_says_that_it_leads_to_the_end_of_a_job_that_is_half_done(engine: Engine) -> None:
    stage = between_attempts(engine)
    stage.sql("UPDATE background_jobs SET run_at = now()")
    stage.sql("UPDATE workers SET stopped_at = now() - interval '1 day', heartbeat_at = now() - interval '1 day'")
    stage.pause()
    resume = stage.diagnosis().remedy
    assert resume is not None
    assert resume.command == "queue.resume"
    assert "no worker is alive for the queue demo: it ends as failed at " in resume.effect
    assert "and there is a fault on our side. It starts by itself when both end" in stage.customer().sentence
    stage.forbid()
    assert "ends as failed" not in str(stage.diagnosis().remedy), "the limit of 0 holds it still"
