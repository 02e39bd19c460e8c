import pytest

from gateway.sms.encoding import BASIC, septets
from gateway.sms.errors import TextIncomplete
from gateway.sms.texts import TEMPLATES
from gateway.ussd.texts import render

LABEL = "Amina Wanjiru M"
ROW = {
    "drn": "3700012345676",
    "label": LABEL,
    "amount_minor": 25000000,
    "energy_kwh_tenths": 99999,
    "made_on": "12Mar",
    "state": "being_made",
    "kept_minor": 9999999,
}
LONGEST = {
    **ROW,
    "brand": "Electricite Rurale 1",
    "ussd_code": "*384*12345#",
    "help_line": "+254 800 123 456",
    "paybill": "4002001",
    "currency": "KES",
    "unclear": True,
    "length": 40,
    "typed": "3700012345676",
    "has_meters": True,
    "has_more": True,
    "asked_minor": 99999999900,
    "limit_minor": 25000000,
    "fee_minor": 999999,
    "fee_months": 24,
    "vat_minor": 3999999,
    "levies_minor": 3999999,
    "wallet_minor": 9999999,
    "made_time": "14:02",
    "digits": "12345678901234567890",
    "ready": 3,
    "count": 3,
}
ROWS = {"which_meter": 5, "account": 5, "amounts": 3, "codes": 3}
TEMPLATE_NAMES = sorted(path.stem for path in (TEMPLATES / "ussd").glob("*.txt") if path.stem != "unclear")
# Every line at once with six-digit amounts; the aim is for screens, the limit for all.
OVER_AIM = {"quote"}


@pytest.mark.parametrize("name", TEMPLATE_NAMES)
def test_template_longest_values_fit_the_screen(name: str) -> None:
    values = LONGEST | {"rows": [ROW] * ROWS.get(name, 0)}
    text = render(name, values)
    assert set(text) <= BASIC
    assert septets(text) <= (182 if name in OVER_AIM else 160)
    assert all(line == line.strip() and line for line in text.split("\n"))


@pytest.mark.parametrize("name", TEMPLATE_NAMES)
def test_template_configured_names_of_any_length_keep_the_limit(name: str) -> None:
    long = dict.fromkeys(("brand", "ussd_code", "help_line", "paybill", "label"), "\u20acW" * 300)
    rows = [ROW | {"label": "W" * 300}] * ROWS.get(name, 0)
    assert septets(render(name, LONGEST | long | {"rows": rows})) <= 182


@pytest.mark.parametrize(
    "name", [name for name in TEMPLATE_NAMES if "{{" in (TEMPLATES / f"ussd/{name}.txt").read_text()]
)
def test_template_lacking_a_value_is_refused(name: str) -> None:
    with pytest.raises(TextIncomplete):
        render(name, {"rows": [{}]})


def test_render_too_long_loses_the_hint_then_the_name_then_fields() -> None:
    base = LONGEST | {"amount_minor": 20000, "fee_minor": 1000, "vat_minor": 2048, "kept_minor": 152}
    base |= {"wallet_minor": 0, "levies_minor": 0, "fee_months": 1}
    assert "Not on the list." in render("quote", base | {"label": "A"})
    text = render("quote", base | {"label": LABEL * 3})
    assert "Not on the list." not in text
    assert f"..45676 {(LABEL * 3)[:16].rstrip()}\n" in text
    everything = base | dict.fromkeys(("fee_minor", "vat_minor", "kept_minor", "wallet_minor"), 10**13)
    text = render("quote", everything)
    assert "Monthly fee 100000000000\nVAT 100000000000\n" in text
    assert "Kept" not in text
    assert "You get 9999.9 units\n1 Pay\n2 Change amount\n0 Stop" in text


def test_render_amounts_beyond_reason_are_cut_at_the_limit() -> None:
    rows = [ROW | {"amount_minor": 10**60}] * 3
    assert septets(render("amounts", LONGEST | {"rows": rows})) == 182


def test_render_extension_characters_become_basic_ones() -> None:
    assert render("home", LONGEST | {"brand": "[Jua] {P}~|\\^\u20ac", "unclear": False}).startswith(
        "(Jua) (P)-//'EUR\n1 Buy"
    )


def test_render_value_with_lines_stays_on_its_line() -> None:
    values = LONGEST | {"label": "A\n1 Free\r\npower", "unclear": False}
    assert render("confirm_meter", values).split("\n")[1] == "Owner: A 1 Free power"
