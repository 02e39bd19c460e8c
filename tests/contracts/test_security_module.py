"""What every security module promises, asked of the real one and of the fake that other tests use."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from tests.support.fake_security_module import FakeSecurityModule
from vending.kernel.errors import DomainError
from vending.security.ports import (
    CreditRequest,
    DecodedToken,
    MeterKeyFacts,
    SecurityModule,
    SecurityModuleUnavailable,
    VendingKeyExpired,
    VendingKeyMissing,
    VerifyRequest,
)
from vending.security.software import SoftwareSecurityModule

PUBLISHED_VENDING_KEY = bytes.fromhex("abababababababab949494949494949401234567")
METER = MeterKeyFacts(meter_pan="600727000000000009", ea=11, sgc="201457", krn=1, kt=2, ti=1)
OTHER_METER = replace(METER, meter_pan="600727111111111153")
EXPIRING = replace(METER, krn=3)
UNDER_DEFAULT_KEY = replace(METER, kt=1)
WITHOUT_KEY = replace(METER, sgc="999999")
REQUEST = CreditRequest("sale-1", METER, subclass=0, tid=6_586_560, rnd=5, amount_field=256)

KENS = {("201457", 1, 2): 255, ("201457", 3, 2): 100, ("201457", 1, 1): 255}


@dataclass(frozen=True)
class PublishedVendingKey:
    secret: bytes = field(repr=False)
    ken: int
    base_date: str = "14"
    dkga: int = 4


@contextmanager
def open_vending_key(*, sgc: str, krn: int, kt: int) -> Iterator[PublishedVendingKey]:
    if (sgc, krn, kt) not in KENS:
        raise VendingKeyMissing("no such vending key")
    yield PublishedVendingKey(PUBLISHED_VENDING_KEY, KENS[sgc, krn, kt])


MODULES: dict[str, Callable[[], SecurityModule]] = {
    "software": lambda: SoftwareSecurityModule(open_vending_key=open_vending_key),
    "fake": lambda: FakeSecurityModule(KENS),
}
BROKEN_MODULES: dict[str, Callable[[], SecurityModule]] = {
    "software": lambda: SoftwareSecurityModule(open_vending_key=open_vending_key, known_answers=lambda: ["MISTY1"]),
    "fake": lambda: FakeSecurityModule(KENS, is_unavailable=True),
}


@pytest.fixture(params=MODULES)
def module(request: pytest.FixtureRequest) -> SecurityModule:
    return MODULES[request.param]()


@pytest.fixture(params=BROKEN_MODULES)
def broken_module(request: pytest.FixtureRequest) -> SecurityModule:
    return BROKEN_MODULES[request.param]()


def digits_for(module: SecurityModule, request: CreditRequest) -> str:
    (answer,) = module.credit([request])
    assert isinstance(answer, str), answer
    return answer


def refusal_of(answers: list[str | DomainError] | list[DecodedToken | DomainError]) -> str:
    (answer,) = answers
    assert isinstance(answer, DomainError), answer
    return answer.code


def test_health_of_a_good_module_passes(module: SecurityModule) -> None:
    module.health()
    assert module.name in MODULES


def test_credit_gives_twenty_digits_below_2_to_the_66(module: SecurityModule) -> None:
    digits = digits_for(module, REQUEST)

    assert len(digits) == 20
    assert digits.isascii()
    assert digits.isdigit()
    assert int(digits) < 1 << 66


def test_credit_asked_again_gives_the_same_digits(module: SecurityModule) -> None:
    assert digits_for(module, REQUEST) == digits_for(module, REQUEST)
    assert digits_for(module, replace(REQUEST, request_id="another name")) == digits_for(module, REQUEST)


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, tid=REQUEST.tid + 2),
        replace(REQUEST, rnd=6),
        replace(REQUEST, amount_field=257),
        replace(REQUEST, subclass=1),
        replace(REQUEST, meter=OTHER_METER),
        replace(REQUEST, meter=replace(METER, ti=2)),
    ],
)
def test_credit_for_anything_else_gives_other_digits(module: SecurityModule, other: CreditRequest) -> None:
    assert digits_for(module, other) != digits_for(module, REQUEST)


def test_verify_reads_what_credit_wrote(module: SecurityModule) -> None:
    digits = digits_for(module, REQUEST)

    assert module.verify([VerifyRequest(METER, digits)]) == [
        DecodedToken(token_class=0, subclass=0, tid=REQUEST.tid, rnd=5, amount_field=256)
    ]


def test_batch_answers_in_order_as_one_by_one(module: SecurityModule) -> None:
    requests = [
        replace(REQUEST, meter=meter, tid=tid, amount_field=tid & 0xFFFF)
        for tid in range(6_500_000, 6_500_010)
        for meter in (METER, EXPIRING, OTHER_METER)
    ]
    one_by_one = [digits_for(module, request) for request in requests]
    verify_requests = [VerifyRequest(r.meter, digits) for r, digits in zip(requests, one_by_one, strict=True)]

    assert module.credit(requests) == one_by_one
    assert [token.tid for token in module.verify(verify_requests) if isinstance(token, DecodedToken)] == [
        request.tid for request in requests
    ]


def test_empty_batch_has_no_answers(module: SecurityModule) -> None:
    assert module.credit([]) == []
    assert module.verify([]) == []


def test_batch_with_refusals_still_serves_the_rest(module: SecurityModule) -> None:
    expired = replace(REQUEST, meter=EXPIRING, tid=101 << 16)
    missing = replace(REQUEST, meter=WITHOUT_KEY)

    answers = module.credit([missing, REQUEST, expired, missing])

    assert isinstance(answers[0], VendingKeyMissing)
    assert answers[1] == digits_for(module, REQUEST)
    assert isinstance(answers[2], VendingKeyExpired)
    assert isinstance(answers[3], VendingKeyMissing)


def test_credit_at_the_ken_is_made_and_beyond_it_refused(module: SecurityModule) -> None:
    last = replace(REQUEST, meter=EXPIRING, tid=(101 << 16) - 1)

    assert len(digits_for(module, last)) == 20
    assert refusal_of(module.credit([replace(last, tid=101 << 16)])) == "key_expired"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (replace(REQUEST, meter=WITHOUT_KEY), "vending_key_missing"),
        (replace(REQUEST, meter=UNDER_DEFAULT_KEY), "key_type_not_allowed"),
        (replace(REQUEST, meter=replace(METER, ea=7)), "unsupported_algorithm"),
        (replace(REQUEST, meter=replace(METER, meter_pan="600727000000000001")), "check_digit_wrong"),
        (replace(REQUEST, meter=replace(METER, meter_pan="00000000000")), "meter_number_invalid"),
        (replace(REQUEST, tid=1 << 24, meter=METER), "key_expired"),
        (replace(REQUEST, tid=-1), "field_out_of_range"),
        (replace(REQUEST, rnd=16), "field_out_of_range"),
        (replace(REQUEST, amount_field=1 << 16), "field_out_of_range"),
        (replace(REQUEST, subclass=4), "unsupported_token"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_credit_that_may_not_be_made_is_refused(module: SecurityModule, request_: CreditRequest, code: str) -> None:
    assert refusal_of(module.credit([request_])) == code


def test_verify_for_another_meter_or_key_has_a_wrong_crc(module: SecurityModule) -> None:
    digits = digits_for(module, REQUEST)

    for meter in (OTHER_METER, EXPIRING, replace(METER, ti=2)):
        assert refusal_of(module.verify([VerifyRequest(meter, digits)])) == "token_crc_wrong"


def test_verify_of_a_changed_digit_has_a_wrong_crc(module: SecurityModule) -> None:
    digits = digits_for(module, REQUEST)
    changed = digits[:-1] + str((int(digits[-1]) + 1) % 10)

    assert refusal_of(module.verify([VerifyRequest(METER, changed)])) == "token_crc_wrong"


@pytest.mark.parametrize("digits", ["", "1" * 19, "1" * 21, "a" * 20, "9" * 20, "\u0661" * 20])
def test_verify_of_what_is_no_token_is_refused(module: SecurityModule, digits: str) -> None:
    assert refusal_of(module.verify([VerifyRequest(METER, digits)])) == "token_malformed"


def test_verify_without_vending_key_is_refused(module: SecurityModule) -> None:
    digits = digits_for(module, REQUEST)

    assert refusal_of(module.verify([VerifyRequest(WITHOUT_KEY, digits)])) == "vending_key_missing"
    assert refusal_of(module.verify([VerifyRequest(UNDER_DEFAULT_KEY, digits)])) == "key_type_not_allowed"


def test_refusals_hold_no_digits(module: SecurityModule) -> None:
    digits = digits_for(module, REQUEST)
    (refusal,) = module.verify([VerifyRequest(OTHER_METER, digits)])

    assert digits not in f"{refusal!r} {refusal}"


def test_broken_module_refuses_all_work(broken_module: SecurityModule) -> None:
    for work in (
        lambda: broken_module.credit([REQUEST]),
        lambda: broken_module.verify([VerifyRequest(METER, "0" * 20)]),
        broken_module.health,
    ):
        with pytest.raises(SecurityModuleUnavailable) as refusal:
            work()
        assert refusal.value.code == "security_module_unavailable"
        assert refusal.value.retryable


def test_fake_module_that_adds_units_is_found_out_by_verify() -> None:
    module = FakeSecurityModule(KENS, adds_units=10)
    digits = digits_for(module, REQUEST)

    (token,) = module.verify([VerifyRequest(METER, digits)])

    assert isinstance(token, DecodedToken)
    assert token.amount_field == REQUEST.amount_field + 10
