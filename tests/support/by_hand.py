"""The order that docs/how-to/event-api.md has its reader type, for the tests that type it."""

import json
import re
from pathlib import Path
from typing import Any

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "event-api.md").read_text("utf-8")


def order_of_the_page() -> dict[str, Any]:
    """The page's one JSON body."""
    [written] = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    order: dict[str, Any] = json.loads(written)
    return order
