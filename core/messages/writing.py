"""Writing a message: its template, filled in, as text and as HTML that say the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from core.settings import settings
from core.wording import counted, lasted

_FOLDER: Final = Path(__file__).parent / "templates"
#: Where a message's reader finds what it tells: the path of a page, and how to get there without a link.
_PLACES: Final[Mapping[str, tuple[str, str]]] = {
    "dashboard": ("/dashboard", "Sign in and open your dashboard to look around."),
    "demo_mode": ("/settings/demo-mode", "Sign in and open Demo mode."),
}
#: Where a reader chooses what they are told.
SETTINGS_PATH: Final = "/settings"


class Topic(StrEnum):
    """What a person can say no to."""

    #: Something that they started is done, or has failed.
    DONE = "done"
    #: Something has stopped working and waits for them, or has hit them and others.
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Template:
    """One kind of message: what it is about, in a few words for operators, and to which topic it belongs."""

    about: str
    #: What its reader says no to; None: a person has written it, or it is for operators.
    topic: Topic | None = None
    #: Written for services that take plain text.
    is_plain: bool = False


#: A new template is a line here, and its .txt (the first line is the subject) and, unless it is plain, .html in
#: templates/.
TEMPLATES: Final[Mapping[str, Template]] = {
    "demo_ready": Template("Demo mode is ready", Topic.DONE),
    "demo_off": Template("Demo mode was switched off", Topic.DONE),
    "demo_failed": Template("Demo mode failed", Topic.DONE),
    "connection_needs_you": Template("A connection needs its user", Topic.WARNING),
    "answer": Template("Answer of support"),
    "trouble": Template("Trouble of several users", Topic.WARNING),
    "alert": Template("Alert", is_plain=True),
    "alert_over": Template("Alert is over", is_plain=True),
    "test": Template("Test of the way out"),
}


@dataclass(frozen=True, slots=True)
class Written:
    """A message as its reader gets it."""

    subject: str
    text: str
    html: str


def write(name: str, data: Mapping[str, Any], unsubscribe: str = "") -> Written:
    """Return a message. Raises KeyError for an unknown template, jinja2's errors for data that do not fit it."""
    template, base = TEMPLATES[name], (settings().public_url or "").rstrip("/")
    values = {
        **data,
        "base": base,
        "places": {key: base + path if base else "" for key, (path, _) in _PLACES.items()},
        "instead": {key: instead for key, (_, instead) in _PLACES.items()},
        "preferences": base + SETTINGS_PATH if base else "",
        "unsubscribe": unsubscribe,
    }
    subject, _, text = _environment().get_template(f"{name}.txt").render(values).partition("\n")
    html = (
        "" if template.is_plain else _environment().get_template(f"{name}.html").render(values, subject=subject.strip())
    )
    return Written(subject.strip(), text.strip() + "\n", html)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(str(_FOLDER)),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(counted=counted, lasted=_lasted)
    return environment


def _lasted(seconds: float) -> str:
    return lasted(timedelta(seconds=seconds))
