"""Tasks that keep connections: access is refreshed before it ends, and owed revocations are asked for again."""

from typing import Final

from core.models import Role
from core.oauth import revocations
from core.oauth.providers import usable_platforms
from core.oauth.refreshing import KIND, due_for_refresh, room_for, strike_hopeless
from core.operation import NoForm, Progress, Steps, Task, TaskWork
from core.operations.connection import QUEUE

#: Revocations in one run.
_MOST: Final = 200


def request_refreshes(work: TaskWork[NoForm]) -> Steps:
    """Request the refresh of connections that are due, as far as their platform has room.

    Each refresh that succeeds requests the next one of its platform, so that a long line moves on, at most so many at a
    time, without waiting for the next run of this.
    """
    requested = work.done
    for platform in usable_platforms():
        strike_hopeless(work.session, platform)
        room = room_for(work.session, platform)
        for connection_id in due_for_refresh(work.session, platform, room):
            work.request(KIND, connection_id)
            requested += 1
        yield Progress(requested, requested, f"{requested:,} refreshes requested")
    return {"refreshes_requested": requested}


def ask_for_revocations(work: TaskWork[NoForm]) -> Steps:
    """Ask providers to take back what is owed, one after another."""
    done, refused = work.done, 0
    for owed in revocations.due(work.session, _MOST):
        work.session.rollback()  # no transaction stays open while a provider answers
        problem, brought = revocations.ask(owed)
        revocations.note(work.session, owed, problem, brought)
        done, refused = done + 1, refused + (problem is not None)
        yield Progress(done, done, f"{done:,} revocations asked for, {refused:,} owed still")
    return {"asked": done, "still_owed": refused}


refresh_due = Task(
    name="connections.refresh_due",
    label="Refresh connections that end soon",
    form=NoForm,
    run=request_refreshes,
    role=Role.ADMIN,
    queue=QUEUE,
)

revoke_owed = Task(
    name="connections.revoke_owed",
    label="Revoke access that was given up",
    form=NoForm,
    run=ask_for_revocations,
    role=Role.ADMIN,
    queue=QUEUE,
    priority=10,
)
