"""What any user of the machine can read about the program's processes, and what these know of each other."""

import psutil

from core.local.embedded import running
from core.local.sandbox.starting import client_secret
from tests.journeys.conftest import Program


def test_no_command_line_holds_a_key_or_the_address_of_a_server(program: Program) -> None:
    data_dir = program.folder / "data"
    keys = [(data_dir / "secret_key").read_text().strip(), client_secret(data_dir)]
    console = psutil.Process(program.process.pid)
    commands = [" ".join(each.cmdline()) for each in (console, *console.children(recursive=True))]
    assert any("worker" in command for command in commands)
    secrets = (*keys, "postgresql://", "redis://")
    assert [command for command in commands if any(secret in command for secret in secrets)] == []


def test_run_says_where_the_sandbox_is_and_its_workers_know_how_to_use_it(program: Program) -> None:
    url, secret = running(program.folder / "data").sandbox_url, client_secret(program.folder / "data")
    log = (program.folder / "log").read_text()
    assert f"\nSandbox   {url}\n" in log
    assert secret not in log
    children = psutil.Process(program.process.pid).children()
    told = next(each for each in children if "worker" in each.cmdline()).environ()
    assert (told["UNSTUCK_SANDBOX_URL"], told["UNSTUCK_SANDBOX_SECRET"]) == (url, secret)
