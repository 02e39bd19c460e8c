"""How far a claim is believed: by its address, by its amount, and only where nothing else speaks for it."""

import pytest

from gateway.payments.errors import PaymentSourceInvalid
from gateway.payments.ports import Authenticity, Door, Outcome, PaymentClaim
from gateway.payments.trust import BY_SECRET, SourceMode, Trust, is_listed, judge, parse_sources

LISTED, ELSEWHERE = "196.201.214.200", "203.0.113.9"
SOURCES = parse_sources(["196.201.214.200", " 196.201.213.0/24 ", "", "2001:db8::/32"])


def claim(door: Door = Door.CONFIRMATION, amount_minor: int = 20_000, outcome: Outcome = Outcome.PAID) -> PaymentClaim:
    return PaymentClaim("daraja", door, outcome, amount_minor=amount_minor, currency="KES")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (LISTED, True),
        ("196.201.213.44", True),
        ("2001:db8::1", True),
        ("196.201.214.201", False),
        ("2001:db9::1", False),
        ("", False),
        ("196.201.214.200, 1.1.1.1", False),
        ("x", False),
    ],
)
def test_source_is_listed_by_address_or_block(source: str, expected: bool) -> None:
    assert is_listed(source, SOURCES) is expected
    assert not is_listed(source, ())


@pytest.mark.parametrize("text", ["x", "196.201.214", "196.201.214.200/24", "196.201.214.200/33", "2001:db8::/129"])
def test_source_that_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(PaymentSourceInvalid, match="PAYMENT_SOURCES") as refusal:
        parse_sources([LISTED, text])
    assert refusal.value.code == "payment_source_invalid"


@pytest.mark.parametrize("door", [Door.CONFIRMATION, Door.STK, Door.PULL])
@pytest.mark.parametrize(
    ("source", "mode", "authenticity", "must_verify"),
    [
        (LISTED, SourceMode.LOG, Authenticity.SOURCE, False),
        (LISTED, SourceMode.ENFORCE, Authenticity.SOURCE, False),
        (ELSEWHERE, SourceMode.LOG, Authenticity.SECRET, False),
        (ELSEWHERE, SourceMode.ENFORCE, Authenticity.SECRET, True),
        ("", SourceMode.ENFORCE, Authenticity.SECRET, True),
    ],
)
def test_claim_is_judged_by_its_address(
    door: Door, source: str, mode: SourceMode, authenticity: Authenticity, must_verify: bool
) -> None:
    assert judge(claim(door), source, SOURCES, mode, 0) == Trust(authenticity, must_verify=must_verify)


def test_claim_in_enforce_mode_without_a_list_must_be_verified() -> None:
    assert judge(claim(), LISTED, (), SourceMode.ENFORCE, 0) == Trust(Authenticity.SECRET, must_verify=True)
    assert judge(claim(), LISTED, (), SourceMode.LOG, 0) == BY_SECRET


@pytest.mark.parametrize("source", [LISTED, ELSEWHERE])
@pytest.mark.parametrize("mode", SourceMode)
@pytest.mark.parametrize(
    ("amount_minor", "above_minor", "is_large"), [(20_000, 0, False), (20_000, 20_000, False), (20_001, 20_000, True)]
)
def test_claim_above_the_amount_must_be_verified_whoever_says_it(
    source: str, mode: SourceMode, amount_minor: int, above_minor: int, is_large: bool
) -> None:
    is_foreign = source == ELSEWHERE and mode is SourceMode.ENFORCE
    trust = judge(claim(amount_minor=amount_minor), source, SOURCES, mode, above_minor)
    assert trust.must_verify is (is_large or is_foreign)


def test_claim_that_nothing_was_paid_is_never_too_large() -> None:
    unpaid = claim(Door.STK, 20_001, Outcome.NOT_PAID)
    assert not judge(unpaid, LISTED, SOURCES, SourceMode.ENFORCE, 20_000).must_verify


@pytest.mark.parametrize("door", [Door.VALIDATION, Door.RESULT, Door.TIMEOUT])
def test_claim_of_another_door_is_not_judged(door: Door) -> None:
    assert judge(claim(door, 10**9), ELSEWHERE, SOURCES, SourceMode.ENFORCE, 1) == BY_SECRET
