"""Writes `docs/reference/sts-compliance.md`: every published vector and what became of it.

`python -m tests.vectors.compliance`, or `make compliance`. Run it where the EA 07 tables are.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.sts_vectors import Vector, all_vectors
from tests.vectors.verdicts import verdict_on

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "sts-compliance.md"

_HEAD = """\
# Published test vectors of STS: what passes

Written by `make compliance`; a test compares it with the code. `tests/vectors/README.md` says where the vectors come
from. "Passed" is digit for digit what the source prints, through the function behind `manage.py sts`. "Skipped" needs
the licensed EA 07 tables, and they were not there. "CTSA" is the number of a test of STS 531-1.

One is read otherwise. Of `kf-curr` the source prints the 100 that was asked for. The token carries 100.00624, the least
amount from there on that its field can hold; that is what a meter credits, and what is compared.
"""
_GAPS_HEAD = """\
## Not covered by any public vector

What is computed here without a published answer to compare it with, checked by a test against the list below. DKGA 01,
DKGA 03, EA 09 and KT 3 are unverified: refused for sales, and marked wherever they are shown.
"""
_TEST_NUMBER = re.compile(r"CTSA\d\d")


@dataclass(frozen=True)
class Gap:
    """Something that no vector covers, how it was checked instead, and the question whether a vector covers it."""

    what: str
    instead: str
    is_covered_by: Callable[[Vector], bool]


def _keys(vector: Vector) -> list[Mapping[str, object]]:
    named = [vector.inputs.get(name) for name in ("key", "new_key")]
    return [key for key in (*named, vector.inputs) if isinstance(key, dict)]


def _has(name: str, *values: object) -> Callable[[Vector], bool]:
    return lambda vector: any(key.get(name) in values for key in _keys(vector))


def _is_token(token_class: int, *subclasses: int) -> Callable[[Vector], bool]:
    return lambda vector: vector.inputs.get("class") == token_class and vector.inputs.get("subclass") in subclasses


_NOTHING = "nothing: one source, or recollection"
_NEIGHBOURS = "the layout is that of the other management tokens; the value is raw"
_OWN_METER = "round trips, and the virtual meter of the tests"
_RESERVED_FROM = ((0, 8), (1, 3), (2, 11))  # class, its first subclass of which no rule is known
GAPS = (
    Gap("DKGA 01", _NOTHING, _has("dkga", 1)),
    Gap("DKGA 03", _NOTHING, _has("dkga", 3)),
    Gap("EA 09 (DEA)", _NOTHING, _has("ea", 9)),
    Gap("KT 3, common key, under any DKGA", _NOTHING, _has("kt", 3)),
    Gap("KT 0 and 1 in key derivation", "the formula of KT 2, which differs in one digit", _has("kt", 0, 1)),
    Gap("SetTariffRate, its layout and the meaning of its value", _NEIGHBOURS, _is_token(2, 2)),
    Gap("SetWaterMeterFactor, its layout and the meaning of its value", _NEIGHBOURS, _is_token(2, 7)),
    Gap(
        "The set of three key-change tokens (EA 07, SGC in the third)",
        _OWN_METER,
        lambda vector: bool(vector.inputs.get("three_token") or vector.inputs.get("kct3")),
    ),
    Gap(
        "A manufacturer code other than 0 in a test token",
        _OWN_METER,
        lambda vector: vector.inputs.get("mfr", 0) != 0,
    ),
    Gap(
        "The last TID that a KEN allows",
        "two published interfaces agree on the boundary",
        lambda vector: vector.algorithm == "KEN" and vector.expected == "ok",
    ),
    Gap(
        "Subclasses that are reserved or a maker's own",
        "refused",
        lambda vector: any(
            _is_token(*kind)(vector) for kind in ((0, *range(8, 16)), (1, *range(3, 16)), (2, *range(11, 16)))
        ),
    ),
)


def document(verdicts: Mapping[str, str]) -> str:
    """The whole document; `verdicts` by the vectors' ids."""
    vectors = all_vectors()
    parts = [
        _HEAD,
        "## Summary\n",
        *_counts("By key", vectors, verdicts, _key_path),
        *_counts("By test number", vectors, verdicts, _test_number),
        _GAPS_HEAD,
        "| What | Checked instead by |\n|---|---|",
        *(f"| {gap.what} | {gap.instead} |" for gap in GAPS),
        "\n## Every vector\n",
        "| Vector | Source | What | DKGA | EA | Result |\n|---|---|---|---|---|---|",
        *(_row(vector, verdicts[vector.id]) for vector in vectors),
    ]
    return "\n".join(parts) + "\n"


def results_in(text: str) -> dict[str, str]:
    """The result of each vector that a document lists."""
    return dict(re.findall(r"^\| `([^`]+)` \|.*\| (\w+) \|$", text, re.MULTILINE))


def _counts(
    title: str, vectors: Iterable[Vector], verdicts: Mapping[str, str], name_of: Callable[[Vector], str]
) -> list[str]:
    """A table of how many vectors there are of each name, and what became of them."""
    counted: Counter[tuple[str, str]] = Counter()
    for vector in vectors:
        for name in (name_of(vector), "all"):
            counted[name, verdicts[vector.id]] += 1
            counted[name, "vectors"] += 1
    columns = ("vectors", "passed", "skipped", "failed")
    names = [*sorted({name for name, _ in counted} - {"all"}), "all"]
    rows = [f"| {name} | " + " | ".join(str(counted[name, column]) for column in columns) + " |" for name in names]
    return [f"| {title} | Vectors | Passed | Skipped | Failed |\n|---|---|---|---|---|", *rows, ""]


def _row(vector: Vector, verdict: str) -> str:
    dkga, ea = _dkga(vector), _ea(vector)
    return f"| `{vector.id}` | {vector.source} | {_what(vector)} | {dkga} | {ea} | {verdict} |"


def _what(vector: Vector) -> str:
    inputs = vector.inputs
    if vector.algorithm == "token":
        return f"token, class {inputs['class']} subclass {inputs['subclass']}"
    if vector.algorithm == "kct":
        return f"key change, set of {len(vector.expected)}"
    if vector.algorithm == "kct_section":
        return f"key change, section {inputs['section']}"
    return vector.algorithm


def _dkga(vector: Vector) -> str:
    found = next((key["dkga"] for key in _keys(vector) if "dkga" in key), None)
    return "" if found is None else f"{found:02d}"


def _ea(vector: Vector) -> str:
    ea = vector.inputs.get("ea", {"MISTY1": 11, "STA": 7}.get(vector.algorithm))
    return "" if ea is None else f"{ea:02d}"


def _key_path(vector: Vector) -> str:
    dkga, ea = _dkga(vector), _ea(vector)
    if ea:
        return f"DKGA {dkga}, EA {ea}" if dkga else f"decoder key given, EA {ea}"
    return f"DKGA {dkga} alone" if dkga else "no key"


def _test_number(vector: Vector) -> str:
    found = _TEST_NUMBER.search(vector.id)
    return found[0] if found else "no number"


if __name__ == "__main__":
    DOCUMENT.write_text(document({vector.id: verdict_on(vector) for vector in all_vectors()}), encoding="ascii")
