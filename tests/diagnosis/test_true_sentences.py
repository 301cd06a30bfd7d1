"""What is said beside a blocked, lost or cancelled job is true to what comes of it, in both voices."""

import pytest
from sqlalchemy import Engine

from core.operations import demo
from tests.journeys.stuck.stage import Stage

_KEPT = ("is safe", "Nothing is lost")
_SWITCHED = "the previous creator's data is deleted and not restored"


def switching(engine: Engine) -> Stage:
    """Return a stage whose user's switch has lost its worker."""
    stage = Stage(engine)
    stage.enabled()
    stage.die_at_work(demo.switch)
    return stage


@pytest.mark.parametrize("seconds", [21, 33, 360], ids=["silent", "lost", "long lost"])
@pytest.mark.parametrize("has_another", [False, True], ids=["alone", "with another"])
def test_a_customer_reads_what_the_end_of_a_lost_switch_leaves(
    engine: Engine, seconds: float, has_another: bool
) -> None:
    stage = switching(engine)
    stage.silence(seconds=seconds)
    if has_another:
        stage.new_worker()
    customer = stage.customer().sentence
    assert not any(kept in customer for kept in _KEPT)
    assert f"If it cannot go on, it ends, and we say so here. In that case, {_SWITCHED}" in customer


def test_a_job_that_has_not_begun_tells_its_customer_that_nothing_has_changed(engine: Engine) -> None:
    stage = Stage(engine)
    stage.ask()
    assert stage.customer().sentence == (
        "It cannot start because of a fault on our side; it starts when the fault is mended. Nothing has changed yet."
    )
