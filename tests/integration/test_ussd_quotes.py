"""What a quote on the screen says of tariffs with more than a price: the same figures as the sale, and its limits."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fleet.customers.models import Phone
from fleet.meters.services import link_phone
from fleet.sites.services import add_site
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.sms.models import Message
from gateway.ussd.queries import PhoneFacts
from tests.support.dialler import dial
from tests.support.world import ACTOR, AMINA, NOW, World, add_meter
from vending.tariffs.engine import Levy, Prices
from vending.tariffs.services import publish_tariff

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
RICH = Prices(
    price_per_kwh_minor=2_000,
    price_includes_vat=False,
    vat_basis_points=1_600,
    fixed_fee_minor=1_000,
    least_energy_kwh_tenths=10,
    levies=(Levy("electrification", 500), Levy("inspection", 30)),
    fee_arrears_months=3,
)


def publish(world: World, prices: Prices, **changes: object) -> None:
    facts: dict[str, object] = {"site_id": world.site.pk, "currency": "KES", "starts_at": NOW - timedelta(days=400)}
    facts |= {"least_payment_minor": 100, "most_payment_minor": 10**7, "actor": ACTOR, "now": NOW}
    publish_tariff(prices=prices, **(facts | changes))  # type: ignore[arg-type]


def test_meter_of_a_site_with_other_money_cannot_be_sold_to(world: World) -> None:
    """An amount that is typed, quoted and asked for in two currencies is nobody's."""
    site = add_site(code="ug", name="Kampala", currency="UGX", timezone="Africa/Kampala", actor=ACTOR, now=NOW)
    publish(world, RICH, site_id=site.pk, currency="UGX")
    abroad = add_meter(site, "3700030047", "Wanjiru", "+254711000103")
    assert dial(world, f"2*{abroad.drn}*1").startswith("END We cannot sell for meter ..")
    link_phone(meter_id=abroad.pk, phone_id=Phone.objects.get(e164=AMINA).pk, actor=ACTOR, now=NOW)
    assert dial(world, "1*2", session_id="ATUid_2").startswith("END We cannot sell for meter ..")
    assert PhoneFacts(AMINA, NOW).get_quote(abroad.pk, 20_000).refusal == "cannot_sell"
    assert not Payment.objects.exists()


def test_quote_shows_months_and_levies_as_the_receipt_does(world: World) -> None:
    publish(world, RICH, starts_at=NOW)
    world.sell(20_000)
    world.later(86_400 * 75)
    shown = dial(world, "1*3", session_id="ATUid_2").removeprefix("CON ")
    world.sell(20_000)
    parts = ["Fee of 3 months 30", "VAT 22.40", "Levies 7.42", "Kept for next time 0.95", "You get 7.0 units"]
    assert shown.splitlines()[1:7] == ["Kept money used 0.77", *parts]
    assert len(shown) <= 182
    body = Message.objects.latest("pk").body
    assert body.splitlines()[1:3] == [
        "7.0 units for meter 37000123457",
        "KES200: fee 30, VAT 22.40, levies 7.42, kept 0.95",
    ]


def test_meter_that_has_bought_all_of_the_day_is_told_so_and_asked_no_more(world: World) -> None:
    """Of the day's 60, 2.50 are left: less than one unit, whatever is paid."""
    publish(world, replace(RICH, fixed_fee_minor=0), starts_at=NOW, day_limit_minor=6_000)
    world.sell(9_000)
    for number, amount in enumerate(("1", "4*20", "4*3")):
        shown = dial(world, f"1*{amount}", session_id=f"ATUid_{number}")
        assert shown.startswith("END Meter ..23457 has bought all that it may buy today.")
    assert not Payment.objects.filter(state=PaymentState.EXPECTED).exists()
