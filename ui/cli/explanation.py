"""A diagnosis as lines for people: the sentence, what it is based on, and the remedy with its command line."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from core.commands.registry import COMMANDS
from core.diagnosis.answer import Diagnosis, Remedy
from core.diagnosis.service_check import ServiceCheck, after_check, check_service
from core.operations import BY_NAME
from core.quoting import as_argument
from core.wording import PROGRAM
from ui.cli.address import page_address
from ui.cli.terminal import print_answer, print_line

#: Command lines of remedies; {target} and {name} stand for what the remedy is about.
_LINES = {
    "job.retry": "jobs retry {target}",
    "job.cancel": "jobs cancel {target}",
    "job.start_now": "jobs start-now {target}",
    "queue.resume": "queues resume {name}",
    "kind.resume": "kinds resume {name}",
    "kind.limit": "kinds limit {name} --max-running …",
}


def checked(diagnosis: Diagnosis) -> tuple[Diagnosis, ServiceCheck | None]:
    """Return a diagnosis as a look at its service leaves it, and the look."""
    check = check_service(diagnosis.service)
    return after_check(diagnosis, check), check


def print_diagnosis(diagnosis: Diagnosis, email: str | None = None, *, as_json: bool = False) -> None:
    """Print a diagnosis; `email` names the user whom it is about, if it is about one."""
    diagnosis, check = checked(diagnosis)
    if as_json:
        print_answer(asdict(diagnosis), as_json=True)
        return
    print_line(f"{str(diagnosis.situation).capitalize()}. {diagnosis.sentence}")
    for fact in diagnosis.evidence:
        print_line(f"  {fact}")
    for counted_jobs in diagnosis.alike:
        print_line(f"  {counted_jobs.sentence}")
        print_line(f"    {PROGRAM} jobs list{as_flags(counted_jobs.jobs)}")
    if check:
        print_line(f"  {check.sentence}")
    if diagnosis.owners_page:
        print_line(f"Link for the customer: {page_address(diagnosis.owners_page)}")
    if diagnosis.remedy:
        _print_remedy("Remedy", diagnosis.remedy, email)
    for place, other in enumerate(diagnosis.others):
        _print_remedy("Or" if diagnosis.remedy or place else "Possible", other, email)


def as_flags(values: Mapping[str, Any]) -> str:
    """Return values as a command line has them; what is true or false is a switch."""
    return "".join(_as_flag(name.replace("_", "-"), value) for name, value in values.items())


def _as_flag(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return f" --{name}" if value else ""
    return f" --{name} {as_argument(str(value))}"


def _print_remedy(what: str, remedy: Remedy, email: str | None) -> None:
    print_line(f"{what}: {remedy.label}. {remedy.effect}")
    name = remedy.command
    line = _LINES.get(name, "").format(target=remedy.target, name=as_argument(str(remedy.args.get("name", ""))))
    if email and name == "user.repair":
        line = f"users repair {as_argument(email)}{' --start-again' if remedy.args.get('start_again') else ''}"
    elif email and name in BY_NAME:
        line = f"do {name} --user {as_argument(email)}{as_flags(remedy.args)}"
    if line:
        needs_reason = name in COMMANDS and COMMANDS[name].needs_reason
        print_line(f"  {PROGRAM} {line}{' --reason …' if needs_reason else ''}")
