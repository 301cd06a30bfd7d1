"""NiceGUI inspects the signature of a function three times for each element, a third of what a page costs; ours counts.

Whether a handler expects arguments stands in its code object, so nothing is remembered. What is no plain function, or
is decorated, is inspected as before.
"""

from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

from nicegui import helpers

_inspect = helpers.expects_arguments


def install() -> None:
    """Let NiceGUI ask here, for all elements made from now on."""
    helpers.expects_arguments = expects_arguments


def expects_arguments(func: Callable[..., Any]) -> bool:
    """Return whether a function has parameters without a default, besides `*args` and `**kwargs`."""
    plain = func.__func__ if isinstance(func, MethodType) else func
    if type(plain) is not FunctionType or plain.__dict__:  # what functools.wraps leaves changes the signature
        return _inspect(func)
    code = plain.__code__
    given = len(plain.__defaults__ or ()) + (plain is not func)  # a bound method has its first argument already
    return code.co_argcount > given or code.co_kwonlyargcount > len(plain.__kwdefaults__ or ())
