"""What must always be true of messages."""

from typing import Final

from core.diagnosis.invariant import Invariant
from core.wording import PROGRAM

MESSAGE_INVARIANTS: Final = (
    Invariant(
        "a message says what became of it",
        "a message that waits has a time at which it is due, one that was sent has the time of that",
        """SELECT id, template, status FROM notifications
           WHERE CASE status WHEN 'waiting' THEN next_at IS NULL OR give_up_at IS NULL OR finished_at IS NOT NULL
                             WHEN 'sent' THEN sent_at IS NULL OR finished_at IS NULL
                             ELSE finished_at IS NULL END""",
        f"Someone edited the row. Send it again or drop it: {PROGRAM} messages resend, or {PROGRAM} messages drop.",
    ),
    Invariant(
        "no message waits for ever",
        "a message that could not be sent within its time has failed, so that a person sees it",
        # The job that sends lets it fail; while its way out refuses, that job runs each hour at least.
        """SELECT id, template, channel, give_up_at FROM notifications
           WHERE status = 'waiting' AND give_up_at <> created_at
             AND give_up_at < statement_timestamp() - interval '1 day'""",
        "Start a worker that serves the queue messages, and resume that queue if it is paused.",
        is_cheap=True,
    ),
)
