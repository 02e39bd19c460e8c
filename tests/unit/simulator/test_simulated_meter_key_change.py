"""Key-change sets at the virtual meter: in any order, whole or not at all, and what another set's section does."""

from itertools import permutations

import pytest

from gateway.simulator.meter import MeterFacts, VirtualMeter, Word
from gateway.simulator.meter.decoder_key import derive_decoder_key
from tests.support.meter_tokens import COMPLIANCE_KEYS, TID, build, display, key_set, papers, section, units

SET_SIZES = [(7, False, 2), (7, True, 3), (11, False, 4)]
LONG_KEY = bytes(range(16))


def newer(ea: int, **changes: int | str) -> MeterFacts:
    return papers(**{"ea": ea, "sgc": "203557", "krn": 6, "ti": 2, "ken": 170, "base": 35, **changes})


def decoder_key_of(facts: MeterFacts) -> bytes:
    return derive_decoder_key(COMPLIANCE_KEYS[facts.dkga], facts)


def change_set(meter: VirtualMeter, to: MeterFacts, *, rollover: bool = False, of_three: bool = False) -> list[str]:
    return key_set(meter, to, decoder_key_of(to), rollover=rollover, of_three=of_three)


def enter(meter: VirtualMeter, *tokens: str) -> list[str]:
    return [meter.type_digits(digits).word for digits in tokens]


@pytest.mark.parametrize(("ea", "of_three", "size"), SET_SIZES)
def test_set_in_any_order_changes_key_and_attributes_with_its_last_section(ea: int, of_three: bool, size: int) -> None:
    to = newer(ea)
    for places in permutations(range(size)):
        meter = build(papers(ea=ea))
        tokens = change_set(meter, to, of_three=of_three)
        before = meter.held

        assert enter(meter, *(tokens[place] for place in places[:-1])) == ["ACCEPT"] * (size - 1)
        assert meter.held == before
        assert enter(meter, tokens[places[-1]]) == ["ACCEPT"]
        assert meter.held.decoder_key == decoder_key_of(to)
        assert (meter.held.krn, meter.held.kt, meter.held.ti, meter.held.ken) == (6, 2, 2, 170)
        assert meter.held.sgc == ("201457" if size == 2 else "203557"), "a set of two carries no SGC"


@pytest.mark.parametrize(("ea", "of_three", "size"), SET_SIZES)
def test_set_done_old_tokens_are_rejected_and_new_ones_accepted(ea: int, of_three: bool, size: int) -> None:
    meter = build(papers(ea=ea))
    tokens, old_credit = change_set(meter, newer(ea), of_three=of_three), units(meter)
    enter(meter, *tokens)

    assert len(tokens) == size
    assert enter(meter, old_credit, *tokens) == ["REJECT"] * (size + 1)
    assert enter(meter, units(build(newer(ea)))) == ["ACCEPT"]


@pytest.mark.parametrize(("ea", "of_three", "size"), SET_SIZES)
def test_part_of_a_set_leaves_the_old_key(ea: int, of_three: bool, size: int) -> None:
    for missing in range(size):
        meter = build(papers(ea=ea))
        tokens = change_set(meter, newer(ea), of_three=of_three)

        others = tokens[:missing] + tokens[missing + 1 :]
        assert enter(meter, *others) == ["ACCEPT"] * (size - 1)
        assert enter(meter, units(meter)) == ["ACCEPT"]
        assert meter.held.krn == 1
        assert enter(meter, tokens[missing]) == ["ACCEPT"]
        assert meter.held.krn == 6, "credit in between does not disturb the set"


@pytest.mark.parametrize(("ea", "of_three", "size"), SET_SIZES)
def test_section_entered_twice_is_harmless(ea: int, of_three: bool, size: int) -> None:
    meter = build(papers(ea=ea))
    tokens = change_set(meter, newer(ea), of_three=of_three)
    twice = [token for token in tokens for _ in range(2)]

    assert enter(meter, *twice[:-1]) == ["ACCEPT"] * (2 * size - 1)
    assert meter.held.krn == 6
    assert enter(meter, twice[-1]) == ["REJECT"], "under the new key it is another meter's token"


def test_section_of_another_set_starts_anew() -> None:
    meter = build()
    first, second = change_set(meter, newer(11, krn=2)), change_set(meter, newer(11, krn=3))

    assert enter(meter, *first[:3], second[0], second[1]) == ["ACCEPT"] * 5
    assert meter.held.krn == 1
    assert enter(meter, *second[2:]) == ["ACCEPT"] * 2
    assert meter.held.krn == 3
    assert meter.held.decoder_key == decoder_key_of(newer(11, krn=3))


def test_two_sets_that_meet_in_one_number_leave_the_old_key() -> None:
    meter = build()
    first, second = change_set(meter, newer(11, krn=2)), change_set(meter, newer(11, krn=3))

    assert enter(meter, first[0], first[1], second[1], second[2], second[3]) == ["ACCEPT"] * 5
    assert meter.held.krn == 1, "the first set's beginning is gone"
    assert enter(meter, second[0]) == ["ACCEPT"]
    assert meter.held.decoder_key == decoder_key_of(newer(11, krn=3))


