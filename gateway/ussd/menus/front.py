"""The first screen, the account, and help: what needs no path through other screens. Pure."""

from gateway.ussd.menus.facts import Facts
from gateway.ussd.menus.meters import choose_own, home, leave_page, next_page, page_of
from gateway.ussd.menus.steps import Answers, Move, Next, Screen, ScreenName, ask, end


def _show_home(answers: Answers, facts: Facts) -> Next:
    return ask(ScreenName.HOME, answers, facts, {})


def _choose_home(_answers: Answers, typed: str, facts: Facts) -> Next | None:
    match typed:
        case "1":
            return choose_own("buy", facts) or Move(ScreenName.TYPE_METER)
        case "2":
            return Move(ScreenName.TYPE_METER)
        case "3":
            return choose_own("codes", facts) or end("no_meter", facts)
        case "4":
            return Move(ScreenName.ACCOUNT)
        case "5":
            return end("help", facts)
    return None


def _show_account(answers: Answers, facts: Facts) -> Next:
    page, meters, has_more = page_of(answers, facts.list_meters())
    if not meters:
        return end("no_meter", facts)
    rows = [{"drn": meter.drn, "kept_minor": facts.kept_minor(meter.meter_id)} for meter in meters]
    return ask(ScreenName.ACCOUNT, {**answers, "page": page}, facts, {"rows": rows, "has_more": has_more})


def _choose_account(answers: Answers, typed: str, facts: Facts) -> Next | None:
    return next_page(ScreenName.ACCOUNT, answers, facts) if typed == "9" else None


SCREENS = {
    ScreenName.HOME: Screen(_show_home, _choose_home, lambda _answers, _facts: home()),
    ScreenName.ACCOUNT: Screen(
        _show_account, _choose_account, lambda answers, _facts: leave_page(ScreenName.ACCOUNT, answers)
    ),
}
