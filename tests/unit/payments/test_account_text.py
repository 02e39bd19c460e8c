"""What payers type as account, and the meter numbers that it may mean: exact, or nobody's."""

import pytest

from gateway.payments.account_text import list_drns
from gateway.payments.queries import reference_in
from vending.sts.check_digits import luhn_digit

DRN, LONG_DRN = "37000123457", "3601000000424"
# Zeros in front change no check digit, so the same number is right with 13 digits too. No such meter is made: a code of
# two digits stands in a DRN of eleven.
PADDED = f"00{DRN}"


@pytest.mark.parametrize(
    "text",
    [
        DRN,
        f" {DRN} ",
        "3700 0123 457",
        "370-0012-3457",
        "3700.0123.457",
        "3700/0123/457",
        "3700_0123_457",
        "#37000123457",
        "37000123457,",
        "acc: 37000123457",
        "amina 37000123457",
        "AMINA37000123457",
        "meter 3700 0123 457",
        "37000123457 amina",
        " 3700 0123 457",
        "3700O123457",
        "3700\u00a00123\u2009457",
        "\u3000" + DRN,
        f"+{DRN}",
        "Amina " * 14 + DRN,
        "37ooo123457",
        "\t37000123457\n",
    ],
)
def test_list_drns_as_people_type_it(text: str) -> None:
    assert list_drns(text) == [DRN, PADDED]


@pytest.mark.parametrize("text", [LONG_DRN, "36 0100 0000 424", "juma 3601000000424", "36o1oooooo424"])
def test_list_drns_thirteen_digits(text: str) -> None:
    assert list_drns(text) == [LONG_DRN]


@pytest.mark.parametrize("zeros", [1, 2, 3])
def test_list_drns_zeros_that_a_wallet_dropped_are_put_back(zeros: int) -> None:
    body = "0" * zeros + "7" * (10 - zeros)
    drn = body + luhn_digit(body)
    assert drn in list_drns(drn)
    assert drn in list_drns(drn.lstrip("0"))
    assert drn in list_drns(f"amina {drn.lstrip('0')}")


def test_list_drns_four_lost_zeros_are_too_many_to_guess() -> None:
    drn = "0000777777" + luhn_digit("0000777777")
    assert drn in list_drns(drn)
    assert drn not in list_drns(drn.lstrip("0"))


def test_list_drns_several_readings_are_all_told_likeliest_first() -> None:
    assert list_drns(f"{DRN} {DRN}") == [DRN, PADDED]
    assert list_drns(f"{DRN} or 37000999997") == [DRN, PADDED, "37000999997", "0037000999997"]
    assert list_drns(f"1234567812345678 {DRN}") == [DRN, PADDED]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "-",
        "O",
        "amina",
        "37000123475",
        "3700012345",
        "370001234570",
        "3601000000425",
        "\u0663\u0667\u0660\u0660\u0660\u0661\u0662\u0663\u0664\u0665\u0667",
        "\uff13\uff17\uff10\uff10\uff10\uff11\uff12\uff13\uff14\uff15\uff17",
        "3700\x000123457",
        "\u200f37000123457",
        "37000123457\u200e",
        "\u202e75432100073\u202c",
        "3700\u200b0123457",
        "3700\u00ad0123457",
        "37000123457\ufe0f",
        "\U0001d7d137000123457",
        "3700012345\u2077",
        "37000123457;DROP TABLE",
        "37000123457'--",
        "amina\u202e37000123457",
        "3,7E10",
        DRN + "x" * 90,
        f"{DRN} " + "x" * 10_240,
        f"{DRN} " * 900,
        "\u200f" * 10_240,
        "\ud800" + DRN,
        "0x37000123457f",
        "9" * 100_000,
        "x" * 100 + DRN,
        "Sample Transaction",
        "invoice008",
    ],
)
def test_list_drns_doubtful_text_is_nobodys_meter(text: str) -> None:
    assert list_drns(text) == []


@pytest.mark.parametrize(
    ("text", "reference"),
    [("TREFERENCE", "TREFERENCE"), (" treference\n", "TREFERENCE"), (DRN, DRN), ("", ""), ("x" * 50, "X" * 20)],
)
def test_reference_in_account_text(text: str, reference: str) -> None:
    assert reference_in(text) == reference


def test_list_drns_text_that_may_have_lost_its_end_is_nobodys() -> None:
    assert list_drns("amina " + DRN + " " * 83) == [DRN, PADDED]
    assert list_drns("amina " + DRN + " " * 84) == []
