"""The last codes of an own meter, one of them in full, and sending them again. Pure.

Only linked meters get here, and `Facts.list_codes` answers for no other. Between hops a code is remembered by its vend,
never by its digits, so that no token is stored in a session row's answers.
"""

from collections.abc import Mapping

from gateway.ussd.menus.facts import CodeFacts, CodeState, Facts
from gateway.ussd.menus.meters import back_to_own, home, meter_of
from gateway.ussd.menus.steps import (
    Answers,
    Move,
    Next,
    ResendCodes,
    Screen,
    ScreenName,
    Tries,
    ask,
    chosen,
    end,
    list_text,
    number,
    numbers,
)

_TEMPLATES: Mapping[str, str] = {CodeState.READY: "code", CodeState.NOT_PAID: "code_not_paid"}


def _show_codes(answers: Answers, facts: Facts) -> Next:
    meter = meter_of(answers, facts)
    if meter is None:
        return home()
    codes = facts.list_codes(meter.meter_id)
    if not codes:
        return end("no_codes", facts, {"drn": meter.drn})
    shown = tuple(code.vend_id for code in codes)
    values = {"drn": meter.drn, "rows": [_row(code) for code in codes], "ready": len(_ready(codes, shown))}
    return ask(ScreenName.CODES, {"meter": meter.meter_id, "shown": list_text(shown)}, facts, values)


def _row(code: CodeFacts) -> dict[str, object]:
    return {
        "made_on": code.made_on,
        "amount_minor": code.amount_minor,
        "energy_kwh_tenths": code.energy_kwh_tenths,
        "state": str(code.state),
    }


def _ready(codes: tuple[CodeFacts, ...], shown: tuple[int, ...]) -> tuple[int, ...]:
    """The vends among those shown whose code can be sent."""
    return tuple(code.vend_id for code in codes if code.state == CodeState.READY and code.vend_id in shown)


def _choose_codes(answers: Answers, typed: str, facts: Facts) -> Next | None:
    shown = numbers(answers, "shown")
    index = chosen(typed, len(shown) + 1)
    if index is None:
        return None
    if index < len(shown):
        return Move(ScreenName.CODE, {"meter": number(answers, "meter"), "row": index, "vend": shown[index]})
    meter = meter_of(answers, facts)
    ready = _ready(facts.list_codes(meter.meter_id), shown) if meter else ()
    return end("codes_sent", facts, {"count": len(ready)}, ResendCodes(ready)) if len(ready) > 1 else None


def _find_code(answers: Answers, facts: Facts) -> CodeFacts | None:
    """By its vend; a purchase without one (not paid, or not yet made) by its place in the list."""
    meter = meter_of(answers, facts)
    codes = facts.list_codes(meter.meter_id) if meter else ()
    if vend_id := number(answers, "vend"):
        return next((code for code in codes if code.vend_id == vend_id), None)
    row = number(answers, "row")
    return codes[row] if 0 <= row < len(codes) and codes[row].vend_id == 0 else None


def _show_code(answers: Answers, facts: Facts) -> Next:
    meter, code = meter_of(answers, facts), _find_code(answers, facts)
    if meter is None:
        return home()
    if code is None:
        return _to_codes(answers, facts)
    template = _TEMPLATES.get(code.state, "code_being_made")
    values = {**_row(code), "drn": meter.drn, "made_time": code.made_time}
    if template == "code":
        values["digits"] = code.digits
    return ask(ScreenName.CODE, answers, facts, values, template)


def _choose_code(answers: Answers, typed: str, facts: Facts) -> Next | None:
    code = _find_code(answers, facts)
    if typed != "1" or code is None or code.state != CodeState.READY:
        return None
    return end("codes_sent", facts, {"count": 1}, ResendCodes((code.vend_id,)))


def _to_codes(answers: Answers, _facts: Facts) -> Next:
    return Move(ScreenName.CODES, {"meter": number(answers, "meter")}, Tries.KEEP)


SCREENS = {
    ScreenName.CODES: Screen(_show_codes, _choose_codes, lambda _answers, facts: back_to_own("codes", facts)),
    ScreenName.CODE: Screen(_show_code, _choose_code, _to_codes),
}
