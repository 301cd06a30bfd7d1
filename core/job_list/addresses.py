"""The list of jobs as an address of the console: whatever leads there writes its filter as one text, in `q`.

The list still reads `?status=failed`, as earlier releases and people write it.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from core.job_list.language import written
from core.job_list.orders import NEWEST_FIRST


def address_of(text: str, sort: str = NEWEST_FIRST, columns: Sequence[str] = (), opened: str = "") -> str:
    """Return the list of the jobs that a text of the filter language means; one that is none any more says so there."""
    params = {"q": text} if text else {}
    params |= {"sort": sort} if sort != NEWEST_FIRST else {}
    params |= {"columns": ",".join(columns)} if columns else {}
    params |= {"job": opened} if opened else {}
    return f"/jobs?{urlencode(params, safe=',:*')}" if params else "/jobs"


def jobs_with(where: Mapping[str, str], **more: str) -> str:
    """Return the list of the jobs with these parameters of the filter, in the order `sort` if one is given."""
    params = {**where, **more}
    sort = params.pop("sort", NEWEST_FIRST)
    return address_of(written(params), sort)
