"""What the simulated vendors answer: a status and a body, and the errors in their own words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class HttpAnswer:
    """One HTTP answer. `hold_seconds` is how long the vendor keeps silent before the connection is cut unanswered."""

    status: int
    body: str
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    hold_seconds: float = 0.0


def json_answer(value: Mapping[str, Any], status: int = 200) -> HttpAnswer:
    """A JSON object; the type is bare, for Africa's Talking's own client reads nothing else as JSON."""
    return HttpAnswer(status, json.dumps(value))


def silence(seconds: float) -> HttpAnswer:
    """No answer at all."""
    return HttpAnswer(0, "", hold_seconds=seconds)
