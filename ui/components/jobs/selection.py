"""What is selected in the list of jobs, and what is done with all of it: a few jobs at once, more as a bulk action."""

from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlmodel import Session

from core.commands.registry import COMMANDS
from core.errors import NotFound
from core.job_list.counts import Total
from core.job_list.filters import JobFilter
from core.job_list.rows import Row, rows_by_id
from core.job_list.split import Split, split
from core.jobs.labels import STATUS_OF
from core.models import BackgroundJob
from core.wording import counted
from ui import access
from ui.components.base.button import refuse
from ui.components.base.kind_words import kind_label
from ui.components.base.open_form import Then
from ui.components.jobs.bulk_menu import prepare_bulk
from ui.components.jobs.job_actions import WORKS_FROM, perform_each, report, run_command, why_not
from ui.components.jobs.job_filters import shown
from ui.components.jobs.job_forms import open_edit, open_edit_of_many, open_reschedule, why_not_edited
from ui.components.jobs.job_grid import Chosen

#: So many jobs are acted on at once, one by one; more as a bulk action, with its preview.
AT_ONCE: Final = 20
ACTS: Final = tuple(WORKS_FROM)

After = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Selected:
    """Selected jobs: which, what they consist of, and the rows of a few; of all that match, only their number."""

    chosen: Chosen
    #: The filter of the list, without its order.
    where: Mapping[str, str]
    split: Split
    rows: Sequence[Row] | None
    total: Total

    @property
    def kinds(self) -> Sequence[str]:
        """The kinds, as far as they are known."""
        if not self.chosen.everything:
            return list(self.split.by_kind)
        return [each for each in self.where.get("kind", "").split(",") if each and "*" not in each]

    @property
    def statuses(self) -> Set[str] | None:
        """The statuses; None where the filter leaves them open."""
        if not self.chosen.everything:
            return self.split.by_status.keys()
        job_filter = JobFilter.from_params(self.where)
        named = job_filter.status or {STATUS_OF[each] for each in job_filter.label}
        return {each.value for each in named} or None

    def count(self) -> str:
        """Return how many are selected."""
        if self.chosen.everything:
            return f"All {shown(self.total)} that match"
        return f"{len(self.chosen.ids):,} selected"

    def parts(self) -> str:
        """Return what they consist of, in a line."""
        if self.chosen.everything:
            return "its preview counts them by status before anything starts"
        if self.rows is not None and len(self.rows) == 1:
            return f"{kind_label(self.rows[0]['kind'])}, {self.rows[0]['status']}"
        parts = [_numbers(self.split.by_status)]
        kinds = list(self.split.by_kind)
        parts += [
            kind_label(kinds[0]) if len(kinds) == 1 else counted(len(kinds), "kind"),
            counted(self.split.users, "user"),
        ]
        parts += [f"{gone:,} deleted meanwhile" if (gone := len(self.chosen.ids) - self.split.number) else ""]
        return " · ".join(filter(None, parts))

    def details(self) -> str:
        """Return the numbers of the kinds, a line each."""
        return "\n".join(f"{number:,}  {kind_label(kind)} ({kind})" for kind, number in self.split.by_kind.items())


async def load_selected(chosen: Chosen, where: Mapping[str, str], total: Total) -> Selected:
    """Load what is selected; `total`: how many match."""
    parts, rows = await access.load(_read, [UUID(each) for each in chosen.ids])
    return Selected(chosen, where, parts, None if chosen.everything else rows, total)


def _read(session: Session, ids: Sequence[UUID]) -> tuple[Split, list[Row] | None]:
    if not ids:
        return Split({}, {}, 0, 0), []
    return split(session, ids), rows_by_id(session, ids) if len(ids) <= AT_ONCE else None


def why_not_selected(name: str, selected: Selected) -> str:
    """Return why this person cannot use a command on any of them; empty: on some, as far as is known."""
    command, actor = COMMANDS[name], access.me()
    if not actor.may(command.role):
        return f"{command.label} needs the role {command.role}; you are {actor.role}."
    if selected.rows is not None and name in ("job.retry", "job.start_now", "job.cancel"):
        return why_not(name, selected.rows) or ""
    works, statuses = WORKS_FROM[name], selected.statuses
    if statuses is not None and not works & statuses:
        parts = _numbers(selected.split.by_status) or ", ".join(sorted(statuses)) or "none that is still there"
        return f"{command.label} works on {' or '.join(sorted(works))} jobs; selected: {parts}."
    return _why_not_edited(selected) if name == "job.edit_and_retry" else ""


def _why_not_edited(selected: Selected) -> str:
    if len(selected.kinds) == 1:
        return why_not_edited(selected.kinds[0])
    those = "Filter by one kind" if selected.chosen.everything else "Select jobs of one kind"
    return f"{those}: each kind has its own arguments."


async def act(name: str, selected: Selected, after: After) -> None:
    """Do a command to all that is selected, after a question, a form, or the preview of a bulk action."""
    if why := why_not_selected(name, selected):
        refuse(why)
    elif name == "job.reschedule":
        _reschedule(selected, after)
    elif name == "job.edit_and_retry":
        await _edit(selected, after)
    elif selected.rows is None:
        await prepare_bulk(name, _set_of(selected))
    else:
        await run_command(name, selected.rows, after)


def _set_of(selected: Selected) -> Mapping[str, str] | Sequence[str]:
    return selected.where if selected.chosen.everything else selected.chosen.ids


def _reschedule(selected: Selected, after: After) -> None:
    rows = [row for row in selected.rows or () if row["status"] in WORKS_FROM["job.reschedule"]]

    async def do(args: Mapping[str, Any], reason: str | None) -> Then | None:
        if selected.rows is None:
            await prepare_bulk("job.reschedule", _set_of(selected), input_of_each=args, reason=reason)
            return None
        answers, refusals = await perform_each("job.reschedule", rows, args, reason=reason)
        if refusals and not answers:
            raise refusals[0]  # in the form, where another time can be chosen
        report("job.reschedule", answers, [str(each) for each in refusals])
        return after

    number = selected.total.value if selected.chosen.everything else len(selected.chosen.ids)
    open_reschedule(len(rows) if selected.rows is not None else number, do)


async def _edit(selected: Selected, after: After) -> None:
    if selected.rows is not None and len(selected.rows) == 1:
        job = await access.load(Session.get, BackgroundJob, UUID(selected.rows[0]["id"]))
        if job is None:
            raise NotFound("This job has been deleted meanwhile.")
        open_edit(job, after)
        return

    async def do(args: Mapping[str, Any], _: str | None) -> Then | None:
        await prepare_bulk("job.edit_and_retry", _set_of(selected), input_of_each=args)
        return None

    open_edit_of_many(selected.kinds[0], do)


def _numbers(of: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {word}" for word, number in of.items())
