"""A form drawn from an operation's pydantic model: an enum is a choice, the rest are fields; the model checks."""

from enum import Enum
from typing import Any

from nicegui import ui
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from core.errors import Invalid
from ui.components.box import box, text


class ModelForm:
    """The fields of a form model, and what the person has chosen in them."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._model = model
        self._fields = {name: _field(name, info) for name, info in model.model_fields.items()}

    def values(self) -> dict[str, Any]:
        """Return what was filled in, ready for the gateway; raises Invalid, naming each field that does not fit."""
        given = {name: field.value for name, field in self._fields.items()}
        try:
            return self._model.model_validate(given).model_dump(mode="json")
        except ValidationError as error:
            fields = {str(problem["loc"][0]): problem["msg"] for problem in error.errors() if problem["loc"]}
            raise Invalid("; ".join(f"{name}: {words}" for name, words in fields.items()), fields) from None


def choices_of(info: FieldInfo) -> dict[str, Enum]:
    """Return an enum field's members by value; empty for any other field."""
    kind = info.annotation
    return {str(member.value): member for member in kind} if isinstance(kind, type) and issubclass(kind, Enum) else {}


def told(member: Enum) -> tuple[str, str]:
    """Return how a choice is called and described; one without a profile is called by its value."""
    profile = getattr(member, "profile", None)
    return (profile.label, profile.description) if profile else (str(member.value).replace("_", " ").capitalize(), "")


def _field(name: str, info: FieldInfo) -> Any:
    title = info.title or name.replace("_", " ").capitalize()
    with box("labelled"):
        text(title, tag="label")
        choices = choices_of(info)
        field = _choice(choices, info) if choices else _plain(info)
        field.props["aria-label"] = title
        if info.description and not choices:
            text(info.description, "help")
    return field


def _choice(choices: dict[str, Enum], info: FieldInfo) -> ui.select:
    options = {value: told(member)[0] for value, member in choices.items()}
    chosen = info.default.value if isinstance(info.default, Enum) else next(iter(options))
    field = ui.select(options, value=chosen).props("outlined dense options-dense").classes("field")
    about = text("", "help")
    about.bind_text_from(field, "value", backward=lambda value: told(choices[value])[1] if value in choices else "")
    return field


def _plain(info: FieldInfo) -> Any:
    value = None if info.is_required() else info.default
    if info.annotation is bool:
        return ui.switch(value=bool(value))
    if info.annotation in (int, float):
        return ui.number(value=value).props("outlined dense").classes("field")
    return ui.input(value=value or "").props("outlined dense").classes("field")
