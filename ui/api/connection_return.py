"""The way back from a platform's consent page: its answer is taken at once, and out of the address bar.

Without the session in which the visit began, the answer is dropped, not kept for after the sign-in: it would count in
no other session, and what is kept in a browser may be another person's.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.exc import SQLAlchemyError

from core.commands import gateway
from core.commands.connections import DENIED, MOST_ERROR
from core.errors import NotAllowed, NotSignedIn, Refused, TooMany
from core.oauth.client import RETURN_PATH
from core.oauth.consents import VisitTooLong, VisitUnknown
from core.operations.connection import PAGE
from ui import access, error_page
from ui.api.auth import never_kept
from ui.consent_outcome import Outcome

pages = APIRouter(include_in_schema=False)

#: What is read; platforms add parameters of their own, which are ignored.
_READ: Final = ("state", "code", "error")
#: What a refusal means; the first kind that fits counts.
_REFUSALS: Final[Mapping[type[Refused], Outcome]] = {
    NotSignedIn: Outcome.SIGNED_OUT,
    TooMany: Outcome.NOT_NOW,
    VisitTooLong: Outcome.LATE,
    VisitUnknown: Outcome.UNKNOWN,
    NotAllowed: Outcome.BUSY,
}


@pages.get(RETURN_PATH)
def come_back(request: Request) -> Response:
    """Take what a platform has sent a creator back with, and show them their connections."""
    outcome = _outcome(request)
    address = f"{PAGE}?outcome={outcome.value}"
    if outcome is Outcome.SIGNED_OUT:
        address = f"/login?next={quote(address)}"
    answer = never_kept(RedirectResponse(address, status_code=303))
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def _outcome(request: Request) -> Outcome:
    given = {name: request.query_params.getlist(name) for name in _READ}
    if any(len(values) > 1 for values in given.values()):  # parts of the program could disagree on which one counts
        given = {}
    args = {name: values[0] for name, values in given.items() if values}
    if "error" in args:
        args["error"] = args["error"][:MOST_ERROR]  # long ones are no word of the protocol either way
    command = gateway.CommandRequest(name="connection.answer", args=args)
    try:
        done = gateway.perform(access.engine(), access.credentials_of(request, "console"), command)
    except Refused as refusal:
        return _of_refusal(refusal)
    except SQLAlchemyError as error:
        if error_page.unavailable(error) is None:
            raise
        return Outcome.NOT_NOW
    if "refused" not in done:
        return Outcome.TAKEN
    return Outcome.REFUSED if done["refused"] == DENIED else Outcome.FAILED


def _of_refusal(refusal: Refused) -> Outcome:
    return next((outcome for kind, outcome in _REFUSALS.items() if isinstance(refusal, kind)), Outcome.BROKEN)
