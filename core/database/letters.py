"""The indexes of the letters of users' names and addresses: with them, any part is found as fast as the beginning.

They need PostgreSQL's extension pg_trgm. Where it may not be created, the same searches read all users.
"""

import re
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, or_, text, true
from sqlmodel import Session

from core.database.text import contains

#: By the column of users whose letters they hold.
INDEXES: Final = {"email": "ix_users_email_letters", "name": "ix_users_name_letters"}
#: Characters of a text from which on they serve it.
FEWEST: Final = 3

_ARE_THERE = text("""
    SELECT count(*) = :number FROM unnest(CAST(:names AS text[])) name
    JOIN pg_index ON indexrelid = to_regclass(name) AND indisvalid
""")


def are_indexed(session: Session) -> bool:
    """Return whether this database has the indexes."""
    values = {"names": list(INDEXES.values()), "number": len(INDEXES)}
    return bool(session.connection().execute(_ARE_THERE, values).scalar_one())


def words_of(search: str) -> list[str]:
    """Return the words of what a person searches: Lee, Kim are two."""
    return [word for word in re.split(r"[,\s]+", search) if word]


def contain_words(session: Session, search: str, *columns: Any) -> ColumnElement[bool]:
    """Return the condition that each word is a part of one of these columns of users, in any order, case and accent."""
    indexed = are_indexed(session)
    return and_(
        true(),
        *(
            or_(*(contains(column, word, indexed=indexed and len(word) >= FEWEST) for column in columns))
            for word in words_of(search)
        ),
    )
