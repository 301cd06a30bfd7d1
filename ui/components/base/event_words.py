"""How events are called, in the timelines and in the audit log; one that is missing here is called by its own name."""

from collections.abc import Mapping
from typing import Final

_CALLED: Final[Mapping[str, str]] = {
    "job.requested": "Asked for",
    "job.cancel_requested": "Asked to cancel",
    "job.args_revealed": "Hidden arguments revealed",
    "operator.added": "Added as an operator",
    "operator.role_changed": "Role changed",
    "operator.disabled": "Shut out",
    "operator.enabled": "Let in again",
    "operator.link_made": "Sign-in link made",
    "kind.limited": "Limits set",
    "session.started": "Signed in",
    "session.ended": "Signed out",
    "factor.set_up": "Second factor begun",
    "factor.on": "Second factor switched on",
    "factor.off": "Second factor switched off",
    "factor.reset": "Second factor reset",
    "factor.recovery_used": "Recovery code used",
    "keys.rotated": "Secrets encrypted anew",
    "user.repaired": "Repaired: moved to failed",
}


def called(name: str) -> str:
    """Return how an event of this name is called."""
    return _CALLED.get(name) or name.replace(".", " ").replace("_", " ").capitalize()
