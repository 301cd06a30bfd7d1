"""Plain HTML pages for errors: people never see a traceback."""

import html
import logging
import secrets
from contextlib import suppress

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from starlette.requests import Request
from starlette.responses import HTMLResponse

from core.actor import Actor
from core.database.failover import DatabaseReadOnly
from core.database.transient import is_about_a_lock
from core.models import Role

log = logging.getLogger(__name__)

#: The attribute of an exception that holds its incident id.
_INCIDENT = "__incident__"

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} · Unstuck</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/assets/plain.css">
</head><body><main class="card"><h1>{title}</h1><p>{text}</p><p><a class="button" href="{href}">{link}</a></p></main>
</body></html>"""


def plain(status: int, title: str, text: str, href: str = "/", link: str = "Go to the start page") -> HTMLResponse:
    """Return a page with one sentence and a link; every part is escaped."""
    parts = {"title": title, "text": text, "href": href, "link": link}
    return HTMLResponse(_PAGE.format(**{k: html.escape(v) for k, v in parts.items()}), status_code=status)


def forbidden(actor: Actor, role: Role) -> HTMLResponse:
    """Return the page that says which role is missing."""
    return plain(
        403,
        "You don't have access to this page",
        f"This page needs the role {role}; {actor.name} is {actor.role}. An admin can change your role.",
        *(("/", "Go to the overview") if actor.role.includes(Role.VIEWER) else ("/dashboard", "Go to your dashboard")),
    )


async def no_such_page(_: Request, __: Exception) -> HTMLResponse:
    """Return the not-found page; plain HTML, because a NiceGUI page would stay open in memory."""
    return plain(404, "Page not found", "It may have moved. Find it from the start page.")


def unavailable(error: BaseException) -> str | None:
    """Return what to say when the database does not respond or refuses to write; None for any other error."""
    if isinstance(error, DatabaseReadOnly):
        return error.sentence
    if not isinstance(error, SQLAlchemyError) or (
        isinstance(error, DBAPIError) and not isinstance(error, OperationalError)
    ):
        return None
    if is_about_a_lock(error):
        return "Somebody else is changing this at the moment. Nothing was changed; try again in a moment."
    if isinstance(error, DBAPIError) and error.statement is None and error.connection_invalidated:  # at COMMIT
        return "The connection to the database broke while your change was being saved. Check whether it was made."
    return "The database does not respond. Nothing was changed; try again in a moment."


async def broken_page(_: Request, error: Exception) -> HTMLResponse:
    """Return the error page with an incident id; the error's own text goes to the log only."""
    if sentence := unavailable(error):
        return plain(503, "Database unavailable", sentence)
    return plain(500, "This page could not be shown", f"Nothing was changed. Incident {incident(error)}.")


def incident(error: BaseException) -> str:
    """Log an unexpected error in full, once, and return its incident id.

    The id stays with the error, so that a page, a toast and the log show the same one.
    """
    known: str | None = getattr(error, _INCIDENT, None)
    if known:
        return known
    incident_id = secrets.token_hex(4)
    # Some exceptions take no attributes; each handler then logs its own incident.
    with suppress(AttributeError, TypeError):
        setattr(error, _INCIDENT, incident_id)
    if unavailable(error):  # known, and no fault of this program: no traceback
        log.warning("not shown: database", extra={"incident": incident_id, "error": str(error).split("\n")[0]})
    else:
        log.error("unexpected error", extra={"incident": incident_id}, exc_info=error)
    return incident_id
