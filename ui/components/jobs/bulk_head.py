"""The head of a bulk action's page: what it does, to which jobs and whose, who wants it and why."""

from itertools import zip_longest
from typing import Final

from markupsafe import Markup
from nicegui import ui

from core.bulk.listing import BulkState
from core.bulk.origin import Origin
from core.bulk.words import stage_of, title_size, undone_words
from core.commands.registry import COMMANDS
from core.failures.groups import WINDOWS
from core.job_list.addresses import address_of
from core.job_list.filters import JobFilter
from core.models import BulkAction
from core.redact import redacted
from core.wording import counted
from ui.components.base.box import box, link, text
from ui.components.base.markup import anchor, lines, moment, tagged, words
from ui.components.base.state_chip import state_chip
from ui.components.base.times import time_text
from ui.components.jobs.filter_words import filter_words

#: The page of an error shows one of these times; its older failures are here, too.
_LONGEST: Final = WINDOWS[-1]


def label_of(bulk: BulkAction) -> str:
    """Return what a bulk action does, in words."""
    command = COMMANDS.get(bulk.command)
    return command.label if command else bulk.command


def draw_bulk_head(state: BulkState, origin: Origin) -> None:
    """Draw what it does, to what, and who wants it."""
    bulk = state.bulk
    ui.page_title(f"{label_of(bulk)} · Unstuck")
    with box("headline"):
        link("/bulk", label="Bulk actions")
        text("/", "muted").props("aria-hidden=true")
        text(f"{label_of(bulk)}: {title_size(bulk)}", tag="h1")
        state_chip(stage_of(bulk, state.jobs))
    with box("hbox wrap muted"):
        text(f"by {bulk.actor},")
        time_text(bulk.began_at)
        if bulk.job_id and bulk.finished_at is None:
            link(f"/jobs/{bulk.job_id}", label="its job")
        if bulk.reason:
            text(f"“{bulk.reason}”", "quote")
    lines(origin_words(bulk, origin), "hbox wrap")
    if given := input_of(bulk):
        text(given, "clip")


def origin_words(bulk: BulkAction, origin: Origin) -> list[Markup]:
    """Return where its set is from, whom its jobs are for, and whether some come first."""
    said = [*_chosen_by(bulk, origin)]
    if origin.user:
        said.append(words("for ") + anchor(f"/users/{origin.user.id}", words(origin.user.email)))
    elif number := bulk.consists_of.get("users", 0):  # no list has exactly these, as their jobs go on
        said.append(words(f"for {counted(number, 'user')}"))
    if bulk.canary:
        said.append(words(f"{bulk.canary:,} first, then the rest"))
    # A point belongs to what it follows: no line of a narrow screen begins with one.
    points = [words(" ·", "muted")] * (len(said) - 1)
    return [tagged("span", *pair) for pair in zip_longest(said, points, fillvalue=Markup())]


def undone_note(bulk: BulkAction, undo: BulkAction) -> Markup:
    """Return how much of it was undone, by whom and when; it leads to the action that did."""
    when = moment(undo.finished_at or undo.began_at)
    return anchor(f"/bulk/{undo.id}", words(f"{undone_words(bulk, undo)}, "), when)


def input_of(bulk: BulkAction) -> str:
    """Return what each row gets, in words and without secrets; empty: nothing but the command."""
    given = bulk.args.get("args", {}) if bulk.command == "job.edit_and_retry" else bulk.args
    return ", ".join(f"{name}: {value}" for name, value in redacted(given).items())


def _chosen_by(bulk: BulkAction, origin: Origin) -> list[Markup]:
    """Return the earlier action that it is about; or the filter in words, which opens what it matches now."""
    for about, other in (("undo of", bulk.undoes), ("the failed ones of", bulk.repeats)):
        if other:
            return [words(f"{about} ") + anchor(f"/bulk/{other}", words("an earlier one"))]
    if not origin.params:
        return [words("chosen one by one" if not bulk.filter else "chosen by a filter")]
    chosen = [filter_words(name, value, origin.names.get(name)) for name, value in origin.params.items()]
    those = address_of(JobFilter.from_params(origin.params).to_text())
    about_them = [words("chosen by ") + anchor(those, Markup(", ").join(chosen), title="The jobs that match now")]
    if origin.fingerprint:
        about_them.append(anchor(f"/failures/{origin.fingerprint}?hours={_LONGEST}", words("This failure")))
    return about_them
