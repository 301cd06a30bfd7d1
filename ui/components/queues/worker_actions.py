"""Orders to one worker, as buttons and in the palette."""

from typing import Final

from core.models import Worker
from ui.components.base.command_button import CommandAction
from ui.components.base.confirm import Question

_QUIET: Final = (
    "It finishes its running jobs and starts no more, until someone resumes it. For a look, or before a stop."
)
_STOP: Final = (
    "It starts no more jobs, returns to the queue what takes longer than a few seconds, and ends. What has started it "
    "(run, or the service manager) may start another one."
)


def worker_actions(worker: Worker) -> list[CommandAction]:
    """Return what can be ordered of a live worker now."""
    name = f"{worker.host}:{worker.pid}"
    if worker.stop_at:
        return []
    quiet = (
        "worker.quiet",
        "Quiet",
        f"{name} starts no more jobs.",
        Question(f"Make {name} quiet?", [_QUIET], "Quiet"),
    )
    resume = ("worker.resume", "Resume", f"{name} starts jobs again soon.", None)
    stop = ("worker.stop", "Stop", f"{name} stops soon.", Question(f"Stop {name}?", [_STOP], "Stop", takes_away=True))
    return [
        CommandAction(command=command, label=label, done=done, target=worker.id, question=question)
        for command, label, done, question in (resume if worker.quiet_at else quiet, stop)
    ]
