"""What can be done with one schedule, as buttons and in the palette."""

from core.models import Schedule
from ui.components.base.command_button import CommandAction
from ui.components.base.confirm import Question
from ui.components.base.pause import READERS


def schedule_actions(row: Schedule) -> list[CommandAction]:
    """Return run, pause or resume, and remove."""
    run = CommandAction(
        command="schedule.run", label="Run now", done=f"{row.name} requested.", target=row.id, icon="bolt"
    )
    return [run, _resume(row) if row.paused_at else _pause(row), _remove(row)]


def _pause(row: Schedule) -> CommandAction:
    question = Question(
        f"Pause {row.name}?",
        ["Runs are skipped until it is resumed; skipped runs are not made up for.", READERS],
        "Pause",
    )
    return CommandAction(
        command="schedule.pause",
        label="Pause",
        done=f"{row.name} paused.",
        target=row.id,
        question=question,
        icon="pause",
    )


def _resume(row: Schedule) -> CommandAction:
    return CommandAction(
        command="schedule.resume", label="Resume", done=f"{row.name} resumed.", target=row.id, icon="play_arrow"
    )


def _remove(row: Schedule) -> CommandAction:
    question = Question(
        f"Remove {row.name}?",
        ["The schedule and its run history are deleted. Jobs that it requested stay."],
        "Remove",
        takes_away=True,
    )
    return CommandAction(
        command="schedule.remove", label="Remove", done=f"{row.name} removed.", target=row.id, question=question
    )
