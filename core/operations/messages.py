"""Sending what waits in the outbox, by a job: so operators see it, and pause it with its queue."""

from uuid import UUID

from core.messages import sending
from core.messages.channels import CHANNELS
from core.models import NotificationStatus, Role
from core.operation import NoForm, Progress, Steps, Task, TaskWork

QUEUE = "messages"


def send(work: TaskWork[NoForm]) -> Steps:
    """Send every message that is due, one per step, and let those fail that have waited for too long."""
    done, sent = work.done, 0
    sending.take_back(work.session, UUID(work.key))
    given_up = sending.give_up(work.session)
    for channel in CHANNELS.values():
        for outcome in sending.drain(work.session, channel, UUID(work.key)):
            done += outcome is not None
            sent += outcome is not None and outcome.status is NotificationStatus.SENT
            yield Progress(done, done, f"{done:,} messages")
    return {"sent": sent, "given_up": given_up, "not_sent": done - work.done - sent}


send_messages = Task(
    name="messages.send",
    label="Send messages",
    form=NoForm,
    run=send,
    role=Role.ADMIN,
    queue=QUEUE,
    cancel_effect="Messages that are not sent yet wait for the next job.",
)
