"""Sentences for creators about their demo mode."""

from datetime import timedelta
from typing import Any, Final

from core import clock
from core.demo.presets import Preset
from core.diagnosis.customer import DemoState
from core.jobs.labels import Label
from core.models import DemoModeStatus
from core.operations import demo
from core.wording import counted

#: For how long the page mentions a finished deletion.
LATELY: Final = timedelta(minutes=15)


def completion(before: DemoState, now: DemoState) -> str | None:
    """Return the announcement of a change of state, or None if no operation ended."""
    if before.status is now.status:
        return None
    if now.label is Label.CANCELLED:
        return _cancelled(now)
    if now.status is DemoModeStatus.ENABLED:
        return f"Demo mode active: {counted(_figure(now, 'interactions'), 'interaction')} in your account."
    if now.status is DemoModeStatus.FAILED:
        return f"Demo mode failed: {now.error or 'we have no record of the reason.'}"
    if now.status is DemoModeStatus.DISABLED:
        deleted = _figure(now, "interactions_deleted")
        return f"Demo mode is off: {counted(deleted, 'interaction')} {'was' if deleted == 1 else 'were'} deleted."
    return None


def deleted_lately(state: DemoState) -> str | None:
    """Return how many interactions the latest job deleted, if it finished a short while ago."""
    deleted = _figure(state, "interactions_deleted")
    done = state.kind in (demo.disable.name, demo.dismiss.name) and state.label is Label.SUCCEEDED
    if not done or state.finished_at is None or clock.now() - state.finished_at > LATELY:
        return None
    return f"Demo mode is off. {counted(deleted, 'interaction')} {'was' if deleted == 1 else 'were'} deleted."


def preset_words(state: DemoState) -> str:
    """Return ` of a Mid-Tier Creator`, or nothing when the preset is unknown."""
    return f" of a {preset_name(state.preset)}" if state.preset in list(Preset) else ""


def preset_name(preset: str | None) -> str:
    """Return a preset's label; an unknown preset, as in the legacy tables, goes by its own name."""
    return Preset(preset).profile.label if preset in list(Preset) else (preset or "")


def _cancelled(now: DemoState) -> str:
    if now.status is DemoModeStatus.ENABLED:
        return "Cancelled. Demo mode stays on."
    return "Cancelled. Demo mode is off, and no generated data is left."


def _figure(state: DemoState, name: str) -> int:
    result: dict[str, Any] = state.result or {}
    return int(result.get(name, 0))


def platform_words(platform: str) -> str:
    """Return a platform's name in its own spelling."""
    return {"tiktok": "TikTok", "youtube": "YouTube"}.get(platform, platform.capitalize())
