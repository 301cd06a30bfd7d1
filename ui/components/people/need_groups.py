"""Users who need help, those who need it for one reason as one line with what helps them all."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from core import clock
from core.analytics.recent import since_of
from core.diagnosis.situation import Situation
from core.failures.groups import WINDOWS
from core.job_list.addresses import jobs_with
from core.jobs.error_words import group_title
from core.people.in_need import NeedGroup
from core.wording import counted
from ui.components.base.box import box, link
from ui.components.base.button import PLAIN, button
from ui.components.base.command_button import limit_to_role
from ui.components.base.kind_words import kind_label
from ui.components.base.markup import anchor, lines, moment, words
from ui.components.base.pause import draw_who_paused, pause_button
from ui.components.base.state_chip import state_words
from ui.components.jobs.again import draw_again
from ui.components.jobs.bulk_menu import prepare_bulk
from ui.components.people.help_button import help_button
from ui.components.people.user_lines import need_line

_After = Callable[[], Awaitable[Any]]


def draw_need_groups(groups: Iterable[NeedGroup], after: _After) -> None:
    """Draw each group with what helps: of one user their line, of several one line; `after` runs after a command."""
    for group in groups:
        if group.number == 1:
            _draw_one(group, after)
        else:
            _draw_group(group, after)


def draw_need_head(group: NeedGroup, after: _After) -> None:
    """Draw above the users of a group why they are there, since when, what helps them all, and what says more."""
    with box("need-head"):
        with box("vbox grow"):
            lines([_number_of(group), words(cause_of(group), "strong", title=group.latest.cause)], "hbox wrap")
            with box("hbox wrap muted"):
                if group.paused_at:
                    draw_who_paused(group)
                _draw_times(group)
            draw_again(group.again)
        with box("hbox wrap"):
            for label, href in _more(group).items():
                link(href, label=label)
            _draw_remedy(group, after)


def cause_of(group: NeedGroup) -> str:
    """Return why the users of a group are there, in words."""
    noun, name = group.paused
    if group.paused_at:
        return f"{kind_label(name)} is paused" if noun == "kind" else f"The queue {name} is paused"
    if group.latest.situation is Situation.FAILED:
        return kind_label(group_title(group.latest.cause)) if group.latest.cause else "No job says why"
    if group.latest.situation is Situation.HELD:
        return f"The queue {name} starts no jobs for them: a limit is 0, or its workers are quiet"
    return f"Their jobs in the queue {name} do not move: no worker takes them, or theirs has stopped"


def _draw_one(group: NeedGroup, after: _After) -> None:
    with box("need-group one"):
        lines([need_line(group.latest)], "of")
        if group.paused_at:
            _draw_remedy(group, after)
        else:
            help_button(group.latest, after)


def _draw_group(group: NeedGroup, after: _After) -> None:
    user = group.latest
    where = urlencode({"situation": user.situation, "because": user.because})
    with box("need-group"):
        cause = words(cause_of(group), "clip muted", title=user.cause)
        at = [moment(user.at, classes="muted")] if user.at else []
        with box():
            lines([anchor(f"/users?{where}", _number_of(group), cause, *at)], "of")
            draw_again(group.again)
        _draw_remedy(group, after)


def _number_of(group: NeedGroup) -> Markup:
    situation = group.latest.situation
    return state_words(situation, f"{counted(group.number, 'user')} {situation}")


def _draw_times(group: NeedGroup) -> None:
    first, last = group.since, group.latest.at
    if first and last:
        begun = [words("longest "), moment(first), *([words(", latest "), moment(last)] if last != first else [])]
        lines(begun, "clip")


def _draw_remedy(group: NeedGroup, after: _After) -> None:
    """Draw the one button that helps all of them, if a command does; a stuck queue lacks a worker, not a command."""
    if group.latest.situation is Situation.FAILED:
        jobs = _failed_jobs(group)
        first = button("Retry one …", lambda: prepare_bulk("job.retry", jobs, 1), look=PLAIN)
        limit_to_role(first, "bulk.prepare")
    elif group.paused_at:
        pause_button(*group.paused, paused=group.paused_at, after=after)


def _failed_jobs(group: NeedGroup) -> dict[str, str]:
    assert group.latest.because is not None
    return {"situation": "failed", "error": group.latest.because}


def _more(group: NeedGroup) -> Mapping[str, str]:
    """Return what says more of a group's cause, by its name: of an error its page, if a time that it shows has it."""
    user = group.latest
    if user.situation is Situation.FAILED:
        hours = _hours_with(group)
        page = {"The error": f"/failures/{user.because}?hours={hours}"} if hours else {}
        return page | {"Its unhandled jobs": jobs_with(_failed_jobs(group))}
    if user.situation is Situation.HELD:
        return {"Queues and kinds": "/queues"}
    return {"Workers": "/workers", "Queues": "/queues"}


def _hours_with(group: NeedGroup) -> int | None:
    """Return the shortest time that has all failures of a group, or else the longest, if that has one."""
    now = clock.now()
    whole = (each for each in WINDOWS if group.since and group.since >= since_of(now, each))
    last = WINDOWS[-1] if group.latest.at and group.latest.at >= since_of(now, WINDOWS[-1]) else None
    return next(whole, last)
