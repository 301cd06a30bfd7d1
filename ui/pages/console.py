"""The operators' console as one page, so that going from place to place inside it is instant."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from nicegui import ui
from starlette.responses import RedirectResponse, Response

from core.models import Role
from ui import access
from ui.frame import console_frame
from ui.pages import audit, job, jobs, operators, overview, queues, schedules, user, users, workers

#: Addresses within the console, who may see what is there, and what is drawn.
ROUTES: Final[Mapping[str, tuple[Role, Callable[..., Any]]]] = {
    "/": (Role.VIEWER, overview.draw),
    "/jobs": (Role.VIEWER, jobs.draw),
    "/jobs/{job_id}": (Role.VIEWER, job.draw),
    "/users": (Role.VIEWER, users.draw),
    "/users/{user_id}": (Role.VIEWER, user.draw),
    "/workers": (Role.VIEWER, workers.draw),
    "/queues": (Role.VIEWER, queues.draw),
    "/schedules": (Role.VIEWER, schedules.draw),
    "/operators": (Role.ADMIN, operators.draw),
    "/audit": (Role.ADMIN, audit.draw),
}


def console() -> Response | None:
    """Draw the console; a member, who may not see it, is shown their own dashboard."""
    if not access.me().may(Role.VIEWER):
        return RedirectResponse("/dashboard", status_code=303)
    ui.page_title("Unstuck")
    # Within the console one goes from page to page without a request, so each looks who it is.
    console_frame({path: access.only_for(role, draw) for path, (role, draw) in ROUTES.items()})
    return None


def declare() -> None:
    """Declare the console at each of its addresses."""
    for path, (role, _) in ROUTES.items():
        access.page(path, role=Role.MEMBER if path == "/" else role)(console)
