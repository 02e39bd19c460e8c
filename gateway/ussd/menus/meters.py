"""Which meter: the phone's own, page by page, or one whose number is typed. Pure.

A typed meter is remembered by its DRN (`drn` in the answers), an own one by its id alone: an own meter that is
unlinked during the session is gone at the next hop.
"""

import re

from gateway.ussd.menus.facts import Facts, MeterFacts
from gateway.ussd.menus.steps import (
    Answers,
    Move,
    Next,
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

CHOICES_A_SCREEN = 6
_LENGTHS = (11, 13)


def meter_of(answers: Answers, facts: Facts) -> MeterFacts | None:
    """The meter that the session is about, asked again at every hop."""
    meter_id = number(answers, "meter")
    if drn := answers.get("drn"):
        found = facts.find_meter(str(drn))
        return found if found and found.meter_id == meter_id else None
    return next((meter for meter in facts.list_meters() if meter.meter_id == meter_id), None)


def choose_own(task: str, facts: Facts) -> Next | None:
    """On with `task` ("buy" or "codes") for the only linked meter, or ask which; None when the phone has none."""
    meters = facts.list_meters()
    if len(meters) > 1:
        return Move(ScreenName.WHICH_METER, {"task": task})
    return _go_on(task, meters[0], facts) if meters else None


def back_to_own(task: str, facts: Facts) -> Next:
    """Where 0 leads from the first screen of a task."""
    several = len(facts.list_meters()) > 1
    return Move(ScreenName.WHICH_METER, {"task": task}, Tries.KEEP) if several else home()


def home() -> Move:
    return Move(ScreenName.HOME, tries=Tries.KEEP)


def buy_for(meter: MeterFacts, answers: Answers, facts: Facts) -> Next:
    """On to the amounts, unless the meter cannot buy, or nobody can sell to it now."""
    if not meter.can_buy:
        return end("meter_blocked", facts, {"drn": meter.drn})
    if not facts.can_sell(meter.meter_id):
        return end("cannot_sell", facts, {"drn": meter.drn})
    return Move(ScreenName.AMOUNTS, answers)


def page_of(answers: Answers, meters: tuple[MeterFacts, ...]) -> tuple[int, tuple[MeterFacts, ...], bool]:
    """Page number, the meters on it, and whether more follow. `9 More` is one of the six choices of a screen."""
    if len(meters) <= CHOICES_A_SCREEN:
        return 0, meters, False
    size = CHOICES_A_SCREEN - 1
    page = number(answers, "page") if 0 <= number(answers, "page") * size < len(meters) else 0
    return page, meters[page * size : (page + 1) * size], (page + 1) * size < len(meters)


def next_page(screen: ScreenName, answers: Answers, facts: Facts) -> Move | None:
    page, _, has_more = page_of(answers, facts.list_meters())
    return Move(screen, {**answers, "page": page + 1}) if has_more else None


def leave_page(screen: ScreenName, answers: Answers) -> Move:
    """To the page before, or home from the first."""
    page = number(answers, "page")
    return Move(screen, {**answers, "page": page - 1}, Tries.KEEP) if page > 0 else home()


def _go_on(task: str, meter: MeterFacts, facts: Facts) -> Next:
    answers: Answers = {"meter": meter.meter_id}
    return Move(ScreenName.CODES, answers) if task == "codes" else buy_for(meter, answers, facts)


def _show_which(answers: Answers, facts: Facts) -> Next:
    page, meters, has_more = page_of(answers, facts.list_meters())
    if not meters:
        return home()
    answers = {**answers, "page": page, "shown": list_text(tuple(meter.meter_id for meter in meters))}
    rows = [{"drn": meter.drn, "label": meter.label} for meter in meters]
    return ask(ScreenName.WHICH_METER, answers, facts, {"rows": rows, "has_more": has_more})


def _choose_which(answers: Answers, typed: str, facts: Facts) -> Next | None:
    shown = numbers(answers, "shown")
    if typed == "9":
        return next_page(ScreenName.WHICH_METER, answers, facts)
    index = chosen(typed, len(shown))
    if index is None:
        return None
    meter = meter_of({"meter": shown[index]}, facts)
    return _go_on(str(answers.get("task")), meter, facts) if meter else home()


def _show_type(answers: Answers, facts: Facts) -> Next:
    return ask(ScreenName.TYPE_METER, answers, facts, {})


def _choose_type(answers: Answers, typed: str, facts: Facts) -> Next | None:
    digits = re.sub(r"[ .-]", "", typed)
    if not re.fullmatch(r"[0-9]+", digits):
        return None
    if not facts.is_meter_number(digits):
        return _refuse(answers, "check" if len(digits) in _LENGTHS else "length", digits)
    meter = facts.find_meter(digits)
    if meter is None:
        return _refuse(answers, "unknown", digits)
    if not meter.can_buy:
        return buy_for(meter, {}, facts)
    return Move(ScreenName.CONFIRM_METER, {"meter": meter.meter_id, "drn": meter.drn})


def _refuse(answers: Answers, why: str, digits: str) -> Move:
    return Move(ScreenName.METER_REFUSED, {**answers, "why": why, "typed": digits}, Tries.COUNT)


def _show_refused(answers: Answers, facts: Facts) -> Next:
    typed, why = str(answers.get("typed", "")), str(answers.get("why"))
    if why not in {"length", "check", "unknown"}:
        return home()
    values = {"typed": typed, "length": len(typed), "has_meters": bool(facts.list_meters())}
    return ask(ScreenName.METER_REFUSED, answers, facts, values, template=f"meter_{why}")


def _choose_refused(answers: Answers, typed: str, facts: Facts) -> Next | None:
    why = answers.get("why")
    if typed == "1":
        return Move(ScreenName.TYPE_METER, tries=Tries.KEEP)
    if typed == "2" and why == "length":
        return choose_own("buy", facts)
    if typed == "2" and why == "unknown":
        return end("help", facts)
    return None


def _show_confirm(answers: Answers, facts: Facts) -> Next:
    meter = meter_of(answers, facts)
    if meter is None:
        return home()
    return ask(ScreenName.CONFIRM_METER, answers, facts, {"drn": meter.drn, "label": meter.label})


def _choose_confirm(answers: Answers, typed: str, facts: Facts) -> Next | None:
    if typed == "2":
        return Move(ScreenName.TYPE_METER)
    if typed != "1":
        return None
    meter = meter_of(answers, facts)
    return buy_for(meter, answers, facts) if meter else home()


SCREENS = {
    ScreenName.WHICH_METER: Screen(
        _show_which, _choose_which, lambda answers, _facts: leave_page(ScreenName.WHICH_METER, answers)
    ),
    ScreenName.TYPE_METER: Screen(_show_type, _choose_type, lambda _answers, _facts: home()),
    ScreenName.METER_REFUSED: Screen(_show_refused, _choose_refused, lambda _answers, _facts: home()),
    ScreenName.CONFIRM_METER: Screen(
        _show_confirm, _choose_confirm, lambda _answers, _facts: Move(ScreenName.TYPE_METER, tries=Tries.KEEP)
    ),
}
