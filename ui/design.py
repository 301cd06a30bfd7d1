"""The look in one place: the tone of each state, and the assets that every page loads."""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from nicegui import ui

from core import clock
from core.diagnosis.context import Situation
from core.jobs.labels import Label
from core.models import ConnectionStatus, DemoModeStatus
from core.operations import MACHINES, transitional_states
from core.people.operator_list import Access
from core.queues.workers import WorkerState

ASSETS: Final = Path(__file__).parent / "assets"
#: Where ui/app.py serves ASSETS.
ASSETS_URL: Final = "/assets"

#: Files that are served as one, under the name of one of them.
BUNDLES: Final[Mapping[str, tuple[str, ...]]] = {
    "console.js": ("console.js", "typed.js"),
    "console.css": ("tokens.css", "base.css", "console.css"),
    "customer.css": ("tokens.css", "base.css", "customer.css"),
}

#: Tones are classes of assets/tokens.css: a text colour and a dot colour, in both themes.
OK, BAD, WARN, RUN, IDLE, DEMO = (f"tone-{name}" for name in ("ok", "bad", "warn", "run", "idle", "demo"))

#: Transitional states of users, and of connections, which no operation moves yet.
_TRANSITIONAL: Final = (
    *(state for machine in MACHINES for state in transitional_states(machine)),
    *(ConnectionStatus.CONNECTING, ConnectionStatus.REFRESHING, ConnectionStatus.DISCONNECTING),
)
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
    "stuck": BAD,
    "moving": RUN,
    WorkerState.ALIVE: OK,
    WorkerState.SILENT: WARN,
    WorkerState.LOST: BAD,
    WorkerState.STOPPED: IDLE,
    "active": OK,
    Access.INVITED: RUN,
    "paused": WARN,
    "over": IDLE,
    "fired": OK,
    "missed": WARN,
    "refused": BAD,
}
#: Transitional states; their dot pulses.
MOVING: Final = frozenset({Label.RUNNING.value, Label.STOPPING.value, "moving", *_TRANSITIONAL})
#: States without activity; their dot is hollow, so that it differs from idle ones without colour.
HOLLOW: Final = frozenset({"queued", "scheduled", "disabled", "disconnected", "cancelled", "stopped", "over"})

SITUATIONS: Final[Mapping[Situation, str]] = {
    Situation.FINE: OK,
    Situation.WORKING: RUN,
    Situation.WAITING: WARN,
    Situation.STUCK: BAD,
    Situation.FAILED: BAD,
}

#: The theme cookie's values as Quasar expects them; any other value follows the system.
_DARK: Final[Mapping[str, bool]] = {"dark": True, "light": False}


def install() -> None:
    """Give every page the script that sets the theme before the first paint."""
    ui.add_head_html(f'<script src="{url_of("console.js")}"></script>', shared=True)


def dress(sheet: str) -> ui.dark_mode:
    """Add the page's own style sheet, set the chosen theme in Quasar, and return the theme switch."""
    clock_now = f'<meta name="server-clock" content="{clock.now().timestamp() * 1000:.0f}">'
    ui.add_head_html(f'<link rel="stylesheet" href="{url_of(sheet)}">{clock_now}')
    # Quasar makes the whole page a <main>; the frame has its own, which excludes the navigation.
    whole = ui.context.client.content.parent_slot
    if whole:
        whole.parent.props("role=presentation")
    return ui.dark_mode(_DARK.get(chosen_theme()))


def chosen_theme() -> str:
    """Return the theme in the cookie: dark, light, or auto."""
    chosen = ui.context.client.request.cookies.get("theme", "auto")
    return chosen if chosen in _DARK else "auto"


@lru_cache
def content_of(name: str) -> bytes:
    """Return an asset with the files that go before it, so that a page asks for one style sheet and one script."""
    return b"\n".join((ASSETS / part).read_bytes() for part in BUNDLES.get(name, (name,)))


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
