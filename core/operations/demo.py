"""Demo mode: operations that fill a creator's account with generated interactions and empty it again."""

import time
from typing import Any, TypeVar

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from core.demo import rows
from core.demo.batch import Batch, batch_size
from core.demo.presets import Preset
from core.demo.remote import NAME
from core.demo.source import batches, fault_now
from core.models import DemoModeStatus, Role, User
from core.operation import CancelOffer, FailureEffect, Form, FormT, Machine, NoForm, Operation, Progress, Steps, Work
from core.operations.demo_messages import tell_off, tell_ready
from core.outside import OutsideService
from core.settings import settings

demo_mode = Machine(User, "demo_mode_status", failed=DemoModeStatus.FAILED, label="Demo mode")

QUEUE = "demo"

#: Fills demo mode, unless the generator is the built-in one.
demo_service = OutsideService(NAME, fault_now)


class EnableForm(Form):
    """Which creator to imitate."""

    preset: Preset = Field(default=Preset.MID_TIER, title="Preset", description="The creator to imitate.")
    email_when_ready: bool = Field(
        default=False,
        title="Tell the creator when it is ready",
        description="By e-mail, also if it fails; not if they want no such messages.",
    )

    @model_serializer(mode="wrap")
    def _without_the_default(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what nobody asked for: a job's arguments are what people see of a request."""
        values: dict[str, Any] = write(self)
        return (
            values if self.email_when_ready else {name: values[name] for name in values if name != "email_when_ready"}
        )


PresetFormT = TypeVar("PresetFormT", bound=EnableForm)


class SwitchForm(EnableForm):
    """The creator to imitate from now on; no default, because the present data is replaced."""

    preset: Preset = Field(title="Preset", description="The creator to imitate.")


def fill(work: Work[User, PresetFormT]) -> Steps:
    """Write the preset's connections and interactions, one batch per step."""
    user_id = work.subject.id
    # Each step fetches its batch first: no transaction is open while a slow demo service answers.
    source = batches(
        work.form.preset,
        seed=work.key,
        requested_at=work.began_at,
        start=work.done,
        is_unwanted=work.is_cancel_requested,
    )
    for batch in source:
        _pause()
        if batch.start == 0:
            wipe(work)
            _name_preset(work, work.form.preset)
        rows.write(work.session, user_id, batch)
        yield Progress(batch.end, batch.totals.units, _progress_text(batch))
    return {
        "preset": work.form.preset.value,
        "interactions": rows.count_interactions(work.session, user_id),
        "connections": rows.count_connections(work.session, user_id),
    }


def empty(work: Work[User, NoForm]) -> Steps:
    """Delete the demo interactions, one batch per step, and finally the few demo connections.

    So `done` counts interactions only, and both counts of the result are right after any number of attempts.
    """
    user_id, done = work.subject.id, work.done
    total = done + rows.count_interactions(work.session, user_id)
    while deleted := rows.delete_interactions(work.session, user_id, batch_size(total)):
        done += deleted
        yield Progress(done, total, f"{done:,} of {total:,} interactions deleted")
        _pause()
    _name_preset(work, None)
    return {"interactions_deleted": done, "connections_deleted": rows.delete_connections(work.session, user_id)}


def wipe(work: Work[User, FormT]) -> None:
    """Delete all demo rows of the user in one transaction."""
    rows.delete_all(work.session, work.subject.id)
    _name_preset(work, None)


def _name_preset(work: Work[User, FormT], preset: Preset | None) -> None:
    work.subject.demo_preset = preset and preset.value
    work.session.flush()


def _pause() -> None:
    time.sleep(settings().demo_step_seconds)


def _progress_text(batch: Batch) -> str:
    done = max(0, batch.end - batch.totals.connections)
    return f"{done:,} of {batch.totals.interactions:,} interactions"


def _stop_filling(at: Progress) -> CancelOffer:
    so_far = f" ({at.message})" if at.message else ""
    return CancelOffer("Cancel", f"Demo mode ends up off; what was generated{so_far} is deleted.")


def _stop_switching(_: Progress) -> CancelOffer:
    effect = "The previous creator's data is deleted and not restored; demo mode ends up off."
    return CancelOffer("Stop the switch", effect)


def _stop_disabling(at: Progress) -> CancelOffer:
    return CancelOffer("Delete the rest now", f"{_deleted(at)} Demo mode ends up off.")


def _stop_cleaning(at: Progress) -> CancelOffer:
    return CancelOffer("Delete the rest now", f"{_deleted(at)} Demo mode stays failed.")


def _deleted(at: Progress) -> str:
    """Return what is gone already, and what becomes of the rest."""
    if not at.done:
        return "All generated interactions are deleted at once and cannot be restored."
    return f"{at.done:,} of {at.total:,} interactions are gone and cannot be restored; the rest is deleted at once."


def _failed_filling(at: Progress) -> FailureEffect:
    if not at.message:
        return FailureEffect("It leaves no data behind.", "It left no data behind.")
    generated = f"What was generated ({at.message})"
    return FailureEffect(f"{generated} is deleted.", f"{generated} was deleted.")


def _failed_switching(_: Progress) -> FailureEffect:
    previous, new = "The previous creator's data", "and nothing of the new creator's is left."
    return FailureEffect(
        f"{previous} is deleted and not restored, {new}", f"{previous} was deleted and is not restored, {new}"
    )


def _failed_emptying(_: Progress) -> FailureEffect:
    generated, lost = "All generated interactions", "deleted all the same, and cannot be restored."
    return FailureEffect(f"{generated} are {lost}", f"{generated} were {lost}")


enable = Operation(
    name="demo.enable",
    label="Enable demo mode",
    doing="Enabling demo mode…",
    machine=demo_mode,
    source=frozenset({DemoModeStatus.DISABLED, DemoModeStatus.FAILED}),
    during=DemoModeStatus.ENABLING,
    target=DemoModeStatus.ENABLED,
    cancelled_state=DemoModeStatus.DISABLED,
    on_cancel=_stop_filling,
    on_failure=_failed_filling,
    form=EnableForm,
    run=fill,
    undo=wipe,
    role=Role.SUPPORT,
    self_service=True,
    confirm=None,
    queue=QUEUE,
    outside=demo_service,
    on_end=tell_ready,
)

switch = Operation(
    name="demo.switch",
    label="Switch creator",
    doing="Switching creator…",
    machine=demo_mode,
    source=frozenset({DemoModeStatus.ENABLED, DemoModeStatus.FAILED}),
    during=DemoModeStatus.SWITCHING,
    target=DemoModeStatus.ENABLED,
    cancelled_state=DemoModeStatus.DISABLED,
    on_cancel=_stop_switching,
    on_failure=_failed_switching,
    form=SwitchForm,
    run=fill,
    undo=wipe,
    role=Role.SUPPORT,
    self_service=True,
    confirm="Switch creator? The new creator's interactions replace the generated ones; real ones stay.",
    queue=QUEUE,
    outside=demo_service,
    on_end=tell_ready,
)

disable = Operation(
    name="demo.disable",
    label="Disable demo mode",
    doing="Disabling demo mode…",
    machine=demo_mode,
    source=frozenset({DemoModeStatus.ENABLED, DemoModeStatus.FAILED}),
    during=DemoModeStatus.DISABLING,
    target=DemoModeStatus.DISABLED,
    cancelled_state=DemoModeStatus.DISABLED,
    on_cancel=_stop_disabling,
    on_failure=_failed_emptying,
    form=NoForm,
    run=empty,
    undo=wipe,
    role=Role.SUPPORT,
    self_service=True,
    confirm="Disable demo mode? All generated interactions and demo connections are deleted; real ones stay.",
    queue=QUEUE,
    on_end=tell_off,
)

dismiss = Operation(
    name="demo.dismiss",
    label="Dismiss",
    doing="Cleaning up…",
    machine=demo_mode,
    source=frozenset({DemoModeStatus.FAILED}),
    during=DemoModeStatus.FAILED,
    target=DemoModeStatus.DISABLED,
    cancelled_state=DemoModeStatus.FAILED,
    on_cancel=_stop_cleaning,
    on_failure=_failed_emptying,
    form=NoForm,
    run=empty,
    undo=wipe,
    role=Role.SUPPORT,
    self_service=True,
    confirm="Dismiss the failure? What was generated is deleted, and demo mode is off; real interactions stay.",
    queue=QUEUE,
    on_end=tell_off,
)
