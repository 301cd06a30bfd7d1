"""One job as a page of its own, for links."""

from ui.components.base.box import box, link, text
from ui.components.jobs.job_detail import JobDetail
from ui.pages.user import uuid_of


async def draw(job_id: str) -> None:
    """Load a job, draw it and keep it fresh."""
    own_id = uuid_of(job_id)
    with box("screen padded job-page"):
        with box("headline"):
            link("/jobs", label="Jobs")
            text("/", "muted").props("aria-hidden=true")
            text(str(own_id), "mono")
        with box("panel"):
            await JobDetail(own_id).begin()
