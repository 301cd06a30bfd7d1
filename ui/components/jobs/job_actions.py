"""Retry and Cancel, on one job or on several: what will be done, what is skipped and why, and then what came of it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from uuid import UUID

from nicegui import ui

from core.commands.registry import COMMANDS
from core.errors import Refused
from core.job_list.rows import Row
from core.models import Role
from core.operation import Task
from core.operations import BY_NAME
from core.wording import counted
from ui import access
from ui.components.base.box import box
from ui.components.base.button import DANGER, PLAIN, button, forbid, refuse, say
from ui.components.base.confirm import Question, confirm

#: From which statuses each command starts; the gateway decides, this only says it beforehand.
_STARTS: Final = {
    "job.retry": frozenset({"failed", "cancelled"}),
    "job.cancel": frozenset({"queued", "running"}),
}
_EFFECTS: Final = {
    "job.retry": "A new job does the same again; the old one stays as it is.",
    "job.cancel": "Waiting ones end at once, running ones at their next checkpoint; what they did is undone.",
}
_ICONS: Final = {"job.retry": "replay", "job.cancel": "block"}

After = Callable[[], Awaitable[None]]


def draw_actions(rows: Sequence[Row], after: After) -> dict[str, ui.button]:
    """Draw Retry and Cancel for these jobs; one that fits none of them says why."""
    with box("hbox"):
        return {name: _draw_action(name, rows, after) for name in _STARTS}


def why_not(name: str, rows: Sequence[Row]) -> str | None:
    """Return why a command can be given to none of these jobs by this person, or None when it can to some."""
    command, actor = COMMANDS[name], access.me()
    if not actor.may(command.role):
        return f"{command.label} needs the role {command.role}; you are {actor.role}."
    if not rows:
        return "Select one or more jobs first."
    startable = [row for row in rows if row["status"] in _STARTS[name]]
    if not startable:
        return f"{command.label} is for {' and '.join(sorted(_STARTS[name]))} jobs; {_split(rows)}."
    if not _fit(name, rows):
        return f"{command.label} of {startable[0]['kind']} needs the role {_role(name, startable[0])}."
    return None


async def do_to(name: str, rows: Sequence[Row], after: After) -> None:
    """Ask, do it to each job that it can be done to, and say what came of it."""
    if why := why_not(name, rows):
        refuse(why)
        return
    fit = _fit(name, rows)
    yes = await confirm(_question(name, fit, rows))
    if yes is None:
        return
    started, refusals = [], []
    for row in fit:
        try:
            started.append(await access.perform(name, UUID(row["id"]), reason=yes.reason))
        except Refused as refusal:
            refusals.append(str(refusal))
    _report(name, [answer.get("job_id") for answer in started], refusals)
    await after()


def _fit(name: str, rows: Sequence[Row]) -> list[Row]:
    """Return the jobs to which this person can do it."""
    actor = access.me()
    return [row for row in rows if row["status"] in _STARTS[name] and actor.may(_role(name, row))]


def _role(name: str, row: Row) -> Role:
    """Return who may do it: a task is done again by who may start it."""
    kind = BY_NAME.get(row["kind"])
    return kind.role if name == "job.retry" and isinstance(kind, Task) else COMMANDS[name].role


def _draw_action(name: str, rows: Sequence[Row], after: After) -> ui.button:
    look = DANGER if name == "job.cancel" else PLAIN
    made = button(COMMANDS[name].label, lambda: do_to(name, rows, after), look=look, icon=_ICONS[name])
    why = why_not(name, rows)
    return forbid(made, why) if why else made


def _question(name: str, fit: Sequence[Row], rows: Sequence[Row]) -> Question:
    label = COMMANDS[name].label
    told = [_EFFECTS[name]]
    if skipped := [row for row in rows if row not in fit]:
        told.append(f"Skipped: {_split(skipped)}.")
    return Question(
        f"{label} {counted(len(fit), 'job')}?",
        told,
        f"{label} {counted(len(fit), 'job')}",
        asks_reason=True,
        takes_away=name == "job.cancel",
    )


def _split(rows: Sequence[Row]) -> str:
    statuses = sorted({row["status"] for row in rows})
    return ", ".join(f"{sum(row['status'] == each for row in rows):,} {each}" for each in statuses)


def _report(name: str, done: Sequence[object], refusals: Sequence[str]) -> None:
    word = "Retrying" if name == "job.retry" else "Cancelling"
    if done:
        say(f"{word} {counted(len(done), 'job')}.", done[0] if len(done) == 1 else None)
    if refusals:
        more = f" (and {len(refusals) - 1} more)" if len(refusals) > 1 else ""
        refuse(f"{counted(len(refusals), 'job')} not possible: {refusals[0]}{more}")
