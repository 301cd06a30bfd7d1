"""Input from strangers does not control the terminal of the log's reader, and the log holds no variables' values."""

import io
import logging
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from typer import Exit

import main
from core import logs
from core.wording import with_visible_marks
from migrations.report import Finding
from tests.security.hostile import TEXTS, UNSTORABLE
from ui.cli.doctor import DoctorFinding, doctor
from ui.cli.terminal import print_answer, print_part, print_rows

SECRET_VALUE = "canary-in-a-variable"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """Return a terminal that the log of this process goes to."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    logs.set_up()
    yield screen
    root.handlers[:] = handlers
    root.setLevel(level)


def only_to(terminal: Terminal) -> None:
    """Take pytest's own handlers away: its report of half a character could not be sent between its processes."""
    root = logging.getLogger()
    root.handlers[:] = [handler for handler in root.handlers if getattr(handler, "stream", None) is terminal]


def fail(text: str) -> None:
    secret = SECRET_VALUE
    raise RuntimeError(text + secret[:0])


@pytest.mark.parametrize("text", [*TEXTS, *UNSTORABLE])
def test_no_line_of_the_log_controls_the_terminal(terminal: Terminal, text: str) -> None:
    hostile = {**TEXTS, **UNSTORABLE}[text]
    only_to(terminal)
    try:
        fail(hostile)
    except RuntimeError:
        logging.getLogger("ui").exception("unexpected %s", hostile, extra={"given": hostile})
    shown = terminal.getvalue()
    assert "RuntimeError" in shown
    assert SECRET_VALUE not in shown
    assert "\x1b[31mred" not in shown
    assert "\x1b[2J" not in shown
    assert not set(shown) & set("\x00\x07\x08\x7f\x9b\r\u202e\u2066\ud800")


def test_a_value_with_line_breaks_forges_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([{"name": "Eve\nAdmin  yes", "role": "viewer"}], ["name", "role"], as_json=False)
    print_answer({"name": "Eve\nrole: admin\u200e"})
    assert capsys.readouterr().out.splitlines()[1:] == [
        "Eve\\nAdmin  yes  viewer",
        "name: Eve",
        "    role: admin\\u200e",
    ]


@pytest.mark.parametrize("text", TEXTS)
def test_no_finding_of_the_doctor_controls_the_terminal(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names of schedules, users and transactions of other programs come from whoever wrote them."""
    hostile = TEXTS[text]
    found = [DoctorFinding("late schedule", hostile, f"Remove {hostile}")]
    monkeypatch.setattr("ui.cli.doctor.opened", lambda: nullcontext(None))
    monkeypatch.setattr("ui.cli.doctor.examine_all", lambda _: found)
    with pytest.raises(Exit):
        doctor()
    shown = capsys.readouterr().out
    assert not set(shown) & set("\x00\x07\x08\x1b\x7f\x9b\r\u202e\u2066")
    assert len(shown.splitlines()) == 2, "a name forges no remedy"


@pytest.mark.parametrize("text", TEXTS)
def test_no_finding_of_a_migration_controls_the_terminal_or_forges_a_line(text: str) -> None:
    """Names of views, triggers and schemas come from whoever made them."""
    finding = str(Finding("view", f"The view {TEXTS[text]} is in the way.", "Drop it.", blocks=True))
    assert len(finding.splitlines()) == 1
    assert not set(finding) & set("\x00\x07\x08\x1b\x7f\x9b\r\u202e\u2066")


@pytest.mark.parametrize("text", TEXTS)
def test_no_error_of_the_command_line_controls_the_terminal(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main._print_error(f"The schedule {TEXTS[text]} is paused.") == 1
    assert not set(capsys.readouterr().err) & set("\x00\x07\x08\x1b\x7f\x9b\r\u202e\u2066")


@pytest.mark.parametrize("text", TEXTS)
def test_an_export_to_a_terminal_does_not_control_it_and_one_to_a_file_is_as_it_was_written(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reasons and user agents come from whoever sent them."""
    line = f'"{TEXTS[text]}"\r\n'
    for screen in (Terminal(), io.StringIO(newline="")):
        monkeypatch.setattr("sys.stdout", screen)
        print_part(line)
        if screen.isatty():
            assert not set(screen.getvalue()) & set("\x00\x07\x08\x1b\x7f\x9b\r\u202e\u2066")
        else:
            assert screen.getvalue() == line


@pytest.mark.parametrize("mark", ["\u200b", "\ufeff", "\u00ad", "\u2060", "\u3164", "\U000e0041", "\u200d"])
def test_an_invisible_character_is_shown_as_what_it_is(mark: str) -> None:
    """A name with one looks like another name, or carries a text for a program that reads it."""
    shown = logs.on_one_line(f"Eve{mark}l")
    assert shown == "Eve" + mark.encode("unicode_escape").decode() + "l"
    assert with_visible_marks(f"Eve{mark}l") == f"Eve[U+{ord(mark):04X}]l"


@pytest.mark.parametrize(
    "name", ["علی\u200cرضا", "👩\u200d👩\u200d👧", "❤\ufe0f\u200d🔥", "क्\u200dष", "Zoë Łuczak", "金\U000e0100"]
)
def test_a_name_that_needs_joiners_stays_as_it_is(name: str) -> None:
    assert (logs.on_one_line(name), with_visible_marks(name)) == (name, name)


def test_marks_of_direction_are_shown_as_what_they_are() -> None:
    assert with_visible_marks("Eve \u202ecod.exe\u2069") == "Eve [U+202E]cod.exe[U+2069]"