def test_short_key_first_section_of_two_drops_a_third_section() -> None:
    meter = build(papers(ea=7))
    of_two, of_three = change_set(meter, newer(7)), change_set(meter, newer(7, sgc="111111"), of_three=True)

    assert enter(meter, of_three[2], of_two[0], of_two[1]) == ["ACCEPT"] * 3
    assert (meter.held.krn, meter.held.sgc) == (6, "201457")


def test_short_key_third_section_drops_a_first_of_two() -> None:
    meter = build(papers(ea=7))
    of_two, of_three = change_set(meter, newer(7)), change_set(meter, newer(7, sgc="111111"), of_three=True)

    assert enter(meter, of_two[0], of_three[2], of_three[1], of_three[0]) == ["ACCEPT"] * 4
    assert (meter.held.sgc, meter.held.decoder_key) == ("111111", decoder_key_of(newer(7, sgc="111111")))


def test_long_key_halves_of_two_supply_groups_start_anew() -> None:
    meter = build()
    # 999999 is F423F: with the low half FFF its high half is beyond six digits.
    low, high = section(meter, 3, 0xFFF << 32 | 1), section(meter, 4, 0xF4 << 32 | 2)
    tokens = change_set(meter, newer(11))

    assert enter(meter, low, high, tokens[3], *tokens[:3]) == ["ACCEPT"] * 6
    assert meter.held.decoder_key == decoder_key_of(newer(11))


@pytest.mark.parametrize(
    ("ea", "number", "body"),
    [
        (7, 1, 0),
        (11, 1, 10 << 36),
        (11, 1, 1 << 36 | 1 << 34),
        (7, 2, 100 << 32),
        (11, 2, 255 << 32),
        (7, 3, 1),
        (7, 3, 1_000_000 << 20),
        (7, 4, 0),
        (9, 4, 0),
    ],
)
def test_section_that_no_set_of_this_meter_has_is_rejected_and_drops_nothing(ea: int, number: int, body: int) -> None:
    meter = build(papers(ea=ea, dkga=2 if ea == 9 else 4))
    to = newer(ea, dkga=meter.facts.dkga)
    tokens = change_set(meter, to)

    assert enter(meter, *tokens[:-1], section(meter, number, body), tokens[-1]) == [
        *["ACCEPT"] * (len(tokens) - 1),
        "REJECT",
        "ACCEPT",
    ]
    assert meter.held.decoder_key == decoder_key_of(to)


@pytest.mark.parametrize("rollover", [False, True])
def test_rollover_forgets_the_tids_and_keeps_the_credit(rollover: bool) -> None:
    meter = build(store_depth=3, manufactured_tid=TID - 1)
    meter.type_digits(units(meter))
    enter(meter, *change_set(meter, newer(11, ken=255), rollover=rollover))

    answers = [meter.type_digits(units(meter, tid=tid, field=10)) for tid in (TID, 5, 0)]

    assert [answer.word for answer in answers] == (["ACCEPT"] * 3 if rollover else ["USED", "OLD", "OLD"])
    assert [answer.balance_tenths for answer in answers] == ([74, 84, 94] if rollover else [64] * 3)


def test_rollover_store_has_its_depth_again() -> None:
    meter = build(store_depth=2)
    enter(meter, *change_set(meter, newer(11, ken=255), rollover=True))
    tokens = [units(meter, tid=tid) for tid in (1, 2, 3)]

    assert enter(meter, *tokens) == ["ACCEPT"] * 3
    assert enter(meter, *tokens) == ["OLD", "USED", "USED"]


def test_change_to_an_earlier_expiry_number_holds_at_once() -> None:
    meter = build()
    enter(meter, *change_set(meter, newer(11, ken=90)))

    assert enter(meter, units(meter, tid=91 << 16), units(meter, tid=90 << 16)) == ["REJECT", "ACCEPT"]


def test_change_to_a_default_key_ends_credit_and_back_again_allows_it() -> None:
    meter = build()
    enter(meter, *change_set(meter, newer(11, kt=1, ken=255)))

    assert enter(meter, units(meter)) == ["REJECT"]
    assert enter(meter, *change_set(meter, newer(11, krn=7, ken=255))) == ["ACCEPT"] * 4
    assert enter(meter, units(meter)) == ["ACCEPT"]


def test_change_is_seen_on_the_display() -> None:
    meter = build()
    enter(meter, *change_set(meter, newer(11)))

    answer = meter.type_digits(display(meter, 0, 1 << 3 | 1 << 4 | 1 << 15 | 1 << 16))

    assert answer.display == {"krn": 6, "kt": 2, "ti": 2, "sgc": "203557", "ken": 170}


def test_long_key_is_put_together_from_its_four_parts() -> None:
    meter = build()

    assert enter(meter, *key_set(meter, newer(11), LONG_KEY)) == ["ACCEPT"] * 4
    assert meter.held.decoder_key == LONG_KEY
    assert LONG_KEY.hex() not in repr(meter.held)


def test_short_key_is_put_together_from_its_two_parts() -> None:
    meter = build(papers(ea=7))

    assert enter(meter, *key_set(meter, newer(7), LONG_KEY[:8])) == ["ACCEPT"] * 2
    assert meter.held.decoder_key == LONG_KEY[:8]


def test_section_of_another_meter_is_rejected() -> None:
    other = build(papers(meter_pan="600727370000000105"))

    assert {build().type_digits(token).word for token in change_set(other, newer(11))} == {Word.REJECT}
