"""What the program leaves behind on its machine: reports of unexpected errors, and the link printed at its start."""

import os
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from core import logs
from core.database.engine import session_scope
from core.errors import NotSignedIn
from core.local import first_run
from core.models import SignInLink
from core.people import auth


def test_reports_are_kept_in_the_data_directory_and_only_the_latest(tmp_path: Path) -> None:
    written = [logs.write_crash_report(RuntimeError(str(number)), tmp_path / "data") for number in range(53)]
    for number, path in enumerate(written):
        if path.exists():
            os.utime(path, ns=(number, number))
    last = logs.write_crash_report(RuntimeError("last"), tmp_path / "data")
    kept = list((tmp_path / "data").iterdir())
    assert len(kept) == logs.MOST_REPORTS
    assert last in kept
    assert "RuntimeError: last" in last.read_text()
    assert not written[0].exists()


def test_a_report_is_written_elsewhere_if_the_data_directory_is_none(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    path = logs.write_crash_report(RuntimeError("no room"), tmp_path / "data")
    assert "no room" in path.read_text()
    path.unlink()


def test_the_printed_link_lives_an_hour_and_voids_the_one_before(engine: Engine) -> None:
    first, second = first_run.local_admin_link(engine), first_run.local_admin_link(engine)
    with session_scope(engine) as session:
        assert auth.person_of_link(session, second).email == "admin@unstuck.example"
        [link] = session.exec(select(SignInLink)).all()
        assert (link.expires_at - link.created_at).total_seconds() <= 3_601
        with pytest.raises(NotSignedIn):
            auth.person_of_link(session, first)
