"""The vending side against the virtual meter, which shares no line with it: what one seals, the other reads.

Fields are drawn at random, not made by our encoders, so that an encoder and a decoder wrong in the same way are found.
"""

from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.simulator.meter import MeterFacts, VirtualMeter, Word
from gateway.simulator.meter.amounts import hundred_thousandths_of_field, tenths_of_field
from gateway.simulator.meter.ciphers import BlockCipher, build_cipher
from gateway.simulator.meter.decoder_key import derive_decoder_key as derive_in_meter
from gateway.simulator.meter.frames import seal_frame
from gateway.simulator.meter.sta_tables import SubstitutionTables
from gateway.simulator.meter.tokens import Currency, DisplayRequest, Order, Section, Token, Units, read_token
from tests.support.meter_tokens import build, papers
from vending.sts.amounts import amount_for, greatest_amount_within, tenths_of
from vending.sts.ciphers import Cipher, cipher_of
from vending.sts.credit import UnitCredit, encode_credit
from vending.sts.currency import CurrencyCredit, currency_field_for, encode_currency, hundred_thousandths_of
from vending.sts.decoder_keys import derive_decoder_key
from vending.sts.errors import StsError
from vending.sts.frame import seal_token
from vending.sts.key_change import NewKey, Section1, Section2, Section3, Section4, key_change_set
from vending.sts.management import Management, encode_management
from vending.sts.meter_test import MeterTest, encode_meter_test
from vending.sts.sta_tables import StaTables
from vending.sts.tokens import AnyToken, decode_token

CLASSES, SUBCLASSES = st.integers(0, 2), st.integers(0, 15)
BODIES = st.integers(0, (1 << 44) - 1)
TIDS, FIELDS, NIBBLES = st.integers(0, (1 << 24) - 1), st.integers(0, 0xFFFF), st.integers(0, 15)
CURRENCY_FIELDS = st.integers(0, (1 << 20) - 1)
PANS = ("600727000000000009", "600727370000000105", "600727111111111153", "000013700000000224", "000001000000000082")
often = settings(max_examples=100, deadline=None)
seldom = settings(max_examples=25, deadline=None)


@dataclass(frozen=True)
class Pair:
    """One decoder key in the hands of both sides."""

    ea: int
    decoder_key: bytes
    vending: Cipher
    meter: BlockCipher
    tables: SubstitutionTables

    def decode(self, digits: str) -> AnyToken | None:
        try:
            return decode_token(digits, cipher=self.vending, decoder_key=self.decoder_key)
        except StsError:
            return None

    def read(self, digits: str) -> AnyToken | None:
        """What the meter reads, in the vending side's words."""
        token = read_token(digits, self.meter)
        return None if token is None else translated(token, self.ea)


@st.composite
def pairs(draw: st.DrawFn, algorithms: tuple[int, ...] = (7, 9, 11)) -> Pair:
    """A decoder key of any algorithm; EA 07 with tables of its own."""
    ea = draw(st.sampled_from(algorithms))
    first, second = (tuple(draw(st.permutations(range(16)))) for _ in range(2))
    places = tuple(draw(st.permutations(range(64))))
    octets = 16 if ea == 11 else 8
    decoder_key = draw(st.binary(min_size=octets, max_size=octets))
    tables = SubstitutionTables(first, second, places)
    vending = cipher_of(ea, StaTables(first, second, places))
    return Pair(ea, decoder_key, vending, build_cipher(ea, decoder_key, tables), tables)


def translated(token: Token, ea: int) -> AnyToken | None:
    match token:
        case Units():
            return UnitCredit(subclass=token.subclass, tid=token.tid, rnd=token.rnd, amount_field=token.field)
        case Currency():
            return CurrencyCredit(subclass=token.subclass, tid=token.tid, amount_field=token.field)
        case DisplayRequest():
            return MeterTest(subclass=token.subclass, control=token.control, mfr=token.mfr)
        case Order():
            return Management(subclass=token.subclass, tid=token.tid, rnd=token.rnd, field=token.field)
        case Section():
            return translated_section(token, ea)


def translated_section(section: Section, ea: int) -> AnyToken | None:
    """The vending side reads no fourth section, and another third one, where decoder keys have 8 octets."""
    if section.number == 1:
        return Section1(
            kenho=section.ken_part,
            krn=section.krn,
            ro=int(section.clears_tids),
            kt=section.kt,
            kct3=int(section.is_of_three),
            key_part=section.key_part,
        )
    if section.number == 2:
        return Section2(kenlo=section.ken_part, ti=section.ti, key_part=section.key_part)
    if ea == 11:
        named = Section3 if section.number == 3 else Section4
        return named(sgc_part=section.sgc_part, key_part=section.key_part)
    return Section3(sgc_part=section.whole_sgc, key_part=section.body & 0xFFFFF) if section.number == 3 else None


