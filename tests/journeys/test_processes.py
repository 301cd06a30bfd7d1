"""What any user of the machine can read about the program's processes."""

import psutil

from tests.journeys.conftest import Program


def test_no_command_line_holds_the_key_or_the_address_of_a_server(program: Program) -> None:
    key = (program.folder / "data" / "secret_key").read_text().strip()
    console = psutil.Process(program.process.pid)
    commands = [" ".join(each.cmdline()) for each in (console, *console.children(recursive=True))]
    assert any("worker" in command for command in commands)
    assert [each for each in commands if key in each or "postgresql://" in each or "redis://" in each] == []
