"""The judges of `make chaos-money` themselves: a world in which all is well, then with one thing wrong at a time."""

from dataclasses import replace

import pytest

from tests.chaos_money.judges import JUDGES, Evidence, Paid, Typed, judge_all
from tests.chaos_money.plan import Door, Meter, draw_acts
from tests.chaos_money.reading import Code, Kept, read_codes, read_kept

HOME, SHOP = "37000123457", "3601000000421"
DIGITS = ("1111 1111 1111 1111 1111", "2222 2222 2222 2222 2222")
TARIFF = {"price_per_kwh_minor": 2000, "price_includes_vat": False, "vat_percent": 16, "fixed_fee_minor": 1000}
# 200.00 less the fee of 10.00 buys 81 tenths at 2.32; 2.08 is left. With 20.00 more it is 9 tenths, and 1.20 is left.
PAID = (
    Paid("AAAAAAAAA1", 200, HOME),
    Paid("AAAAAAAAA2", 20, HOME),
    Paid("AAAAAAAAA3", 3, SHOP),
    Paid("AAAAAAAAA4", 100, HOME, is_misheard=True),
    Paid("AAAAAAAAA5", 50, ""),
    Paid("AAAAAAAAA6", 50, HOME, reversal="early"),
)
CODES = (
    Code(DIGITS[0], 81, HOME, 200, "AAAAAAAAA1", "+254711000101"),
    Code(DIGITS[1], 9, HOME, 20, "AAAAAAAAA2", "+254711000101"),
)


def well() -> Evidence:
    return Evidence(
        paid=PAID,
        codes=CODES,
        kept=(Kept(3, "AAAAAAAAA3", SHOP),),
        typed={code.digits: Typed(HOME, ("ACCEPT", "USED"), code.energy_kwh_tenths) for code in CODES},
        balances={HOME: 90, SHOP: 0},
        tariff=TARIFF,
        cases={"AAAAAAAAA4": frozenset({"amount_differs"}), "AAAAAAAAA5": frozenset({"payment_without_meter"})},
        states={
            "AAAAAAAAA1": "ALLOCATED",
            "AAAAAAAAA2": "ALLOCATED",
            "AAAAAAAAA3": "ALLOCATED",
            "AAAAAAAAA4": "CONFIRMED",
            "AAAAAAAAA5": "SUSPENSE",
            "AAAAAAAAA6": "REVERSED",
        },
    )


def broken(evidence: Evidence) -> set[str]:
    return {name for name, found in judge_all(evidence).items() if found}


def test_judges_of_a_good_run_find_nothing() -> None:
    assert broken(well()) == set()


def test_judges_know_as_many_rules_as_there_are_judges() -> None:
    assert len(JUDGES) == len(set(JUDGES.values())) == 8


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"typed": dict(well().typed) | {DIGITS[0]: Typed(HOME, ("ACCEPT", "ACCEPT"), 81)}}, "accepted once"),
        ({"typed": dict(well().typed) | {DIGITS[0]: Typed(HOME, ("REJECT", "REJECT"), 0)}}, "accepted once"),
        ({"typed": dict(well().typed) | {DIGITS[0]: Typed(HOME, ("ACCEPT", "USED"), 82)}}, "accepted once"),
        ({"codes": (*CODES, replace(CODES[0], digits=DIGITS[1]))}, "paid for"),
        ({"codes": (replace(CODES[0], receipt="BBBBBBBBBB"), *CODES)}, "paid for"),
        ({"codes": (replace(CODES[0], drn=SHOP), CODES[1])}, "paid for"),
        ({"codes": (replace(CODES[0], amount=20_000), CODES[1])}, "paid for"),
        ({"kept": ()}, "code or kept"),
        ({"balances": {HOME: 91, SHOP: 0}}, "credit that was paid"),
        ({"balances": {HOME: 89, SHOP: 0}}, "credit that was paid"),
        ({"balances": {HOME: 90, SHOP: 1}}, "credit that was paid"),
        ({"cases": {"AAAAAAAAA5": frozenset({"payment_without_meter"})}}, "wrong amount"),
        ({"cases": {"AAAAAAAAA4": frozenset({"amount_differs"})}}, "suspense"),
        ({"states": dict(well().states) | {"AAAAAAAAA5": "ALLOCATED"}}, "suspense"),
        ({"codes": (*CODES, replace(CODES[0], amount=50, receipt="AAAAAAAAA6"))}, "bought nothing"),
        ({"states": dict(well().states) | {"AAAAAAAAA6": "CONFIRMED"}}, "went back is known"),
    ],
)
def test_judges_find_one_thing_that_is_wrong(changes: dict[str, object], rule: str) -> None:
    found = broken(replace(well(), **changes))  # type: ignore[arg-type]

    assert any(rule in name for name in found)


def test_money_that_went_back_after_its_code_may_take_the_rest_with_it() -> None:
    late = tuple(replace(paid, reversal="late") if paid.receipt == "AAAAAAAAA1" else paid for paid in PAID)
    known = dict(well().cases) | {"AAAAAAAAA1": frozenset({"late_reversal"})}
    states = dict(well().states) | {"AAAAAAAAA1": "REVERSED"}
    evidence = replace(well(), paid=late, cases=known, states=states)

    assert broken(evidence) == set()
    shorter = {DIGITS[1]: Typed(HOME, ("ACCEPT", "USED"), 8)}
    less = replace(
        evidence,
        balances={HOME: 89, SHOP: 0},
        codes=(CODES[0], replace(CODES[1], energy_kwh_tenths=8)),
        typed=dict(well().typed) | shorter,
    )
    assert broken(less) == set()
    assert broken(replace(evidence, balances={HOME: 88, SHOP: 0})) == {"each meter has the credit that was paid"}
    assert broken(replace(evidence, cases=well().cases)) == {"what went back is known"}


def test_texts_are_read_as_customers_read_them() -> None:
    code = (
        "1234 5678 9012 3456 7890\n6.4 units for meter 37000123457\nKES1,200: fee 10, VAT 20.48\nJua Power RK7TQ2X1AB"
    )
    kept = "Jua Power: KES20 (RK7TQ2X1AC) kept for meter 37000123457. KES14 more is needed."
    odd = "1234 5678 9012 3456 7890\nsomething else"

    codes, strange = read_codes("+254711000101", [code, kept, odd])

    assert codes == [Code("1234 5678 9012 3456 7890", 64, HOME, 1200, "RK7TQ2X1AB", "+254711000101")]
    assert strange == [odd]
    assert read_kept([code, kept]) == [Kept(20, "RK7TQ2X1AC", HOME)]


def test_plan_is_the_same_for_one_seed_and_holds_every_kind_of_payment() -> None:
    meters = [Meter(HOME, "+254711000101"), Meter(SHOP, "+254711000102")]
    acts = draw_acts(meters, 2000, 7)

    assert acts == draw_acts(meters, 2000, 7)
    assert acts != draw_acts(meters, 2000, 8)
    assert {act.door for act in acts} == set(Door)
    assert any(act.is_dirty for act in acts)
    assert any(act.is_regretted for act in acts)
    assert any(not act.drn for act in acts)
    assert all(len(act.account) <= 20 and act.amount > 0 for act in acts)
