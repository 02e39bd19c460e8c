"""The published vectors of `tests/vectors/sts.json`, in the words that `vending.sts` uses."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from vending.sts.base_dates import BaseDate

_FILE = Path(__file__).parents[1] / "vectors" / "sts.json"


@dataclass(frozen=True)
class Vector:
    id: str
    algorithm: str
    inputs: dict[str, Any]
    expected: Any
    source: str = ""

    def is_token(self, *, ea: int, token_class: int) -> bool:
        return self.algorithm == "token" and self.inputs["class"] == token_class and self.inputs.get("ea") == ea

    @property
    def base(self) -> BaseDate:
        return BaseDate.of(f"{self.inputs['base']:02d}")

    @property
    def issued_at(self) -> datetime:
        """The sources print no zone; TIDs count UTC."""
        return datetime.fromisoformat(self.inputs["issued"]).replace(tzinfo=UTC)

    def decoder_key_arguments(self) -> dict[str, Any]:
        """What `derive_decoder_key` takes, of the vector's `key`."""
        key = self.inputs["key"]
        return {
            "dkga": key["dkga"],
            "secret": bytes.fromhex(key["vk"]),
            "base_date": f"{key['base']:02d}" if "base" in key else "93",
            "ea": key.get("ea", self.inputs.get("ea")),
            "meter_pan": key["pan"],
            "sgc": key["sgc"],
            "krn": key["krn"],
            "kt": key["kt"],
            "ti": key["ti"],
        }


@cache
def all_vectors() -> tuple[Vector, ...]:
    rows = json.loads(_FILE.read_text(encoding="utf-8"))["vectors"]
    return tuple(Vector(row["id"], row["algorithm"], row["inputs"], row["expected"], row["source"]) for row in rows)


def vectors_of(algorithm: str) -> list[Vector]:
    return [vector for vector in all_vectors() if vector.algorithm == algorithm]
