"""The indexes of the letters of users' names and addresses: with them, any part is found as fast as the beginning.

They need PostgreSQL's extension pg_trgm. Where it may not be created, the same searches read all users.
"""

import re
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, false, func, or_, select, text, true
from sqlmodel import Session

from core.database.text import contains, tidy

#: By the column of users whose letters they hold.
INDEXES: Final = {"email": "ix_users_email_letters", "name": "ix_users_name_letters"}
#: What they serve: three letters or digits in a row.
_LETTERS: Final = re.compile(r"[^\W_]{3}")
#: Of so many users, a part of so many is common: an index that names nearly all rows is slower than a look at each.
LOOKED_AT, COMMON = 2_000, 100

_ARE_THERE = text("""
    SELECT count(*) = :number FROM unnest(CAST(:names AS text[])) name
    JOIN pg_index ON indexrelid = to_regclass(name) AND indisvalid AND indrelid = to_regclass('users')
    JOIN pg_class c ON c.oid = indexrelid JOIN pg_am am ON am.oid = relam AND amname = 'gin'
""")


def are_indexed(session: Session) -> bool:
    """Return whether this database has the indexes."""
    values = {"names": list(INDEXES.values()), "number": len(INDEXES)}
    return bool(session.connection().execute(_ARE_THERE, values).scalar_one())


def words_of(search: str) -> list[str]:
    """Return the words of what a person searches: Lee, Kim are two."""
    return [word for word in re.split(r"[,\s]+", tidy(search)) if word]


def has_letters(word: str) -> bool:
    """Return whether the indexes serve a word."""
    return _LETTERS.search(word) is not None


def contain_words(session: Session, search: str, *columns: Any) -> ColumnElement[bool]:
    """Return the condition that each word is a part of one of these columns of users, in any order, case and accent.

    Nobody has a text without a word.
    """
    words = words_of(search)
    are_there = bool(words) and are_indexed(session)
    parts = [_contain(session, word, columns, are_there=are_there) for word in words]
    return and_(true(), *parts) if parts else false()


def _contain(session: Session, word: str, columns: tuple[Any, ...], *, are_there: bool) -> ColumnElement[bool]:
    indexed = are_there and has_letters(word) and not _is_common(session, word, columns)
    return or_(*(contains(column, word, indexed=indexed) for column in columns))


def _is_common(session: Session, word: str, columns: tuple[Any, ...]) -> bool:
    first = select(*columns).limit(LOOKED_AT).subquery("first")
    number = select(func.count()).select_from(first).where(or_(*(contains(column, word) for column in first.c)))
    return bool(session.connection().execute(number).scalar_one() >= COMMON)
