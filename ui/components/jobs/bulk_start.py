"""The dialog that starts a bulk action or goes on with it: what would be done and in which order, then how."""

from collections.abc import Awaitable, Callable, Mapping

from core.bulk.acts import RETRIES, starts_jobs
from core.bulk.control import UNCOUNTED, StartForm
from core.bulk.preview import Preview
from core.bulk.words import plan_of, size_of
from core.commands.registry import COMMANDS
from core.errors import Invalid
from core.models import BulkAction, BulkStatus
from ui import access
from ui.components.base.asking import retrying_needs_reason
from ui.components.base.box import text
from ui.components.base.button import say
from ui.components.base.confirm import ReasonField
from ui.components.base.form import ModelForm
from ui.components.base.kind_words import kind_label
from ui.components.base.open_form import Act, open_form
from ui.components.jobs.bulk_head import label_of


def ask_to_start(bulk: BulkAction, seen: Preview, started: Callable[[], Awaitable[None]]) -> None:
    """Open it; `started` runs once it has started."""

    def draw() -> Act:
        if said := done_and_skipped(seen, bulk.not_tried):
            text(said, "strong", tag="p")
        plan = text("", tag="p").props("aria-live=polite")
        given = {"canary": bulk.canary} if bulk.status is not BulkStatus.STOPPED else {}
        form = ModelForm(StartForm, given=given, without=_left_out(bulk, seen))

        def show_plan() -> None:
            said = _planned(bulk, form, seen.to_do)
            plan.set_text(said)
            plan.set_visibility(bool(said))

        show_plan()
        form.on_change(show_plan)
        reason = ReasonField(needed=_needs_reason(bulk, seen))

        async def start() -> None:
            if not reason.is_enough():
                raise Invalid("Give a reason.", {"reason": "Say why in a few words."})
            await access.perform("bulk.start", bulk.id, form.values(), reason=reason.value)
            say("Started.")
            await started()

        return start

    open_form(f"{label_of(bulk)}: {size_of(bulk, seen.to_do)}", "Start", draw)


def _planned(bulk: BulkAction, form: ModelForm, to_do: int) -> str:
    """Return the plan with the first jobs of the form; empty: all at once, or its input does not fit yet."""
    try:
        chosen = StartForm.model_validate(form.values())
    except Invalid:
        return ""
    how = {"canary": chosen.canary, "canary_percent": chosen.canary_percent}
    return plan_of(bulk.model_copy(update=how), to_do)


def done_and_skipped(seen: Preview, total: int) -> str:
    """Return how many would be done and skipped; empty where that is not known beforehand."""
    if not seen.looked_at:
        return ""
    of = f"Of the first {seen.looked_at:,}, " if seen.looked_at < total else ""
    kinds = f" ({numbers_of(labelled(seen.done_by_kind))})" if seen.done_by_kind else ""
    return f"{of}{seen.done:,} would be done{kinds} and {seen.looked_at - seen.done:,} skipped."


def labelled(kinds: Mapping[str, int]) -> dict[str, int]:
    """Return numbers by the labels of their kinds."""
    return {kind_label(kind): number for kind, number in kinds.items()}


def numbers_of(of: Mapping[str, int]) -> str:
    """Return numbers with what they are of."""
    return ", ".join(f"{number:,} {word}" for word, number in of.items())


def _left_out(bulk: BulkAction, seen: Preview) -> list[str]:
    """Return the fields that make no sense here: first rows of what starts no jobs, or of what these have stopped."""
    has_first = starts_jobs(bulk.command) and bulk.status is not BulkStatus.STOPPED
    return ([] if seen.to_do > UNCOUNTED else ["count"]) + ([] if has_first else ["canary", "canary_percent"])


def _needs_reason(bulk: BulkAction, seen: Preview) -> bool:
    command, is_retry = COMMANDS.get(bulk.command), bulk.command in RETRIES
    is_needed = (command and command.needs_reason) or (is_retry and any(map(retrying_needs_reason, seen.by_kind)))
    return bool(is_needed) and not bulk.reason
