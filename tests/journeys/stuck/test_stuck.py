"""Every way of being stuck, judged on six things.

The cause is named, nothing is untrue, the remedy is permitted and helps, the user ends healthy, the doctor finds
nothing, and the customer's page is true. Once by the answers and the gateway, and once through the browser.
"""

import re

import pytest
from sqlalchemy import Engine

from core.commands.gateway import CommandRequest, perform
from core.database.engine import session_scope
from core.diagnosis.answer import Remedy
from core.diagnosis.situation import Situation
from core.models import Role, User
from tests import driving
from tests.factories import SUPPORT, make_user
from tests.journeys.stuck.scenarios import HOST, SCENARIOS, Scenario
from tests.journeys.stuck.stage import Stage
from tests.repeats import mostly_slow
from tests.ui.conftest import Console, console, emptied, served  # noqa: F401 - fixtures

every_scenario = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
#: Words of operators; `host` of the errors as well.
_INSIDE = re.compile(rf"worker|queue|sweep|checkpoint|heartbeat|GiveUp|TryAgain|deploying|{re.escape(HOST)}", re.I)


def judge_the_words(scenario: Scenario, stage: Stage, sentence: str, customer: str) -> None:
    assert scenario.cause in sentence
    assert scenario.customer in customer
    assert not _INSIDE.search(customer)
    for untrue in scenario.untrue:
        assert untrue not in sentence
        assert untrue not in customer


def judge_the_end(scenario: Scenario, stage: Stage) -> None:
    diagnosis, state = stage.diagnosis(), stage.customer()
    assert (diagnosis.situation, state.status) == (Situation.FINE, scenario.ends), diagnosis.sentence
    assert stage.doctor() == {}
    assert state.sentence == f"Demo mode is {'on' if scenario.ends == 'enabled' else 'off'}."


def offered(stage: Stage, label: str) -> Remedy:
    diagnosis = stage.diagnosis()
    every = [each for each in (diagnosis.remedy, *diagnosis.others) if each]
    return next(each for each in every if each.label == label)


# The last one lets fifty jobs run.
@pytest.mark.parametrize("name", mostly_slow(SCENARIOS, fast=len(SCENARIOS) - 1))
def test_support_is_told_the_cause_and_led_out_of_it(engine: Engine, name: str) -> None:
    scenario = SCENARIOS[name]
    scenario.prepare(stage := Stage(engine))
    diagnosis = stage.diagnosis()
    judge_the_words(scenario, stage, diagnosis.sentence, stage.customer().sentence)
    assert (diagnosis.remedy is None) is (diagnosis.situation is Situation.MOVING or not scenario.presses)
    for label in scenario.presses:
        remedy = offered(stage, label)
        perform(engine, SUPPORT, CommandRequest(name=remedy.command, target=remedy.target, args=remedy.args))
        after = stage.diagnosis()
        assert remedy not in (after.remedy, *after.others), "the same button is not offered again"
    scenario.then(stage)
    judge_the_end(scenario, stage)


@pytest.fixture
def stage(console: Console) -> Stage:  # noqa: F811
    """Return a stage in the console's database, without the rows of other scenarios."""
    driving.empty(console.engine)
    return Stage(console.engine)


@pytest.mark.slow
@pytest.mark.browser
@every_scenario
def test_support_gets_out_of_it_through_the_browser(console: Console, stage: Stage, scenario: Scenario) -> None:  # noqa: F811
    with session_scope(console.engine) as session:
        support = make_user(session, role=Role.SUPPORT).id
    scenario.prepare(stage)
    customer = console.open(User(id=stage.user), "/settings/demo-mode")
    customer.get_by_text(scenario.customer).first.wait_for()
    page = console.open(User(id=support), f"/users/{stage.user}")
    diagnosis = page.get_by_label("Diagnosis")
    diagnosis.get_by_text(scenario.cause).wait_for()
    judge_the_words(scenario, stage, diagnosis.locator(".sentence").inner_text(), customer.inner_text("main"))
    for label in scenario.presses:
        diagnosis.get_by_role("button", name=label, exact=True).click()
        if stage_asks(label):
            yes = "Cancel the job" if label == "Cancel" else label
            page.get_by_role("dialog").get_by_role("button", name=yes, exact=True).click()
        page.locator(".q-notification").first.wait_for()
        diagnosis.get_by_role("button", name=label, exact=True).wait_for(state="detached")
    scenario.then(stage)
    judge_the_end(scenario, stage)
    diagnosis.get_by_text("No problem found").wait_for()
    rest = "You see generated data" if scenario.ends == "enabled" else "Choose a creator to try"
    customer.get_by_text(rest).wait_for()
    assert page.wrong == customer.wrong == []


def stage_asks(label: str) -> bool:
    """Tell whether the button with this label asks before it acts."""
    return label in ("Cancel", "Delete the rest now", "Fill again", "Dismiss") or label.startswith("Repair")
