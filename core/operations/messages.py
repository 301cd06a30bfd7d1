"""Sending what waits in the outbox, by a job: so operators see it, and pause it with its queue."""

from uuid import UUID

from pydantic import Field

from core.messages import sending
from core.messages.channels import BY_JOB
from core.models import NotificationStatus, Role
from core.operation import Form, Progress, Steps, Task, TaskWork

QUEUE = "messages"


class SendForm(Form):
    """Which messages to send."""

    channel: str | None = Field(default=None, max_length=100, description="Only by this channel; empty: by each.")


def send(work: TaskWork[SendForm]) -> Steps:
    """Send every message that is due, one per step, and let those fail that have waited for too long."""
    done, sent = work.done, 0
    sending.take_back(work.session, UUID(work.key))
    given_up = sending.give_up(work.session)
    only = work.form.channel
    for channel in (each for each in BY_JOB if only in (None, each.name)):
        for outcome in sending.drain(work.session, sending.Line(channel), UUID(work.key)):
            done += outcome is not None
            sent += outcome is not None and outcome.status is NotificationStatus.SENT
            yield Progress(done, done, f"{done:,} messages")
    return {"sent": sent, "given_up": given_up, "not_sent": done - work.done - sent}


send_messages = Task(
    name="messages.send",
    label="Send messages",
    form=SendForm,
    run=send,
    role=Role.ADMIN,
    queue=QUEUE,
    cancel_effect="Messages that are not sent yet wait for the next job.",
)
