"""The head of a bulk action's page: what it does, to which jobs and whose, who wants it and why."""

from typing import Final

from markupsafe import Markup
from nicegui import ui

from core.bulk.origin import Origin
from core.bulk.words import stage_of
from core.commands.registry import COMMANDS
from core.failures.groups import WINDOWS
from core.job_list.addresses import address_of
from core.job_list.filters import JobFilter
from core.models import BulkAction
from core.models.bulk import noun_of
from core.redact import redacted
from core.wording import counted
from ui.components.base.box import box, link, text
from ui.components.base.markup import anchor, lines, words
from ui.components.base.state_chip import state_chip
from ui.components.base.times import time_text
from ui.components.jobs.filter_words import filter_words

#: The page of an error shows one of these times; its older failures are here, too.
_LONGEST: Final = WINDOWS[-1]


def label_of(bulk: BulkAction) -> str:
    """Return what a bulk action does, in words."""
    command = COMMANDS.get(bulk.command)
    return command.label if command else bulk.command


def draw_bulk_head(bulk: BulkAction, origin: Origin) -> None:
    """Draw what it does, to what, and who wants it."""
    ui.page_title(f"{label_of(bulk)} · Unstuck")
    with box("headline"):
        link("/bulk", label="Bulk actions")
        text("/", "muted").props("aria-hidden=true")
        text(f"{label_of(bulk)}: {counted(bulk.total, noun_of(bulk.command))}", tag="h1")
        state_chip(stage_of(bulk))
    with box("hbox wrap muted"):
        text(f"by {bulk.actor},")
        time_text(bulk.created_at)
        for name, other in (("undoes", bulk.undoes), ("repeats", bulk.repeats)):
            if other:
                link(f"/bulk/{other}", label=f"{name} an earlier one")
        if bulk.job_id and bulk.finished_at is None:
            link(f"/jobs/{bulk.job_id}", label="its job")
        if bulk.reason:
            text(f"“{bulk.reason}”", "quote")
    if about := [*_users(bulk, origin), *_chosen_by(origin)]:
        lines(about, "hbox wrap")
    if given := input_of(bulk):
        text(given, "clip")


def input_of(bulk: BulkAction) -> str:
    """Return what each row gets, in words and without secrets; empty: nothing but the command."""
    given = bulk.args.get("args", {}) if bulk.command == "job.edit_and_retry" else bulk.args
    return ", ".join(f"{name}: {value}" for name, value in redacted(given).items())


def _users(bulk: BulkAction, origin: Origin) -> list[Markup]:
    """Return whom its jobs are for; no list has exactly several of them, as their jobs go on."""
    if origin.user:
        return [words("For "), anchor(f"/users/{origin.user.id}", words(origin.user.email))]
    number = bulk.consists_of.get("users", 0)
    return [words(f"For {counted(number, 'user')}")] if number else []


def _chosen_by(origin: Origin) -> list[Markup]:
    """Return the filter in words, which opens what it matches now, and the error that it is about."""
    if not origin.params:
        return []
    chosen = [filter_words(name, value, origin.names.get(name)) for name, value in origin.params.items()]
    about = [
        words("· chosen by", "muted"),
        anchor(
            address_of(JobFilter.from_params(origin.params).to_text()),
            Markup(", ").join(chosen),
            title="The jobs that match now",
        ),
    ]
    if origin.fingerprint:
        error = anchor(f"/failures/{origin.fingerprint}?hours={_LONGEST}", words("This failure"))
        about += [words("·", "muted"), error]
    return about
