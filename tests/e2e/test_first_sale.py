"""The first sale over the wire of the vendors' own papers, from the first dial to the meter's word.

Nothing of the product's simulator vouches for it here but the meter, which has its own cipher.
"""

from typing import Any

import pytest

from gateway.simulator.meter import MeterAnswer, MeterFacts, VirtualMeter, Word
from tests.support.outside_callers import Handset, new_receipt, stk_cancelled, stk_paid
from tests.support.outside_world import SHORT_CODE, OutsideWorld, Push, Sms
from tests.support.product import Product, find_leaks, secrets_of, wait_until

pytestmark = [pytest.mark.money_path, pytest.mark.slow]

# The compliance suites' published vending key, on which the demo site runs.
VENDING_KEY = bytes.fromhex("abababababababab" + "949494949494949401234567")
AMINA, JUMA, WANJIRU, OTIENO, HALIMA = (f"+25471100010{number}" for number in range(1, 6))
SMS_SECONDS = 10.0
NET_MINOR, VAT_MINOR, FEE_MINOR = 200, 32, 1000  # of 0.1 kWh, and of a month


def tenths_bought(amount: int, *, fee: int = FEE_MINOR, wallet: int = 0) -> tuple[int, int]:
    """Tenths of a kWh for whole shillings, and the cents that stay in the wallet."""
    return divmod(amount * 100 + wallet - fee, NET_MINOR + VAT_MINOR)


def units(tenths: int) -> str:
    return f"{tenths // 10}.{tenths % 10} units"


def meter_of(facts: dict[str, Any]) -> VirtualMeter:
    return VirtualMeter(MeterFacts.read(facts), VENDING_KEY)


def sms_with(world: OutsideWorld, phone: str, part: str, count: int = 1) -> list[Sms]:
    """That many texts for this phone with this part, and no more a moment later."""
    wait_until(lambda: len(world.sms_to(phone, containing=part)) >= count, SMS_SECONDS, f"SMS {count} with {part}")
    found = world.sms_to(phone, containing=part)
    assert len(found) == count
    return found


def push_to(world: OutsideWorld, phone: str, before: int = 0) -> Push:
    """The prompt that comes after so many others."""
    wait_until(lambda: len(world.pushes_to(phone)) > before, SMS_SECONDS, "a payment prompt")
    return world.pushes_to(phone)[before]


def assert_done(*answers: Any) -> None:
    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (200, {"ResultCode": 0, "ResultDesc": "Success"}) for _ in answers
    ]


def test_purchase_by_ussd_and_prompt_ends_with_power_in_the_meter(product: Product, world: OutsideWorld) -> None:
    facts = product.active_meter(AMINA)
    tenths, kept = tenths_bought(200)
    handset = Handset(product.caller, AMINA)

    assert not handset.dial().is_end
    assert "\n4 Other amount" in handset.type("1").text
    assert units(tenths) in handset.type("4", "200").text.splitlines()[-4]
    assert handset.type("1").is_end
    push = push_to(world, AMINA)
    receipt = new_receipt()
    confirmed = product.caller.confirm(receipt, 200, facts["drn"], AMINA)
    assert_done(product.caller.answer_push(push, receipt), confirmed)

    expected = {"Amount": "200", "PhoneNumber": AMINA[1:], "PartyB": SHORT_CODE, "AccountReference": facts["drn"]}
    assert {name: push.fields[name] for name in expected} == expected
    secret = product.facts["hook_secret"]
    assert push.fields["CallBackURL"] == f"{product.url}/hooks/payments/daraja/{secret}/stk/"
    (sms,) = sms_with(world, AMINA, receipt)
    assert sms.text.splitlines()[1] == f"{units(tenths)} for meter {facts['drn']}"
    assert f"kept {kept / 100:.2f}" in sms.text
    meter = meter_of(facts)
    assert meter.type_digits(sms.code) == MeterAnswer(Word.ACCEPT, tenths, tenths)
    assert meter.type_digits(sms.text.partition("\n")[0]).word == Word.USED
    assert meter_of(product.active_meter(OTIENO)).type_digits(sms.code).word == Word.REJECT
    assert len(world.pushes_to(AMINA)) == 1


def test_pay_bill_with_a_hashed_number_sends_the_code_to_the_phone_behind_the_hash(
    product: Product, world: OutsideWorld
) -> None:
    facts, receipt = product.active_meter(OTIENO), new_receipt()

    assert product.caller.validate(150, facts["drn"], OTIENO).json() == {"ResultCode": "0", "ResultDesc": "Accepted"}
    assert_done(product.caller.confirm(receipt, 150, facts["drn"], OTIENO))

    (sms,) = sms_with(world, OTIENO, receipt)
    tenths, _ = tenths_bought(150)
    assert meter_of(facts).type_digits(sms.code) == MeterAnswer(Word.ACCEPT, tenths, tenths)
    assert [text.to for text in world.sms if receipt in text.text] == [OTIENO]


def test_pay_bill_by_a_neighbour_sends_the_code_to_payer_and_owner(product: Product, world: OutsideWorld) -> None:
    facts, receipt = product.active_meter(JUMA, place=1), new_receipt()
    typed = f"meter {facts['drn'][:4]}-{facts['drn'][4:]}"

    assert_done(product.caller.confirm(receipt, 100, typed, HALIMA))

    (for_payer,), (for_owner,) = sms_with(world, HALIMA, receipt), sms_with(world, JUMA, receipt)
    assert for_payer.code == for_owner.code != ""
    assert meter_of(facts).type_digits(for_payer.code).word == Word.ACCEPT


