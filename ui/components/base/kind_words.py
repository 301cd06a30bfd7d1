"""Kinds of jobs as people read them: the label first, the name in code beside or behind it."""

from markupsafe import Markup

from core.operations import BY_NAME
from ui.components.base.markup import words


def kind_label(name: str) -> str:
    """Return the label of a kind; one that this release does not know is called by its name."""
    kind = BY_NAME.get(name)
    return kind.label if kind else name


def kind_words(name: str, classes: str = "") -> Markup:
    """Return the label of a kind; its name is shown on hover."""
    return words(kind_label(name), classes, title=name)
