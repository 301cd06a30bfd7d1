"""The pages, one file each: load, then draw; no SQL. A page that is not in PAGES does not exist."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.responses import RedirectResponse, Response

from core.models import Role
from ui import access, view_as
from ui.frame import console_frame, creator_frame
from ui.page import Frame, Page, Place
from ui.pages import (
    alerts,
    analytics,
    audit,
    bulk,
    connections,
    dashboard,
    demo_mode,
    failures,
    job,
    jobs,
    one_bulk,
    one_failure,
    operators,
    outbox,
    overview,
    queues,
    schedules,
    settings,
    user,
    users,
    workers,
)

#: A new page is its file and a line here; navigation, palette, keys, the tests of all pages and the docs follow.
PAGES: Final = (
    Page("/", "Overview", Role.VIEWER, overview.draw, Place("dashboard", "o", on_phone=True)),
    Page("/jobs", "Jobs", Role.VIEWER, jobs.draw, Place("list_alt", "j", on_phone=True)),
    Page("/jobs/{job_id}", "Job", Role.VIEWER, job.draw),
    Page("/bulk", "Bulk", Role.SUPPORT, bulk.draw, Place("playlist_play", "b")),
    Page("/bulk/{bulk_id}", "Bulk action", Role.SUPPORT, one_bulk.draw),
    Page("/failures", "Failures", Role.VIEWER, failures.draw, Place("error_outline", "f", on_phone=True)),
    Page("/failures/{fingerprint}", "Failure", Role.VIEWER, one_failure.draw),
    Page("/analytics", "Analytics", Role.VIEWER, analytics.draw, Place("insights", "n")),
    Page("/users", "Users", Role.VIEWER, users.draw, Place("group", "u", on_phone=True)),
    Page("/users/{user_id}", "User", Role.VIEWER, user.draw),
    Page("/workers", "Workers", Role.VIEWER, workers.draw, Place("memory", "w")),
    Page("/queues", "Queues", Role.VIEWER, queues.draw, Place("low_priority", "q", on_phone=True)),
    Page("/schedules", "Schedules", Role.VIEWER, schedules.draw, Place("event_repeat", "s")),
    Page("/alerts", "Alerts", Role.VIEWER, alerts.draw, Place("notifications_none", "l")),
    Page("/outbox", "Outbox", Role.SUPPORT, outbox.draw, Place("mail_outline", "m")),
    Page("/operators", "Operators", Role.ADMIN, operators.draw, Place("badge", "p")),
    Page("/audit", "Audit", Role.ADMIN, audit.draw, Place("policy", "a")),
    Page("/dashboard", "Dashboard", Role.MEMBER, dashboard.draw, Place(), Frame.CREATOR),
    Page("/settings/demo-mode", "Demo mode", Role.MEMBER, demo_mode.draw, Place(), Frame.CREATOR),
    Page("/settings/connections", "Connections", Role.MEMBER, connections.draw, Place(), Frame.CREATOR),
    Page("/settings", "Settings", Role.MEMBER, settings.draw, None, Frame.EITHER),
)
_START: Final = "/"


def declare_pages() -> None:
    """Declare every page to NiceGUI, in its frame."""
    for page in PAGES:
        if page.frame is Frame.CONSOLE:
            # The start page sends a member to their dashboard instead of refusing them.
            access.page(page.route, role=Role.MEMBER if page.route == _START else page.role)(_draw_console)
        else:
            access.page(page.route, role=page.role, title=page.window_title)(_in_creator_frame(page))
            if page.place:
                access.page(view_as.ROUTE + page.route, role=Role.SUPPORT)(view_as.viewed(page, _draw_viewed))


async def _draw_console() -> Response | None:
    """Draw the console, one page to NiceGUI, so that moving between its addresses needs no request."""
    if not access.me().may(Role.VIEWER):
        return RedirectResponse("/dashboard", status_code=303)
    await console_frame(PAGES)
    return None


def _in_creator_frame(page: Page) -> Callable[[], Awaitable[None]]:
    async def draw() -> None:
        if page.frame is Frame.EITHER and access.me().may(Role.VIEWER):
            await console_frame(PAGES)
            return
        with creator_frame(PAGES, page):
            await page.draw()

    return draw


async def _draw_viewed(page: Page, customer: view_as.ViewedCustomer) -> None:
    with creator_frame(PAGES, page, customer):
        await page.draw()
