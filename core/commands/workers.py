"""Commands on worker processes: quiet, resume, stop."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from sqlmodel import Session

from core.actor import Actor
from core.commands.command import Command, Invocation, target_of
from core.models import Role, Worker
from core.operation import NoForm
from core.queues import quieting

Order = Callable[[Session, UUID, Actor, str | None], Worker]


def _give(order: Order, session: Session, call: Invocation) -> dict[str, Any]:
    worker = order(session, target_of(call), call.actor, call.reason)
    return {"id": str(worker.id), "worker": f"{worker.host}:{worker.pid}", "queues": worker.queues}


WORKERS = tuple(
    Command(name=name, label=label, role=Role.ADMIN, form=NoForm, act=partial(_give, order), needs_reason=stops)
    for name, label, order, stops in (
        ("worker.quiet", "Quiet", quieting.quiet, True),
        ("worker.resume", "Resume worker", quieting.resume, False),
        ("worker.stop", "Stop worker", quieting.stop, True),
    )
)
