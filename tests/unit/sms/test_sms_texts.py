import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sms.encoding import is_gsm7, septets
from gateway.sms.errors import TextIncomplete, TextTooLong, TextUnsafe
from gateway.sms.texts import TEMPLATES, check_only_one_code, group_digits, readable, render_sms

DIGITS = "12345678901234567890"
CODE = "1234 5678 9012 3456 7890"
CONFIG = {"brand": "Jua Power", "ussd_code": "*384*96#", "help_line": "0800 123 456", "currency": "KES"}
SALE = {
    **CONFIG,
    "digits": DIGITS,
    "energy_kwh_tenths": 64,
    "drn": "37000123457",
    "amount_minor": 20000,
    "receipt": "RK7TQ2X1AB",
}
PARTS = {"debt_minor": 4000, "fee_minor": 1000, "vat_minor": 2048, "kept_minor": 152}
LONGEST = {
    "brand": "Electricite Rurale 1",
    "ussd_code": "*384*12345678#",
    "help_line": "+254 0800 1234 5678",
    "currency": "KES",
    "digits": DIGITS,
    "energy_kwh_tenths": 999999,
    "drn": "3700012345676",
    "amount_minor": 99999999,
    "debt_minor": 49999999,
    "fee_minor": 1999999,
    "vat_minor": 15999999,
    "levies_minor": 3999999,
    "tax_minor": 19999998,
    "kept_minor": 49999999,
    "limit_minor": 50000099,
    "is_day": True,
    "missing_minor": 99999999,
    "receipt": "d1f24f4f-a5a7-4e5c-9f0d-1e2f3a4b5c6d",
    "payer_tail": "789",
    "bought_on": "12 Mar 2027",
    "days": 90,
    "times": 5,
    "account": "Amina Mwangi 3700 0123 457",
    "owner": "Wangeci-Mwangi Nj K",
    "prices_of": "12 Mar",
    "answer_by": "14 Mar",
    "case_number": "H1234567",
}
TEMPLATE_NAMES = sorted(path.stem for path in (TEMPLATES / "sms").glob("*.txt") if path.stem != "parts")


def test_token_first_sale_reads_as_in_the_journey() -> None:
    parts = {"fee_minor": 1000, "vat_minor": 2048, "kept_minor": 152}
    assert render_sms("token", SALE | parts) == (
        f"{CODE}\n6.4 units for meter 37000123457\nKES200: fee 10, VAT 20.48, kept 1.52\nLost? *384*96# then 3\n"
        "Jua Power RK7TQ2X1AB"
    )


def test_token_with_loan_reads_as_in_the_journey() -> None:
    assert "\nKES200: loan 40, fee 10, VAT 20.48, kept 1.52\n" in render_sms("token", SALE | PARTS)


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        ({}, "KES200"),
        ({"fee_minor": 0, "vat_minor": 0, "kept_minor": 0}, "KES200"),
        ({"vat_minor": 2759, "kept_minor": 0}, "KES200: VAT 27.59"),
        ({"kept_minor": 152}, "KES200: kept 1.52"),
    ],
)
def test_token_parts_that_are_zero_are_not_named(parts: dict[str, int], line: str) -> None:
    assert render_sms("token", SALE | parts).split("\n")[2] == line


def test_token_for_owner_names_the_payer_by_three_digits() -> None:
    text = render_sms("token_for_owner", SALE | PARTS | {"kept_minor": 0, "payer_tail": "789"})
    assert "\nKES200 paid by ..789: loan 40, fee 10, VAT 20.48\n" in text
    assert render_sms("token_for_owner", SALE | {"payer_tail": ""}) == render_sms("token", SALE)


def test_token_for_payer_sends_him_to_the_help_line() -> None:
    assert render_sms("token_for_payer", SALE | PARTS).split("\n")[3] == "Lost? Call 0800 123 456"


def test_token_resend_reads_as_in_the_journey() -> None:
    values = {"digits": DIGITS, "energy_kwh_tenths": 64, "drn": "37000123457", "ussd_code": "*384*96#"}
    assert render_sms("token_resend", {**values, "bought_on": "12 Mar"}) == (
        f"{CODE}\n6.4 units, meter 37000123457, bought 12 Mar. If the meter says USED it is already loaded.\n"
        "More: *384*96# 3"
    )


