"""Demo mode of the signed-in user: presets, status and operations; figures for the dashboard."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from sqlmodel import Session

from core import clock
from core.actor import Actor
from core.demo.metrics import Metrics, metrics_of
from core.demo.presets import Preset
from core.demo.source import knows_numbers
from core.diagnosis.customer import DemoState, demo_state, owner_after_check
from core.diagnosis.latest import latest_job
from core.models import Role, User
from core.operations import operations_on
from core.operations.demo import demo_mode
from ui.api.deps import Caller, read
from ui.api.operation_routes import add_own_route
from ui.service_checks import service_checks

router = APIRouter(prefix="/api", tags=["demo mode"])


@router.get("/demo/presets")
def presets(caller: Caller) -> dict[str, Any]:
    """List the presets of demo mode."""
    read(caller, Role.MEMBER, lambda _, actor: actor)
    return {"items": [preset_json(preset) for preset in Preset], "next": None}


@router.get("/demo/status")
def status(caller: Caller) -> dict[str, Any]:
    """Return the state of your demo mode, and its active job."""
    answer, state = read(caller, Role.MEMBER, _status)
    state = owner_after_check(state, service_checks.look(state.service if state.if_mended else ""))
    return {**answer, "sentence": state.sentence, "error": state.error}


@router.get("/dashboard")
def dashboard(caller: Caller) -> dict[str, Any]:
    """Return your figures for the last 90 days, generated and your own apart; each breakdown adds up to its total."""
    return read(caller, Role.MEMBER, _dashboard)


def preset_json(preset: Preset) -> dict[str, Any]:
    """Return one preset as JSON; its numbers are null where a remote demo service makes the data."""
    profile, is_known = preset.profile, knows_numbers()
    return {
        "name": preset.value,
        "label": profile.label,
        "description": profile.description,
        "followers": profile.followers if is_known else None,
        "interactions": profile.interactions if is_known else None,
    }


def _me(caller: Any) -> UUID:
    actor: Actor = read(caller, Role.MEMBER, lambda _, actor: actor)
    assert actor.id is not None
    return actor.id


def _status(session: Session, actor: Actor) -> tuple[dict[str, Any], DemoState]:
    assert actor.id is not None, "a person is signed in"
    state = demo_state(session, actor.id)
    user = session.get_one(User, actor.id)
    job = latest_job(session, demo_mode.name, actor.id)
    active = job if job and job.finished_at is None else None
    answer = {
        "status": user.demo_mode_status.value,
        "preset": user.demo_preset,
        "job": active
        and {
            "id": str(active.id),
            "kind": active.kind,
            "status": active.status.value,
            "run_at": active.run_at.isoformat(),
            "progress": {
                "done": active.progress_done,
                "total": active.progress_total,
                "message": active.progress_message,
            },
        },
    }
    return answer, state


def _dashboard(session: Session, actor: Actor) -> dict[str, Any]:
    assert actor.id is not None
    today = clock.now().date()
    sides = {"demo": True, "mine": False}
    return {
        side: _figures(metrics_of(session, actor.id, today, generated=generated)) for side, generated in sides.items()
    }


def _figures(metrics: Metrics) -> dict[str, Any]:
    return {
        "total": metrics.total,
        "by_kind": dict(metrics.by_kind),
        "by_sentiment": dict(metrics.by_sentiment),
        "by_platform": dict(metrics.by_platform),
        "by_day": {day.isoformat(): count for day, count in metrics.by_day.items()},
        "top_authors": dict(metrics.top_authors),
    }


for _operation in operations_on(demo_mode):
    if _operation.self_service:
        add_own_route(router, _operation, f"/demo/{_operation.name.removeprefix('demo.')}", _me)
