"""An operation of the tests alone, with states of its own: `python -m tests.contract.freezing` is main.py with it.

With `verbs` it runs any number of command lines.

In the product its file would stand in core/operations, with one line in OPERATIONS, two in DemoModeStatus and a
migration for them; `install` does these three by hand.
"""

import json
import sys

from core import operations
from core.models import DemoModeStatus, Role, User
from core.models.columns import text_enum
from core.operation import CancelOffer, FailureEffect, NoForm, Operation, Progress, Steps, Work
from core.operations.demo import QUEUE, demo_mode


def add_state(value: str) -> DemoModeStatus:
    """Add a state to the enumeration, as a line in it would."""
    state = str.__new__(DemoModeStatus, value)
    state._name_, state._value_ = value.upper(), value
    DemoModeStatus._member_map_[value.upper()] = DemoModeStatus._value2member_map_[value] = state
    DemoModeStatus._member_names_.append(value.upper())
    return state


FREEZING, FROZEN = add_state("freezing"), add_state("frozen")


def freeze(work: Work[User, NoForm]) -> Steps:
    """Do nothing, in two steps."""
    for step in range(work.done, 2):
        yield Progress(step + 1, 2)
    return None


operation = Operation(
    name="demo.freeze",
    label="Freeze demo mode",
    doing="Freezing demo mode…",
    machine=demo_mode,
    source=frozenset({DemoModeStatus.ENABLED}),
    during=FREEZING,
    target=FROZEN,
    cancelled_state=DemoModeStatus.ENABLED,
    on_cancel=lambda _: CancelOffer("Cancel", "Demo mode stays on."),
    on_failure=lambda _: FailureEffect("Demo mode stays on.", "Demo mode stayed on."),
    form=NoForm,
    run=freeze,
    undo=lambda _: None,
    role=Role.SUPPORT,
    self_service=False,
    confirm=None,
    queue=QUEUE,
)


def install() -> None:
    """Register the operation before any module that lists the operations is imported."""
    User.__table__.c.demo_mode_status.type = text_enum(DemoModeStatus)
    operations.OPERATIONS += (operation,)
    operations.BY_NAME = {**operations.BY_NAME, operation.name: operation}


def answer_verbs() -> None:
    """Run each command line that comes as JSON on a line of stdin, and answer with its exit code, output and error."""
    from typer.testing import CliRunner

    import main

    for line in sys.stdin:
        done = CliRunner().invoke(main.app, json.loads(line))
        print(json.dumps([done.exit_code, done.stdout, done.stderr or repr(done.exception)]), flush=True)  # noqa: T201


if __name__ == "__main__":
    install()
    if sys.argv[1] == "verbs":
        answer_verbs()
    elif sys.argv[1].startswith("postgresql"):
        from tests.ui import serving

        serving.main(*sys.argv[1:])
    else:
        import main

        main.main()