def test_money_kept_reads_as_in_the_journey() -> None:
    values = {**CONFIG, "amount_minor": 2000, "receipt": "RK7TQ2X1AB", "drn": "37000123457"}
    kept = "Jua Power: KES20 (RK7TQ2X1AB) kept for meter 37000123457."
    assert render_sms("money_kept", {**values, "missing_minor": 1400, "fee_minor": 1000, "energy_kwh_tenths": 10}) == (
        f"{kept} KES14 more is needed: monthly fee 10 and 1 unit. Pay 14 and the code comes."
    )
    assert render_sms("money_kept", {**values, "missing_minor": 1400, "fee_minor": 0, "energy_kwh_tenths": 1}) == (
        f"{kept} KES14 more is needed: 0.1 units. Pay 14 and the code comes."
    )
    assert render_sms("money_kept", {**values, "missing_minor": 0}) == kept


def test_answers_to_keywords_read_as_in_the_journey() -> None:
    assert render_sms("no_code_found", {**CONFIG, "days": 90}) == (
        "Jua Power: no code for this phone in 90 days. Send CODE and your meter number, like CODE 37000123457,"
        " or dial *384*96#"
    )
    assert render_sms("too_many_requests", {**CONFIG, "times": 5}) == (
        "Jua Power: you asked 5 times today. Dial *384*96# and choose 3 to see your codes free, or call 0800 123 456"
    )
    assert render_sms("help_words", CONFIG) == (
        "Jua Power: send CODE to get your last code again. To buy power dial *384*96#. Help: 0800 123 456"
    )


def test_unknown_account_promises_no_keyword() -> None:
    values = {**CONFIG, "amount_minor": 20000, "receipt": "RK7TQ2X1AB", "account": "3700012345"}
    assert render_sms("unknown_account", values) == (
        "Jua Power: KES200 (RK7TQ2X1AB) came for account 3700012345: no such meter. Your money is safe."
        " Call 0800 123 456 and tell us your meter number."
    )


def test_token_limited_reads_as_in_the_journey() -> None:
    limited = SALE | {"energy_kwh_tenths": 2150, "amount_minor": 900_000, "limit_minor": 500_000, "kept_minor": 400_000}
    assert render_sms("token_limited", limited | {"is_day": True}) == (
        f"{CODE}\n215.0 units for meter 37000123457\n"
        "You paid KES9,000, limit today 5,000. KES4,000 is kept. Want it back? *384*96# 5\nJua Power RK7TQ2X1AB"
    )
    assert render_sms("token_limited", limited | {"is_day": False, "payer_tail": "789"}).split("\n")[2] == (
        "..789 paid KES9,000, limit 5,000. KES4,000 is kept."
    )


@pytest.mark.parametrize(
    ("taxes", "line"),
    [
        ({"vat_minor": 2048, "levies_minor": 640, "tax_minor": 2688}, "KES200: VAT 20.48, levies 6.40"),
        ({"vat_minor": 0, "levies_minor": 640, "tax_minor": 640}, "KES200: levies 6.40"),
        ({"vat_minor": 2048, "levies_minor": 0, "tax_minor": 2048}, "KES200: VAT 20.48"),
    ],
)
def test_token_levies_stand_beside_vat(taxes: dict[str, int], line: str) -> None:
    assert render_sms("token", SALE | taxes).split("\n")[2] == line


def test_token_too_long_for_levies_shows_one_tax_before_it_drops_it() -> None:
    sale = SALE | {"vat_minor": 2048, "levies_minor": 640, "tax_minor": 2688, "fee_minor": 1000}
    seen = []
    for length in range(10, 90):
        line = render_sms("token", sale | {"receipt": "R" * length}).split("\n")[2]
        if line not in seen:
            seen.append(line)
    assert seen == [
        "KES200: fee 10, VAT 20.48, levies 6.40",
        "KES200: fee 10, tax 26.88",
        "KES200: fee 10",
        "KES200",
    ]


