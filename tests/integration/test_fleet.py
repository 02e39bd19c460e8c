"""Sites, customers, meters and operators: idempotent by their names, audited, moved along the lifecycle alone."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from fleet.audit.models import AuditEntry
from fleet.audit.queries import list_entries_of
from fleet.customers.models import Customer, Phone
from fleet.customers.queries import list_numbers_by_sha256
from fleet.customers.services import add_customer
from fleet.meters.lifecycle import LABELS, METER, MeterState
from fleet.meters.locks import lock_meters
from fleet.meters.models import Meter, MeterPhone
from fleet.meters.queries import (
    find_meter,
    get_meter,
    list_meters_by_drn,
    list_meters_of_phone,
    list_phones_of_meters,
)
from fleet.meters.services import MeterFacts, can_vend, link_phone, move_meter, register_meter
from fleet.operators.models import Operator
from fleet.operators.queries import list_usernames
from fleet.operators.services import set_operator
from fleet.sites.models import Site
from fleet.sites.queries import find_first_timezone
from fleet.sites.services import add_site
from gateway.http.phones import msisdn_sha256
from tests.support.world import ACTOR, AMINA, JUMA, NOW, STRANGER, World
from vending.kernel.lifecycle import MoveNotAllowed

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(days=1)


def facts(site: Site, **changes: object) -> MeterFacts:
    values: dict[str, object] = {
        "site_id": site.pk,
        "drn": "37000200465",
        "meter_pan": "600727370002004659",
        "ea": 11,
        "sgc": "201457",
        "krn": 1,
        "kt": 2,
        "ti": 1,
    }
    return MeterFacts(**(values | changes))  # type: ignore[arg-type]


def register(site: Site, **changes: object) -> Meter:
    return register_meter(facts=facts(site, **changes), actor=ACTOR, now=NOW)


def acts_on(subject: str) -> list[str]:
    return [entry.act for entry in list_entries_of([subject])]


def test_site_is_added_once_by_its_code() -> None:
    assert find_first_timezone() is None
    one = add_site(code="a", name="One", currency="KES", timezone="Africa/Nairobi", actor=ACTOR, now=NOW)
    again = add_site(code="a", name="Two", currency="UGX", timezone="Africa/Kampala", actor=ACTOR, now=LATER)
    assert (again.pk, again.name, again.currency, again.timezone) == (one.pk, "One", "KES", "Africa/Nairobi")
    assert acts_on(f"site:{one.pk}") == ["site.added"]
    add_site(code="b", name="Two", currency="UGX", timezone="Africa/Kampala", actor=ACTOR, now=NOW)
    assert (Site.objects.count(), find_first_timezone()) == (2, "Africa/Nairobi")


def test_customer_is_added_once_by_the_number() -> None:
    sha256 = msisdn_sha256(STRANGER)
    phone = add_customer(name="Otieno", e164=STRANGER, msisdn_sha256=sha256, actor=ACTOR, now=NOW)
    again = add_customer(name="Somebody", e164=STRANGER, msisdn_sha256=sha256, actor=ACTOR, now=LATER)
    assert (again.pk, again.customer.name, again.customer.language) == (phone.pk, "Otieno", "en")
    assert (Customer.objects.count(), Phone.objects.count()) == (1, 1)
    (entry,) = list_entries_of([f"customer:{phone.customer_id}"])
    assert (entry.act, entry.details) == ("customer.added", {"phone_id": phone.pk}), "no number in the trail"


def test_payer_is_found_by_the_hash_of_a_number_that_we_know(world: World) -> None:
    hashes = [msisdn_sha256(AMINA), msisdn_sha256(STRANGER)]
    assert list_numbers_by_sha256(hashes) == {hashes[0]: AMINA}
    assert list_numbers_by_sha256([]) == {}


def test_meter_is_registered_once_by_its_drn_into_stock(world: World) -> None:
    meter = register(world.site)
    again = register(world.site, krn=2, sgc="999999")
    assert (again.pk, again.krn, again.sgc) == (meter.pk, 1, "201457")
    assert (meter.state, meter.customer_id, can_vend(meter)) == (MeterState.STOCK, None, False)
    assert acts_on(f"meter:{meter.pk}") == ["meter.registered"]


@pytest.mark.parametrize("change", [{"krn": 0}, {"krn": 10}, {"ti": 100}, {"kt": 4}, {"meter_pan": "of another meter"}])
def test_meter_with_an_impossible_fact_is_not_registered(world: World, change: dict[str, object]) -> None:
    Meter.objects.filter(pk=world.other_meter.pk).update(meter_pan="of another meter")
    before = Meter.objects.count(), AuditEntry.objects.count()
    with pytest.raises(IntegrityError), transaction.atomic():
        register(world.site, **change)
    assert (Meter.objects.count(), AuditEntry.objects.count()) == before


def test_meter_moves_along_its_lifecycle_with_the_reason(world: World) -> None:
    meter = register(world.site)
    for state in (MeterState.INSTALLED, MeterState.ACTIVE, MeterState.SUSPENDED):
        move_meter(meter_id=meter.pk, state=state, reason=f"to {state}", actor="operator:7", now=LATER)
    meter.refresh_from_db()
    assert (meter.state, meter.state_reason) == (MeterState.SUSPENDED, "to SUSPENDED")
    last = list_entries_of([f"meter:{meter.pk}"])[-1]
    assert (last.act, last.actor, last.at) == ("meter.moved", "operator:7", LATER)
    assert last.details == {"before": "ACTIVE", "after": "SUSPENDED", "reason": "to SUSPENDED"}


@pytest.mark.parametrize("state", [MeterState.STOCK, MeterState.INSTALLED, MeterState.ACTIVE])
def test_meter_does_not_make_a_move_that_it_lacks(world: World, state: MeterState) -> None:
    audited = AuditEntry.objects.count()
    with pytest.raises(MoveNotAllowed, match=rf"^meter: ACTIVE cannot become {state}$"):
        move_meter(meter_id=world.meter.pk, state=state, reason="no", actor=ACTOR, now=NOW)
    world.meter.refresh_from_db()
    assert (world.meter.state, world.meter.state_reason) == (MeterState.ACTIVE, "test")
    assert AuditEntry.objects.count() == audited


def test_meter_sells_only_while_it_is_active(world: World) -> None:
    sells = {state: can_vend(Meter(state=state)) for state in MeterState}
    assert sells == {state: state == MeterState.ACTIVE for state in MeterState}
    assert set(LABELS) == set(MeterState)
    assert METER.ends == {"RETIRED"}


def test_meters_are_locked_in_order_of_id_with_their_site(world: World) -> None:
    ids = [world.other_meter.pk, world.meter.pk]
    locked = lock_meters(ids)
    assert list(locked) == sorted(ids)
    assert {meter.site.code for meter in locked.values()} == {"test"}
    assert lock_meters([10**6]) == {}


def test_meters_are_found_by_drn_and_by_phone(world: World) -> None:
    assert find_meter(world.meter.drn) == world.meter
    assert find_meter("37000999997") is None
    assert get_meter(world.meter.pk).customer == world.meter.customer
    assert list_meters_by_drn([world.other_meter.drn, "0"]) == {world.other_meter.drn: world.other_meter}
    assert list_meters_of_phone(STRANGER) == []
    juma = Phone.objects.get(e164=JUMA)
    link_phone(meter_id=world.meter.pk, phone_id=juma.pk, actor=ACTOR, now=NOW)
    assert list_meters_of_phone(JUMA) == [world.other_meter, world.meter], "oldest link first"


def test_phone_is_linked_once_to_a_meter(world: World) -> None:
    juma = Phone.objects.get(e164=JUMA)
    for now in (NOW, LATER):
        link_phone(meter_id=world.meter.pk, phone_id=juma.pk, actor=ACTOR, now=now)
    assert MeterPhone.objects.get(meter=world.meter, phone=juma).linked_at == NOW
    assert acts_on(f"meter:{world.meter.pk}").count("meter.phone_linked") == 2, "its owner's and this one"
    both = list_phones_of_meters([world.meter.pk, 10**6])
    assert [e164 for e164, _ in both[world.meter.pk]] == [AMINA, JUMA]
    assert both[10**6] == []


def test_operator_is_set_by_user_name_and_the_password_only_when_it_does_not_fit() -> None:
    operator = set_operator(username="asha", password="a-long-password", actor=ACTOR, now=NOW)
    stored = operator.password
    again = set_operator(username="asha", password="a-long-password", actor=ACTOR, now=LATER)
    assert (again.pk, again.password) == (operator.pk, stored)
    assert "a-long-password" not in stored
    changed = set_operator(username="asha", password="another-password", actor=ACTOR, now=LATER)
    assert changed.pk == operator.pk
    assert Operator.objects.get().check_password("another-password")
    assert acts_on(f"operator:{operator.pk}") == ["operator.password_set"] * 2
    assert [entry.details for entry in list_entries_of([f"operator:{operator.pk}"])] == [{}, {}]


def test_operators_are_read_by_user_name() -> None:
    operator = set_operator(username="asha", password="a-long-password", actor=ACTOR, now=NOW)
    assert list_usernames([operator.pk, 10**6]) == {operator.pk: "asha"}
    assert list_usernames([]) == {}
