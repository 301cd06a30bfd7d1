"""The page of the unsubscribe link in messages, which works signed out; mail programs post to it themselves (RFC 8058).

Only the POST changes something: programs that check links for viruses open them, too.
"""

from pathlib import Path
from typing import Final
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader

from core.actor import Actor
from core.commands.gateway import CommandRequest, perform
from core.database.engine import snapshot_scope
from core.errors import NotFound
from core.messages.unsubscribe import PATH, is_genuine
from core.models import Role, User
from ui import access

pages = APIRouter(include_in_schema=False)

_templates: Final = Environment(loader=FileSystemLoader(Path(__file__).parent.parent / "pages"), autoescape=True)
#: The channel in the audit log of what a person does by a link in a message.
_VIA: Final = "mail"
_NOTHING: Final = {"email_when_done": False, "email_when_needed": False}


@pages.get(PATH)
def ask(request: Request, user: str = "", proof: str = "") -> HTMLResponse:
    """Ask whether messages should end."""
    return _page("ask") if _reader(user, proof) else _page("unknown", 404)


@pages.post(PATH)
def unsubscribe(request: Request, user: str = "", proof: str = "") -> HTMLResponse:
    """End messages to the person whose link this is; a second time changes nothing."""
    reader = _reader(user, proof)
    if reader is None:
        return _page("unknown", 404)
    try:
        perform(access.engine(), reader, CommandRequest(name="message.preferences", target=reader.id, args=_NOTHING))
    except NotFound:  # deleted meanwhile
        return _page("unknown", 404)
    return _page("done")


def _reader(user: str, proof: str) -> Actor | None:
    """Return the person whose link this is, with no right beyond their own; None for a link that is not ours."""
    try:
        user_id = UUID(user)
    except ValueError:
        return None
    if not is_genuine(user_id, proof):
        return None
    with snapshot_scope(access.engine()) as session:
        person = session.get(User, user_id)
    return Actor(user_id, person.email, Role.MEMBER, _VIA) if person else None


def _page(state: str, status: int = 200) -> HTMLResponse:
    html = _templates.get_template("unsubscribe.html").render(state=state)
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return HTMLResponse(html, status_code=status, headers=headers)
