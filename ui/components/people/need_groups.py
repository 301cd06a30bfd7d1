"""Users who need help, those who need it for one reason as one line with what helps them all."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from core.diagnosis.situation import Situation
from core.jobs.error_words import group_title
from core.people.in_need import MOST_GROUPED, NeedGroup
from core.wording import counted
from ui.components.base.box import box
from ui.components.base.button import PLAIN, button
from ui.components.base.command_button import limit_to_role
from ui.components.base.kind_words import kind_label
from ui.components.base.markup import anchor, lines, moment, words
from ui.components.base.pause import pause_button
from ui.components.base.state_chip import state_words
from ui.components.jobs.bulk_menu import prepare_bulk
from ui.components.people.help_button import help_button
from ui.components.people.user_lines import need_line

_After = Callable[[], Awaitable[Any]]


def draw_need_groups(groups: Iterable[NeedGroup], after: _After) -> None:
    """Draw each group with what helps: of one user their line, of several one line; `after` runs after a command."""
    for group in groups:
        if len(group.users) == 1:
            _draw_one(group, after)
        else:
            _draw_group(group, after)


def _draw_one(group: NeedGroup, after: _After) -> None:
    with box("need-group one"):
        lines([need_line(group.latest)], "of")
        if group.paused_at:
            _draw_remedy(group, after)
        else:
            help_button(group.latest, after)


def _draw_group(group: NeedGroup, after: _After) -> None:
    user, number = group.latest, len(group.users)
    many = f"{MOST_GROUPED:,} or more users" if number == MOST_GROUPED else counted(number, "user")
    where = urlencode({"situation": user.situation, "because": user.because})
    with box("need-group"):
        shown = state_words(user.situation, f"{many} {user.situation}")
        noun, name = group.paused
        paused = f"The {noun} {name} is paused" if group.paused_at else ""
        cause = words(paused or kind_label(group_title(user.cause)), "clip muted", title=user.cause)
        lines([anchor(f"/users?{where}", shown, cause, *([moment(user.at, classes="muted")] if user.at else []))], "of")
        _draw_remedy(group, after)


def _draw_remedy(group: NeedGroup, after: _After) -> None:
    """Draw the one button that helps all of them, if a command does; a stuck queue lacks a worker, not a command."""
    user = group.latest
    assert user.because is not None
    if user.situation is Situation.FAILED:
        jobs = {"situation": "failed", "error": user.because}
        first = button("Retry one …", lambda: prepare_bulk("job.retry", jobs, 1), look=PLAIN)
        limit_to_role(first, "bulk.prepare")
    elif group.paused_at:
        pause_button(*group.paused, paused=group.paused_at, after=after)