@often
@given(pairs(), CLASSES, SUBCLASSES, BODIES)
def test_block_sealed_by_the_meters_makers_is_read_alike(
    pair: Pair, token_class: int, subclass: int, body: int
) -> None:
    digits = seal_frame(token_class, subclass << 44 | body, pair.meter)

    assert pair.decode(digits) == pair.read(digits)


@often
@given(pairs(), CLASSES, SUBCLASSES, BODIES)
def test_block_sealed_by_vending_is_read_alike(pair: Pair, token_class: int, subclass: int, body: int) -> None:
    upper = subclass << 44 | body

    digits = seal_token(token_class, upper, cipher=pair.vending, decoder_key=pair.decoder_key)

    assert digits == seal_frame(token_class, upper, pair.meter)
    assert pair.decode(digits) == pair.read(digits)


@seldom
@given(pairs())
def test_block_of_every_class_and_subclass_is_known_to_both_or_to_none(pair: Pair) -> None:
    known = set()
    for token_class in range(4):
        for subclass in range(16):
            digits = seal_frame(token_class, subclass << 44 | 1 << 36 | 1, pair.meter)
            token = pair.decode(digits)
            assert token == pair.read(digits)
            if token is not None:
                known.add((token_class, subclass))

    management = {0, 1, 2, 3, 4, 5, 6, 7, 8, 10} | ({9} if pair.ea == 11 else set())
    expected = {0: set(range(8)), 1: {0, 1, 2}, 2: management, 3: set()}
    assert known == {(token_class, subclass) for token_class, found in expected.items() for subclass in found}


@often
@given(pairs(), st.integers(0, 10**20 - 1))
def test_digits_at_random_are_refused_by_both_or_read_alike(pair: Pair, number: int) -> None:
    digits = f"{number:020d}"

    assert pair.decode(digits) == pair.read(digits)


@often
@given(pairs(), CLASSES, SUBCLASSES, BODIES, st.integers(0, 19), st.integers(1, 9))
def test_token_with_one_wrong_digit_is_refused_by_both_or_read_alike(
    pair: Pair, token_class: int, subclass: int, body: int, place: int, more: int
) -> None:
    digits = seal_frame(token_class, subclass << 44 | body, pair.meter)
    wrong = digits[:place] + str((int(digits[place]) + more) % 10) + digits[place + 1 :]

    assert pair.decode(wrong) == pair.read(wrong)


@often
@given(pairs(), st.integers(0, 3), TIDS, NIBBLES, FIELDS)
def test_units_encoded_by_vending_are_read_by_the_meter(
    pair: Pair, subclass: int, tid: int, rnd: int, field: int
) -> None:
    under: dict[str, Any] = {"cipher": pair.vending, "decoder_key": pair.decoder_key}

    digits = encode_credit(subclass=subclass, tid=tid, rnd=rnd, amount_field=field, **under)

    assert read_token(digits, pair.meter) == Units(subclass, rnd, tid, field)
    assert tenths_of_field(field) == tenths_of(field)


@often
@given(pairs(), st.integers(4, 7), TIDS, CURRENCY_FIELDS)
def test_currency_encoded_by_vending_is_read_by_the_meter(pair: Pair, subclass: int, tid: int, field: int) -> None:
    under: dict[str, Any] = {"cipher": pair.vending, "decoder_key": pair.decoder_key}

    digits = encode_currency(subclass=subclass, tid=tid, amount_field=field, **under)

    assert read_token(digits, pair.meter) == Currency(subclass, tid, field)
    assert hundred_thousandths_of_field(field) == hundred_thousandths_of(field)


@often
@given(pairs(), st.sampled_from([0, 2, 6, 7, 10]), TIDS, NIBBLES, FIELDS)
def test_order_encoded_by_vending_is_read_by_the_meter(
    pair: Pair, subclass: int, tid: int, rnd: int, field: int
) -> None:
    under: dict[str, Any] = {"cipher": pair.vending, "decoder_key": pair.decoder_key}

    digits = encode_management(subclass=subclass, tid=tid, rnd=rnd, field=field, **under)

    assert read_token(digits, pair.meter) == Order(subclass, rnd, tid, field)


@seldom
@given(pairs(), TIDS, NIBBLES, st.sampled_from([*range(8), 0xFFFF]))
def test_clearing_encoded_by_vending_is_read_by_the_meter(pair: Pair, tid: int, rnd: int, register: int) -> None:
    under: dict[str, Any] = {"tid": tid, "rnd": rnd, "cipher": pair.vending, "decoder_key": pair.decoder_key}

    credit = encode_management(subclass=1, field=register, **under)
    tamper = encode_management(subclass=5, field=0, **under)

    assert read_token(credit, pair.meter) == Order(1, rnd, tid, register)
    assert read_token(tamper, pair.meter) == Order(5, rnd, tid, 0)


