"""The meters on the wall: how they are built from the demo's facts, and kept over a restart."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from gateway.simulator.errors import WorldError
from gateway.simulator.meter.sta_tables import SAMPLE_TABLES, SubstitutionTables
from gateway.simulator.meter_shelf import Factory, MeterShelf
from tests.support.meter_tokens import display, key_set, order, units
from tests.support.stub_product import ENVIRONMENT, demo_facts, meter_facts, tid_now

DRN = "37000000010"
OTHER_TABLES = SubstitutionTables(SAMPLE_TABLES.of_one, SAMPLE_TABLES.of_zero, SAMPLE_TABLES.places)


def fact(**changes: Any) -> dict[str, Any]:
    return meter_facts(DRN, "600727370000000105", []) | changes


def test_shelf_remembers_meters_over_a_restart(tmp_path: Path) -> None:
    memory = tmp_path / "meters.json"
    shelf = MeterShelf([fact()], memory)
    digits = units(shelf.get(DRN), tid=tid_now())
    shelf.type_digits(DRN, digits)

    again = MeterShelf([fact()], memory).type_digits(DRN, digits)

    assert (again.word, again.balance_tenths) == ("USED", 64)


def test_shelf_remembers_orders_and_key_changes_too(tmp_path: Path) -> None:
    memory = tmp_path / "meters.json"
    shelf = MeterShelf([fact()], memory)
    meter = shelf.get(DRN)
    shelf.type_digits(DRN, order(meter, 0, 1000, tid=tid_now()))
    for digits in key_set(meter, meter.facts, bytes(16))[:3]:
        shelf.type_digits(DRN, digits)

    again = MeterShelf([fact()], memory).get(DRN)

    assert again.memory() == meter.memory()
    assert again.registers.power_limit_watts == 1000


def test_shelf_memory_holds_keys_so_only_its_owner_reads_it(tmp_path: Path) -> None:
    memory = tmp_path / "meters.json"
    shelf = MeterShelf([fact()], memory)

    shelf.type_digits(DRN, units(shelf.get(DRN), tid=tid_now()))

    assert stat.S_IMODE(memory.stat().st_mode) == 0o600


def test_shelf_memory_of_an_older_kind_still_loads(tmp_path: Path) -> None:
    memory = tmp_path / "meters.json"
    memory.write_text(json.dumps({DRN: {"tids": [0] * 50, "balance_tenths": 64}, "99": {"tids": []}}))

    assert MeterShelf([fact()], memory).get(DRN).balance_tenths == 64


def test_shelf_refused_token_is_not_written(tmp_path: Path) -> None:
    memory = tmp_path / "meters.json"

    assert MeterShelf([fact()], memory).type_digits(DRN, "1").word == "REJECT"
    assert not memory.exists()


def test_shelf_without_such_a_meter_says_so() -> None:
    with pytest.raises(WorldError, match="no such meter"):
        MeterShelf([fact()]).get("1")


@pytest.mark.parametrize("changes", [{"krn": 2}, {"base": 99}])
def test_shelf_meter_of_another_key_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(WorldError, match="key revision 1"):
        MeterShelf([fact(**changes)])


@pytest.mark.parametrize(("ea", "dkga"), [(7, 2), (7, 4), (9, 2), (11, 4)])
def test_factory_builds_each_algorithm(ea: int, dkga: int) -> None:
    meter = Factory().build(fact(ea=ea, dkga=dkga, ken=200))

    assert meter.type_digits(display(meter, 0, 1 << 13 | 1 << 16)).display == {"ea": ea, "ken": 200}
    assert meter.type_digits(units(meter, tid=tid_now())).word == "ACCEPT"


def test_factory_fills_the_store_with_the_day_of_manufacture() -> None:
    # 1 January 2025 is 4018 days after 1 January 2014; under the next base date it is still to come.
    meter, later = Factory().build(fact()), Factory().build(fact(base=35))

    assert [meter.type_digits(units(meter, tid=4018 * 1440 + more)).word for more in (-1, 0, 1)] == [
        "OLD",
        "USED",
        "ACCEPT",
    ]
    assert later.type_digits(units(later, tid=1)).word == "ACCEPT"


def test_factory_builds_the_depth_asked_for_unless_the_facts_say_another() -> None:
    factory = Factory(store_depth=500)

    depths = [len(factory.build(each).memory()["tids"]) for each in (fact(), fact(tid_store_depth=3))]

    assert depths == [500, 3]


def test_factory_builds_the_greatest_credit_of_the_facts() -> None:
    meter = Factory().build(fact(greatest_credit_tenths=63))

    assert meter.type_digits(units(meter, tid=tid_now(), field=64)).word == "FULL"


def test_factory_builds_its_own_tables_into_meters_of_ea_07() -> None:
    digits = units(Factory(sta_tables=OTHER_TABLES).build(fact(ea=7)), tid=tid_now())

    assert Factory(sta_tables=OTHER_TABLES).build(fact(ea=7)).type_digits(digits).word == "ACCEPT"
    assert Factory().build(fact(ea=7)).type_digits(digits).word == "REJECT"


def refusal_of(monkeypatch: pytest.MonkeyPatch, folder: Path, facts: dict[str, Any], **options: Any) -> str:
    """What the command says instead of starting."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    path = folder / "facts.json"
    path.write_text(json.dumps(facts))
    with pytest.raises(CommandError) as refused:
        call_command("simulator", product="http://127.0.0.1:9", facts=str(path), **options)
    return str(refused.value)


def test_command_with_tables_that_are_not_there_does_not_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STS_EA07_TABLES", str(tmp_path / "none.json"))

    assert "STS_EA07_TABLES" in refusal_of(monkeypatch, tmp_path, demo_facts())


def test_command_reads_the_tables_it_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lists = {"sub1": SAMPLE_TABLES.of_zero, "sub2": SAMPLE_TABLES.of_one, "perm": SAMPLE_TABLES.places}
    (tmp_path / "tables.json").write_text(json.dumps(lists))
    monkeypatch.setenv("STS_EA07_TABLES", str(tmp_path / "tables.json"))

    assert "key revision 1" in refusal_of(monkeypatch, tmp_path, demo_facts() | {"meters": [fact(ea=7, krn=2)]})


def test_command_with_an_empty_store_does_not_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "one TID at least" in refusal_of(monkeypatch, tmp_path, demo_facts(), tid_store_depth=0)