def test_pay_bill_by_a_number_nobody_knows_sends_the_code_to_the_owner(product: Product, world: OutsideWorld) -> None:
    facts, receipt = product.active_meter(JUMA), new_receipt()

    assert_done(product.caller.confirm(receipt, 100, facts["drn"]))

    (sms,) = sms_with(world, JUMA, receipt)
    assert meter_of(facts).type_digits(sms.code).word == Word.ACCEPT


def test_code_asked_again_by_ussd_and_by_keyword_is_the_same_and_mints_nothing(
    product: Product, world: OutsideWorld
) -> None:
    facts, receipt = product.active_meter(WANJIRU), new_receipt()
    assert_done(product.caller.confirm(receipt, 300, facts["drn"], WANJIRU))
    (first,) = sms_with(world, WANJIRU, receipt)
    tokens = product.count("SELECT COUNT(*) FROM vending_token")

    handset = Handset(product.caller, WANJIRU)
    assert first.text.partition("\n")[0] in handset.dial("3", "1").text.splitlines()
    assert handset.type("1").is_end
    sms_with(world, WANJIRU, first.text.partition("\n")[0], count=2)
    assert product.caller.text_in(WANJIRU, "code", "text-of-wanjiru").status_code == 200
    assert product.caller.text_in(WANJIRU, "code", "text-of-wanjiru").status_code == 200

    again = sms_with(world, WANJIRU, first.text.partition("\n")[0], count=3)
    assert {sms.code for sms in again} == {first.code}
    assert product.count("SELECT COUNT(*) FROM vending_token") == tokens


def test_code_asked_by_a_stranger_is_not_told(product: Product, world: OutsideWorld) -> None:
    stranger, facts = "+254733500077", product.active_meter(WANJIRU)

    screen = Handset(product.caller, stranger).dial("3")
    product.caller.text_in(stranger, f"CODE {facts['drn']}")

    wait_until(lambda: world.sms_to(stranger), SMS_SECONDS, "the answer to the stranger")
    assert [sms.code for sms in world.sms_to(stranger)] == [""]
    codes = {sms.code for sms in world.sms if sms.code}
    assert not any(
        code in "".join(text.split()) for code in codes for text in [screen.text, *map(str, world.sms_to(stranger))]
    )


def test_delivery_report_closes_the_message_and_only_once(product: Product, world: OutsideWorld) -> None:
    receipt = new_receipt()
    assert_done(product.caller.confirm(receipt, 100, product.active_meter(HALIMA)["drn"], HALIMA))
    (sms,) = sms_with(world, HALIMA, receipt)

    for status in ("Sent", "Success", "Success", "Failed"):
        assert product.caller.report(sms, status).status_code == 200
    assert product.caller.report(Sms("ATXid_of_somebody_else", HALIMA, ""), "Success").status_code == 200

    select = "SELECT state FROM gateway_message WHERE provider_message_id = ?"
    assert wait_until(lambda: product.select(select, sms.message_id), 5, "the provider's id") == [("DELIVERED",)]
    assert len(world.sms_to(HALIMA, containing=receipt)) == 1


def test_meter_of_thirteen_digits_is_paid_by_prompt_with_a_short_reference(
    product: Product, world: OutsideWorld
) -> None:
    facts, before = product.active_meter(HALIMA), len(world.pushes_to(HALIMA))
    assert len(facts["drn"]) == 13
    assert Handset(product.caller, HALIMA).dial("1", "4", "250", "1").is_end
    push, receipt = push_to(world, HALIMA, before), new_receipt()
    reference = str(push.fields["AccountReference"])

    assert 4 <= len(reference) <= 12
    assert product.caller.validate(250, reference.lower(), HALIMA).json()["ResultCode"] == "0"
    assert_done(product.caller.confirm(receipt, 250, reference, HALIMA), product.caller.answer_push(push, receipt))

    (sms,) = sms_with(world, HALIMA, receipt)
    assert sms.text.splitlines()[1].endswith(f"for meter {facts['drn']}")
    assert meter_of(facts).type_digits(sms.code).word == Word.ACCEPT
    assert product.count("SELECT COUNT(*) FROM gateway_payment WHERE receipt = ?", receipt) == 1


def test_prompt_cancelled_buys_nothing_and_a_later_payment_does(product: Product, world: OutsideWorld) -> None:
    facts, before = product.active_meter(OTIENO), len(world.pushes_to(OTIENO))
    assert Handset(product.caller, OTIENO).dial("1", "4", "120", "1").is_end
    push, receipt = push_to(world, OTIENO, before), new_receipt()

    assert_done(product.caller.json("payments/daraja/stk", stk_cancelled(push)))
    state = "SELECT state FROM gateway_payment WHERE checkout_id = ?"
    assert product.select(state, push.checkout_id) == [("DECLINED",)]
    assert_done(product.caller.json("payments/daraja/stk", stk_paid(push, receipt)))

    (sms,) = sms_with(world, OTIENO, receipt)
    assert meter_of(facts).type_digits(sms.code).word == Word.ACCEPT
    assert len(world.pushes_to(OTIENO)) == before + 1


def test_books_after_all_these_sales_have_no_difference(product: Product, world: OutsideWorld) -> None:
    assert product.books() == "differences: 0"
    assert world.refusals == []


def test_log_of_all_these_sales_holds_no_secret_and_no_stack_trace(product: Product, world: OutsideWorld) -> None:
    assert find_leaks(product.log(), secrets_of(product, world), product.facts["phones"]) == []
    assert "Traceback" not in product.log()
