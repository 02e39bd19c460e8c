"""One day of an operator with everything in it: what every shilling became, counted from the rows by hand."""

import pytest

from gateway.claims.services import claim_wrong_meter
from gateway.desk.services import Kind
from gateway.payments.models import Payment
from gateway.refunds.models import Refund
from gateway.refunds.services import record_payout
from tests.support.desk import (
    agreed,
    differences,
    held_sale,
    lost_payment,
    open_cases,
    part_of,
    refund_of,
    take_back,
)
from tests.support.world import ACTOR, AMINA, NOW, World
from vending.ledger.queries import list_trial_balance
from vending.vends.models import Vend

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]


def balances(world: World) -> dict[str, int]:
    """What every account holds, credits positive; those that hold nothing are left out."""
    rows = list_trial_balance(NOW, world.now)
    return {row.account: -row.closing_minor for row in rows if row.closing_minor}


def test_every_shilling_of_a_day_is_in_one_place(world: World) -> None:
    world.sell(20_000)  # 8.1 kWh for 187.92 and the fee of 10.00; 2.08 stay
    world.sell(500)  # with the 2.08 it buys 0.3 kWh for 6.96; 0.12 stay
    cancelled = held_sale(world, account=world.other_meter.drn)
    agreed(world, Kind.SALE_CANCEL, Vend.objects.get(authority__reference=str(cancelled.pk)).pk)
    part = part_of(world, cancelled, 7_000)
    record_payout(refund_id=part.pk, receipt="PORTAL0001", operator_id=3, actor="operator:3", now=world.now)
    part_of(world, cancelled, 3_000)
    refund_of(world, lost_payment(world))
    take_back(world, Payment.objects.order_by("-pk")[0])
    refund_of(world, lost_payment(world))
    lost_payment(world)
    wrong = held_sale(world, 1_000, account=world.other_meter.drn)
    claim_wrong_meter(
        receipt=wrong.receipt or "", phone_e164=AMINA, right_drn=world.meter.drn, actor=ACTOR, now=world.now
    )
    agreed(world, Kind.PAYMENT_MOVE, wrong.pk, meter_id=world.meter.pk)
    bought = world.sell(10_000)
    take_back(world, bought)
    world.later(600)
    world.resume()
    world.later(1)

    came = 20_000 + 500 + 20_000 + 20_000 + 20_000 + 20_000 + 1_000 + 10_000
    left = 7_000 + 20_000 + 10_000
    held = balances(world)
    assert -held.pop("float:daraja") == came - left
    debts = -held.pop("receivable:reversed")
    sold = sum(
        vend.net_minor + vend.vat_minor + vend.fee_minor for vend in Vend.objects.exclude(state="CANCELLED").order_by()
    )
    assert held.pop("revenue:energy") + held.pop("tax:vat") + held.pop("revenue:fixed_fee") == sold
    assert (held.pop("suspense"), held.pop("refunds")) == (20_000, 3_000 + 20_000)
    assert came - left == sold + held.pop("wallet") + 20_000 + 23_000 - debts
    assert held == {}
    assert sum(payment.amount_minor for payment in Payment.objects.all()) == came
    assert Refund.objects.count() == 4
    assert {reason for reason, _ in open_cases()} == {"payment_without_meter", "refund_by_hand", "late_reversal"}
    assert differences(world) == []
