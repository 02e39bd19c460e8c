import json
from dataclasses import replace

import pytest

from gateway.ussd.menus import QuoteFacts, ResendCodes, ScreenName, StartPurchase, Step, advance, start
from gateway.ussd.menus.buying import typed_amount
from gateway.ussd.menus.facts import Facts
from gateway.ussd.menus.machine import SCREENS
from gateway.ussd.texts import render
from tests.support.fake_ussd_facts import (
    AMINA,
    BEING_MADE,
    BLOCKED,
    NOT_PAID,
    OLDER,
    OLDEST,
    READY,
    SHOP,
    FakeFacts,
)

ONE = FakeFacts()
TWO = FakeFacts(own=(AMINA, SHOP))
NONE = FakeFacts(own=())
SEVEN = FakeFacts(own=tuple(replace(AMINA, meter_id=number, drn=f"3700000000{number}") for number in range(1, 8)))
WITH_CODES = FakeFacts(codes={1: (READY, OLDER, OLDEST)})


def hop(step: Step, typed: str, facts: Facts) -> Step:
    # Between two hops a step lives in a table as JSON.
    return advance(str(step.screen), json.loads(json.dumps(dict(step.answers))), typed, facts)


def play(inputs: str, facts: Facts = ONE) -> Step:
    step = start(facts)
    for typed in inputs.split("*") if inputs else []:
        step = hop(step, typed, facts)
    return step


def screen(inputs: str, facts: Facts = ONE) -> str:
    step = play(inputs, facts)
    return ("END " if step.is_end else "CON ") + render(step.template, step.values)


def test_every_screen_name_has_a_row() -> None:
    assert set(SCREENS) == set(ScreenName)


HOME = "CON Jua Power\n1 Buy power\n2 Buy for another meter\n3 My last codes\n4 My account\n5 Help"
AMOUNTS = "CON Meter 37000123457 Amina M\nHow much? (KES)\n1 50\n2 100\n3 200\n4 Other amount\n0 Back"
TYPE_METER = "CON Type the meter number (on the meter or on an old SMS)\n0 Back"
QUOTE = (
    "CON Pay KES 200, meter ..23457 Amina M\nMonthly fee 10\nVAT 20.48\nKept for next time 1.52\nYou get 6.4 units\n"
    "1 Pay\n2 Change amount\n0 Stop"
)
WHICH = "CON Which meter?\n1 ..23457 Amina M\n2 ..45676 Shop\n0 Back"
CODES = (
    "CON Last codes ..23457\n1 12Mar KES200 6.4u\n2 05Mar KES100 3.4u\n3 28Feb KES50 1.7u\n4 SMS me all three\n0 Back"
)
CANNOT_SELL_END = (
    "END We cannot sell for meter ..23457 now. Please try later or call 0800 123 456. You have not paid anything."
)
BLOCKED_END = "END Meter ..55559 cannot buy now. Please call 0800 123 456. You have not paid anything."
GIVEN_UP = (
    "END That was not understood three times. You have not paid anything."
    " Dial *384*96# to start again or call 0800 123 456"
)


def test_purchase_for_own_meter_reads_as_in_the_journey() -> None:
    assert screen("") == HOME
    assert screen("1") == AMOUNTS
    assert screen("1*4") == "CON Type the amount in KES\n0 Back"
    assert screen("1*4*200") == screen("1*3") == QUOTE
    assert screen("1*4*200*1") == (
        "END Now a payment request comes to this phone. Enter your M-PESA PIN.\nNo request? Pay Bill 400200\n"
        "Account 37000123457\nKES 200\nYour code comes by SMS."
    )
    assert play("1*4*200*1").effect == StartPurchase(meter_id=1, amount_minor=20000)
    assert play("1*3*1").effect == StartPurchase(meter_id=1, amount_minor=20000)


