"""The look in one place: the tone of each state, and the assets that every page loads."""

import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from nicegui import app, ui

from core import clock
from core.diagnosis.error_state import ErrorState
from core.diagnosis.situation import Situation
from core.jobs.labels import Label
from core.models import BulkStatus, ConnectionStatus, DemoModeStatus, NotificationStatus
from core.operations import MACHINES, transitional_states
from core.people.operator_list import Access
from core.queues.controls import QueueState
from core.queues.workers import WorkerState

ASSETS: Final = Path(__file__).parent / "assets"
#: Where ui/app.py serves ASSETS.
ASSETS_URL: Final = "/assets"

#: Files that are served as one, under the name of one of them.
BUNDLES: Final[Mapping[str, tuple[str, ...]]] = {
    "console.js": ("icons.json", "console.js", "typed.js", "alive.js", "bars.js", "dialogs.js", "splitter.js"),
    "console.css": ("tokens.css", "base.css", "console.css", "cards.css"),
    "customer.css": ("tokens.css", "base.css", "customer.css", "cards.css"),
    # Modules in the order in which they need each other: `import` between them is left out, so names are unique.
    "job-grid.js": tuple(
        f"../components/jobs/grid/{part}.js"
        for part in ("words", "cells", "columns", "look", "source", "blocks", "head", "list")
    ),
}
_IMPORTS: Final = re.compile(rb'^import [^;]*? from "job-grid/.*?;$', re.MULTILINE)

#: Tones are classes of assets/tokens.css: a text colour and a dot colour, in both themes.
OK, BAD, WARN, RUN, IDLE, DEMO = (f"tone-{name}" for name in ("ok", "bad", "warn", "run", "idle", "demo"))

#: Transitional states of users, and of connections, which no operation moves yet.
_TRANSITIONAL: Final = (
    *(state for machine in MACHINES for state in transitional_states(machine)),
    *(ConnectionStatus.CONNECTING, ConnectionStatus.REFRESHING, ConnectionStatus.DISCONNECTING),
)
#: The tone of each situation of a job or user.
SITUATIONS: Final[Mapping[Situation, str]] = {
    Situation.FINE: OK,
    Situation.MOVING: RUN,
    Situation.WAITING: IDLE,
    Situation.HELD: WARN,
    Situation.STUCK: BAD,
    Situation.FAILED: BAD,
    Situation.HANDLED: IDLE,
}
#: The tone of each displayed state.
TONES: Final[Mapping[str, str]] = {
    **dict.fromkeys(_TRANSITIONAL, RUN),
    Label.QUEUED: IDLE,
    Label.SCHEDULED: IDLE,
    Label.RETRYING: WARN,
    Label.RUNNING: RUN,
    Label.STOPPING: WARN,
    Label.ORPHANED: BAD,
    Label.SUCCEEDED: OK,
    Label.FAILED: BAD,
    Label.CANCELLED: IDLE,
    DemoModeStatus.DISABLED: IDLE,
    DemoModeStatus.ENABLED: DEMO,
    ConnectionStatus.DISCONNECTED: IDLE,
    ConnectionStatus.CONNECTED: OK,
    **{each.value: tone for each, tone in SITUATIONS.items()},
    WorkerState.ALIVE: OK,
    WorkerState.SILENT: WARN,
    WorkerState.LOST: BAD,
    WorkerState.STOPPED: IDLE,
    WorkerState.QUIET: WARN,
    QueueState.ACTIVE: OK,
    QueueState.PAUSED: WARN,
    QueueState.UNSERVED: BAD,
    QueueState.SILENT: WARN,
    QueueState.QUIET: WARN,
    "queue paused": WARN,
    "starts none": WARN,
    Access.INVITED: RUN,
    "late": BAD,
    "over": IDLE,
    "fired": OK,
    "missed": WARN,
    "refused": BAD,
    NotificationStatus.SENT: OK,
    NotificationStatus.DROPPED: IDLE,
    "not started": IDLE,
    "discarded": IDLE,
    "requested": OK,
    BulkStatus.DONE: OK,
    BulkStatus.ABORTED: IDLE,
    "some failed": BAD,
    "some cancelled": IDLE,
    ErrorState.REGRESSION: BAD,
    ErrorState.IGNORED: IDLE,
    ErrorState.RESOLVED: OK,
}
#: Transitional states; their dot pulses.
MOVING: Final = frozenset({Label.RUNNING.value, Label.STOPPING.value, "moving", *_TRANSITIONAL})
#: States without activity; their dot is hollow, so that it differs from idle ones without colour.
HOLLOW: Final = frozenset(
    {"queued", "scheduled", "waiting", "disabled", "disconnected", "cancelled", "stopped", "over", "dropped", "ignored"}
    | {"not started", "discarded"}
)

#: Values of the theme cookie; any other follows the system.
_THEMES: Final = ("dark", "light")


def install() -> None:
    """Give every page the script that sets the theme before the first paint, and draws Quasar's icons."""
    ui.add_head_html(f'<script src="{url_of("console.js")}"></script>', shared=True)
    app.config.vue_config_script += "window.dressQuasar();"


def dress(sheet: str) -> None:
    """Add the page's own style sheet."""
    clock_now = f'<meta name="server-clock" content="{clock.now().timestamp() * 1000:.0f}">'
    ui.add_head_html(f'<link rel="stylesheet" href="{url_of(sheet)}">{clock_now}')
    # Quasar makes the whole page a <main>; the frame has its own, which excludes the navigation.
    whole = ui.context.client.content.parent_slot
    if whole:
        whole.parent.props("role=presentation")


def chosen_theme() -> str:
    """Return the theme in the cookie: dark, light, or auto."""
    chosen = ui.context.client.request.cookies.get("theme", "auto")
    return chosen if chosen in _THEMES else "auto"


@cache
def icons() -> Mapping[str, str]:
    """Return the outline of each icon, by its name; see .ci/built.sh for a new one."""
    outlines: dict[str, str] = json.loads((ASSETS / "icons.json").read_text())
    return outlines


@lru_cache
def content_of(name: str) -> bytes:
    """Return an asset with the files that go before it, so that a page asks for one style sheet and one script."""
    return b"\n".join(map(_read, BUNDLES.get(name, (name,))))


def _read(part: str) -> bytes:
    content = _IMPORTS.sub(b"", (ASSETS / part).read_bytes())
    # Data are a script's global variable, of the file's name.
    return b"window.%s = %s;" % (Path(part).stem.encode(), content.strip()) if part.endswith(".json") else content


@lru_cache
def mark_of(name: str) -> str:
    """Return the mark of an asset's content."""
    return hashlib.sha256(content_of(name)).hexdigest()[:8]


def url_of(name: str) -> str:
    """Return an asset's URL; it changes with the content, so that browsers may cache it for ever."""
    return f"{ASSETS_URL}/{name}?v={mark_of(name)}"


def tone_of(word: str) -> str:
    """Return the tone of a state."""
    return TONES.get(word, IDLE)