@often
@given(pairs(), st.sampled_from([0, 1, 2]), st.integers(0, (1 << 28) - 1), st.integers(0, 0xFF))
def test_display_encoded_by_vending_is_read_by_any_meter(pair: Pair, subclass: int, control: int, mfr: int) -> None:
    digits = encode_meter_test(subclass=subclass, control=control, mfr=mfr)

    assert read_token(digits, pair.meter) == DisplayRequest(subclass, control, mfr)


@often
@given(st.integers(0, tenths_of(0xFFFF)))
def test_amount_encoded_by_vending_is_in_the_meter_at_least_what_was_asked(tenths: int) -> None:
    carried = greatest_amount_within(tenths)

    assert tenths_of_field(amount_for(carried)) == carried <= tenths <= tenths_of_field(amount_for(tenths))


@often
@given(st.integers(0, 31).flatmap(lambda power: st.integers(-(10**power), 10**power)))
def test_currency_amount_encoded_by_vending_is_in_the_meter_at_least_what_was_asked(amount: int) -> None:
    field = currency_field_for(amount)
    carried = hundred_thousandths_of_field(field)

    assert amount <= carried
    assert abs(carried - amount) < max(10 ** (field >> 14 & 31), 1)


@st.composite
def papers_at_random(draw: st.DrawFn) -> MeterFacts:
    dkga, ea = draw(st.sampled_from([(2, 7), (2, 9), (4, 7), (4, 11)]))
    numbers = {"krn": st.integers(1, 9), "kt": st.integers(0, 3), "ti": st.integers(0, 99), "ken": st.integers(0, 255)}
    return papers(
        dkga=dkga,
        ea=ea,
        meter_pan=draw(st.sampled_from(PANS)),
        sgc=f"{draw(st.integers(0, 999_999)):06d}",
        base=draw(st.sampled_from([93, 14, 35])),
        **{name: draw(numbers[name]) for name in numbers},
    )


@often
@given(papers_at_random(), st.binary(min_size=20, max_size=20))
def test_decoder_key_is_derived_alike(facts: MeterFacts, octets: bytes) -> None:
    secret = octets[:8] if facts.dkga == 2 else octets

    assert derive_in_meter(secret, facts) == derived_by_vending(secret, facts)


def derived_by_vending(secret: bytes, facts: MeterFacts) -> bytes:
    names = {name: getattr(facts, name) for name in ("dkga", "ea", "meter_pan", "sgc", "krn", "kt", "ti")}
    return derive_decoder_key(secret=secret, base_date=f"{facts.base:02d}", **names)


@often
@given(st.data(), papers_at_random(), papers_at_random(), st.binary(min_size=16, max_size=16), st.booleans())
def test_key_change_set_encoded_by_vending_in_any_order_gives_the_new_key(
    data: st.DataObject, facts: MeterFacts, to: MeterFacts, octets: bytes, rollover: bool
) -> None:
    meter = build(facts)
    of_three = facts.ea == 7 and data.draw(st.booleans())
    new = NewKey(octets[: len(meter.held.decoder_key)], to.sgc, to.krn, to.kt, to.ti, to.ken)
    current: dict[str, Any] = {"cipher": cipher_of(facts.ea), "decoder_key": meter.held.decoder_key}

    tokens = key_change_set(new_key=new, rollover=rollover, three_token=of_three, **current)
    words = {meter.type_digits(digits).word for digits in data.draw(st.permutations(tokens))}

    assert words == {Word.ACCEPT}
    assert len(tokens) == (4 if facts.ea == 11 else 3 if of_three else 2)
    held = meter.held
    shown_sgc = facts.sgc if len(tokens) == 2 else to.sgc
    assert held.decoder_key == new.decoder_key
    assert (held.sgc, held.krn, held.kt, held.ti, held.ken) == (shown_sgc, to.krn, to.kt, to.ti, to.ken)


@seldom
@given(st.data(), papers_at_random(), st.lists(TIDS, min_size=1, max_size=20, unique=True))
def test_tokens_encoded_by_vending_are_accepted_once_in_any_order(
    data: st.DataObject, facts: MeterFacts, tids: list[int]
) -> None:
    meter: VirtualMeter = build(facts, manufactured_tid=-1)
    under: dict[str, Any] = {"cipher": cipher_of(facts.ea), "decoder_key": meter.held.decoder_key}
    tokens = {tid: encode_credit(subclass=0, tid=tid, rnd=tid & 15, amount_field=1, **under) for tid in tids}

    entered = data.draw(st.permutations(tids))
    words = [[meter.type_digits(tokens[tid]).word for tid in entered] for _ in range(2)]

    refused = {tid for tid in tids if facts.kt in (1, 3) or tid >> 16 > facts.ken}
    assert words[0] == [Word.REJECT if tid in refused else Word.ACCEPT for tid in entered]
    assert words[1] == [Word.REJECT if tid in refused else Word.USED for tid in entered]
    assert meter.balance_tenths == len(tids) - len(refused)