def test_quote_lines_that_are_zero_are_dropped() -> None:
    bare = FakeFacts(quote=QuoteFacts(energy_kwh_tenths=100))
    assert screen("1*3", bare) == (
        "CON Pay KES 200, meter ..23457 Amina M\nYou get 10.0 units\n1 Pay\n2 Change amount\n0 Stop"
    )
    assert "Kept money used 1.52\n" in screen("1*3", FakeFacts(quote=QuoteFacts(energy_kwh_tenths=1, wallet_minor=152)))


def test_quote_change_amount_and_stop_start_nothing() -> None:
    assert screen("1*3*2") == AMOUNTS
    stopped = play("1*3*0")
    assert (stopped.is_end, stopped.effect, stopped.template) == (True, None, "stopped")
    assert screen("1*3*0") == "END Stopped. You have not paid anything. To buy dial *384*96#"


def test_several_meters_come_before_the_amounts() -> None:
    assert screen("1", TWO) == WHICH
    assert screen("1*1", TWO) == AMOUNTS
    assert play("1*2*1*1", TWO).effect == StartPurchase(meter_id=3, amount_minor=5000)
    assert screen("1*2*0", TWO) == WHICH
    assert screen("1*0", TWO) == HOME
    assert screen("1*3", TWO) == WHICH.replace("meter?\n", "meter?\nNot on the list.\n")


def test_many_meters_come_in_pages_of_six_choices() -> None:
    first, second = screen("1", SEVEN), screen("1*9", SEVEN)
    assert first.count("\n") == 7
    assert first.endswith("5 ..00005 Amina M\n9 More\n0 Back")
    assert second == "CON Which meter?\n1 ..00006 Amina M\n2 ..00007 Amina M\n0 Back"
    assert play("1*9*2*1*1", SEVEN).effect == StartPurchase(meter_id=7, amount_minor=5000)
    assert screen("1*9*0", SEVEN) == first
    assert screen("1*9*0*0", SEVEN) == HOME
    assert "Not on the list." in screen("1*9*9", SEVEN)
    assert "9 More" not in screen("1", FakeFacts(own=SEVEN.own[:6]))


def test_no_meter_asks_for_its_number() -> None:
    assert screen("1", NONE) == TYPE_METER
    assert play("1*37000123457*1*3*1", NONE).effect == StartPurchase(meter_id=1, amount_minor=20000)


def test_another_meter_shows_a_masked_owner_first() -> None:
    assert screen("2") == TYPE_METER
    confirm = "CON Meter 37000109324\nOwner: J*** K.\nIs this right?\n1 Yes\n2 Type again\n0 Back"
    assert screen("2*37000109324") == screen("2*3700 0109-324") == confirm
    assert screen("2*37000109324*2") == screen("2*37000109324*0") == TYPE_METER
    assert screen("2*37000109324*1").startswith("CON Meter 37000109324 J*** K.\nHow much? (KES)\n")
    assert screen("2*37000109324*1*0") == confirm
    assert play("2*37000109324*1*4*200*1").effect == StartPurchase(meter_id=2, amount_minor=20000)
    assert screen("2*37000109324*x*x*x") == GIVEN_UP


def test_wrong_meter_numbers_read_as_in_the_journey() -> None:
    assert screen("2*3700012345") == (
        "CON You typed 10 numbers. A meter has 11 or 13.\n1 Type again\n2 Use my saved meter\n0 Back"
    )
    assert screen("2*3700012345*1") == TYPE_METER
    assert screen("2*3700012345*2") == AMOUNTS
    assert screen("2*3700012345*0") == HOME
    assert screen("2*37000123475") == (
        "CON 37000123475 is not a meter number. Two numbers may be swapped. Look at the meter or an old SMS.\n"
        "1 Type again\n0 Back"
    )
    assert screen("2*37000999997") == (
        "CON We do not know meter 37000999997 here. Is it a Jua Power meter?\n1 Type again\n2 Ask for help\n0 Back"
    )
    assert play("2*37000999997*2").template == "help"
    assert screen("2*abc") == f"CON Numbers only, please.\n{TYPE_METER[4:]}"


