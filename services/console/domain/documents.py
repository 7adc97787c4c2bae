"""Several services' OpenAPI documents as one.

Only paths that the origin forwards to a service are taken from that service's document. Two components of the same
name and content are one; of the same name and another content, the later one is renamed after its service and its
references with it. Pure; a document without paths or components adds nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]


@dataclass(frozen=True)
class Chapter:
    """One service's document and the rule which of its paths are the service's at the origin."""

    name: str
    document: Mapping[str, Any]
    owns: Callable[[str], bool]


def merged(title: str, version: str, description: str, chapters: Iterable[Chapter]) -> Document:
    """The one document of the origin."""
    paths: Document = {}
    tags: dict[str, Document] = {}
    components: dict[str, Document] = {}
    for chapter in chapters:
        own = {path: item for path, item in _part(chapter.document, "paths").items() if chapter.owns(path)}
        document = {"paths": own, "components": _part(chapter.document, "components")}
        tags |= {tag["name"]: tag for tag in chapter.document.get("tags", []) if tag["name"] in _tags_of(own)}
        document = _without_clashes(document, components, chapter.name)
        paths.update(document["paths"])
        for section, named in document["components"].items():
            components.setdefault(section, {}).update(named)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": description},
        "servers": [{"url": "/"}],
        "tags": list(tags.values()),
        "paths": paths,
        "components": components,
    }


def _tags_of(paths: Document) -> set[str]:
    operations = (operation for item in paths.values() for operation in item.values())
    return {tag for operation in operations for tag in operation.get("tags", [])}


def _part(document: Mapping[str, Any], name: str) -> Document:
    part = document.get(name)
    return {key: value for key, value in part.items() if isinstance(value, dict)} if isinstance(part, dict) else {}


def _without_clashes(document: Document, taken: Mapping[str, Document], service: str) -> Document:
    # A component may look the same and mean another thing, because what it refers to was renamed: hence the rounds.
    # Every round renames at least one more, so there are at most as many as components.
    renamed: dict[str, str] = {}
    while True:
        changed: Document = _with_references(document, renamed)
        changed["components"] = {
            section: {
                renamed.get(_reference(section, name), name).rsplit("/", 1)[-1]: item for name, item in named.items()
            }
            for section, named in changed["components"].items()
        }
        clashes = {
            _reference(section, name): _reference(section, service.capitalize() + name)
            for section, named in changed["components"].items()
            for name, item in named.items()
            if taken.get(section, {}).get(name, item) != item
        }
        if not clashes or clashes.keys() <= renamed.keys():
            return changed
        renamed.update(clashes)


def _reference(section: str, name: str) -> str:
    return f"#/components/{section}/{name}"


def _with_references(value: Any, renamed: Mapping[str, str]) -> Any:
    match value:
        case dict():
            return {key: _with_references(item, renamed) for key, item in value.items()}
        case list():
            return [_with_references(item, renamed) for item in value]
        case str():
            return renamed.get(value, value)
        case _:
            return value
