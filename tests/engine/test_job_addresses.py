"""Whatever leads to the list of jobs writes its filter in one way, and means what its parameters mean."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from core.job_list.addresses import jobs_with
from core.job_list.filters import JobFilter

ROOT = Path(__file__).parents[2]
#: Addresses that people and earlier releases wrote, not those of the API.
_OTHERWISE = re.compile(r"(?<!api)/jobs\?(?!q=)[a-z_{$]")


@pytest.mark.parametrize(
    "where",
    [
        {"status": "succeeded,failed", "redone": "no", "finished_after": "2026-11-28T09:30:00+00:00"},
        {"situation": "failed", "error": "rate limit: 7", "finished_before": "2026-11-28T09:30:00.123456+01:00"},
        {"queue": 'a "queue", odd', "due": "yes"},
        {"reason": "//cdn", "error": "//x:y", "not_queue": "a,//b", "arg": "x://y"},
        {"kind": "demo.*", "attempt": "<2", "waited": ">5m", "not_queue": "maintenance"},
        {"user": "0e2c7a52-3f52-4d2e-8f0b-0d5a7d6f3a11", "other_than": "0e2c7a52-3f52-4d2e-8f0b-0d5a7d6f3a11"},
        {"finished_after": "2026-11-28T00:00:00Z", "finished_before": "2026-11-30T00:00:00Z", "label": "retrying"},
    ],
)
def test_an_address_means_what_its_parameters_mean(where: dict[str, str]) -> None:
    address = urlsplit(jobs_with(where, sort="created_at"))
    params = parse_qs(address.query)
    assert (address.path, set(params), params.pop("sort")) == ("/jobs", {"q", "sort"}, ["created_at"])
    assert JobFilter.from_params(params) == JobFilter.from_params(where)
    assert jobs_with({}) == "/jobs"


def test_no_other_place_writes_such_an_address() -> None:
    files = [each for room in ("core", "ui") for end in ("py", "js") for each in (ROOT / room).rglob(f"*.{end}")]
    found = {str(each.relative_to(ROOT)): _OTHERWISE.findall(each.read_text()) for each in files}
    assert {name: places for name, places in found.items() if places} == {"core/job_list/addresses.py": ["/jobs?{"]}