def test_saved_meter_is_offered_only_to_a_phone_that_has_one() -> None:
    assert "saved meter" not in screen("2*3700012345", NONE)
    assert play("2*3700012345*2", NONE).template == "meter_length"


def test_blocked_meter_ends_before_anything_is_paid() -> None:
    mixed = FakeFacts(own=(AMINA, BLOCKED))
    assert screen("2*37000555559") == screen("1*2", mixed) == screen("1", FakeFacts(own=(BLOCKED,))) == BLOCKED_END


def test_meter_blocked_between_quote_and_pay_starts_nothing() -> None:
    quoted = play("1*3")
    for facts in (FakeFacts(own=(replace(AMINA, can_buy=False),)), FakeFacts(quote=QuoteFacts(refusal="blocked"))):
        ended = hop(quoted, "1", facts)
        assert (ended.template, ended.is_end, ended.effect) == ("meter_blocked", True, None)


def test_meter_that_nobody_can_sell_to_ends_before_an_amount_is_asked_for() -> None:
    unsold = FakeFacts(quote=QuoteFacts(refusal="cannot_sell"))
    assert screen("1", unsold) == screen("2*37000123457*1", unsold) == CANNOT_SELL_END


def test_sales_stopped_between_quote_and_pay_start_nothing() -> None:
    ended = hop(play("1*3"), "1", FakeFacts(quote=QuoteFacts(refusal="cannot_sell")))
    assert (ended.template, ended.is_end, ended.effect) == ("cannot_sell", True, None)


def test_limit_changed_between_quote_and_pay_asks_again() -> None:
    asked = hop(play("1*3"), "1", FakeFacts(most_minor=10000))
    assert (asked.template, asked.effect) == ("amount_too_much", None)


@pytest.mark.parametrize("inputs", ["1", "1*4", "1*3", "2*37000109324", "2*37000109324*1", "3", "3*1"])
def test_meter_gone_during_the_session_leads_home(inputs: str) -> None:
    codes = FakeFacts(codes={1: (READY,)})
    gone = FakeFacts(own=(), fleet=(), codes={1: (READY,)})
    step = play(inputs, codes)
    answers = {"1": "1", "1*4": "200", "1*3": "1", "3": "1", "3*1": "0"}
    assert hop(step, answers.get(inputs, "1"), gone).screen == ScreenName.HOME


def test_meter_unlinked_from_a_list_leads_home() -> None:
    assert hop(play("1", TWO), "2", ONE).screen == ScreenName.HOME
    assert hop(play("1", SEVEN), "9", FakeFacts(own=())).screen == ScreenName.HOME


@pytest.mark.parametrize(
    ("typed", "minor"),
    [
        ("200", 20000),
        (" 200 ", 20000),
        ("1,000", 100000),
        ("1 000", 100000),
        ("1.000", 100000),
        ("12,345,678", 1234567800),
        ("KES 200", 20000),
        ("kes200", 20000),
        ("KES.200", 20000),
        ("Ksh 1,000", 100000),
        ("200 KES", 20000),
        ("200/=", 20000),
        ("200/-", 20000),
        ("200.00", 20000),
        ("0200", 20000),
        ("999999999", 99999999900),
    ],
)
def test_typed_amount_ways_of_writing_are_forgiven(typed: str, minor: int) -> None:
    assert typed_amount(typed, "KES") == minor


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "0",
        "000",
        "0.00",
        "-200",
        "200.50",
        "1,00,0",
        "2e3",
        "1234567890",
        "KES",
        "abc",
        "20O",
        "\u0662\u0660\u0660",
        "\uff12",
        "1 2",
    ],
)
def test_typed_amount_anything_else_is_not_understood(typed: str) -> None:
    assert typed_amount(typed, "KES") is None


def test_typed_amount_currency_without_digits_is_whole() -> None:
    assert typed_amount("UGX 5,000", "UGX") == 5000


