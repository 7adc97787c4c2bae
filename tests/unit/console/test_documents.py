"""Merging OpenAPI documents."""

from typing import Any

from services.console.domain.documents import Chapter, Document, merged


def chapter(name: str, paths: dict[str, Any], schemas: dict[str, Any], prefix: str = "/") -> Chapter:
    """A service's document of which paths under `prefix` are forwarded."""
    document = {"paths": paths, "components": {"schemas": schemas}}
    return Chapter(name, document, lambda path: path.startswith(prefix))


def listing(schema: str) -> Document:
    """A path whose answer is the named schema."""
    return {"get": {"responses": {"200": {"$ref": f"#/components/schemas/{schema}"}}}}


def merge(*chapters: Chapter) -> Document:
    """The one document of these chapters."""
    return merged("Callboard", "1", "", chapters)


def test_only_paths_that_are_forwarded_are_told() -> None:
    """A service's own health path in the document would be tried at the origin and mean something else."""
    one = chapter("registry", {"/api/a": {}, "/health/live": {}}, {}, prefix="/api")
    assert list(merge(one)["paths"]) == ["/api/a"]


def test_equal_components_are_one() -> None:
    """The problem details that every service shares would otherwise be listed once for each."""
    document = merge(
        chapter("registry", {"/a": listing("Problem")}, {"Problem": {"type": "object"}}),
        chapter("deployer", {"/b": listing("Problem")}, {"Problem": {"type": "object"}}),
    )
    assert document["components"]["schemas"] == {"Problem": {"type": "object"}}


def test_a_clash_is_renamed_with_its_references() -> None:
    """Two services' different `Page` under one name would document the wrong shape for one of them."""
    document = merge(
        chapter("registry", {"/a": listing("Page")}, {"Page": {"type": "object"}}),
        chapter("deployer", {"/b": listing("Page")}, {"Page": {"type": "array"}}),
    )
    assert document["components"]["schemas"] == {"Page": {"type": "object"}, "DeployerPage": {"type": "array"}}
    assert document["paths"]["/a"] == listing("Page")
    assert document["paths"]["/b"] == listing("DeployerPage")


def test_a_component_that_refers_to_a_renamed_one_is_renamed_too() -> None:
    """Pages that look alike but hold different items must not be taken for one."""
    page = {"items": {"$ref": "#/components/schemas/Item"}}
    document = merge(
        chapter("registry", {"/a": listing("Page")}, {"Page": page, "Item": {"type": "object"}}),
        chapter("deployer", {"/b": listing("Page")}, {"Page": page, "Item": {"type": "string"}}),
    )
    assert document["paths"]["/b"] == listing("DeployerPage")
    assert document["components"]["schemas"]["DeployerPage"] == {"items": {"$ref": "#/components/schemas/DeployerItem"}}
    assert document["components"]["schemas"]["Page"] == page


def test_a_document_without_parts_adds_nothing() -> None:
    """A service that answers with something else than a document must not break the page of the others."""
    odd = Chapter("deployer", {"paths": None, "components": []}, lambda path: True)
    assert merge(chapter("registry", {"/a": {}}, {}), odd)["paths"] == {"/a": {}}
