"""Users as a list, each a link to their page."""

from collections.abc import Iterable

from markupsafe import Markup

from core.diagnosis.situation import Situation
from core.jobs.error_words import headline
from core.models import DemoModeStatus
from core.people.in_need import UserInNeed
from core.people.users import SAY_MORE, UserLine
from ui.components.base.kind_words import kind_label
from ui.components.base.markup import anchor, lines, moment, words
from ui.components.base.state_chip import demo_name, demo_words, state_words


def user_lines(users: Iterable[UserLine]) -> None:
    """Draw users in the order given."""
    lines([_line(user) for user in users], "rows users")


def need_lines(users: Iterable[UserInNeed | UserLine]) -> None:
    """Draw users with why they need help, and since when, in the order given."""
    lines([need_line(user) for user in users], "rows users in-need")


def need_line(user: UserInNeed | UserLine) -> Markup:
    """Return the line of a user with why they need help, and since when."""
    since = user.since if isinstance(user, UserLine) else user.at
    at = [moment(since, classes="muted")] if since else []
    cause = kind_label(headline(user.cause)) if user.cause else "no job says why"
    return anchor(f"/users/{user.id}", _state(user), words(user.email, "clip strong"), words(cause, "clip muted"), *at)


def _state(user: UserLine | UserInNeed) -> Markup:
    is_of_other_row = user.situation is Situation.FAILED and user.status is not DemoModeStatus.FAILED
    if user.situation in SAY_MORE or is_of_other_row:
        return state_words(user.situation, f"{user.situation} · {demo_name(user.status)}")
    return demo_words(user.status)


def _line(user: UserLine) -> Markup:
    return anchor(
        f"/users/{user.id}",
        _state(user),
        words(user.email, "clip strong"),
        words(user.name or "", "clip muted"),
        words(user.role if user.role != "member" else "", "muted"),
    )
