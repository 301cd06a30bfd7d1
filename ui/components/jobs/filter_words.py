"""A filter of the list of jobs in an operator's words, for the chip that removes it."""

from typing import Final

from markupsafe import Markup

from ui.components.base.markup import moment, words

#: What each filter means before its value; the others go by their name.
_MEANINGS: Final = {
    "created_after": "requested after",
    "created_before": "requested before",
    "finished_after": "finished after",
    "finished_before": "finished before",
    "other_than": "users other than",
    "not_user": "users other than",
    "not_kind": "kind other than",
    "not_queue": "queue other than",
    "by": "requested by",
    "bulk": "of the bulk action",
    "from_bulk": "started by the bulk action",
    "arg": "argument",
}
#: Filters of which each value means something by itself.
_SENTENCES: Final = {
    ("situation", "failed"): "unhandled failures",
    ("due", "yes"): "due now",
    ("due", "no"): "not due yet",
    ("redone", "yes"): "mended failures",
    ("redone", "tried"): "failures tried again",
    ("redone", "no"): "without repeated failures",
}
#: Characters of a value that a chip shows; its title has all of it.
LONGEST: Final = 40


def filter_words(name: str, value: str, title: str | None = None) -> Markup:
    """Return a filter as a chip shows it; `title`: what people call the value, if it is an id.

    A time is shown in the viewer's zone.
    """
    if sentence := _SENTENCES.get((name, value)):
        return words(sentence)
    meaning = _MEANINGS.get(name, f"{name.replace('_', ' ')}:")
    if name.endswith(("_after", "_before")):
        return words(f"{meaning} ") + moment(value, "time")
    shown = title or value
    if name == "error" and title:
        shown = _without_class(title)
    return words(f"{meaning} {shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + '…'}")


def _without_class(error: str) -> str:
    """Return the words of an error, `TryAgain: No answer.`, without the class; an error without words keeps it."""
    error_class, _, message = error.partition(": ")
    return message if message and error_class.isidentifier() else error
