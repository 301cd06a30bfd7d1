"""A bulk action in words: how far it is, what comes next, and what stage it is at."""

from core.bulk.control import starts_jobs
from core.models import BulkAction, BulkStatus
from core.models.bulk import noun_of
from core.wording import counted


def stage_of(bulk: BulkAction) -> str:
    """Return its stage in a word; a job that was requested may not have begun, so that nothing is done yet."""
    if bulk.status is BulkStatus.READY:
        return "not started"
    if bulk.is_discarded:
        return "discarded"
    return "requested" if bulk.status is BulkStatus.DONE and starts_jobs(bulk.command) else bulk.status.value


def sentence_of(bulk: BulkAction, halted: str = "", moving: int = 0) -> str:
    """Return how far it is, in a sentence; `halted`: why it does not go on, `moving`: how many of its jobs do."""
    those = counted(bulk.total, noun_of(bulk.command))
    outcomes = {_done(bulk): bulk.applied, "skipped": bulk.skipped, "failed": bulk.failed}
    parts = ", ".join(f"{number:,} {word}" for word, number in outcomes.items() if number)
    if bulk.status is BulkStatus.READY:
        return f"Prepared for {those}. Nobody has started it."
    if bulk.is_discarded:
        return f"{bulk.note} Nothing was done."
    if bulk.status is BulkStatus.DONE and not bulk.applied:
        return f"Nothing was done: of {those}, {parts}."
    far = f"{bulk.looked_at:,} of {those}: {parts or f'none {_done(bulk)} yet'}"
    if bulk.applied == bulk.total > 1:
        far = f"All {bulk.total:,} {_done(bulk)}"
    still = f", {moving:,} still waiting or running" if moving else ""
    return f"{far}{still}. {halted or bulk.note}".rstrip()


def plan_of(bulk: BulkAction) -> str:
    """Return what happens to the first ones and to the rest, while that is to come; empty: all in one go, or over."""
    rest, noun = bulk.total - (bulk.canary or 0), noun_of(bulk.command)
    if not bulk.canary or rest <= 0 or bulk.looked_at > bulk.canary:
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


def _done(bulk: BulkAction) -> str:
    return "requested" if starts_jobs(bulk.command) else "done"
