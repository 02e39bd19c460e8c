"""The published vectors of `tests/vectors/sts.json`, as the virtual meter meets them. Nothing of `vending` is here."""

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gateway.simulator.meter import MeterFacts, VirtualMeter
from gateway.simulator.meter.sta_tables import SAMPLE_TABLES, SubstitutionTables
from tests.support.licensed import needs_operational_tables, operational_tables_file

_VECTORS = Path(__file__).parents[1] / "vectors" / "sts.json"
_BASE_YEARS = {93: 1993, 14: 2014, 35: 2035}


@cache
def operational_tables() -> SubstitutionTables | None:
    """The licensed EA 07 tables, which are never in this checkout; None where there is no file of them."""
    path = operational_tables_file()
    return SubstitutionTables.read(path) if path else None


def vectors_of(algorithm: str, **inputs: Any) -> list[Any]:
    """Parameters for tests: one a vector of this algorithm with these inputs, skipped where its tables are not here."""
    rows = json.loads(_VECTORS.read_text(encoding="utf-8"))["vectors"]
    return [
        pytest.param(row, id=row["id"], marks=[needs_operational_tables] if row["inputs"].get("ea") == 7 else [])
        for row in rows
        if row["algorithm"] == algorithm and all(row["inputs"].get(name) in allowed for name, allowed in inputs.items())
    ]


def tables_for_vectors() -> SubstitutionTables:
    return operational_tables() or SAMPLE_TABLES


def papers_of(key: dict[str, Any], ea: int, ken: int = 255) -> MeterFacts:
    """A meter with the vector's key. DKGA 02 takes no base date."""
    named = {name: key[name] for name in ("sgc", "krn", "kt", "ti", "dkga")}
    return MeterFacts(drn="", meter_pan=key["pan"], base=key.get("base", 93), ea=ea, ken=ken, **named)


def meter_of(inputs: dict[str, Any], **changes: Any) -> VirtualMeter:
    key = inputs["key"] | changes
    return VirtualMeter(papers_of(key, inputs["ea"]), bytes.fromhex(key["vk"]), sta_tables=tables_for_vectors())


def tid_of(inputs: dict[str, Any]) -> int:
    """Minutes since the base date; 00:01 is reserved and becomes 00:02."""
    if "tid" in inputs:
        return int(inputs["tid"])
    issued = datetime.fromisoformat(inputs["issued"]).replace(tzinfo=UTC)
    minutes = (issued - datetime(_BASE_YEARS[inputs["base"]], 1, 1, tzinfo=UTC)) // timedelta(minutes=1)
    return minutes + 1 if (issued.hour, issued.minute) == (0, 1) else minutes
