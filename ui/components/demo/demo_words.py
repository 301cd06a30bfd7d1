"""Sentences for creators about their demo mode."""

from datetime import timedelta
from typing import Any, Final

from core import clock
from core.demo.presets import Preset
from core.demo.source import knows_numbers
from core.diagnosis.customer import DemoState
from core.diagnosis.situation import Situation
from core.jobs.labels import TERMINAL_WORDS, Label
from core.models import DemoModeStatus
from core.operation import Operation
from core.operations import BY_NAME, demo, operation_during
from core.wording import counted

#: Situations that pass or can end without a commit of this user's: pages look again.
UNSETTLED: Final = frozenset({Situation.MOVING, Situation.WAITING, Situation.HELD, Situation.STUCK})
#: For how long the page mentions a finished deletion.
LATELY: Final = timedelta(minutes=15)


def completion(before: DemoState, now: DemoState) -> str | None:
    """Return the announcement of a change of state, or None if no operation ended."""
    if now.label is Label.CANCELLED and (now.job_id, now.label) != (before.job_id, before.label):
        return _cancelled(now)
    # Ids are in the order of their requests: what was cancelled is gone, and the failure before it stands again.
    if now.job_id and before.job_id and now.job_id < before.job_id:
        return "Cancelled. Demo mode is still failed."
    if before.status is now.status:
        return None
    if now.status is DemoModeStatus.ENABLED:
        return f"Demo mode active: {counted(_figure(now, 'interactions'), 'interaction')} in your account."
    if now.status is DemoModeStatus.FAILED:
        return f"Demo mode failed. {failure_words(now)}"
    return _off(now) if now.status is DemoModeStatus.DISABLED else None


def failure_words(state: DemoState) -> str:
    """Return why demo mode failed, and what the creator can do."""
    return state.error or state.sentence


def strip_words(state: DemoState) -> tuple[str, str]:
    """Return title and text of the strip that stands while generated data is in the account."""
    title = "Generated data in your account"
    operation = operation_during(demo.demo_mode, state.status)
    if state.situation is Situation.STUCK or (operation and state.situation in (Situation.WAITING, Situation.HELD)):
        return title, state.sentence
    if state.status is DemoModeStatus.ENABLED:
        return "Demo mode active", f"You see generated data{preset_words(state)}. Your own data is untouched."
    if operation and operation.target == DemoModeStatus.ENABLED:
        return title, "More data is being added. It is counted when it is complete."
    if operation or is_cleaning_up(state):
        return title, "The data is being deleted, and no longer counted."
    return title, "Data is left over, and not counted. Enable demo mode and disable it again to delete it."


def strip_words_beside_sentence(state: DemoState) -> tuple[str, str]:
    """Return the same for the page that says the sentence itself."""
    title, words = strip_words(state)
    return title, "" if words == state.sentence else words


#: The heading of an operation that has begun and that no job goes on with.
STOPPED: Final = "Demo mode has stopped half-way"


def is_stopped(state: DemoState) -> bool:
    """Tell whether an operation has begun that no job goes on with."""
    return state.situation is Situation.STUCK and (state.label is None or state.label in TERMINAL_WORDS)


def planned_operation(state: DemoState) -> Operation[Any, Any] | None:
    """Return the operation that was planned and has not begun; until it does, everything stays as it is."""
    operation = BY_NAME.get(state.kind)
    if not isinstance(operation, Operation) or state.label is None or state.label in TERMINAL_WORDS:
        return None
    return operation if state.label is Label.SCHEDULED or state.status != operation.during else None


def is_cleaning_up(state: DemoState) -> bool:
    """Tell whether Dismiss is at work."""
    return state.kind == demo.dismiss.name and state.label not in TERMINAL_WORDS


def deleted_lately(state: DemoState) -> str | None:
    """Return how many interactions the latest job deleted, if it finished a short while ago."""
    done = state.kind in (demo.disable.name, demo.dismiss.name) and state.label is Label.SUCCEEDED
    if not done or state.finished_at is None or clock.now() - state.finished_at > LATELY:
        return None
    return _off(state)


def preset_words(state: DemoState) -> str:
    """Return ` of a Mid-Tier Creator`, or nothing when the preset is unknown."""
    return f" of a {preset_name(state.preset)}" if state.preset in list(Preset) else ""


def preset_name(preset: str | None) -> str:
    """Return a preset's label; an unknown preset, as in the legacy tables, goes by its own name."""
    return Preset(preset).profile.label if preset in list(Preset) else (preset or "")


def preset_lines(preset: Preset) -> tuple[str, ...]:
    """Return a preset's name, what it is, and how much data it makes where that is known."""
    profile = preset.profile
    size = f"{counted(profile.interactions, 'interaction')} on {counted(len(profile.accounts), 'platform')}"
    return (profile.label, profile.description, *([size] if knows_numbers() else []))


def _off(state: DemoState) -> str:
    deleted = _figure(state, "interactions_deleted")
    number = f" {counted(deleted, 'interaction')} {'was' if deleted == 1 else 'were'} deleted." if deleted else ""
    return f"Demo mode is off.{number}"


def _cancelled(now: DemoState) -> str:
    if now.status is DemoModeStatus.ENABLED:
        return "Cancelled. Demo mode stays on."
    if now.status is not DemoModeStatus.DISABLED:
        return "Cancelled."
    return "Cancelled. Demo mode is off, and no generated data is left."


def _figure(state: DemoState, name: str) -> int:
    result: dict[str, Any] = state.result or {}
    return int(result.get(name, 0))


def platform_words(platform: str) -> str:
    """Return a platform's name in its own spelling."""
    return {"tiktok": "TikTok", "youtube": "YouTube"}.get(platform, platform.capitalize())
