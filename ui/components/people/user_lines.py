"""Users as a list, each a link to their page."""

from collections.abc import Iterable

from markupsafe import Markup

from core.people.users import SAY_MORE, UserLine
from ui.components.base.markup import anchor, lines, words
from ui.components.base.state_chip import demo_words, state_words


def user_lines(users: Iterable[UserLine]) -> None:
    """Draw users in the order given."""
    lines([_line(user) for user in users], "rows users")


def _line(user: UserLine) -> Markup:
    return anchor(
        f"/users/{user.id}",
        state_words(user.situation, f"{user.situation} · {user.status}")
        if user.situation in SAY_MORE
        else demo_words(user.status),
        words(user.email, "clip strong"),
        words(user.name or "", "clip muted"),
        words(user.role if user.role != "member" else "", "muted"),
    )
