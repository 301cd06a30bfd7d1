"""A worker that has lost its job ends it in no way, whatever the operation's code does with its session."""

from dataclasses import replace
from typing import Any, cast

import pytest
from sqlalchemy import Engine

from core.models import AttemptOutcome, JobStatus, User
from core.operation import NoForm, Progress, Steps, Work
from core.operations import BY_NAME, demo
from tests import driving


@pytest.mark.parametrize("reads_anew", ["rollback", "expire_all"])
def test_a_success_counts_under_the_token_that_began_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, reads_anew: str
) -> None:
    user = driving.prepare(engine, demo.disable)
    job = driving.ask(engine, demo.disable, user)

    def taken_over(work: Work[User, NoForm]) -> Steps:
        yield Progress(1, 2)
        assert driving.presume_dead(engine) == 1
        driving.must_take(engine)
        getattr(work.session, reads_anew)()
        return None

    monkeypatch.setitem(cast(dict[str, Any], BY_NAME), demo.disable.name, replace(demo.disable, run=taken_over))
    assert driving.run_next(engine) is AttemptOutcome.LOST
    row = driving.job_row(engine, job)
    assert (row.status, row.token) == (JobStatus.RUNNING, 2)
    assert driving.picture(engine, user)["state"] == "disabling"
