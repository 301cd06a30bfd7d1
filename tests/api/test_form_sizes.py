"""What a job is to be done with has a size: its arguments are read with each claim and each look at the job."""

import pytest
from pydantic import ValidationError

from core.operation import MOST_CHARACTERS, Form


class Note(Form):
    """A form with any number of lines."""

    lines: list[str]


def test_more_text_than_a_job_should_carry_is_refused_wherever_a_form_is_filled() -> None:
    half = "x" * (MOST_CHARACTERS // 2)
    assert Note(lines=[half]).lines == [half]
    with pytest.raises(ValidationError, match="1,000,000 characters are too much"):
        Note(lines=[half, half])
