"""Whether another attempt helps: one sentence in the diagnosis, with the error and beside the users whom it has hit."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session

from core.diagnosis.again import MENDED, Again, again_after_check, again_of_error
from core.diagnosis.service_check import ServiceCheck
from core.diagnosis.situation import Situation
from core.diagnosis.user import explain_job
from core.failures.one_group import failure_detail
from core.models import BackgroundJob, DemoModeStatus, JobStatus, User
from core.operations import demo
from core.people.in_need import need_group, need_groups
from tests.factories import make_user

NOW = datetime.now(UTC)
FINAL = "Doing it again ends the same way until the service is mended: it needs an admin."
GARBAGE = "The demo service at http://x sent an invalid response (totals: missing)."


def fails(session: Session, name: str, error_type: str, message: str = GARBAGE, hours: float = 1) -> BackgroundJob:
    user = make_user(session, email=f"{name}@example.com", demo_mode_status=DemoModeStatus.FAILED)
    job = BackgroundJob(user_id=user.id, kind="demo.enable", machine=demo.demo_mode.name, status=JobStatus.FAILED)
    job.error_type, job.error_message, job.error_fingerprint = error_type, message, error_type
    job.finished_at = NOW - timedelta(hours=hours)
    session.add(job)
    session.flush()
    return job


@pytest.mark.parametrize(
    ("error_type", "message", "sentence"),
    [
        ("GiveUp", GARBAGE, FINAL),
        ("GiveUp", "No.", "Doing it again ends the same way: it needs an admin."),
        ("OnlyTheOwner", "Reconnect.", "Only the customer can mend it."),
        ("TryAgain", GARBAGE, ""),
    ],
)
def test_job_error_and_users_say_the_same_of_another_attempt(
    session: Session, error_type: str, message: str, sentence: str
) -> None:
    job = fails(session, "a", error_type, message)
    fails(session, "b", error_type, message)
    group = need_group(session, Situation.FAILED, error_type)
    assert group
    said = {group.again.sentence, failure_detail(session, error_type, 24).again.sentence}
    assert said == {again_of_error(session, error_type).sentence} == {sentence}
    assert any(sentence and each.startswith(sentence) for each in explain_job(session, job.id).evidence) == bool(
        sentence
    )


def test_once_the_service_answers_properly_another_attempt_may_help() -> None:
    again, other = Again(FINAL, "The demo service"), Again("Only the customer can mend it.")
    well, down = ServiceCheck("The demo service", ""), ServiceCheck("The demo service", "answers 503")
    assert [again_after_check(again, check).sentence for check in (None, down, well)] == [FINAL, FINAL, MENDED]
    assert again_after_check(other, well) == other


def test_a_group_of_many_is_counted_whole_and_begins_with_its_first_user(session: Session) -> None:
    failed = DemoModeStatus.FAILED
    users = [User(email=f"many{number}@example.com", demo_mode_status=failed) for number in range(1_005)]
    session.add_all(users)
    session.flush()
    for number, user in enumerate(users):
        job = BackgroundJob(user_id=user.id, kind="demo.enable", machine=demo.demo_mode.name, status=JobStatus.FAILED)
        job.error_fingerprint, job.finished_at = "busy", NOW - timedelta(minutes=number)
        session.add(job)
    rare = fails(session, "rare", "rare", hours=500)
    busy, alone = need_groups(session, 9)
    assert (busy.number, busy.since, busy.latest.at) == (1_005, NOW - timedelta(minutes=1_004), NOW)
    assert (alone.number, alone.latest.id) == (1, rare.user_id), "the latest of one group hide no other group"
    assert need_group(session, Situation.STUCK, "busy") is None
