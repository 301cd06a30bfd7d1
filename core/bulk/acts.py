"""What the commands of bulk actions do to a row: start a job, or act on the one that the row is."""

from typing import Final

#: What takes back what a command did: its own command, and the column that has the targets.
INVERSES: Final = {"job.cancel": ("job.retry", "target"), "job.retry": ("job.cancel", "job_id")}
#: The commands that do a job's work again, as a new one.
RETRIES: Final = ("job.retry", "job.edit_and_retry")


def starts_jobs(command: str) -> bool:
    """Tell whether a command starts a job for its row; the others act on the job that the row is."""
    return command in RETRIES or not command.startswith("job.")
