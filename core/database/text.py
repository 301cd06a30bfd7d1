"""Comparing text in any case, and searching it without accents: both sides by the database's own functions.

Python's lower() is not PostgreSQL's: they differ in İ, in the final sigma, and in every letter beyond ASCII where the
database has the C locale. So no text that a person typed is lowered in Python before it is compared with a column.
"""

import re
import unicodedata
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, case, func, literal, literal_column

#: Pasted with a text and invisible: zero-width characters, marks of direction, a byte order mark.
_INVISIBLE = dict.fromkeys(
    map(
        ord,
        "\u034f\u115f\u1160\u180e\u3164\ufe0e\ufe0f\uffa0\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff\x00",
    )
)

#: As mail programs copy an address: mailto:kim@example.com?subject=…, or Kim Lee <kim@example.com>. Before the @ a
#: question mark is part of the address.
_COPIED = re.compile(
    r"^(?:mailto:)?(?:.*<(?:mailto:)?([^<>]+)>|([^<>]*?@[^<>?]*)(?:\?.*)?)$", re.IGNORECASE | re.DOTALL
)
_ONE = re.compile(r"(?:mailto:)?([^\s<>,;\"'()]+@[^\s<>,;\"'()]+)", re.IGNORECASE)


def _constant(text: str) -> ColumnElement[str]:
    """Return a constant of a statement: a parameter would keep the planner from an index on the expression."""
    return literal_column(f"'{text}'", Text())


#: Accents at the start of a text, without a letter that they belong to.
_LONE = re.compile(r"^[\s\u0300-\u036f]+")
#: Accents as Unicode splits them from their letters (NFD), and letters that it does not split.
_ACCENTS, _WHOLE, _PLAIN = _constant(r"[\u0300-\u036f]"), _constant("łøđıħŧŁØĐĦŦ"), _constant("lodihtlodht")


def tidy(text: str) -> str:
    """Return what a person typed or pasted: composed (NFC), without invisible characters and spaces around it.

    An accent without a letter before it is no text.
    """
    return _LONE.sub("", unicodedata.normalize("NFC", text).translate(_INVISIBLE).strip())


def pasted(text: str) -> str:
    """Return the e-mail address in what a person pasted; other text, and several addresses, as they are, tidied."""
    text = tidy(text)
    match = None if has_several_addresses(text) else _COPIED.match(text)
    return tidy(match[1] or match[2]) if match else text


def has_several_addresses(text: str) -> bool:
    """Tell whether a text has more than one e-mail address; one that is also the person's name counts once."""
    return len({address.casefold() for address in _ONE.findall(text)}) > 1


def folded(text: str) -> str:
    """Return a text as a key for counting: texts that any database takes for the same have the same key."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def is_same(column: Any, text: str) -> ColumnElement[bool]:
    """Return the condition that a column holds this text, in any case; an index on lower(column) serves it."""
    return func.lower(column, type_=Text()) == _lower(tidy(text))


def begins_with(column: Any, text: str) -> ColumnElement[bool]:
    """Return the condition that a column begins with this text, in any case, with or without accents."""
    return searched(column).like(searched(_typed(escaped(tidy(text)) + "%")), escape="\\")


def contains(column: Any, text: str, *, indexed: bool = False) -> ColumnElement[bool]:
    """Return the condition that a column contains this text, in any case, with or without accents.

    `indexed`: its letters are (core/database/letters.py), and this text is long enough for them to serve it.
    """
    # Where no index serves this: of a text that is ASCII, as nearly all are, only the case is to be looked at.
    is_ascii = func.octet_length(column) == func.char_length(column)
    cheaply = case((is_ascii, func.lower(column, type_=Text())), else_=searched(column))
    compared = searched(column) if indexed else cheaply
    return compared.like(searched(_typed(f"%{escaped(tidy(text))}%")), escape="\\")


def searched(text: ColumnElement[str]) -> ColumnElement[str]:
    """Return a text as searches compare it: in lower case and without accents; indexes of users hold the same."""
    split = func.normalize(text, literal_column("NFD", Text()))
    letters = func.regexp_replace(split, _ACCENTS, _constant(""), _constant("g"))
    return func.translate(func.lower(letters), _WHOLE, _PLAIN, type_=Text())


def escaped(text: str) -> str:
    """Return a text whose %, _ and backslash stand for themselves in a LIKE pattern."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _lower(text: str) -> ColumnElement[str]:
    return func.lower(_typed(text))


def _typed(text: str) -> ColumnElement[str]:
    return literal(text, Text())


def ids_beginning(text: str) -> tuple[UUID, UUID] | None:
    """Return the first and the last id that starts with these four or more digits, or None for any other text."""
    digits = text.strip().lower().replace("-", "")
    if not 4 <= len(digits) <= 32 or not set(digits) <= set("0123456789abcdef"):
        return None
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
