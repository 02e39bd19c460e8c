"""The self-test of the standard's arithmetic notices what is wrong."""

import pytest

from vending.sts import known_answers
from vending.sts.credit import UnitCredit


def test_known_answers_are_right() -> None:
    assert known_answers.wrong_answers() == []


@pytest.mark.parametrize(
    ("constant", "wrong_value", "names"),
    [
        ("_RFC_2994_CIPHERED", 0, ["MISTY1"]),
        ("_PUBLISHED_VENDING_KEY", bytes(20), ["DKGA04"]),
        ("_PUBLISHED_DECODER_KEY", bytes(16), ["DKGA04", "credit token under EA11"]),
        ("_PUBLISHED_CREDIT", UnitCredit(subclass=0, tid=85_741, rnd=5, amount_field=1), ["credit token under EA11"]),
    ],
)
def test_known_answers_name_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, constant: str, wrong_value: object, names: list[str]
) -> None:
    monkeypatch.setattr(known_answers, constant, wrong_value)

    assert known_answers.wrong_answers() == names
