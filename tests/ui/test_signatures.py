"""NiceGUI asks our count of parameters instead of inspecting signatures, and gets its own answer."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import pytest
from nicegui import observables
from nicegui.helpers import functions

from ui import signatures


class Handlers:
    def __call__(self, event: object) -> None: ...

    def nothing(self) -> None: ...

    def one(self, event: object) -> None: ...

    def any_number(*args: object) -> None: ...

    @classmethod
    def of_class(cls, event: object = None) -> None: ...

    @staticmethod
    def without_self(event: object) -> None: ...


def defaults(first: int, second: int = 2, *more: int, third: int, fourth: int = 4, **rest: int) -> None: ...


def positional(first: int, /) -> None: ...


def keywords(*, first: int = 1, second: int = 2) -> None: ...


def required_keyword(*, first: int, second: int = 2) -> None: ...


@wraps(positional)
def decorated(*args: Any) -> None: ...


async def later(event: object) -> None: ...


HANDLERS: list[Callable[..., Any]] = [
    *(Handlers(), Handlers().nothing, Handlers().one, Handlers().any_number, Handlers.nothing, Handlers.of_class),
    *(Handlers.without_self, defaults, positional, keywords, required_keyword, decorated, later, partial(positional)),
    *(
        partial(positional, 1),
        lambda: None,
        lambda event: event,
        lambda event=None: event,
        lambda *args: args,
        Handlers,
    ),
]


@pytest.mark.parametrize("handler", HANDLERS, ids=range(len(HANDLERS)))
def test_the_count_of_parameters_agrees_with_the_signature(handler: Callable[..., Any]) -> None:
    assert signatures.expects_arguments(handler) is functions.expects_arguments(handler)


def test_nicegui_inspects_no_signature_of_plain_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    def inspected(_: object) -> None:
        raise AssertionError("NiceGUI inspects signatures past our count")

    monkeypatch.setattr(functions, "signature", inspected)
    monkeypatch.setattr(signatures.helpers, "expects_arguments", functions.expects_arguments)
    signatures.install()
    values = observables.ObservableDict(on_change=lambda: None)
    values.on_change(Handlers().one)
    values.clear()
