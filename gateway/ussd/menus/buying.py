"""How much, the quote, and the word that starts a purchase. Pure.

A purchase starts only on the quote screen and only for the amount that this screen showed; the quote is asked again at
that moment, so that a meter blocked meanwhile buys nothing.
"""

import re

from gateway.ussd.menus.facts import Facts, MeterFacts, QuoteFacts, Refusal
from gateway.ussd.menus.meters import back_to_own, home, meter_of
from gateway.ussd.menus.steps import (
    Answers,
    Move,
    Next,
    Screen,
    ScreenName,
    StartPurchase,
    Tries,
    ask,
    chosen,
    end,
    list_text,
    number,
    numbers,
)
from vending.kernel.money import digits_of

_NUMBER = r"([0-9]{1,9}|[0-9]{1,3}(?:[ ,.'][0-9]{3}){1,2})(?:[.,]0{1,2})?"
_SHILLINGS = "[ktu]?sh"


def typed_amount(typed: str, currency: str) -> int | None:
    """Minor units of an amount as people type it: `200`, `1,000`, `KES 200`, `200/=`; None for anything else.

    Whole units only, above zero, at most nine digits: `200.50` is not understood rather than rounded.
    """
    money = f"(?:{re.escape(currency)}|{_SHILLINGS})"
    match = re.fullmatch(rf"(?i){money}?[ .]*{_NUMBER} *(?:{money}|/[=-])?", typed.strip())
    return int(re.sub(r"[^0-9]", "", match[1])) * 10 ** digits_of(currency) or None if match else None


def _show_amounts(answers: Answers, facts: Facts) -> Next:
    meter = meter_of(answers, facts)
    if meter is None:
        return home()
    presets = facts.list_presets(meter.meter_id)
    values = {"drn": meter.drn, "label": meter.label, "rows": [{"amount_minor": preset} for preset in presets]}
    return ask(ScreenName.AMOUNTS, {**answers, "shown": list_text(presets)}, facts, values)


def _choose_amounts(answers: Answers, typed: str, _facts: Facts) -> Next | None:
    shown = numbers(answers, "shown")
    index = chosen(typed, len(shown) + 1)
    if index is None:
        return None
    if index == len(shown):
        return Move(ScreenName.TYPE_AMOUNT, _only_meter(answers))
    return Move(ScreenName.QUOTE, {**_only_meter(answers), "amount": shown[index]})


def _leave_amounts(answers: Answers, facts: Facts) -> Next:
    if "drn" in answers:
        return Move(ScreenName.CONFIRM_METER, _only_meter(answers), Tries.KEEP)
    return back_to_own("buy", facts)


def _show_type(answers: Answers, facts: Facts) -> Next:
    note = "" if answers.get("unclear") else answers.get("note")
    template = f"amount_{note}" if note in {Refusal.TOO_LITTLE, Refusal.TOO_MUCH} else ""
    values = {"asked_minor": number(answers, "amount"), "limit_minor": number(answers, "limit")}
    return ask(ScreenName.TYPE_AMOUNT, answers, facts, values, template)


def _choose_type(answers: Answers, typed: str, facts: Facts) -> Next | None:
    amount_minor = typed_amount(typed, facts.currency)
    return Move(ScreenName.QUOTE, {**_only_meter(answers), "amount": amount_minor}) if amount_minor else None


def _show_quote(answers: Answers, facts: Facts) -> Next:
    meter, amount_minor = meter_of(answers, facts), number(answers, "amount")
    if meter is None or amount_minor <= 0:
        return home()
    quote = facts.get_quote(meter.meter_id, amount_minor)
    if refusal := _refusal(meter, quote, answers, facts):
        return refusal
    values = {
        "drn": meter.drn,
        "label": meter.label,
        "amount_minor": amount_minor,
        "fee_minor": quote.fee_minor,
        "fee_months": quote.fee_months,
        "vat_minor": quote.vat_minor,
        "levies_minor": quote.levies_minor,
        "kept_minor": quote.kept_minor,
        "wallet_minor": quote.wallet_minor,
        "energy_kwh_tenths": quote.energy_kwh_tenths,
    }
    return ask(ScreenName.QUOTE, answers, facts, values)


def _choose_quote(answers: Answers, typed: str, facts: Facts) -> Next | None:
    if typed == "2":
        return Move(ScreenName.AMOUNTS, _only_meter(answers))
    if typed != "1":
        return None
    meter, amount_minor = meter_of(answers, facts), number(answers, "amount")
    if meter is None or amount_minor <= 0:
        return home()
    quote = facts.get_quote(meter.meter_id, amount_minor)
    if refusal := _refusal(meter, quote, answers, facts):
        return refusal
    values = {"drn": meter.drn, "amount_minor": amount_minor}
    return end("pay", facts, values, StartPurchase(meter.meter_id, amount_minor))


def _refusal(meter: MeterFacts, quote: QuoteFacts, answers: Answers, facts: Facts) -> Next | None:
    if not meter.can_buy or quote.refusal == Refusal.BLOCKED:
        return end("meter_blocked", facts, {"drn": meter.drn})
    if quote.refusal == Refusal.CANNOT_SELL:
        return end("cannot_sell", facts, {"drn": meter.drn})
    if quote.refusal == Refusal.NONE:
        return None
    scale = 10 ** digits_of(facts.currency)  # whole units are all that can be typed
    least_minor, most_minor = -(-quote.least_minor // scale) * scale, quote.most_minor // scale * scale
    if quote.refusal == Refusal.TOO_MUCH and most_minor < least_minor:
        return end("limit_used_up", facts, {"drn": meter.drn})
    limit_minor = least_minor if quote.refusal == Refusal.TOO_LITTLE else most_minor
    return Move(ScreenName.TYPE_AMOUNT, {**answers, "note": str(quote.refusal), "limit": limit_minor}, Tries.COUNT)


def _only_meter(answers: Answers) -> dict[str, str | int]:
    return {name: answers[name] for name in ("meter", "drn") if name in answers}


SCREENS = {
    ScreenName.AMOUNTS: Screen(_show_amounts, _choose_amounts, _leave_amounts),
    ScreenName.TYPE_AMOUNT: Screen(
        _show_type, _choose_type, lambda answers, _facts: Move(ScreenName.AMOUNTS, _only_meter(answers), Tries.KEEP)
    ),
    ScreenName.QUOTE: Screen(_show_quote, _choose_quote, lambda _answers, facts: end("stopped", facts)),
}
