"""The channel `email`: a message becomes a letter to its user's present address, unless they want none any more."""

from typing import Final

from sqlmodel import Session

from core.messages import mail
from core.messages.channel import Channel, SendOutcome, refused, unwanted
from core.messages.letter import Letter, recipient
from core.messages.preferences import is_unwanted
from core.messages.unsubscribe import link_for
from core.messages.writing import TEMPLATES, Written, write
from core.models import Notification, User

NAME: Final = "email"
#: Stands in a preview for the link with which only its reader ends messages.
HIDDEN_LINK: Final = "#only-its-reader-has-this-link"


def prepare(session: Session, message: Notification) -> Letter | SendOutcome:
    """Return the letter that a message becomes now, or that and why it is not sent."""
    template = TEMPLATES.get(message.template)
    if template is None:
        return refused(f"This release has no template {message.template!r}; the one that wrote it has.")
    user = session.get(User, message.user_id) if message.user_id else None
    if user is None and not message.address:
        return unwanted("The account was deleted.")
    if is_unwanted(session, message):
        return unwanted("The user has unsubscribed since.")
    to = recipient(message.address or (user.email if user else ""))
    if to is None:
        return refused("The address is not valid. Correct it, then press Resend.")
    unsubscribe = link_for(user.id) if template.topic and user else ""
    written = write(message.template, message.data, unsubscribe)
    return Letter(
        to=to.addr_spec,
        subject=written.subject,
        text=written.text,
        html=written.html,
        message_id=message.message_id,
        at=message.created_at,
        unsubscribe=unsubscribe,
    )


def preview(message: Notification) -> Written | None:
    """Return a message as its reader gets it; None if this release cannot write it."""
    template = TEMPLATES.get(message.template)
    if template is None:
        return None
    has_link = template.topic and message.user_id and link_for(message.user_id)
    return write(message.template, message.data, HIDDEN_LINK if has_link else "")


EMAIL: Final = Channel(
    name=NAME, way=mail.way, prepare=prepare, connect=mail.connected, preview=preview, no_way=mail.NO_WAY
)
