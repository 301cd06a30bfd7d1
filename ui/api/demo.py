"""Demo mode for the signed-in user: presets, status, and its operations; the dashboard's figures."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel
from sqlmodel import Session

from core import clock
from core.actor import Actor
from core.demo.metrics import metrics_of
from core.demo.presets import Preset
from core.diagnosis.context import latest_job
from core.errors import NotFound
from core.models import Role, User
from core.operations.demo import EnableForm
from ui.api.deps import Key, Who, do, read

router = APIRouter(prefix="/api", tags=["demo mode"])


class Enable(BaseModel):
    """Which preset, and when; without run_at: now."""

    preset: Preset = EnableForm().preset
    run_at: datetime | None = None


@router.get("/demo/presets")
def presets(who: Who) -> dict[str, Any]:
    """Return the presets that demo mode can be filled with."""
    read(who, Role.MEMBER, lambda _, actor: actor)
    return {"items": [preset_json(preset) for preset in Preset], "next": None}


@router.get("/demo/status")
def status(who: Who) -> dict[str, Any]:
    """Return the state of the signed-in user's demo mode, and the job that is at work on it."""
    return read(who, Role.MEMBER, _status)


@router.post("/demo/enable", status_code=202)
def enable(body: Enable, who: Who, key: Key = None) -> dict[str, Any]:
    """Begin to fill the account; answers at once with the job that goes on."""
    return do(who, "demo.enable", _me(who), {"preset": body.preset.value}, run_at=body.run_at, key=key)


@router.post("/demo/disable", status_code=202)
def disable(who: Who, key: Key = None) -> dict[str, Any]:
    """Begin to take the generated interactions away."""
    return do(who, "demo.disable", _me(who), key=key)


@router.post("/demo/dismiss", status_code=202)
def dismiss(who: Who, key: Key = None) -> dict[str, Any]:
    """Accept a failure: what is left is cleaned, then demo mode is disabled."""
    return do(who, "demo.dismiss", _me(who), key=key)


@router.get("/dashboard")
def dashboard(who: Who) -> dict[str, Any]:
    """Return the signed-in user's figures of the last 90 days; all sides add up to the total."""
    return read(who, Role.MEMBER, _dashboard)


def preset_json(preset: Preset) -> dict[str, Any]:
    """Return one preset as plain values."""
    profile = preset.profile
    return {
        "name": preset.value,
        "label": profile.label,
        "description": profile.description,
        "followers": profile.followers,
        "interactions": profile.interactions,
    }


def _me(who: Any) -> UUID:
    actor: Actor = read(who, Role.MEMBER, lambda _, actor: actor)
    assert actor.id is not None
    return actor.id


def _status(session: Session, actor: Actor) -> dict[str, Any]:
    user = session.get(User, actor.id)
    if user is None or actor.id is None:
        raise NotFound("There is no such user any more.")
    job = latest_job(session, actor.id)
    live = job if job and job.finished_at is None else None
    return {
        "status": user.demo_mode_status.value,
        "preset": user.demo_preset,
        "job": live
        and {
            "id": str(live.id),
            "kind": live.kind,
            "status": live.status.value,
            "run_at": live.run_at.isoformat(),
            "progress": {"done": live.progress_done, "total": live.progress_total, "message": live.progress_message},
        },
        "error": job.error_message if job and user.demo_mode_status == "failed" else None,
    }


def _dashboard(session: Session, actor: Actor) -> dict[str, Any]:
    assert actor.id is not None
    metrics = metrics_of(session, actor.id, clock.now().date())
    return {
        "total": metrics.total,
        "by_kind": dict(metrics.by_kind),
        "by_sentiment": dict(metrics.by_sentiment),
        "by_platform": dict(metrics.by_platform),
        "by_day": {day.isoformat(): count for day, count in metrics.by_day.items()},
        "top_authors": dict(metrics.top_authors),
    }
