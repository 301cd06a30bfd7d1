"""COLUMNS is the one list of the grid's columns: each finds its values in the row and its renderer in the script."""

import re
from pathlib import Path
from typing import get_args

from sqlmodel import Session

from core.job_list.rows import rows_by_id
from core.jobs.request import request
from core.operations import demo
from core.operations.demo import EnableForm
from tests.factories import SUPPORT, make_user
from ui.components.jobs import columns
from ui.components.jobs.columns import COLUMNS

SCRIPT = Path(columns.__file__).with_name("grid") / "columns.js"


def test_each_column_reads_values_that_a_row_has(session: Session) -> None:
    job = request(session, demo.enable, make_user(session).id, EnableForm(), SUPPORT)
    session.commit()
    (row,) = rows_by_id(session, [job.id])
    missing = {name for column in COLUMNS for name in column.reads or (column.name,)} - row.keys()
    assert missing == set(), "give it a value in core/job_list/rows.py"


def test_each_renderer_and_look_is_known_to_the_script() -> None:
    for table, names in (("renderers", get_args(columns.Renderer)), ("looks", get_args(columns.Look))):
        body = re.search(rf"const {table} = {{(.*?)\n}};", SCRIPT.read_text(), re.DOTALL)
        assert body
        assert set(re.findall(r"(\w+): [A-Z{]", body[1])) - {"cellClass", "headerClass"} == set(names)


def test_no_two_columns_have_the_same_name_or_header() -> None:
    assert len({column.name for column in COLUMNS}) == len(COLUMNS) == len({column.header for column in COLUMNS})