LATE = {**CONFIG, "amount_minor": 20000, "receipt": "RK7TQ2X1AB", "drn": "37000123457"}


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        (
            "not_confirmed",
            {},
            "Jua Power: payment for meter 37000123457 is not confirmed yet. If M-PESA took KES200 your code will come."
            " Do not pay again. Check: *384*96# 3",
        ),
        (
            "code_late",
            {},
            "Jua Power: we got KES200 (RK7TQ2X1AB) for meter 37000123457. Your code is being made and will come here."
            " Do not pay again. Check: *384*96# 3",
        ),
        (
            "payment_on_hold",
            {},
            "Jua Power: your KES200 (RK7TQ2X1AB) for meter 37000123457 is being checked. Do not pay again."
            " Your code comes when we are done. Questions: 0800 123 456",
        ),
        (
            "payment_on_hold",
            {"drn": ""},
            "Jua Power: your KES200 (RK7TQ2X1AB) is being checked. Do not pay again."
            " Your code comes when we are done. Questions: 0800 123 456",
        ),
        (
            "price_changed",
            {"energy_kwh_tenths": 64, "prices_of": "20 Nov"},
            "Jua Power: prices changed after you asked. KES200 (RK7TQ2X1AB) bought 6.4 units for meter 37000123457"
            " at the prices of 20 Nov.",
        ),
        (
            "claim_ask",
            {"owner": "Amina M"},
            "KES200 (RK7TQ2X1AB) goes to meter 37000123457 Amina M. Reply YES to make the code, NO to stop."
            " If you do nothing in 24h we call you.",
        ),
        (
            "claim_ask",
            {"owner": ""},
            "KES200 (RK7TQ2X1AB) goes to meter 37000123457. Reply YES to make the code, NO to stop."
            " If you do nothing in 24h we call you.",
        ),
        (
            "wrong_meter_case",
            {"drn": "37000109324", "answer_by": "14 Mar", "case_number": "H1043"},
            "Jua Power: your KES200 went to meter ..09324 and its code was already sent. A code cannot be cancelled."
            " We ask the owner and answer you by 14 Mar. Case H1043",
        ),
        (
            "wrong_meter_held",
            {"drn": "37000109324", "answer_by": "14 Mar", "case_number": "H1043"},
            "Jua Power: you say your KES200 for meter ..09324 was for another meter."
            " We look at it and answer you by 14 Mar. Case H1043",
        ),
        (
            "refund_coming",
            {"amount_minor": 400_000, "case_number": "H1043"},
            "Jua Power: KES4000 is going back to the M-PESA that paid RK7TQ2X1AB. It can take 3 days. Case H1043",
        ),
        (
            "refund_coming",
            {},
            "Jua Power: KES200 is going back to the M-PESA that paid RK7TQ2X1AB. It can take 3 days.",
        ),
        (
            "reversed_after_token",
            {"debt_minor": 15000},
            "Jua Power: M-PESA took back KES200 (RK7TQ2X1AB) after its code was sent. Meter 37000123457 now owes"
            " KES150. Questions: 0800 123 456",
        ),
        (
            "money_kept_limit",
            {"limit_minor": 500_000},
            "Jua Power: KES200 (RK7TQ2X1AB) kept for meter 37000123457: today's limit of 5000 is used up."
            " Pay again tomorrow to use it. Want it back? *384*96# 5",
        ),
    ],
)
def test_notice_reads_as_in_the_journey(name: str, values: dict[str, object], text: str) -> None:
    assert render_sms(name, LATE | values) == text


@pytest.mark.parametrize("name", ["wrong_meter_case", "wrong_meter_held"])
def test_wrong_meter_notice_always_names_meter_and_case(name: str) -> None:
    text = render_sms(name, {key: LONGEST[key] for key in LONGEST if key != "digits"})
    assert "meter ..45676 " in text
    assert text.endswith("Case H1234567")


@pytest.mark.parametrize("name", TEMPLATE_NAMES)
def test_template_longest_values_fit_one_segment_and_keep_what_counts(name: str) -> None:
    values = LONGEST if name.startswith("token") else {key: LONGEST[key] for key in LONGEST if key != "digits"}
    text = render_sms(name, values)
    assert septets(text) <= 160
    check_only_one_code(text)
    source = (TEMPLATES / "sms" / f"{name}.txt").read_text().split("\n", 1)[1]
    shown = readable(LONGEST)
    for kept in ("code", "meter", "amount", "receipt"):
        if f"{{{{ {kept} }}}}" in source:
            assert str(shown[kept]) in text


@pytest.mark.parametrize("name", TEMPLATE_NAMES)
def test_template_lacking_a_value_is_refused(name: str) -> None:
    with pytest.raises(TextIncomplete):
        render_sms(name, {"digits": DIGITS})


