"""A bulk action in words: how far it is, what comes next, and what stage it is at."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from core.bulk.acts import starts_jobs
from core.models import TERMINAL, BulkAction, BulkStatus, JobStatus
from core.models.bulk import noun_of
from core.wording import counted

#: The jobs that a bulk action has started, by status.
Jobs = Mapping[str, int]
NO_JOBS: Final[Jobs] = MappingProxyType({})
#: Ends of jobs, the best first.
_ENDS: Final = (JobStatus.SUCCEEDED, JobStatus.CANCELLED, JobStatus.FAILED)


class RowsOf(StrEnum):
    """Rows of a set by their outcome, or those that have none."""

    APPLIED = "applied"
    SKIPPED = "skipped"
    FAILED = "failed"
    NOT_TRIED = "not_tried"


def stage_of(bulk: BulkAction, jobs: Jobs = NO_JOBS) -> str:
    """Return its stage in a word; what started jobs is over when these are: `jobs` are they by status."""
    if bulk.status is BulkStatus.READY:
        return "not started"
    if bulk.is_discarded:
        return "discarded"
    if bulk.status is BulkStatus.DONE and not bulk.applied:
        return "nothing done"
    if bulk.status is not BulkStatus.DONE or not starts_jobs(bulk.command):
        return bulk.status.value
    if not jobs or moving(jobs):
        return "requested"
    worst = next(status for status in reversed(_ENDS) if jobs.get(status))
    return worst.value if jobs[worst] == sum(jobs.values()) else f"some {worst}"


def moving(jobs: Jobs) -> int:
    """Return how many of the jobs that it has started wait or run."""
    return sum(number for status, number in jobs.items() if status not in TERMINAL)


def sentence_of(bulk: BulkAction, halted: str = "", jobs: Jobs = NO_JOBS) -> str:
    """Return how far it is, in a sentence; `halted`: why it does not go on, `jobs`: those that it has started."""
    those = counted(bulk.total, noun_of(bulk.command))
    if bulk.status is BulkStatus.READY:
        return f"Prepared for {those}. Nobody has started it."
    if bulk.is_discarded:
        return f"{bulk.note} Nothing was done."
    outcomes = [each for which, each in outcomes_of(bulk).items() if which is not RowsOf.NOT_TRIED]
    parts = ", ".join(f"{number:,} {word}" for word, number in outcomes if number)
    if bulk.status is BulkStatus.DONE and not bulk.applied:
        return f"Nothing was done: of {those}, {parts}."
    far = f"{bulk.looked_at:,} of {those}: {parts or f'none {done_word(bulk)} yet'}"
    if bulk.applied == bulk.total > 1:
        far = f"All {bulk.total:,} {done_word(bulk)}"
    return f"{far}{_ends(far, jobs)}. {halted or bulk.note}".rstrip()


def outcomes_of(bulk: BulkAction) -> dict[RowsOf, tuple[str, int]]:
    """Return what became of its rows, each outcome in words with its number; of zero, too."""
    return {
        RowsOf.APPLIED: (done_word(bulk), bulk.applied),
        RowsOf.SKIPPED: ("skipped", bulk.skipped),
        RowsOf.FAILED: ("not requested" if starts_jobs(bulk.command) else "failed", bulk.failed),
        RowsOf.NOT_TRIED: ("not tried", bulk.not_tried),
    }


def size_of(bulk: BulkAction, done: int) -> str:
    """Return the size of its set, and how many of it are done, where that is known to be a part."""
    those = counted(bulk.total, noun_of(bulk.command))
    return f"{done:,} of {those}" if 0 < done < bulk.total else those


def title_size(bulk: BulkAction) -> str:
    """Return how many it is for; once it is over, of how many it was done to."""
    is_over = bulk.status not in (BulkStatus.READY, BulkStatus.RUNNING)
    return size_of(bulk, bulk.applied if is_over else 0)


def undone_words(bulk: BulkAction, undo: BulkAction) -> str:
    """Return how much of it another action has undone, and who."""
    if undo.status is BulkStatus.RUNNING:
        return f"Being undone by {undo.actor}"
    is_all = undo.applied >= bulk.applied
    return f"{'Undone' if is_all else f'{undo.applied:,} of {bulk.applied:,} undone'} by {undo.actor}"


def done_word(bulk: BulkAction) -> str:
    """Return what it has done to a row: a job that was requested may not have begun, so that nothing is done yet."""
    return "requested" if starts_jobs(bulk.command) else "done"


def _ends(far: str, jobs: Jobs) -> str:
    """Return how the jobs that it has started stand, as the rest of a sentence."""
    if not jobs:
        return ""
    ended = {status: number for status, number in jobs.items() if status in TERMINAL}
    parts = [f"{ended[status]:,} {status}" for status in _ENDS if status in ended]
    if going := moving(jobs):
        parts.append(f"{going:,} still waiting or running")
    return f"{'; of those requested' if ':' in far else ':'} {', '.join(parts)}"


def stop_of(bulk: BulkAction, jobs: Mapping[JobStatus, int]) -> str:
    """Return why its first jobs have stopped it, and what that left out; `jobs`: the first ones, by status."""
    good, number, rest = jobs.get(JobStatus.SUCCEEDED, 0), sum(jobs.values()) + bulk.failed, bulk.not_tried
    if number == 1:
        first = f"The first job {'was cancelled' if jobs.get(JobStatus.CANCELLED) else 'failed'}"
    elif not number:
        first = "The first jobs have been deleted"
    else:
        asked = f", less than {bulk.canary_percent} %" if good and bulk.canary_percent < 100 else ""
        first = f"{f'Only {good:,}' if good else 'None'} of the first {counted(number, 'job')} succeeded{asked}"
    if not rest:
        return f"{first}."
    return f"{first}, so {'the other one was' if rest == 1 else f'the other {rest:,} were'} not tried."


def plan_of(bulk: BulkAction, to_do: int | None = None) -> str:
    """Return what happens to the first ones and to the rest, while that is to come; empty: all in one go, or over.

    `to_do`: how many would be done; the others of the set are skipped, and are no part of the plan.
    """
    left, noun = bulk.not_tried if to_do is None else to_do, noun_of(bulk.command)
    rest = left - ((bulk.canary or 0) - bulk.tried)
    if not bulk.canary or rest <= 0 or bulk.tried > bulk.canary or bulk.looked_at >= bulk.total:
        return ""
    share = "succeeded" if bulk.canary_percent == 100 else f"succeeded to {bulk.canary_percent} %"
    first = "its job has" if bulk.canary == 1 else "their jobs have"
    others = f"the other {noun} follows by itself" if rest == 1 else f"the other {rest:,} {noun}s follow by themselves"
    stop = f"If not, it stops by itself, and {f'that {noun} stays as it is' if rest == 1 else 'they stay as they are'}."
    if bulk.status is BulkStatus.READY:
        ones = f"first {noun}" if bulk.canary == 1 else f"first {bulk.canary:,} {noun}s"
        return f"Start acts on the {ones}. Once {first} {share}, {others}. {stop}"
    if bulk.status is BulkStatus.RUNNING:
        return f"Once {first} {share}, {others}. {stop}"
    return ""
