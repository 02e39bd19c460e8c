"""What every security module promises of batches, credit and reading; key changes and the rest stand in
`test_security_module_sets.py`.

Asked of the software module, of the fake that other tests use, and of the fake as a module that keeps its own TIDs.
An adapter of another module joins in `tests/support/security_modules.py`. `module` is each of them; `steady_module` one
that takes TID and random field from the request; `own_tid_module` one that does not.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.security_modules import (
    ACTIVE_FROM_AT,
    BROKEN_MODULES,
    ISSUE_UNTIL_AT,
    KEYS,
    METER,
    MODULES,
    OTHER_METER,
    OWN_TID_MODULES,
    REQUEST,
    STA_METER,
    STEADY_MODULES,
    TID,
    code_of,
    made_of,
)
from vending.kernel.errors import DomainError
from vending.security.ports import (
    CreditRequest,
    KeyChangeRequest,
    KeyTarget,
    Made,
    ManagementRequest,
    MeterKeyFacts,
    MeterTestRequest,
    SecurityModule,
    SecurityModuleUnavailable,
    VendingKeyExpired,
    VendingKeyMissing,
    VerifyRequest,
)
from vending.sts.base_dates import BaseDate
from vending.sts.credit import UnitCredit
from vending.sts.currency import CurrencyCredit
from vending.sts.tid import tid_at

EXPIRING, LIMITED = replace(METER, krn=3), replace(METER, krn=2)
UNDER_DEFAULT_KEY, UNDER_COMMON_KEY = replace(METER, kt=1), replace(METER, kt=3)
WITHOUT_KEY = replace(METER, sgc="999999")
CURRENCY = replace(REQUEST, request_id="sale-2", subclass=4, rnd=0, amount_field=0xF1234)


@pytest.fixture(params=MODULES)
def module(request: pytest.FixtureRequest) -> SecurityModule:
    return MODULES[request.param]()


@pytest.fixture(params=STEADY_MODULES)
def steady_module(request: pytest.FixtureRequest) -> SecurityModule:
    return MODULES[request.param]()


@pytest.fixture(params=OWN_TID_MODULES)
def own_tid_module(request: pytest.FixtureRequest) -> SecurityModule:
    return MODULES[request.param]()


@pytest.fixture(params=BROKEN_MODULES)
def broken_module(request: pytest.FixtureRequest) -> SecurityModule:
    return BROKEN_MODULES[request.param]()


def digits_for(module: SecurityModule, request: CreditRequest) -> str:
    (digits,) = made_of(module.credit([request])).digits
    return digits


def test_module_says_what_it_is(module: SecurityModule) -> None:
    module.health()

    assert module.name in {"software", "fake"}
    assert module.keeps_own_tids in {True, False}
    assert module.unread_fields <= {"subclass", "tid", "rnd", "amount_field"}


def test_credit_gives_one_token_of_twenty_digits_below_2_to_the_66(module: SecurityModule) -> None:
    digits = digits_for(module, REQUEST)

    assert len(digits) == 20
    assert digits.isascii()
    assert digits.isdigit()
    assert int(digits) < 1 << 66


def test_credit_names_the_vending_key_by_its_check_value_or_not_at_all(module: SecurityModule) -> None:
    assert made_of(module.credit([REQUEST])).check_value in {"A1B2C3", ""}


def test_credit_is_no_rollover(module: SecurityModule) -> None:
    assert made_of(module.credit([REQUEST])).is_rollover is False


@pytest.mark.parametrize("request_", [REQUEST, replace(REQUEST, meter=STA_METER), replace(REQUEST, subclass=3)])
def test_verify_reads_what_credit_wrote(module: SecurityModule, request_: CreditRequest) -> None:
    made = made_of(module.credit([request_]))
    tid = request_.tid if made.tid is None else made.tid
    rnd = 0 if "rnd" in module.unread_fields else 5

    assert module.verify([VerifyRequest(request_.meter, made.digits[0])]) == [
        UnitCredit(subclass=request_.subclass, tid=tid, rnd=rnd, amount_field=256)
    ]


@pytest.mark.parametrize("subclass", [4, 5, 6, 7])
def test_verify_reads_credit_in_money_of_twenty_bits(module: SecurityModule, subclass: int) -> None:
    made = made_of(module.credit([replace(CURRENCY, subclass=subclass)]))
    tid = TID if made.tid is None else made.tid

    assert module.verify([VerifyRequest(METER, made.digits[0])]) == [CurrencyCredit(subclass, tid, 0xF1234)]


def test_credit_asked_again_gives_the_same_digits(steady_module: SecurityModule) -> None:
    digits = digits_for(steady_module, REQUEST)

    assert made_of(steady_module.credit([REQUEST])).tid is None
    assert digits_for(steady_module, REQUEST) == digits
    assert digits_for(steady_module, replace(REQUEST, request_id="another-name")) == digits


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, tid=TID + 2),
        replace(REQUEST, rnd=6),
        replace(REQUEST, amount_field=257),
        replace(REQUEST, subclass=1),
        replace(REQUEST, meter=OTHER_METER),
        replace(REQUEST, meter=replace(METER, ti=2)),
        replace(REQUEST, meter=STA_METER),
        CURRENCY,
    ],
)
def test_credit_for_anything_else_gives_other_digits(steady_module: SecurityModule, other: CreditRequest) -> None:
    assert digits_for(steady_module, other) != digits_for(steady_module, REQUEST)


def test_module_with_its_own_tids_says_which_it_took_and_gives_none_twice(own_tid_module: SecurityModule) -> None:
    requests = [replace(REQUEST, request_id=f"sale-{number}") for number in range(3)]
    answers = own_tid_module.credit(requests)
    taken = [made_of([answer]).tid for answer in answers]

    assert None not in taken
    assert taken == sorted(set(taken))  # type: ignore[type-var]
    read = own_tid_module.verify([VerifyRequest(METER, made_of([answer]).digits[0]) for answer in answers])
    assert [token.tid for token in read if isinstance(token, UnitCredit)] == taken


def test_module_with_its_own_tids_spends_none_on_a_replay(own_tid_module: SecurityModule) -> None:
    first = made_of(own_tid_module.credit([REQUEST]))

    assert own_tid_module.replay(["sale-1", "sale-1"]) == [first, first]
    second = made_of(own_tid_module.credit([replace(REQUEST, request_id="sale-2")]))
    assert second.tid == (first.tid or 0) + 1


def test_batch_answers_in_order_as_one_by_one(steady_module: SecurityModule) -> None:
    requests = [
        replace(REQUEST, meter=meter, tid=tid, amount_field=tid & 0xFFFF)
        for tid in range(6_500_000, 6_500_010)
        for meter in (METER, EXPIRING, OTHER_METER, STA_METER)
    ]
    one_by_one = [digits_for(steady_module, request) for request in requests]
    verify_requests = [VerifyRequest(r.meter, digits) for r, digits in zip(requests, one_by_one, strict=True)]

    assert [made_of([answer]).digits[0] for answer in steady_module.credit(requests)] == one_by_one
    tokens = steady_module.verify(verify_requests)
    assert [token.tid for token in tokens if isinstance(token, UnitCredit)] == [request.tid for request in requests]


def test_empty_batch_has_no_answers(module: SecurityModule) -> None:
    assert module.credit([]) == module.management([]) == module.key_change([]) == module.test_display([]) == []
    assert module.verify([]) == []
    assert module.replay([]) == []


def test_batch_with_refusals_still_serves_the_rest(module: SecurityModule) -> None:
    expired = replace(REQUEST, meter=EXPIRING, tid=101 << 16)
    missing = replace(REQUEST, meter=WITHOUT_KEY)

    answers = module.credit([missing, CURRENCY, REQUEST, expired, missing])

    kinds = [type(answer) for answer in answers]
    assert kinds == [VendingKeyMissing, Made, Made, VendingKeyExpired, VendingKeyMissing]
    digits = [made_of([answer]).digits[0] for answer in answers[1:3]]
    read = module.verify([VerifyRequest(METER, one) for one in digits])
    assert [type(token) for token in read] == [CurrencyCredit, UnitCredit]


def test_credit_at_the_ken_is_made_and_beyond_it_refused(steady_module: SecurityModule) -> None:
    last = replace(REQUEST, meter=EXPIRING, tid=(101 << 16) - 1)

    assert len(digits_for(steady_module, last)) == 20
    assert code_of(steady_module.credit([replace(last, tid=101 << 16)])) == "key_expired"


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        (ACTIVE_FROM_AT - timedelta(minutes=1), "vending_key_not_active"),
        (ACTIVE_FROM_AT, ""),
        (ISSUE_UNTIL_AT, ""),
        (ISSUE_UNTIL_AT + timedelta(minutes=1), "vending_key_issue_ended"),
    ],
)
def test_credit_is_made_from_act_to_iut_by_the_moment_of_its_tid(
    steady_module: SecurityModule, moment: object, code: str
) -> None:
    request = replace(REQUEST, meter=LIMITED, tid=tid_at(moment, BaseDate.Y2014))  # type: ignore[arg-type]

    (answer,) = steady_module.credit([request])

    assert (answer.code if isinstance(answer, DomainError) else "") == code


NO_CREDIT: list[tuple[CreditRequest, str]] = [
    (replace(REQUEST, meter=WITHOUT_KEY), "vending_key_missing"),
    (replace(REQUEST, meter=UNDER_DEFAULT_KEY), "key_type_not_allowed"),
    (replace(REQUEST, meter=UNDER_COMMON_KEY), "key_type_not_allowed"),
    (replace(CURRENCY, meter=UNDER_DEFAULT_KEY), "key_type_not_allowed"),
    (replace(REQUEST, meter=replace(METER, kt=4)), "key_attribute_invalid"),
    (replace(REQUEST, meter=replace(METER, ti=100)), "key_attribute_invalid"),
    (replace(REQUEST, meter=replace(METER, ea=8)), "unsupported_algorithm"),
    (replace(REQUEST, meter=replace(METER, krn=4)), "unsupported_algorithm"),  # DKGA 02 makes no key for EA 11
    (replace(REQUEST, meter=replace(METER, krn=4, ea=9)), "unverified_algorithm"),
    (replace(REQUEST, meter=replace(STA_METER, krn=5)), "unverified_algorithm"),
    (replace(REQUEST, meter=replace(METER, meter_pan="600727000000000001")), "check_digit_wrong"),
    (replace(REQUEST, meter=replace(METER, meter_pan="00000000000")), "meter_number_invalid"),
    (replace(REQUEST, tid=1 << 24), "field_out_of_range"),
    (replace(REQUEST, tid=-1), "field_out_of_range"),
    (replace(REQUEST, rnd=16), "field_out_of_range"),
    (replace(REQUEST, amount_field=1 << 16), "field_out_of_range"),
    (replace(CURRENCY, amount_field=1 << 20), "field_out_of_range"),
    (replace(CURRENCY, rnd=5), "field_out_of_range"),
    (replace(REQUEST, subclass=8), "unsupported_token"),
]


@pytest.mark.parametrize(("request_", "code"), NO_CREDIT, ids=lambda value: value if isinstance(value, str) else "")
def test_credit_that_may_not_be_made_is_refused(
    steady_module: SecurityModule, request_: CreditRequest, code: str
) -> None:
    assert code_of(steady_module.credit([request_])) == code


def test_verify_for_another_meter_or_key_has_a_wrong_crc(module: SecurityModule) -> None:
    digits = digits_for(module, REQUEST)

    for meter in (OTHER_METER, EXPIRING, replace(METER, ti=2), STA_METER):
        assert code_of(module.verify([VerifyRequest(meter, digits)])) == "token_crc_wrong"


def test_verify_of_a_changed_digit_has_a_wrong_crc(module: SecurityModule) -> None:
    digits = digits_for(module, REQUEST)
    changed = digits[:-1] + str((int(digits[-1]) + 1) % 10)

    assert code_of(module.verify([VerifyRequest(METER, changed)])) == "token_crc_wrong"


@pytest.mark.parametrize("digits", ["", "1" * 19, "1" * 21, "a" * 20, "9" * 20, "\u0661" * 20])
def test_verify_of_what_is_no_token_is_refused(module: SecurityModule, digits: str) -> None:
    assert code_of(module.verify([VerifyRequest(METER, digits)])) == "token_malformed"


@pytest.mark.parametrize(
    ("meter", "code"),
    [
        (WITHOUT_KEY, "vending_key_missing"),
        (UNDER_DEFAULT_KEY, "key_type_not_allowed"),
        (replace(METER, krn=5), "unverified_algorithm"),
        (replace(METER, ea=8), "unsupported_algorithm"),
    ],
)
def test_verify_without_a_key_that_may_sell_says_nothing_of_the_token(
    module: SecurityModule, meter: MeterKeyFacts, code: str
) -> None:
    digits = digits_for(module, REQUEST)

    assert code_of(module.verify([VerifyRequest(meter, digits)])) == code


def test_verify_batch_of_good_and_bad_tokens_answers_in_order(module: SecurityModule) -> None:
    digits = digits_for(module, REQUEST)
    meters = (OTHER_METER, METER, WITHOUT_KEY, METER)

    answers = module.verify([VerifyRequest(meter, digits) for meter in meters])

    kinds = [answer.code if isinstance(answer, DomainError) else type(answer).__name__ for answer in answers]
    assert kinds == ["token_crc_wrong", "UnitCredit", "vending_key_missing", "UnitCredit"]


def test_refusals_and_values_show_no_digits(module: SecurityModule) -> None:
    made = made_of(module.credit([REQUEST]))
    request = VerifyRequest(OTHER_METER, made.digits[0])
    (refusal,) = module.verify([request])

    assert made.digits[0] not in f"{refusal!r} {refusal} {made!r} {request!r}"


def test_replay_gives_what_was_made_by_request_id_and_none_for_the_rest(module: SecurityModule) -> None:
    refused = replace(REQUEST, request_id="sale-3", meter=WITHOUT_KEY)
    first, second, _ = module.credit([REQUEST, CURRENCY, refused])

    assert module.replay(["sale-2", "sale-3", "never-asked", "sale-1"]) == [second, None, None, first]


def test_replay_gives_the_newest_answer_to_a_request(module: SecurityModule) -> None:
    module.credit([REQUEST])
    newest = made_of(module.credit([replace(REQUEST, amount_field=1)]))

    assert module.replay(["sale-1"]) == [newest]


def test_replay_of_one_module_knows_nothing_of_another(module: SecurityModule) -> None:
    module.credit([REQUEST])

    assert MODULES["fake"]().replay(["sale-1"]) == [None]


def test_descriptions_name_every_vending_key_and_show_no_octet_of_one(module: SecurityModule) -> None:
    descriptions = module.describe_keys()

    named = {(key.sgc, key.krn, key.kt, key.base_date, key.dkga, key.ken, key.check_value) for key in descriptions}
    assert named == {(key.sgc, key.krn, key.kt, key.base_date, key.dkga, key.ken, key.check_value) for key in KEYS}
    assert "abababab" not in repr(descriptions).lower()


Work = Callable[[SecurityModule], Sequence[object] | None]
ALL_WORK: dict[str, Work] = {
    "credit": lambda module: module.credit([REQUEST]),
    "management": lambda module: module.management([ManagementRequest("m", METER, 1, TID, 5, 0)]),
    "key_change": lambda module: module.key_change([KeyChangeRequest("k", METER, KeyTarget(METER.sgc, 1, 2, 2))]),
    "test_display": lambda module: module.test_display([MeterTestRequest("t", 0, 1, 0)]),
    "verify": lambda module: module.verify([VerifyRequest(METER, "0" * 20)]),
    "describe_keys": lambda module: module.describe_keys(),
    "replay": lambda module: module.replay(["sale-1"]),
    "health": lambda module: module.health(),
}


@pytest.mark.parametrize("work", ALL_WORK.values(), ids=ALL_WORK)
def test_broken_module_refuses_all_work(broken_module: SecurityModule, work: Work) -> None:
    with pytest.raises(SecurityModuleUnavailable) as refusal:
        work(broken_module)

    assert refusal.value.code == "security_module_unavailable"
    assert refusal.value.retryable
