"""Round trips: cipher, frame, credit tokens, meter numbers."""

from hypothesis import given, settings
from hypothesis import strategies as st

from vending.sts import misty1
from vending.sts.check_digits import luhn_digit, luhn_fits
from vending.sts.credit import UnitCredit, decode_credit, encode_credit
from vending.sts.errors import StsError
from vending.sts.frame import open_token, seal_token
from vending.sts.identifiers import MeterPan

decoder_keys = st.binary(min_size=16, max_size=16)
unit_credits = st.builds(
    UnitCredit,
    subclass=st.integers(0, 3),
    tid=st.integers(0, (1 << 24) - 1),
    rnd=st.integers(0, 15),
    amount_field=st.integers(0, 0xFFFF),
)


def digits_of(credit: UnitCredit, decoder_key: bytes) -> str:
    return encode_credit(
        subclass=credit.subclass,
        tid=credit.tid,
        rnd=credit.rnd,
        amount_field=credit.amount_field,
        ea=11,
        decoder_key=decoder_key,
    )


@given(decoder_keys, st.integers(0, (1 << 64) - 1))
@settings(max_examples=100, deadline=None)
def test_misty1_decrypts_what_it_encrypted(decoder_key: bytes, block: int) -> None:
    ciphered = misty1.encrypt(decoder_key, block)

    assert 0 <= ciphered < 1 << 64
    assert misty1.decrypt(decoder_key, ciphered) == block


@given(decoder_keys, st.integers(0, 2), st.integers(0, (1 << 48) - 1))
@settings(max_examples=100, deadline=None)
def test_token_opens_as_it_was_sealed(decoder_key: bytes, token_class: int, body: int) -> None:
    digits = seal_token(token_class, body, ea=11, decoder_key=decoder_key)

    assert len(digits) == 20
    assert int(digits) < 1 << 66
    assert open_token(digits, ea=11, decoder_key=decoder_key) == (token_class, body)


@given(decoder_keys, unit_credits)
@settings(max_examples=100, deadline=None)
def test_credit_is_read_as_it_was_made(decoder_key: bytes, credit: UnitCredit) -> None:
    assert decode_credit(digits_of(credit, decoder_key), ea=11, decoder_key=decoder_key) == credit


@given(decoder_keys, unit_credits, unit_credits)
@settings(max_examples=100, deadline=None)
def test_credits_that_differ_have_different_digits(decoder_key: bytes, one: UnitCredit, other: UnitCredit) -> None:
    assert (digits_of(one, decoder_key) == digits_of(other, decoder_key)) == (one == other)


@given(decoder_keys, st.text(max_size=24) | st.from_regex(r"[0-9]{20}", fullmatch=True))
@settings(max_examples=100, deadline=None)
def test_credit_from_any_text_is_read_or_refused_with_a_code(decoder_key: bytes, entry: str) -> None:
    try:
        read = decode_credit(entry, ea=11, decoder_key=decoder_key)
    except StsError as refusal:
        assert refusal.code in {"token_malformed", "token_crc_wrong", "unsupported_token"}  # noqa: PT017
    else:
        assert digits_of(read, decoder_key) == entry


@given(st.from_regex(r"[0-9]{10}|[0-9]{12}", fullmatch=True))
@settings(max_examples=100, deadline=None)
def test_meter_pan_of_any_drn_holds_that_drn(body: str) -> None:
    drn = body + luhn_digit(body)

    meter_pan = MeterPan.from_entry(drn)

    assert meter_pan.drn == drn
    assert meter_pan == MeterPan(meter_pan.digits) == MeterPan.from_entry(meter_pan.digits)
    assert luhn_fits(meter_pan.digits)


@given(st.text(max_size=20))
@settings(max_examples=100, deadline=None)
def test_meter_pan_of_any_text_is_made_or_refused_with_a_code(entry: str) -> None:
    try:
        assert len(MeterPan.from_entry(entry).digits) == 18
    except StsError as refusal:
        assert refusal.code in {"meter_number_invalid", "check_digit_wrong"}  # noqa: PT017
