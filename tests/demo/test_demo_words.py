"""What creators read about their demo mode is true of its state, and made for them."""

import re
from typing import Any
from uuid import UUID

import pytest

from core.demo.presets import Preset
from core.diagnosis.customer import DemoState
from core.diagnosis.situation import Situation
from core.jobs.labels import Label
from core.models import DemoModeStatus
from core.operations import demo
from core.settings import settings
from ui.api.demo import preset_json
from ui.components.demo.demo_words import (
    completion,
    deleted_lately,
    planned_operation,
    preset_lines,
    strip_words,
)

JOB = UUID(int=1)


def state(status: str, label: Label | None = None, operation: Any = demo.enable, **values: Any) -> DemoState:
    return DemoState(DemoModeStatus(status), None, job_id=JOB, kind=operation.name, label=label, **values)


@pytest.mark.parametrize(("deleted", "number"), [(0, None), (1, "1 interaction was"), (60, "60 interactions were")])
def test_a_deletion_reports_a_number_only_if_there_was_something_to_delete(deleted: int, number: str | None) -> None:
    result = {"interactions_deleted": deleted}
    after = state("disabled", Label.SUCCEEDED, demo.dismiss, result=result)
    sentence = f"Demo mode is off. {number} deleted." if number else "Demo mode is off."
    assert completion(state("failed", Label.RUNNING, demo.dismiss), after) == sentence
    assert deleted_lately(after) is None, "it is not known when it ended"


def test_a_cancelled_plan_is_announced_although_the_state_stays() -> None:
    planned = state("enabled", Label.SCHEDULED, demo.disable)
    assert planned_operation(planned) is demo.disable
    for due in (Label.QUEUED, Label.RETRYING):
        assert planned_operation(state("enabled", due, demo.disable)) is demo.disable, "due, and not begun"
        assert planned_operation(state("disabling", due, demo.disable)) is None, "asked for at once"
    assert planned_operation(state("failed", Label.QUEUED, demo.dismiss)) is None
    assert completion(planned, state("enabled", Label.CANCELLED, demo.disable)) == "Cancelled. Demo mode stays on."
    after = state("enabled", Label.CANCELLED, demo.disable)
    assert completion(after, after) is None, "once"


@pytest.mark.parametrize("status", DemoModeStatus)
def test_generated_data_is_named_in_every_state(status: DemoModeStatus) -> None:
    title, words = strip_words(state(status))
    assert "ata" in words
    assert (title == "Demo mode active") is (status is DemoModeStatus.ENABLED)


def test_generated_data_that_is_being_deleted_is_not_promised_to_appear() -> None:
    for dying in (state("disabling", Label.RUNNING, demo.disable), state("failed", Label.RUNNING, demo.dismiss)):
        assert strip_words(dying)[1] == "The data is being deleted, and no longer counted."


def test_generated_data_of_a_job_that_is_held_is_not_said_to_be_deleted() -> None:
    held = {"situation": Situation.HELD, "sentence": "Our team has paused this for now."}
    assert strip_words(state("disabling", Label.QUEUED, demo.disable, **held))[1] == held["sentence"]


@pytest.mark.parametrize("url", [None, "http://demo.example"])
def test_a_preset_promises_numbers_only_of_the_built_in_generator(
    monkeypatch: pytest.MonkeyPatch, url: str | None
) -> None:
    if url:
        monkeypatch.setenv("DEMO_SERVICE_URL", url)
    settings.cache_clear()
    try:
        cards = [" ".join(preset_lines(preset)) for preset in Preset]
        answers = [preset_json(preset) for preset in Preset]
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    numbers = r"\d|\b(one|two|three|four|five)\b"
    assert [bool(re.search(numbers, card)) for card in cards] == [url is None] * len(Preset)
    assert [each["interactions"] is None for each in answers] == [url is not None] * len(Preset)
    assert not any(re.search(numbers, preset.profile.description) for preset in Preset), "the forms show them, too"
