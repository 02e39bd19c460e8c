"""What a menu says of an amount that is outside of the tariff's limits, or of the day's."""

import pytest

from tests.support.fake_ussd_facts import FakeFacts
from tests.unit.ussd.test_menus import hop, play, screen


def test_limits_are_told_in_what_can_be_typed() -> None:
    odd = FakeFacts(least_minor=1232, most_minor=1_999)
    assert "The least is KES 13." in screen("1*4*12", odd)
    assert "The most is KES 19." in screen("1*4*20", odd)


@pytest.mark.parametrize(("least_minor", "most_minor"), [(1, 0), (1400, 0), (1232, 1299)])
def test_limit_that_nothing_can_be_typed_for_ends_the_session(least_minor: int, most_minor: int) -> None:
    used_up = FakeFacts(least_minor=least_minor, most_minor=most_minor)
    assert screen("1*4*200", used_up) == (
        "END Meter ..23457 has bought all that it may buy today. Please try again tomorrow. You have not paid anything."
    )
    ended = hop(play("1*3"), "1", used_up)
    assert (ended.template, ended.effect) == ("limit_used_up", None)
