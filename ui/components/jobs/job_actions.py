"""Retry, Cancel and Start now for a few jobs: what will happen, which are skipped and why, and the outcome."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from nicegui import ui

from core.commands.registry import COMMANDS
from core.diagnosis.cancelling import offer_of_kind
from core.diagnosis.situation import Situation
from core.errors import Refused
from core.job_list.rows import Row
from core.jobs.labels import Label
from core.jobs.retry import refusals_of_retry
from core.models import Role
from core.operation import Progress, Task
from core.operations import BY_NAME
from core.wording import counted
from ui import access
from ui.components.base.asking import retrying_needs_reason
from ui.components.base.box import box
from ui.components.base.button import DANGER, PLAIN, button, forbid, refuse, say
from ui.components.base.confirm import Question, confirm
from ui.components.base.outcome import cancel_outcome, cancel_outcomes

#: The statuses from which each command works; the gateway decides, this only says so beforehand.
WORKS_FROM: Final = {
    "job.retry": frozenset({"failed", "cancelled"}),
    "job.edit_and_retry": frozenset({"failed", "cancelled"}),
    "job.start_now": frozenset({"queued"}),
    "job.reschedule": frozenset({"queued"}),
    "job.cancel": frozenset({"queued", "running"}),
}
_EFFECTS: Final = {
    "job.retry": "A new job repeats each one; the old ones stay in the history.",
    "job.cancel": "Waiting jobs end at once, running jobs at their next checkpoint.",
    "job.start_now": "Each becomes due at once, also between two attempts.",
}
_ACTS: Final = {"job.retry": "Retrying", "job.cancel": "Cancelling", "job.start_now": "Starting"}
_DONE: Final = {
    "job.retry": "retried",
    "job.cancel": "cancelled",
    "job.start_now": "started",
    "job.reschedule": "rescheduled",
}
#: Different reasons of refusals that are shown.
MOST_SAID: Final = 3
ICONS: Final = {"job.retry": "replay", "job.cancel": "block"}

After = Callable[[], Awaitable[None]]


def draw_actions(rows: Sequence[Row], after: After) -> dict[str, ui.button]:
    """Draw Retry and Cancel, each if these jobs are in a status for it; what still keeps it from them, it says."""
    with box("hbox"):
        return {
            name: _draw_action(name, rows, after)
            for name in ICONS
            if any(row["status"] in WORKS_FROM[name] for row in rows)
        }


def why_not(name: str, rows: Sequence[Row]) -> str | None:
    """Return why this person cannot use a command on any of these jobs, or None if it works on some."""
    command, actor = COMMANDS[name], access.me()
    if not actor.may(command.role):
        return f"{command.label} needs the role {command.role}; you are {actor.role}."
    if not rows:
        return "Select one or more jobs first."
    fitting = [row for row in rows if _works_on(name, row)]
    if not fitting and name == "job.cancel" and all(row["label"] == Label.STOPPING for row in rows):
        return "A cancel was requested already."
    if not fitting and len(rows) == 1 and _is_dealt_with(name, rows[0]):
        return "It is handled: other work has come after it."
    if not fitting:
        return f"{command.label} works on {' or '.join(sorted(WORKS_FROM[name]))} jobs; selected: {_split(rows)}."
    if not _fit(name, rows):
        return f"{_ACTS[name]} {fitting[0]['kind']} needs the role {_role(name, fitting[0])}."
    return None


async def run_command(name: str, rows: Sequence[Row], after: After) -> None:
    """Ask, run the command on each job that fits, and show the outcome."""
    if why := why_not(name, rows):
        refuse(why)
        return
    fit, refusals_now = _fit(name, rows), {}
    if name == "job.retry":
        refusals_now = await access.load(refusals_of_retry, [UUID(row["id"]) for row in fit], once=len(fit) > 1)
        fit = [row for row in fit if UUID(row["id"]) not in refusals_now]
        if not fit:
            report(name, [], list(refusals_now.values()))
            return
    agreement = await confirm(_question(name, fit, rows, list(refusals_now.values())))
    if agreement is None:
        return
    answers, refusals = await perform_each(name, fit, reason=agreement.reason)
    report(name, answers, [str(each) for each in refusals])
    await after()


async def perform_each(
    name: str, rows: Sequence[Row], args: Mapping[str, Any] = MappingProxyType({}), *, reason: str | None
) -> tuple[list[dict[str, Any]], list[Refused]]:
    """Run a command on each of these jobs, whatever becomes of the others; return its answers and refusals."""
    answers, refusals = [], []
    for row in rows:
        try:
            answers.append(await access.perform(name, UUID(row["id"]), args, reason=reason))
        except Refused as refusal:
            refusals.append(refusal)
    return answers, refusals


def _fit(name: str, rows: Sequence[Row]) -> list[Row]:
    """Return the jobs on which this person can use the command."""
    actor = access.me()
    return [row for row in rows if _works_on(name, row) and actor.may(_role(name, row))]


def _works_on(name: str, row: Row) -> bool:
    """Tell whether a command has an effect on a job; a cancel that was accepted is not offered again."""
    if name == "job.cancel" and row["label"] == Label.STOPPING:
        return False
    return row["status"] in WORKS_FROM[name] and not _is_dealt_with(name, row)


def _is_dealt_with(name: str, row: Row) -> bool:
    """Tell whether a failure needs no Retry any more."""
    return name == "job.retry" and row["situation"] == Situation.HANDLED


def _role(name: str, row: Row) -> Role:
    """Return the role that the command needs: retrying a task needs the role that starts it."""
    kind = BY_NAME.get(row["kind"])
    return kind.role if name == "job.retry" and isinstance(kind, Task) else COMMANDS[name].role


def _draw_action(name: str, rows: Sequence[Row], after: After) -> ui.button:
    look = DANGER if name == "job.cancel" else PLAIN
    element = button(COMMANDS[name].label, lambda: run_command(name, rows, after), look=look, icon=ICONS[name])
    why = why_not(name, rows)
    return forbid(element, why) if why else element


def _question(name: str, fit: Sequence[Row], rows: Sequence[Row], refusals: Sequence[str]) -> Question:
    label = COMMANDS[name].label
    consequences = [_EFFECTS[name], *(_cancel_effects(fit) if name == "job.cancel" else ())]
    if skipped := [row for row in rows if row not in fit]:
        why = f". {refusals[0]}" if refusals else "."
        consequences.append(f"Skipped: {_split(skipped)}{why}")
    return Question(
        f"{label} {counted(len(fit), 'job')}?",
        consequences,
        f"{label} {counted(len(fit), 'job')}",
        asks_reason=True,
        needs_reason=name == "job.retry" and any(retrying_needs_reason(row["kind"]) for row in fit),
        takes_away=name == "job.cancel",
    )


def _cancel_effects(rows: Sequence[Row]) -> list[str]:
    """Return what a cancel leaves of jobs that have begun, kind by kind; of a single job, from how far it is."""
    begun = [row for row in rows if row["started_at"]]
    effects = []
    for name in sorted({row["kind"] for row in begun if row["kind"] in BY_NAME}):
        alike = [row for row in begun if row["kind"] == name]
        at = Progress(alike[0]["progress_done"], alike[0]["progress_total"]) if len(alike) == 1 else Progress(0, 0)
        effects.append(f"{BY_NAME[name].label}: {offer_of_kind(name, at).effect}")
    return effects


def _split(rows: Sequence[Row]) -> str:
    words = Counter(f"{row['status']}{', handled' * (row['situation'] == Situation.HANDLED)}" for row in rows)
    return ", ".join(f"{number:,} {word}" for word, number in sorted(words.items()))


def report(name: str, answers: Sequence[Mapping[str, Any]], refusals: Sequence[str]) -> None:
    """Show what was done, with a link if it is one job, and the reasons why something was not."""
    jobs = counted(len(answers), "job")
    one = {"job.retry": "Retry queued.", "job.start_now": "It is due now.", "job.reschedule": "Rescheduled."}
    many = {
        "job.retry": f"{jobs} queued again.",
        "job.start_now": f"{jobs} are due now.",
        "job.reschedule": f"{jobs} rescheduled.",
    }
    if len(answers) == 1:
        say(one.get(name) or cancel_outcome(answers[0]), answers[0].get("job_id"))
    elif answers:
        say(many.get(name) or cancel_outcomes(answers))
    if refusals:
        number = f"{counted(len(refusals), 'job')} not" if len(refusals) > 1 else "Not"
        reasons = list(dict.fromkeys(refusals))
        more = f" And {counted(len(reasons) - MOST_SAID, 'other reason')}." if len(reasons) > MOST_SAID else ""
        refuse(f"{number} {_DONE[name]}: {' '.join(reasons[:MOST_SAID])}{more}")
