"""A list that the server pages, filters and sorts: its question is the address of the page, and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import Request

from services.console.clients.api import Paged

ROWS = 50


@dataclass(frozen=True)
class Listing:
    """What the address of a list asks for. `question` is what the API is asked, without what is empty."""

    path: str
    question: Mapping[str, str]
    cursor: str | None
    page: int

    def asked(self, name: str) -> str:
        """What a filter has; empty: nothing."""
        return self.question.get(name, "")

    def without(self, name: str) -> str:
        """The address with one filter less."""
        return _address(self.path, {key: value for key, value in self.question.items() if key != name})

    def sorted_by(self, order: str) -> str:
        """The address with this order, from the first page."""
        return _address(self.path, {**self.question, "sort": order})

    @property
    def first(self) -> str:
        """The address of the first page."""
        return _address(self.path, self.question)

    def next(self, cursor: str | None) -> str | None:
        """The address of the next page, if there is one."""
        if cursor is None:
            return None
        return _address(self.path, {**self.question, "cursor": cursor, "page": self.page + 1})

    def told(self, page: Paged[Any]) -> dict[str, Any]:
        """What a table's template is told of a page."""
        return {"rows": page.items, "next": self.next(page.next_cursor), "listing": self}

    @property
    def filtered(self) -> bool:
        """Whether anything but the order is asked for."""
        return any(name != "sort" for name in self.question)


def read_listing(request: Request, names: Sequence[str]) -> Listing:
    """The list that the request's address asks for, by these names."""
    given = request.query_params
    question = {name: given[name].strip() for name in names if given.get(name, "").strip()}
    number = given.get("page", "1")
    page = int(number) if number.isascii() and number.isdigit() and len(number) < 7 else 1
    return Listing(request.url.path, question, given.get("cursor") or None, page)


def _address(path: str, query: Mapping[str, Any]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
