"""Reads recorded payloads. Where each comes from: `README.md` beside this file."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def payload(name: str) -> bytes:
    """The octets of `<vendor>/<file>`."""
    return (FOLDER / name).read_bytes()


def json_payload(name: str) -> Any:
    return json.loads(payload(name))


def http_payload(name: str) -> tuple[int, str, str]:
    """Status, content type and body of a recorded answer."""
    head, _, body = payload(name).decode().partition("\n\n")
    lines = head.splitlines()
    headers = dict(line.split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), headers["Content-Type"], body.strip()
