"""Writes the event API's documents from the contracts: AsyncAPI, tables for people, and the broker's definitions.

Run by `make docs`. A test renders them again and fails when a file differs, so the documents cannot go stale.
"""

import re
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema
from ruamel.yaml import YAML

from shared.contracts import names
from shared.contracts.catalogue import CATALOGUE, Entry
from shared.messaging.topology import definitions, static_queues

ROOT = Path(__file__).parent.parent
LEASE_SECONDS = 30.0

HEAD = """# Event API

Generated from `shared/contracts` by `make docs`; the whole of it, machine-readable, is
[`asyncapi.yaml`](asyncapi.yaml). Bodies are JSON. The envelope (CloudEvents 1.0, `cloudEvents:` headers) travels
beside the body, so that the body can be typed by hand in the broker's management console: without a header
the type is recognised by its fields. How to do that is told in [how-to/event-api.md](how-to/event-api.md).

## Messages

| message | type and version | producer | consumer | exchange | routing key |
| --- | --- | --- | --- | --- | --- |
"""


def main() -> None:
    """Write every document."""
    for path, content in documents().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content(), encoding="utf-8")


def documents() -> dict[Path, Callable[[], str]]:
    """Every generated file and what gives its content."""
    return {
        ROOT / "docs" / "asyncapi.yaml": asyncapi,
        ROOT / "docs" / "event-api.md": event_api,
        ROOT / "deploy" / "rabbitmq" / "definitions.json": lambda: definitions(LEASE_SECONDS),
    }


def event_api() -> str:
    """The tables of messages and queues, then every body, then every type that the bodies name."""
    rows = "".join(_message_row(entry) for entry in CATALOGUE)
    queues = "".join(_queue_rows())
    schemas = _schemas()
    bodies = "\n".join(_section(name, schemas.pop(name)) for name in _contract_names())
    types = "\n".join(_section(name, schema) for name, schema in schemas.items())
    return (
        f"{HEAD}{rows}\n## Queues\n\n| queue | kind | bound to | limits |\n| --- | --- | --- | --- |\n{queues}\n"
        f"## Bodies\n\n{bodies}\n## Types\n\nWhat the tables above name, in the order of the alphabet.\n\n{types}"
    )


def _contract_names() -> Iterator[str]:
    return (entry.contract.__name__ for entry in CATALOGUE)


def _schemas() -> dict[str, Any]:
    """The JSON Schema of every message and of every type in one, by name."""
    _, schema = models_json_schema(
        [(entry.contract, "validation") for entry in CATALOGUE], ref_template="#/components/schemas/{model}"
    )
    schemas: dict[str, Any] = schema["$defs"]
    return schemas


def _message_row(entry: Entry) -> str:
    contract = entry.contract
    consumers = ", ".join(entry.consumers)
    return (
        f"| [{contract.__name__}](#{contract.__name__.lower()}) | `{contract.TYPE}` | {entry.producer} | {consumers} "
        f"| `{entry.exchange}` | `{entry.routing_key}` |\n"
    )


def _queue_rows() -> Iterator[str]:
    for queue in (*static_queues(LEASE_SECONDS), names.node_commands_queue("NODE")):
        bound = ", ".join(f"`{binding.exchange}` `{binding.key}`" for binding in queue.bindings)
        limits = ", ".join(
            f"{name.removeprefix('x-')} {value}" for name, value in queue.arguments.items() if name != "x-queue-type"
        )
        name = queue.name.replace("NODE", "<node_id>")
        yield f"| `{name}` | {queue.arguments['x-queue-type']} | {bound.replace('NODE', '<node_id>')} | {limits} |\n"


def _section(name: str, schema: dict[str, Any]) -> str:
    """A message or a type: what it is, then its fields or, of an enumeration, its values."""
    head = f"### {name}\n\n{schema['description']}\n\n"
    if "enum" in schema:
        return f"{head}One of {_type(schema)}.\n"
    lines = ["| field | required | type |", "| --- | --- | --- |"]
    for field, of_field in schema["properties"].items():
        required = "yes" if field in schema.get("required", ()) else "no"
        lines.append(f"| `{field}` | {required} | {_type(of_field)} |")
    return head + "\n".join(lines) + "\n"


def _type(field: dict[str, Any]) -> str:
    """A JSON Schema in a few words."""
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in field:
        return " or ".join(_type(one) for one in field["anyOf"])
    if "const" in field or "enum" in field:
        return ", ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        return f"list of {_type(field['items'])}"
    if field.get("type") == "object":
        return _map(field)
    words = str(field.get("type", "anything")) + (f" ({field['format']})" if "format" in field else "")
    return words + (f" `{field['pattern']}`".replace("|", "\\|") if "pattern" in field else "")


def _map(field: dict[str, Any]) -> str:
    if "patternProperties" in field:
        [(pattern, value)] = field["patternProperties"].items()
        key = {"type": "string", "pattern": pattern}
    else:
        key, value = field.get("propertyNames", {"type": "string"}), field["additionalProperties"]
    return f"map of {_type(key)} → {_type(value)}"


def asyncapi() -> str:
    """The AsyncAPI 3 document."""
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Callboard",
            "version": "1",
            "description": "Events and commands between Callboard's services over RabbitMQ.",
        },
        "defaultContentType": "application/json",
        "channels": {entry.contract.TYPE: _channel(entry) for entry in CATALOGUE},
        "operations": dict(_operations()),
        "components": {
            "messages": {entry.contract.__name__: _message(entry) for entry in CATALOGUE},
            "schemas": _schemas(),
        },
    }
    out = StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 110
    yaml.dump(document, out)
    return out.getvalue()


def _channel(entry: Entry) -> dict[str, Any]:
    exchange = next(one for one in names.EXCHANGES if one.name == entry.exchange)
    words = re.findall(r"{(\w+)}", entry.routing_key)
    exchange_binding = {"name": exchange.name, "type": exchange.kind, "durable": True}
    channel: dict[str, Any] = {
        "address": entry.routing_key,
        "messages": {entry.contract.__name__: {"$ref": f"#/components/messages/{entry.contract.__name__}"}},
        "bindings": {"amqp": {"is": "routingKey", "exchange": exchange_binding}},
    }
    if words:
        channel["parameters"] = {word: {"description": f"the body's `{word}`"} for word in words}
    return channel


def _operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for entry in CATALOGUE:
        ref = {"$ref": f"#/channels/{entry.contract.TYPE.replace('/', '~1')}"}
        yield f"{entry.producer}-sends-{entry.contract.__name__}", {"action": "send", "channel": ref}
        for consumer in entry.consumers:
            name = consumer.replace(" ", "-")
            yield f"{name}-receives-{entry.contract.__name__}", {"action": "receive", "channel": ref}


def _message(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.contract.TYPE,
        "title": entry.contract.__name__,
        "summary": (entry.contract.__doc__ or "").strip().splitlines()[0],
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "properties": {
                "cloudEvents:type": {"type": "string", "const": entry.contract.TYPE},
                "cloudEvents:id": {"type": "string"},
                "cloudEvents:source": {"type": "string"},
                "cloudEvents:time": {"type": "string", "format": "date-time"},
                "cloudEvents:specversion": {"type": "string", "const": "1.0"},
            },
        },
        "payload": {"$ref": f"#/components/schemas/{entry.contract.__name__}"},
    }


if __name__ == "__main__":
    main()
