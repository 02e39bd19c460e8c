"""`load_demo` and `verify_books`, as programs outside of us call them."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from fleet.audit.models import AuditEntry
from fleet.meters.lifecycle import MeterState
from fleet.meters.models import Meter, MeterPhone
from fleet.meters.services import move_meter
from fleet.operators.models import Operator
from fleet.sites.models import Site
from tests.support.world import ACTOR, NOW
from vending.keys.models import VendingKey
from vending.keys.services import open_vending_key
from vending.sts.identifiers import MeterPan
from vending.tariffs.models import Tariff

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
METER_FIELDS = ("drn", "meter_pan", "ea", "dkga", "sgc", "krn", "kt", "ti", "ken", "base", "state", "phones")


def run(*arguments: str) -> tuple[str, str]:
    """Standard output and standard error of `load_demo`."""
    out, err = io.StringIO(), io.StringIO()
    call_command("load_demo", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def load() -> dict[str, Any]:
    out, err = run("--json")
    assert err == ""
    assert out.endswith("}\n")
    assert out.count("\n") == 1
    facts: dict[str, Any] = json.loads(out)
    return facts


def counts() -> list[int]:
    models = (Site, Meter, MeterPhone, VendingKey, Tariff, Operator, AuditEntry)
    return [model._default_manager.count() for model in models]


def test_load_demo_prints_what_an_outside_program_needs(settings: Settings) -> None:
    facts = load()
    assert set(facts) == {
        "paybill", "ussd_code", "currency", "hook_secret", "operator", "tariff", "meters", "phones",
    }  # fmt: skip
    assert (facts["paybill"], facts["ussd_code"], facts["currency"]) == ("600000", "*384*96#", "KES")
    assert facts["hook_secret"] == settings.HOOK_SECRETS[0]
    assert facts["operator"]["url"] == "http://testserver/dashboard/"
    assert facts["tariff"] == {
        "price_per_kwh_minor": 2000,
        "price_includes_vat": False,
        "vat_percent": 16,
        "fixed_fee_minor": 1000,
        "fixed_fee_per": "month",
    }
    assert Operator.objects.get(username=facts["operator"]["username"]).check_password(facts["operator"]["password"])


def test_load_demo_has_meters_of_every_kind() -> None:
    facts = load()
    meters = facts["meters"]
    assert all(tuple(meter) == METER_FIELDS for meter in meters)
    states = [meter["state"] for meter in meters]
    assert states.count("active") >= 5
    assert states.count("blocked") == 1
    assert len(states) == states.count("active") + 1
    assert {len(meter["drn"]) for meter in meters} == {11, 13}
    assert all(MeterPan(meter["meter_pan"]).drn == meter["drn"] for meter in meters)
    same = {"ea": 11, "dkga": 4, "sgc": "201457", "krn": 1, "kt": 2, "ti": 1, "ken": 255, "base": "14"}
    assert all({name: meter[name] for name in same} == same for meter in meters)
    owned = [phone for meter in meters for phone in meter["phones"]]
    assert sorted(set(owned)) == sorted(facts["phones"])
    assert max(owned.count(phone) for phone in owned) == 2
    assert all(phone.startswith("+254") and len(phone) == 13 for phone in owned)


def test_load_demo_says_what_the_database_holds() -> None:
    for meter in load()["meters"]:
        row = Meter.objects.get(drn=meter["drn"])
        assert row.state == {"active": MeterState.ACTIVE, "blocked": MeterState.SUSPENDED}[meter["state"]]
        assert list(row.links.order_by("pk").values_list("phone__e164", flat=True)) == meter["phones"]
    with open_vending_key(sgc="201457", krn=1, kt=2) as vending_key:
        assert (vending_key.base_date, vending_key.dkga, vending_key.ken) == ("14", 4, 255)


def test_load_demo_again_changes_nothing_and_prints_the_same() -> None:
    first, before = load(), counts()
    assert (load(), counts()) == (first, before)


def test_load_demo_leaves_what_somebody_did_since_and_says_so() -> None:
    blocked = Meter.objects.get(drn=next(m["drn"] for m in load()["meters"] if m["state"] == "blocked"))
    move_meter(meter_id=blocked.pk, state=MeterState.ACTIVE, reason="settled", actor=ACTOR, now=NOW)
    assert {meter["state"] for meter in load()["meters"]} == {"active"}
    blocked.refresh_from_db()
    assert blocked.state == MeterState.ACTIVE


def test_load_demo_without_json_keeps_standard_output_empty() -> None:
    assert run() == ("", "demo site loaded: 7 meters\n")


def test_load_demo_makes_the_key_encryption_key_when_no_file_is_named(settings: Settings, tmp_path: Path) -> None:
    settings.KEY_ENCRYPTION_KEY_FILE, settings.TOKENI_DATA_DIR = "", tmp_path / "data"
    load()
    made = tmp_path / "data" / "key_encryption_key"
    assert made.stat().st_mode & 0o777 == 0o600
    assert len(bytes.fromhex(made.read_text())) == 32
    assert str(made) == settings.KEY_ENCRYPTION_KEY_FILE


def test_load_demo_is_refused_in_production_and_writes_nothing(settings: Settings) -> None:
    settings.IS_PRODUCTION = True
    with pytest.raises(CommandError, match="TOKENI_MODE=demo or test only"):
        run("--json")
    assert counts() == [0] * 7


def test_verify_books_of_an_empty_and_of_a_demo_installation_ends_with_no_differences() -> None:
    out = io.StringIO()
    call_command("verify_books", stdout=out)
    load()
    call_command("verify_books", stdout=out)
    assert out.getvalue() == "differences: 0\n" * 2
