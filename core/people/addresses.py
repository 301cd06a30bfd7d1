"""E-mail addresses in one form, at every door where one is typed, pasted or sent by a provider or a browser."""

from typing import Annotated

import email_validator
from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from core.database.text import has_several_addresses, is_same, pasted
from core.models import User

#: Names of a company's own network are good addresses here, though no mail from outside comes there.
email_validator.SPECIAL_USE_DOMAIN_NAMES[:] = ["invalid", "onion"]


def _address(text: str) -> str:
    if has_several_addresses(text):
        raise PydanticCustomError("email", "Enter one e-mail address; add several people one after the other.")
    try:
        return _normal(pasted(text))
    except email_validator.EmailNotValidError as error:
        raise PydanticCustomError("email", "{reason}", {"reason": str(error)}) from None


#: A new address: valid, and in the form in which it is stored.
EmailAddress = Annotated[str, AfterValidator(_address), WithJsonSchema({"type": "string", "format": "email"})]


def known_form(text: str) -> str:
    """Return an address as it is stored: a domain in Unicode, as people write it; Chromium sends it in Punycode.

    What is no valid address is only tidied: an older row may hold it, and then it must be found.
    """
    address = pasted(text)
    try:
        return _normal(address)
    except email_validator.EmailNotValidError:
        return address


def has_address(text: str) -> ColumnElement[bool]:
    """Return the condition for the user with this e-mail address, in any case."""
    return is_same(col(User.email), known_form(text))


def user_with(session: Session, text: str) -> User | None:
    """Return the user with this e-mail address, in any case, if there is one."""
    return session.exec(select(User).where(has_address(text))).first()


def _normal(address: str) -> str:
    return email_validator.validate_email(address, check_deliverability=False, globally_deliverable=False).normalized
