"""Plain HTML for what goes wrong before or instead of a page: no person ever sees a traceback."""

import html
import logging
import secrets
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import HTMLResponse

from core.actor import Actor
from core.models import Role

log = logging.getLogger(__name__)

#: The attribute of an error that keeps its incident.
_MARK = "__incident__"

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} · Unstuck</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/assets/plain.css">
</head><body><main class="card"><h1>{title}</h1><p>{text}</p><p><a class="button" href="{href}">{link}</a></p></main>
</body></html>"""


def plain(status: int, title: str, text: str, href: str = "/", link: str = "Go to the start page") -> HTMLResponse:
    """Return one sentence as a page; every part is escaped."""
    parts = {"title": title, "text": text, "href": href, "link": link}
    return HTMLResponse(_PAGE.format(**{k: html.escape(v) for k, v in parts.items()}), status_code=status)


def forbidden(actor: Actor, role: Role) -> HTMLResponse:
    """Tell a person which role a page needs."""
    return plain(
        403,
        "Not for your role",
        f"This page needs the role {role}; {actor.name} is {actor.role}. An admin can change that.",
        "/dashboard",
        "Go to your dashboard",
    )


async def no_such_page(_: Request, __: Exception) -> HTMLResponse:
    """Tell that there is no page at an address; no page is made for that, which would stay open without a person."""
    return plain(404, "There is no such page", "It may have moved; the start page leads to what there is.")


async def broken_page(_: Request, error: Exception) -> HTMLResponse:
    """Tell that a page could not be made, and not why: an error's own text is for the log."""
    return plain(500, "This page could not be shown", f"Nothing was changed. Incident {incident(error)}.")


def incident(error: BaseException) -> str:
    """Log an unexpected error in full, once, and return the id by which it is found in the log.

    The id stays with the error: a page, a toast and the log tell the same one, however many of them meet it.
    """
    known: str | None = getattr(error, _MARK, None)
    if known:
        return known
    incident_id = secrets.token_hex(4)
    # An error without room for attributes is told anew by each who meets it.
    with suppress(AttributeError, TypeError):
        setattr(error, _MARK, incident_id)
    log.error("unexpected error", extra={"incident": incident_id}, exc_info=error)
    return incident_id