def test_fields_too_long_go_in_the_order_of_the_journey() -> None:
    # An ever longer reference needs ever more room.
    long = SALE | {"debt_minor": 40000000, "fee_minor": 10000000, "vat_minor": 20482048, "kept_minor": 0}
    seen = []
    for length in range(10, 90):
        text = render_sms("token", long | {"receipt": "R" * length})
        kept = tuple(word for word in ("Lost?", "VAT", "fee", "loan") if word in text)
        if kept not in seen:
            seen.append(kept)
    assert seen == [("Lost?", "VAT", "fee", "loan"), ("VAT", "fee", "loan"), ("fee", "loan"), ("loan",), ()]


def test_reference_that_cannot_fit_is_refused() -> None:
    with pytest.raises(TextTooLong):
        render_sms("token", SALE | {"receipt": "R" * 140})


@pytest.mark.parametrize("digits", ["", "1234", DIGITS + "1", CODE, "1234567890123456789x", "\u0661" * 20])
def test_token_that_is_not_twenty_digits_is_refused(digits: str) -> None:
    with pytest.raises(TextUnsafe) as caught:
        render_sms("token", SALE | {"digits": digits})
    assert caught.value.code == "text_unsafe"
    assert not digits or digits not in str(caught.value)


def test_group_digits_twenty_digits_are_five_groups() -> None:
    assert group_digits(DIGITS) == CODE
    assert group_digits("") == ""


@pytest.mark.parametrize(
    "text",
    [
        f"{CODE}\n6.4 units for 1111 2222 3333 4444 5555",
        f"{CODE}\n{CODE}",
        f"Jua Power: {CODE}",
        f"{CODE} \n6.4 units",
        f" {CODE}\n6.4 units",
        f"{CODE} 1111\n6.4 units",
        "call 0800 1234",
        "meter 37000123457 200000 units",
        "KES 1234  5678",
        "KES 1234\t5678",
        "KES 1234\u00a05678",
        "KES \u0661\u0661\u0661\u0661 5678",
    ],
)
def test_check_only_one_code_anything_like_a_second_code_is_refused(text: str) -> None:
    with pytest.raises(TextUnsafe):
        check_only_one_code(text)


@pytest.mark.parametrize(
    "text", ["", CODE, f"{CODE}\n6.4 units for meter 37000123457", "call 0800 123 456", "1234-5678"]
)
def test_check_only_one_code_plain_text_passes(text: str) -> None:
    check_only_one_code(text)


HOSTILE = [
    CODE,
    f"\n{CODE}\n",
    "1234\u00a05678\u202f9012\u20093456 7890",
    "\uff11\uff12\uff13\uff14 \uff15\uff16\uff17\uff18 9012 3456 7890",
    "1234\u00a8 5678",
    "{{ code }} {% now 'Y' %}",
    "<b>&amp;</b>",
    "\x00\x1b\r\n",
    "9" * 10_000,
]


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("name", ["token", "unknown_account", "no_code_found", "claim_ask"])
def test_render_sms_hostile_names_leave_one_code_and_no_error(name: str, hostile: str) -> None:
    values = LONGEST if name == "token" else {key: LONGEST[key] for key in LONGEST if key != "digits"}
    text = render_sms(name, values | {"brand": hostile, "account": hostile, "owner": hostile[:60], "days": 90})
    assert septets(text) <= 160
    check_only_one_code(text)
    assert text.count(CODE) == (1 if name == "token" else 0)
    assert len(re.findall(r"\d{4}(?: \d{4})+", text)) == (1 if name == "token" else 0)


@given(st.text(max_size=60), st.text(max_size=60))
def test_render_sms_any_account_and_brand_is_one_safe_segment(brand: str, account: str) -> None:
    values = {key: LONGEST[key] for key in LONGEST if key != "digits"}
    text = render_sms("unknown_account", values | {"brand": brand, "account": account})
    assert is_gsm7(text)
    assert septets(text) <= 160
    check_only_one_code(text)


def test_render_sms_markup_in_a_value_is_text() -> None:
    values = {**CONFIG, "amount_minor": 100, "receipt": "R1", "account": "{{ brand }}<&"}
    assert "account {{ brand }}<&: no" in render_sms("unknown_account", values)


def test_render_sms_currency_without_digits_shows_whole_amounts() -> None:
    text = render_sms("token", SALE | {"currency": "UGX", "amount_minor": 5000, "vat_minor": 690})
    assert text.split("\n")[2] == "UGX5000: VAT 690"
