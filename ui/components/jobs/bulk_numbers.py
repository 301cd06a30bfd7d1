"""The numbers of a bulk action: each opens exactly the rows, or the jobs, that it counts."""

from markupsafe import Markup

from core.bulk.acts import starts_jobs
from core.bulk.words import Jobs, outcomes_of
from core.job_list.addresses import jobs_with
from core.models import BulkAction, BulkStatus, JobStatus, RowOutcome
from core.models.bulk import noun_of
from core.wording import counted
from ui.components.base.markup import anchor, tagged, words
from ui.components.base.state_chip import state_words


def number_chips(bulk: BulkAction, jobs: Jobs) -> list[Markup]:
    """Return the size of its set, what became of its rows, and how the jobs stand that it has started."""
    chips = [_size(bulk)]
    if bulk.started_at is None and bulk.status in (BulkStatus.READY, BulkStatus.ABORTED):
        return chips
    outcomes = zip(RowOutcome, outcomes_of(bulk).items(), strict=True)
    for outcome, (word, number) in outcomes:
        if outcome is RowOutcome.APPLIED and starts_jobs(bulk.command):
            chips += [_chip(jobs_with({"from_bulk": str(bulk.id)}), words(word), number)] if number else []
            chips += [_of_jobs(bulk, status, jobs[status]) for status in JobStatus if jobs.get(status)]
        elif number:
            chips.append(_chip(f"/bulk/{bulk.id}?outcome={outcome}", words(word), number))
    return chips


def _size(bulk: BulkAction) -> Markup:
    noun = noun_of(bulk.command)
    href = jobs_with({"bulk": str(bulk.id)}) if noun == "job" else f"/bulk/{bulk.id}?outcome=all"
    return _chip(href, words(counted(bulk.total, noun).split(" ", 1)[1]), bulk.total)


def _of_jobs(bulk: BulkAction, status: JobStatus, number: int) -> Markup:
    where = {"from_bulk": str(bulk.id), "status": status.value}
    return _chip(jobs_with(where), state_words(status.value), number)


def _chip(href: str, word: Markup, number: int) -> Markup:
    return anchor(href, word, tagged("span", f"{number:,}", classes="n"), classes="chip")
