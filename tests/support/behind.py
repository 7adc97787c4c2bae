"""Doors that are built once and have behind them what the asking test has put there.

Building the routes of a service takes longer than most questions to them. So routes are built on stand-ins, and each
request says by its context what they stand for.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

_BEHIND: ContextVar[Any] = ContextVar("behind")


class StandIn:
    """Whatever `pick` finds in what is behind the door that is asked."""

    def __init__(self, pick: Callable[[Any], Any]) -> None:
        self._pick = pick

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pick(_BEHIND.get()), name)

    def __call__(self, *given: Any, **named: Any) -> Any:
        """For what is a function."""
        return self._pick(_BEHIND.get())(*given, **named)


class Behind:
    """An application with this behind its doors."""

    def __init__(self, api: ASGIApp, what: Any) -> None:
        self._api = api
        self._what = what

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        before = _BEHIND.set(self._what)
        try:
            await self._api(scope, receive, send)
        finally:
            _BEHIND.reset(before)
