"""Costly work, of more than a few milliseconds, is done only for a request that was charged for it.

The route declares the budget (`throttle=`), the door charges it, and the costly function checks here that it was.
At the start of the panel `reaches` finds routes that lead to costly work and declare no budget.
"""

import functools
import inspect
import types
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from enum import IntEnum
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
POOLS = {"hash_workers", "strength_workers"}  # attributes of Panel through which costly work is done


class Line(IntEnum):
    """Who waits for slow work, in the order in which they are served."""

    OWNERS = 0  # logins from the owner's browsers, and people who gave the right password or hold a code
    INSIDE = 1  # somebody signed in
    STRANGERS = 2


class Unbudgeted(Exception):
    """A route that declares no budget led to costly work: a mistake of ours."""


_charged: ContextVar[bool] = ContextVar("charged", default=True)  # what the panel does by itself needs no budget
_inside: ContextVar[bool] = ContextVar("inside", default=False)


def begin() -> None:
    """Begin a request, which was not charged yet."""
    _charged.set(False)
    _inside.set(False)


def grant(*, inside: bool) -> None:
    """Note that the request was charged; `inside` when it is an act of somebody signed in."""
    _charged.set(True)
    _inside.set(inside)


def line(*, is_owner: bool) -> Line:
    if _inside.get():
        return Line.INSIDE
    return Line.OWNERS if is_owner else Line.STRANGERS


def costly(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function raise Unbudgeted when it is called for a request that was not charged."""

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if not _charged.get():
            raise Unbudgeted(function.__qualname__)
        return function(*args, **kwargs)

    checked.is_costly = True  # type: ignore[attr-defined]
    return checked


def reaches(handler: Callable[..., object], seen: set[object] | None = None) -> bool:
    """Whether a function names costly work or a pool, itself or in any function of ours that it names."""
    if getattr(handler, "is_costly", False):
        return True
    function, seen = inspect.unwrap(handler), set() if seen is None else seen
    if not isinstance(function, types.FunctionType) or function in seen:
        return False
    seen.add(function)
    names, named = _named_by(function)
    return bool(names & POOLS) or any(reaches(one, seen) for one in named)


def _names(code: types.CodeType) -> Iterator[str]:
    """The names of globals and attributes in this code and in the functions defined inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


@functools.cache
def _named_by(function: types.FunctionType) -> tuple[set[str], list[Callable[..., object]]]:
    """The names in a function, and the functions of the panel that they stand for: its globals, and attributes of its
    modules."""
    names = set(_names(function.__code__))
    known = [function.__globals__[name] for name in names if name in function.__globals__]
    for module in [one for one in known if isinstance(one, types.ModuleType)]:
        known += [vars(module)[name] for name in names if name in vars(module)]
    ours = [
        one
        for one in known
        if callable(one) and (hasattr(one, "is_costly") or getattr(one, "__module__", "").startswith("web."))
    ]
    return names, ours
