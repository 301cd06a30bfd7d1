"""Forms drawn from a pydantic model: enums and literals become selects; the model validates."""

import types
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

from nicegui import ui
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from core.errors import Invalid
from core.wording import plain_message
from ui.components.base.box import box, text
from ui.components.base.confirm import FIELD_NAME

#: The value of an optional select while nothing is chosen.
ANY = ""


class ModelForm:
    """The fields of a form model, and the person's input.

    `given` prefills them; `without` names fields that stay hidden and keep their given value.
    """

    def __init__(
        self, model: type[BaseModel], *, given: Mapping[str, Any] | None = None, without: Collection[str] = ()
    ) -> None:
        self._model = model
        self._given = dict(given or {})
        fields = {name: info for name, info in model.model_fields.items() if name not in without}
        self._fields = {name: _field(name, info, self._given.get(name)) for name, info in fields.items()}

    def values(self) -> dict[str, Any]:
        """Return the input, ready for the gateway. Raises Invalid, naming each field that does not fit."""
        try:
            return self._model.model_validate(self._given | self._chosen()).model_dump(mode="json")
        except ValidationError as error:
            raise self._invalid(_problems(error)) from None

    def on_change(self, then: Callable[[], None]) -> None:
        """Call `then` after each change of a field."""
        for field in self._fields.values():
            field.on_value_change(lambda: then())

    def part(self) -> dict[str, Any]:
        """Return the input of the fields that are shown, whatever the others have. Raises Invalid for one of them."""
        chosen = self._chosen()
        try:
            self._model.model_validate(self._given | chosen)
        except ValidationError as error:
            if wrong := {name: why for name, why in _problems(error).items() if name in chosen}:
                raise self._invalid(wrong) from None
        return chosen

    def _chosen(self) -> dict[str, Any]:
        return {name: None if field.value == ANY else field.value for name, field in self._fields.items()}

    def _invalid(self, fields: Mapping[str, str]) -> Invalid:
        return Invalid("; ".join(f"{self._title(name)}: {message}" for name, message in fields.items()), fields)

    def _title(self, name: str) -> str:
        info = self._model.model_fields.get(name)
        return _title(name, info) if info else name


def _problems(error: ValidationError) -> dict[str, str]:
    return {str(problem["loc"][0]): plain_message(problem["msg"]) for problem in error.errors() if problem["loc"]}


def choices_of(info: FieldInfo) -> dict[str, tuple[str, str]]:
    """Return a field's choices as value: (label, description); empty if the field is not a choice."""
    kind = _bare(info.annotation)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {str(member.value): _described(member) for member in kind}
    if get_origin(kind) is Literal:
        return {str(value): (_spelled(value), "") for value in get_args(kind)}
    return {}


def _described(member: Enum) -> tuple[str, str]:
    """Return the label and description of a choice; without a profile the label is its value."""
    profile = getattr(member, "profile", None)
    return (profile.label, profile.description) if profile else (_spelled(member.value), "")


def _spelled(value: object) -> str:
    return str(value).replace("_", " ").capitalize()


def _title(name: str, info: FieldInfo) -> str:
    return info.title or _spelled(name)


def _bare(annotation: Any) -> Any:
    """Return a type without its `| None`."""
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation
    rest = [each for each in get_args(annotation) if each is not type(None)]
    return rest[0] if len(rest) == 1 else annotation


def _may_be_empty(info: FieldInfo) -> bool:
    return type(None) in get_args(info.annotation)


def _field(name: str, info: FieldInfo, given: Any) -> Any:
    title = _title(name, info)
    value = given if given is not None else None if info.is_required() else info.default
    with box("labelled"):
        choices, is_switch = choices_of(info), _bare(info.annotation) is bool
        if not is_switch:
            text(f"{title} (required)" if info.is_required() and not choices else title, tag="label")
        if is_switch:
            field: Any = ui.switch(title, value=bool(value))
        elif choices:
            field = _choice(choices, value, may_be_empty=_may_be_empty(info))
        else:
            field = _plain(info, value)
        field.props.update({"aria-label": title, FIELD_NAME: name})
        if info.is_required() and not choices:
            field.props["aria-required"] = "true"
        if info.description and not any(about for _, about in choices.values()):
            text(info.description, "help")
    return field


def _choice(choices: Mapping[str, tuple[str, str]], value: Any, *, may_be_empty: bool) -> ui.select:
    options = ({ANY: "Any"} if may_be_empty else {}) | {name: label for name, (label, _) in choices.items()}
    chosen = str(value.value) if isinstance(value, Enum) else value if value in options else next(iter(options))
    field = ui.select(options, value=chosen).props("outlined dense options-dense").classes("field")
    if any(about for _, about in choices.values()):
        text("", "help").bind_text_from(field, "value", backward=lambda value: choices.get(value, ("", ""))[1])
    return field


def _plain(info: FieldInfo, value: Any) -> Any:
    kind = _bare(info.annotation)
    if kind in (int, float):
        return ui.number(value=value).props("outlined dense").classes("field")
    return ui.input(value=value or "").props("outlined dense").classes("field")
