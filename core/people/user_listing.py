"""What the list of users shows at one moment: the users that match, why those of one reason are there, and numbers."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlmodel import Session

from core.database.text import tidy
from core.database.window import Window
from core.diagnosis.situation import Situation
from core.people.in_need import NeedGroup, need_group
from core.people.users import UserLine, UserQuery, find_users, users_by_situation


class UserListing(NamedTuple):
    """The users that match, and how many are in each situation of LISTED, as they are at one moment."""

    lines: Window[UserLine]
    numbers: Mapping[Situation, int]
    #: As `group_of` returns it: found by the search or not.
    group: NeedGroup | None = None


def user_listing(session: Session, query: UserQuery) -> UserListing:
    """Return the users that match a query, the numbers beside the search, and the group above the list."""
    return UserListing(find_users(session, *query), users_by_situation(session), group_of(session, query))


def group_of(session: Session, query: UserQuery) -> NeedGroup | None:
    """Return all who are in the situation of a query for its reason; None: it has no reason, or nobody is."""
    situation, because = query.situation, tidy(query.because)
    return need_group(session, situation, because) if situation and because else None
