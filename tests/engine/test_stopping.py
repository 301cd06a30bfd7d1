"""A worker that stops releases its jobs; requests that people made meanwhile are kept."""

from sqlalchemy import Engine

from core.models import JobStatus
from core.operations.demo import enable
from tests.driving import ask, ask_to_cancel, job_row, must_take, picture, prepare, work_on


def test_a_job_cancelled_while_its_worker_stops_settles_and_waits_for_no_other_worker(engine: Engine) -> None:
    user = prepare(engine, enable)
    job = ask(engine, enable, user, {"preset": "nano"})

    def stopping() -> bool:
        ask_to_cancel(engine, job)
        return True

    work_on(engine, must_take(engine), stopping)
    assert job_row(engine, job).status is JobStatus.CANCELLED
    assert (picture(engine, user)["state"], picture(engine, user)["interactions"]) == ("disabled", [])
