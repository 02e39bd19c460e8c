"""The verdict: the operator's own list of what was paid, held against the texts on the phones and the meters' credit.

No table of the product is looked at here, but for the open cases of money that must not buy anything, and what lies in
suspense. Pure: everything comes in as values, so that the judges are tested themselves.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.simulator.expectation import expect_total
from tests.chaos_money.reading import Code, Kept


@dataclass(frozen=True)
class Paid:
    """One payment as the operator knows it. `drn` is the meter it was meant for, empty for an account of nobody's.

    `is_misheard`: the product was told another amount. `reversal` is "" for none, "early" where it went back before
    the product could sell (it was never told of the payment), "racing" where both came at once, "late" after the code.
    """

    receipt: str
    amount: int
    drn: str
    is_misheard: bool = False
    reversal: str = ""


@dataclass(frozen=True)
class Typed:
    """What a meter said to the same code, typed in twice."""

    drn: str
    words: tuple[str, str]
    energy_kwh_tenths: int


@dataclass(frozen=True)
class Evidence:
    """Everything that the judges look at. `balances` are the meters' credit in tenths of a kWh."""

    paid: Sequence[Paid]
    codes: Sequence[Code]
    kept: Sequence[Kept]
    typed: Mapping[str, Typed]
    balances: Mapping[str, int]
    tariff: Mapping[str, Any]
    cases: Mapping[str, frozenset[str]]
    states: Mapping[str, str]


Judge = Callable[[Evidence], Iterable[str]]


def judge_all(evidence: Evidence) -> dict[str, list[str]]:
    """By each rule, what breaks it; an empty list where it holds."""
    return {name: list(judge(evidence)) for name, judge in JUDGES.items()}


def every_code_is_taken_once(evidence: Evidence) -> Iterable[str]:
    for code in {code.digits: code for code in evidence.codes}.values():
        typed = evidence.typed[code.digits]
        if typed.words != ("ACCEPT", "USED"):
            yield f"receipt {code.receipt}: meter {code.drn} said {' then '.join(typed.words)}"
        elif typed.energy_kwh_tenths != code.energy_kwh_tenths:
            yield f"receipt {code.receipt}: {typed.energy_kwh_tenths} tenths, not {code.energy_kwh_tenths}"


def every_code_was_paid_for(evidence: Evidence) -> Iterable[str]:
    """One code a payment, for the meter it was meant for and the amount that was paid."""
    paid, digits = {each.receipt: each for each in evidence.paid}, defaultdict(set)
    for code in evidence.codes:
        digits[code.receipt].add(code.digits)
        payment = paid.get(code.receipt)
        if payment is None:
            yield f"receipt {code.receipt}: a code for a payment that was not made"
        elif (code.drn, code.amount) != (payment.drn, payment.amount):
            yield (
                f"receipt {code.receipt}: {payment.amount} for meter {payment.drn or 'nobody'} was paid, "
                f"the code says {code.amount} for {code.drn}"
            )
    yield from (f"receipt {receipt}: {len(found)} codes" for receipt, found in digits.items() if len(found) > 1)


def every_payment_is_answered(evidence: Evidence) -> Iterable[str]:
    """A code or the word that the money is kept, for each payment that is good and still there."""
    answered = {code.receipt for code in evidence.codes} | {kept.receipt for kept in evidence.kept}
    for payment in evidence.paid:
        if _must_be_sold(payment) and payment.receipt not in answered:
            if payment.is_misheard and AMOUNT_DIFFERS in evidence.cases.get(payment.receipt, frozenset()):
                continue
            state = evidence.states.get(payment.receipt, "not there")
            yield f"receipt {payment.receipt}: {payment.amount} for meter {payment.drn}, no text ({state})"


def every_meter_has_what_was_paid(evidence: Evidence) -> Iterable[str]:
    """The credit on each meter is what its payments buy, and less than a tenth of a kWh's money is left over.

    Money that went back after its code takes what the wallet holds at that time, so each may cost one tenth later on.
    """
    answered = {code.receipt for code in evidence.codes} | {kept.receipt for kept in evidence.kept}
    bought: dict[str, list[int]] = defaultdict(list)
    taken_back: Counter[str] = Counter()
    for payment in evidence.paid:
        if payment.drn and payment.receipt in answered:
            bought[payment.drn].append(payment.amount * 100)
            taken_back[payment.drn] += bool(payment.reversal)
    for drn, balance in evidence.balances.items():
        most = expect_total(bought[drn], evidence.tariff).energy_kwh_tenths
        if not most - taken_back[drn] <= balance <= most:
            yield f"meter {drn}: {balance} tenths of a kWh, {most} were paid for, {taken_back[drn]} payments went back"


def misheard_money_is_a_case(evidence: Evidence) -> Iterable[str]:
    """An amount that was told wrong buys nothing: either somebody looks at it, or the right amount came after all."""
    codes = {code.receipt: code for code in evidence.codes}
    for payment in evidence.paid:
        if payment.is_misheard and payment.receipt not in codes:
            if payment.reversal or AMOUNT_DIFFERS in evidence.cases.get(payment.receipt, frozenset()):
                continue
            if payment.receipt not in {kept.receipt for kept in evidence.kept}:
                yield f"receipt {payment.receipt}: {payment.amount} told wrong, and no case"


def nobodys_money_is_in_suspense(evidence: Evidence) -> Iterable[str]:
    for payment in evidence.paid:
        if payment.drn or payment.reversal:
            continue
        state, cases = evidence.states.get(payment.receipt, "not there"), evidence.cases.get(payment.receipt)
        if not cases or (state != "SUSPENSE" and not payment.is_misheard):
            yield f"receipt {payment.receipt}: of an unknown account, {state}, cases: {sorted(cases or ())}"


def money_that_went_back_first_buys_nothing(evidence: Evidence) -> Iterable[str]:
    codes = {code.receipt for code in evidence.codes}
    for payment in evidence.paid:
        if payment.reversal == "early" and payment.receipt in codes:
            yield f"receipt {payment.receipt}: reversed before it was told of, and a code all the same"


def money_that_went_back_is_known(evidence: Evidence) -> Iterable[str]:
    """Reversed in the product too, whatever it had become; a code that was out is a case."""
    codes = {code.receipt for code in evidence.codes}
    for payment in evidence.paid:
        state = evidence.states.get(payment.receipt, "not there")
        if payment.reversal and state not in ("REVERSED", "REFUNDED", "not there"):
            yield f"receipt {payment.receipt}: went back ({payment.reversal}), and here it is {state}"
        if payment.reversal and payment.receipt in codes and not evidence.cases.get(payment.receipt):
            yield f"receipt {payment.receipt}: went back ({payment.reversal}) after its code, and no case"


def _must_be_sold(payment: Paid) -> bool:
    return bool(payment.drn) and not payment.reversal


AMOUNT_DIFFERS = "amount_differs"
JUDGES: dict[str, Judge] = {
    "every code is accepted once and USED after": every_code_is_taken_once,
    "every code was paid for, once": every_code_was_paid_for,
    "every good payment is a code or kept": every_payment_is_answered,
    "each meter has the credit that was paid": every_meter_has_what_was_paid,
    "a wrong amount buys nothing": misheard_money_is_a_case,
    "nobody's money lies in suspense, with a case": nobodys_money_is_in_suspense,
    "what went back before the sale bought nothing": money_that_went_back_first_buys_nothing,
    "what went back is known": money_that_went_back_is_known,
}
