"""The numbers of a bulk action: each opens exactly what it counts.

Those of the set and its outcomes are of rows, which stay when their jobs are deleted; those by status are of jobs.
"""

from markupsafe import Markup

from core.bulk.words import Jobs, RowsOf, outcomes_of
from core.job_list.addresses import jobs_with
from core.models import BulkAction, BulkStatus, JobStatus
from core.models.bulk import noun_of
from core.wording import counted
from ui.components.base.markup import anchor, tagged, words
from ui.components.base.state_chip import state_words


def number_chips(bulk: BulkAction, jobs: Jobs) -> list[Markup]:
    """Return the size of its set, what became of its rows, and how the jobs stand that it has started."""
    chips = [_size(bulk)]
    if bulk.started_at is None and bulk.status in (BulkStatus.READY, BulkStatus.ABORTED):
        return chips
    for which, (word, number) in outcomes_of(bulk).items():
        if number:
            chips.append(_chip(f"/bulk/{bulk.id}?outcome={which}", words(word), number))
        if which is RowsOf.APPLIED:
            chips += [_of_jobs(bulk, status, jobs[status]) for status in JobStatus if jobs.get(status)]
    return chips


def _size(bulk: BulkAction) -> Markup:
    noun = counted(bulk.total, noun_of(bulk.command)).split(" ", 1)[1]
    return _chip(f"/bulk/{bulk.id}?outcome=all", words(noun), bulk.total)


def _of_jobs(bulk: BulkAction, status: JobStatus, number: int) -> Markup:
    where = {"from_bulk": str(bulk.id), "status": status.value}
    return _chip(jobs_with(where), state_words(status.value), number)


def _chip(href: str, word: Markup, number: int) -> Markup:
    return anchor(href, word, tagged("span", f"{number:,}", classes="n"), classes="chip")