def test_amount_out_of_range_is_told_and_asked_again() -> None:
    tail = "\nType the amount in KES\n0 Back"
    assert screen("1*4*5") == f"CON KES 5 is too little. The least is KES 14.{tail}"
    assert screen("1*4*5001") == f"CON KES 5001 is too much. The most is KES 5000.{tail}"
    assert screen("1*4*000") == screen("1*4*x") == screen("1*4*5*x") == f"CON Numbers only, like 200.{tail}"
    assert screen("1*4*5*200") == screen("1*4*x*200") == QUOTE
    assert screen("1*4*5*0") == AMOUNTS
    assert screen("1*4*5*6*7") == screen("1*4*x*5*0.5") == GIVEN_UP
    assert play("1*4*5*5*200*x").template == "quote"


def test_preset_out_of_range_asks_for_another_amount() -> None:
    assert play("1*1", FakeFacts(least_minor=6000)).template == "amount_too_little"


def test_last_codes_read_as_in_the_journey() -> None:
    assert screen("3", WITH_CODES) == CODES
    assert screen("3*1", WITH_CODES) == (
        "CON 12Mar 14:02 6.4 units\n1234 5678 9012 3456 7890\nType it on meter 37000123457, then Enter.\n"
        "1 Send by SMS\n0 Back"
    )
    assert screen("3*1*0", WITH_CODES) == CODES
    assert screen("3*1*1", WITH_CODES) == "END The code comes by SMS."
    assert play("3*1*1", WITH_CODES).effect == ResendCodes((11,))
    assert screen("3*4", WITH_CODES) == "END The codes come by SMS."
    assert play("3*4", WITH_CODES).effect == ResendCodes((11, 10, 9))
    assert screen("3*0", WITH_CODES) == HOME


def test_last_codes_unready_rows_say_so_and_send_nothing() -> None:
    facts = FakeFacts(codes={1: (NOT_PAID, BEING_MADE, READY)})
    assert screen("3", facts) == (
        "CON Last codes ..23457\n1 14Mar KES200 not paid\n2 13Mar KES200 being made\n3 12Mar KES200 6.4u\n0 Back"
    )
    assert screen("3*1", facts) == (
        "CON 14Mar KES200 not paid\nNo code was made for meter 37000123457. If you did pay, call 0800 123 456.\n0 Back"
    )
    assert screen("3*2", facts) == (
        "CON 13Mar KES200 being made\nYour code for meter 37000123457 comes by SMS. Do not pay again.\n0 Back"
    )
    for inputs in ("3*1*1", "3*2*1", "3*4"):
        step = play(inputs, facts)
        assert (step.is_end, step.effect, step.answers["wrong"]) == (False, None, 1)


def test_last_codes_two_ready_are_sent_together() -> None:
    facts = FakeFacts(codes={1: (BEING_MADE, READY, OLDER)})
    assert "\n4 SMS me both\n" in screen("3", facts)
    assert play("3*4", facts).effect == ResendCodes((11, 10))


def test_choice_means_what_was_shown_though_a_newer_code_came() -> None:
    shown = play("3", FakeFacts(codes={1: (READY, OLDER)}))
    newer = FakeFacts(codes={1: (replace(READY, vend_id=15), READY, OLDER)})
    assert hop(hop(shown, "1", newer), "1", newer).effect == ResendCodes((11,))
    assert hop(shown, "3", newer).effect == ResendCodes((11, 10))


def test_code_that_left_the_list_shows_the_list_again() -> None:
    shown = play("3", FakeFacts(codes={1: (READY, OLDER)}))
    assert hop(shown, "2", FakeFacts(codes={1: (READY,)})).template == "codes"
    unpaid = play("3", FakeFacts(codes={1: (NOT_PAID,)}))
    assert hop(unpaid, "1", FakeFacts(codes={1: (READY,)})).template == "codes"


def test_last_codes_of_several_meters_ask_which() -> None:
    facts = FakeFacts(own=(AMINA, SHOP), codes={3: (OLDER,)})
    assert screen("3", facts) == WHICH
    assert screen("3*2", facts) == "CON Last codes ..45676\n1 05Mar KES100 3.4u\n0 Back"
    assert screen("3*2*1", facts).startswith("CON 05Mar 3.4 units\n1111 2222 3333 4444 5555\n")
    assert screen("3*2*0", facts) == WHICH
    assert screen("3*1", facts) == "END No codes yet for meter ..23457. To buy power dial *384*96#"


