"""What cannot be an answer of a security module, whatever the module says of itself."""

import pytest

from tests.support.fake_security_module import FakeSecurityModule
from vending.security.answers import check_complete, wrong_field_of
from vending.security.ports import Made, SecurityModuleUnavailable

TID = 6_586_560
DIGITS = "58625789986991357486"
MODULE, OWN_TIDS = FakeSecurityModule({}), FakeSecurityModule({}, keeps_own_tids=True)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_batch_with_another_number_of_answers_is_no_answer(count: int) -> None:
    with pytest.raises(SecurityModuleUnavailable, match=rf"^module fake gave {count} answers to 2 requests$"):
        check_complete(MODULE, asked=2, answers=["?"] * count)


def test_batch_with_an_answer_to_each_is_complete() -> None:
    check_complete(MODULE, asked=2, answers=["?", None])


@pytest.mark.parametrize(
    "made",
    [
        Made((DIGITS,)),
        Made((DIGITS,), tid=TID),
        Made((DIGITS,), check_value="A1B2C3"),
        Made((DIGITS,), check_value="a1b2c3"),
    ],
)
def test_answer_as_asked_is_accepted(made: Made) -> None:
    assert wrong_field_of(made, MODULE, tid=TID, check_value="a1b2c3") == ""
    assert wrong_field_of(made, OWN_TIDS, tid=TID, check_value="A1B2C3") == ""


@pytest.mark.parametrize(
    ("made", "field"),
    [
        (Made(()), "digits"),
        (Made((DIGITS, DIGITS)), "digits"),
        (Made((DIGITS[1:],)), "digits"),
        (Made((DIGITS + "0",)), "digits"),
        (Made(("5862578998699135748o",)), "digits"),
        (Made(("",)), "digits"),
        (Made(("9" * 20,)), "digits"),
        (Made((DIGITS,), tid=TID + 1), "tid"),
        (Made((DIGITS,), check_value="A1B2C4"), "check_value"),
        (Made((DIGITS,), check_value="A1B2"), "check_value"),
    ],
)
def test_answer_that_is_wrong_before_it_is_decoded_is_named_by_its_field(made: Made, field: str) -> None:
    assert wrong_field_of(made, MODULE, tid=TID, check_value="A1B2C3") == field


@pytest.mark.parametrize(
    ("taken", "field"),
    [
        (TID + 1, ""),
        (TID + 600, ""),
        (TID - 24 * 60, ""),
        (TID - 24 * 60 - 1, "tid"),
        ((1 << 24) - 1, ""),
        (1 << 24, "tid"),
        (-1, "tid"),
    ],
)
def test_own_tid_may_be_any_but_a_stale_one(taken: int, field: str) -> None:
    assert wrong_field_of(Made((DIGITS,), tid=taken), OWN_TIDS, tid=TID, check_value="") == field
