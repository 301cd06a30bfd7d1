"""The operators' console as one page, so that going from place to place inside it is instant."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from nicegui import ui
from starlette.responses import RedirectResponse, Response

from core.models import Role
from ui import access
from ui.frame import console_frame
from ui.pages import audit, job, jobs, operators, overview, queues, schedules, user, users, workers

#: Addresses within the console, and what is drawn there.
ROUTES: Final[Mapping[str, Callable[..., Any]]] = {
    "/": overview.draw,
    "/jobs": jobs.draw,
    "/jobs/{job_id}": job.draw,
    "/users": users.draw,
    "/users/{user_id}": user.draw,
    "/workers": workers.draw,
    "/queues": queues.draw,
    "/schedules": schedules.draw,
    "/operators": operators.draw,
    "/audit": audit.draw,
}

_ROLES: Final = {"/": Role.MEMBER, "/operators": Role.ADMIN, "/audit": Role.ADMIN}


def console() -> Response | None:
    """Draw the console; a member, who may not see it, is shown their own dashboard."""
    if not access.me().may(Role.VIEWER):
        return RedirectResponse("/dashboard", status_code=303)
    ui.page_title("Unstuck")
    console_frame(dict(ROUTES))
    return None


def declare() -> None:
    """Declare the console at each of its addresses."""
    for path in ROUTES:
        access.page(path, role=_ROLES.get(path, Role.VIEWER))(console)