def test_phone_without_meter_sees_no_codes_and_no_account() -> None:
    expected = (
        "END No meter is linked to this phone. To buy for any meter dial *384*96# and choose 2. Help: 0800 123 456"
    )
    assert screen("3", NONE) == screen("4", NONE) == expected


def test_stored_answers_hold_no_code_and_no_name() -> None:
    for inputs in ("3", "3*1", "1", "1*3"):
        stored = json.dumps(dict(play(inputs, WITH_CODES).answers))
        assert READY.digits not in stored
        assert "Amina" not in stored


def test_account_shows_kept_money() -> None:
    assert screen("4") == "CON Meter 37000123457\nKept money KES 1.52\n0 Back"
    assert screen("4", FakeFacts(kept=0)) == "CON Meter 37000123457\nKept money KES 0\n0 Back"
    assert screen("4", TWO) == "CON Kept money (KES)\n..23457 1.52\n..45676 1.52\n0 Back"
    assert screen("4*0") == HOME
    assert screen("4*9", SEVEN) == "CON Kept money (KES)\n..00006 1.52\n..00007 1.52\n0 Back"
    assert screen("4*9*0", SEVEN) == screen("4", SEVEN)


def test_help_ends_with_the_help_line() -> None:
    assert screen("5") == (
        "END Code lost? Dial *384*96# and choose 3.\nMeter refuses the code, or any other trouble? Call 0800 123 456"
    )


@pytest.mark.parametrize("inputs", ["1", "1*4", "1*3", "2", "2*37000109324", "2*3700012345", "3", "3*1", "4"])
def test_two_zeros_lead_home_from_everywhere(inputs: str) -> None:
    assert screen(f"{inputs}*00", WITH_CODES) == HOME


def test_meter_gone_before_another_amount_is_chosen_leads_home() -> None:
    assert hop(play("1*3"), "2", NONE).screen == ScreenName.HOME
    assert hop(play("2*37000109324"), "x", FakeFacts(fleet=())).screen == ScreenName.HOME


def test_stored_answers_of_an_older_release_lead_home() -> None:
    assert advance("meter_refused", {"why": "colour"}, "x", ONE).screen == ScreenName.HOME
    assert advance("quote", {"meter": 1}, "1", ONE).screen == ScreenName.HOME


def test_unknown_input_shows_the_screen_again_with_a_hint() -> None:
    assert screen("6") == HOME.replace("Power\n1", "Power\nNot on the list.\n1")
    assert screen("6*7*1") == AMOUNTS


@pytest.mark.parametrize("before", ["", "1", "1*4", "1*3", "2", "2*37000109324", "2*3700012345", "3", "3*1", "4"])
def test_three_wrong_inputs_in_a_row_end_the_session(before: str) -> None:
    step = play(before, WITH_CODES)
    counted = int(step.answers.get("wrong", 0))
    for _ in range(2 - counted):
        step = hop(step, "#", WITH_CODES)
        assert not step.is_end
    step = hop(step, "#", WITH_CODES)
    assert (step.is_end, step.template, step.effect) == (True, "too_many_tries", None)


def test_wrong_meter_numbers_count_although_type_again_was_chosen() -> None:
    assert screen("2*1*1*2*1*3") == GIVEN_UP
    assert not play("2*1*1*2*1*37000109324").is_end


def test_right_input_between_wrong_ones_starts_the_count_again() -> None:
    assert not play("x*x*1*x*x*3*x*x").is_end


@pytest.mark.parametrize("name", ["", "pay", "codes_sent", "gone_screen", "QUOTE"])
def test_screen_that_waits_for_nothing_starts_again(name: str) -> None:
    step = advance(name, {"meter": 1, "amount": 20000}, "1", ONE)
    assert (step.screen, step.effect) == (ScreenName.HOME, None)
