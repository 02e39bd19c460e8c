"""Bad input to every public function: always a coded error that names the field, never another exception.

One row for each function: a call that works, and for each argument what kind of value it is. Every hostile value of
that kind is tried in its place. A function without a row fails the first test.
"""

import importlib
import inspect
import math
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

import vending.sts
from tests.support.hostile_values import (
    ANY_OCTETS,
    BLOCK,
    CAPPED,
    CIPHER,
    DIGITS,
    FLAG,
    LISTS,
    MOMENT,
    NEW_KEY,
    NO_DIGITS,
    NO_TEXT,
    NO_WHOLE_NUMBER,
    OCTETS,
    OPTIONAL,
    OUT_OF_BITS,
    SECTION,
    SIGNED,
    TABLE,
    TABLES,
    WHOLE,
    Hostile,
)
from vending.sts import (
    amounts,
    base_dates,
    bulk,
    check_digits,
    ciphers,
    crc,
    credit,
    currency,
    dea,
    decoder_keys,
    fields,
    frame,
    identifiers,
    key_change,
    known_answers,
    management,
    many_decoder_keys,
    meter_test,
    misty1,
    sta,
    sta_tables,
    tid,
    tokens,
    verified,
)
from vending.sts.base_dates import BaseDate
from vending.sts.ciphers import MISTY1
from vending.sts.errors import StsError
from vending.sts.key_change import NewKey, Section2
from vending.sts.sta_tables import SAMPLE_TABLES

SECRET = bytes.fromhex("abababababababab949494949494949401234567")
DECODER_KEY = bytes.fromhex("929bd3a415c9420a05ec5ee9f3ce91c3")
TOKEN = "58625789986991357486"  # STS 531-1-11, CTSA01: 0.1 kWh
SECRETS = (SECRET.hex(), repr(SECRET), DECODER_KEY.hex(), repr(DECODER_KEY), TOKEN)

ANY_FIELD = "*"  # the field of a field

SAMPLE_LISTS = dict(
    zip(("sub1", "sub2", "perm"), (SAMPLE_TABLES.first, SAMPLE_TABLES.second, SAMPLE_TABLES.permutation), strict=True)
)

# argument: (a value that works, the kind)
METER = {"cipher": (MISTY1, CIPHER), "decoder_key": (DECODER_KEY, OCTETS)}
TID, RND, FIELD = (85_740, WHOLE), (5, WHOLE), (1, WHOLE)
NEW = {
    "decoder_key": (DECODER_KEY, ANY_OCTETS),
    "sgc": ("201457", DIGITS),
    "krn": (1, WHOLE),
    "kt": (2, WHOLE),
    "ti": (1, WHOLE),
    "ken": (255, WHOLE),
}
PAN = "600727000000000009"
VENDING_KEY = {"dkga": (4, WHOLE), "secret": (SECRET, OCTETS)}
DERIVATION = (
    {name: NEW[name] for name in ("sgc", "krn", "kt", "ti")}
    | VENDING_KEY
    | {"base_date": ("14", DIGITS), "ea": (11, WHOLE)}
)


@dataclass(frozen=True, repr=False)
class Row:
    work: Callable[..., object]
    arguments: Mapping[str, tuple[Any, Hostile]]
    field_of: Mapping[str, str] = field(default_factory=dict)  # where the error's field is not the argument's name

    @property
    def name(self) -> str:
        return f"{self.work.__module__.rpartition('.')[2]}.{self.work.__qualname__}"


NO_LIST: Hostile = (None, True, 1, 1.0, "ab", b"ab", {}, {1}, object())

ROWS = [
    Row(amounts.amount_for, {"tenths": (1, WHOLE)}, {"tenths": "amount"}),
    Row(amounts.greatest_amount_within, {"tenths": (1, (*NO_WHOLE_NUMBER, -1))}, {"tenths": "amount"}),
    Row(amounts.tenths_of, {"amount_field": FIELD}),
    Row(base_dates.BaseDate.of, {"code": ("14", DIGITS)}, {"code": "base_date"}),
    Row(check_digits.luhn_digit, {"body": ("0000", (*NO_TEXT, *NO_DIGITS[:-1]))}),
    Row(check_digits.luhn_fits, {"number": ("0000", (*NO_TEXT, *NO_DIGITS[:-1]))}),
    Row(ciphers.cipher_of, {"ea": (7, WHOLE), "sta_tables": (SAMPLE_TABLES, TABLES)}, {"sta_tables": "tables"}),
    Row(ciphers.sta, {"tables": (SAMPLE_TABLES, TABLES)}),
    Row(crc.crc16, {"octets": (b"12", ANY_OCTETS)}),
    Row(crc.token_crc, {"token_class": (0, WHOLE), "body": (1, WHOLE)}),
    Row(credit.check_may_vend_credit, {"kt": (2, WHOLE)}),
    Row(credit.encode_credit, {"subclass": (0, WHOLE), "tid": TID, "rnd": RND, "amount_field": FIELD} | METER),
    Row(credit.decode_credit, {"digits": (TOKEN, DIGITS)} | METER),
    Row(credit.unit_credit_in, {"body": (1, WHOLE)}),
    Row(currency.encode_currency, {"subclass": (4, WHOLE), "tid": TID, "amount_field": FIELD} | METER),
    Row(currency.currency_credit_in, {"body": (4 << 44, WHOLE)}),
    Row(currency.currency_field_for, {"hundred_thousandths": (1, SIGNED)}, {"hundred_thousandths": "amount"}),
    Row(currency.greatest_currency_within, {"hundred_thousandths": (1, CAPPED)}, {"hundred_thousandths": "amount"}),
    Row(currency.hundred_thousandths_of, {"amount_field": FIELD}),
    Row(dea.encrypt, {"decoder_key": (bytes(8), OCTETS), "block": (1, BLOCK)}),
    Row(dea.decrypt, {"decoder_key": (bytes(8), OCTETS), "block": (1, BLOCK)}),
    Row(dea.encrypt_twice_keyed, {"secret": (bytes(16), OCTETS), "block": (1, BLOCK)}, {"secret": "decoder_key"}),
    Row(decoder_keys.derive_decoder_key, DERIVATION | {"meter_pan": (PAN, DIGITS)}),
    Row(
        many_decoder_keys.derive_decoder_keys,
        DERIVATION | {"meter_pans": ([PAN] * 3, tuple([PAN, one, PAN] for one in DIGITS))},
        {"meter_pans": "meter_pan"},
    ),
    Row(decoder_keys.check_parity, VENDING_KEY),
    Row(decoder_keys.check_pair, {"dkga": (4, WHOLE), "ea": (11, WHOLE)}),
    Row(fields.check_bits, {"value": (1, WHOLE), "bits": (4, ()), "field": ("value", ())}),
    Row(fields.check_between, {"value": (1, WHOLE), "low": (0, ()), "high": (9, ()), "field": ("value", ())}),
    Row(fields.check_list, {"values": ([], NO_LIST), "field": ("values", ())}),
    Row(fields.check_flag, {"value": (True, FLAG), "field": ("value", ())}),
    Row(frame.seal_token, {"token_class": (0, WHOLE), "body": (1, WHOLE)} | METER),
    Row(frame.open_token, {"digits": (TOKEN, DIGITS)} | METER),
    Row(frame.join_digits, {"token_class": (0, WHOLE), "block": (1, WHOLE)}),
    Row(frame.split_digits, {"digits": (TOKEN, DIGITS)}),
    Row(frame.subclass_of, {"body": (1, WHOLE)}),
    Row(frame.check_cipher, {"cipher": (MISTY1, CIPHER)}),
    Row(identifiers.check_pan_is_intact, {"digits": (PAN, DIGITS)}, {"digits": "meter_pan"}),
    Row(identifiers.MeterPan, {"digits": (PAN, DIGITS)}, {"digits": "meter_pan"}),
    Row(identifiers.MeterPan.from_entry, {"entry": ("00000000000", DIGITS)}, {"entry": "meter_pan"}),
    Row(identifiers.SupplyGroupCode, {"code": ("201457", DIGITS)}, {"code": "sgc"}),
    Row(identifiers.ManufacturerCode, {"code": ("07", DIGITS)}, {"code": "manufacturer_code"}),
    Row(identifiers.KeyRevisionNumber, {"number": (1, WHOLE)}, {"number": "krn"}),
    Row(identifiers.TariffIndex, {"number": (1, WHOLE)}, {"number": "ti"}),
    Row(identifiers.KeyExpiryNumber, {"number": (1, WHOLE)}, {"number": "ken"}),
    Row(identifiers.KeyType.of, {"number": (1, WHOLE)}, {"number": "kt"}),
    Row(key_change.NewKey, NEW),
    Row(key_change.encode_section, {"section": (Section2(0, 1, 0), SECTION)} | METER, {"section": ANY_FIELD}),
    Row(key_change.section_in, {"body": (8 << 44, WHOLE), "cipher": (MISTY1, CIPHER)}),
    Row(
        key_change.key_change_set,
        {
            "new_key": (NewKey(bytes(16), "201457", 1, 2, 1, 255), NEW_KEY),
            "rollover": (False, FLAG),
            "three_token": (False, FLAG),
        }
        | METER,
    ),
    Row(management.encode_management, {"subclass": (0, WHOLE), "tid": TID, "rnd": RND, "field": FIELD} | METER),
    Row(management.management_in, {"body": (1, WHOLE)}),
    Row(management.extended_field, {"index": (1, WHOLE), "value": (1, WHOLE)}),
    Row(management.extended_flag_field, {"flag": (1, WHOLE), "is_on": (True, FLAG)}),
    Row(meter_test.encode_meter_test, {"subclass": (0, WHOLE), "control": (1, WHOLE), "mfr": (0, WHOLE)}),
    Row(meter_test.meter_test_in, {"body": (1, WHOLE)}),
    Row(meter_test.control_of_test, {"number": (1, WHOLE), "subclass": (0, WHOLE)}),
    Row(misty1.encrypt, {"decoder_key": (DECODER_KEY, OCTETS), "block": (1, BLOCK)}),
    Row(misty1.decrypt, {"decoder_key": (DECODER_KEY, OCTETS), "block": (1, BLOCK)}),
    Row(sta.Sta(SAMPLE_TABLES).encrypt, {"decoder_key": (bytes(8), OCTETS), "block": (1, BLOCK)}),
    Row(sta.Sta(SAMPLE_TABLES).decrypt, {"decoder_key": (bytes(8), OCTETS), "block": (1, BLOCK)}),
    Row(
        sta_tables.StaTables,
        {name: (getattr(SAMPLE_TABLES, name), TABLE) for name in ("first", "second", "permutation")},
    ),
    Row(sta_tables.StaTables.from_lists, {"lists": (SAMPLE_LISTS, LISTS)}, {"lists": ANY_FIELD}),
    Row(
        tid.tid_at,
        {"moment": (datetime(2026, 7, 11, tzinfo=UTC), MOMENT), "base": (BaseDate.Y2014, DIGITS)},
        {"base": "base_date"},
    ),
    Row(tid.moment_of, {"tid": TID, "base": (BaseDate.Y2014, DIGITS)}, {"base": "base_date"}),
    Row(tid.next_tid, {"clock_tid": TID, "last_tid": (None, OPTIONAL)}),
    Row(tid.check_within_look_ahead, {"tid": TID, "clock_tid": TID, "limit_minutes": (30, WHOLE)}),
    Row(tid.check_key_not_expired, {"tid": TID, "ken": (255, WHOLE)}),
    Row(tokens.token_in, {"token_class": (2, WHOLE), "body": (8 << 44, WHOLE), "cipher": (MISTY1, CIPHER)}),
    Row(tokens.decode_token, {"digits": (TOKEN, DIGITS)} | METER),
]

QUESTIONS = {"fields.is_whole", "verified.is_verified", "verified.check_verified", "known_answers.wrong_answers"}
IN_BULK = {f"bulk.{name}" for name in ("encrypt_many", "decrypt_many", "encode_credits", "decode_tokens")}
MANY = 2 * bulk.LEAST_BATCH
# Plain values and names, which check nothing themselves: what takes them does.
PLAIN = {
    "ciphers.Cipher",
    "credit.UnitCredit",
    "currency.CurrencyCredit",
    "key_change.Section1",
    "key_change.Section2",
    "key_change.Section3",
    "key_change.Section4",
    "management.Management",
    "management.ManagementSubclass",
    "meter_test.MeterTest",
    "base_dates.BaseDate",
    "identifiers.KeyType",
    "sta.Sta",
}
# They take the checked values of `identifiers`.
OF_CHECKED_VALUES = {"decoder_keys.control_block", "decoder_keys.kdf_input"}
# Rooms behind `bulk`: no caller from outside.
INNER = ("column_", "normal_form", "sliced_", "slices")


def public_things() -> Iterator[tuple[str, object]]:
    for module_info in pkgutil.iter_modules(vending.sts.__path__):
        module = importlib.import_module(f"vending.sts.{module_info.name}")
        for name, thing in vars(module).items():
            is_own = getattr(thing, "__module__", "") == module.__name__ and not name.startswith("_")
            if (
                is_own
                and (inspect.isroutine(thing) or inspect.isclass(thing))
                and not module_info.name.startswith(INNER)
            ):
                yield f"{module_info.name}.{name}", thing


def test_every_public_function_has_a_row() -> None:
    rowed = {row.name for row in ROWS} | PLAIN | OF_CHECKED_VALUES | QUESTIONS | IN_BULK
    public = {name for name, thing in public_things() if not (inspect.isclass(thing) and issubclass(thing, StsError))}

    assert public - rowed == set()


def hostile_calls() -> Iterator[Any]:
    for row in ROWS:
        for argument, (_, values) in row.arguments.items():
            if values:
                yield pytest.param(row, argument, values, id=f"{row.name}({argument})")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_good_input_is_taken(row: Row) -> None:
    row.work(**{name: value for name, (value, _) in row.arguments.items()})


@pytest.mark.parametrize(("row", "argument", "values"), list(hostile_calls()))
def test_bad_input_is_refused_with_a_code_and_its_field(row: Row, argument: str, values: Hostile) -> None:
    good = {name: value for name, (value, _) in row.arguments.items()}
    for value in values:
        with pytest.raises(StsError) as refusal:
            row.work(**good | {argument: value})
        check_refusal(refusal.value, row.field_of.get(argument, argument))


@pytest.mark.parametrize(("column", "field", "values"), [("keys", "decoder_key", OCTETS), ("blocks", "block", BLOCK)])
@pytest.mark.parametrize("work", [bulk.encrypt_many, bulk.decrypt_many])
def test_bad_block_or_key_among_many_is_refused(
    work: Callable[..., object], column: str, field: str, values: Hostile
) -> None:
    for value in values:
        columns: dict[str, list[Any]] = {"keys": [DECODER_KEY] * MANY, "blocks": [1] * MANY}
        columns[column][MANY // 2] = value
        with pytest.raises(StsError) as refusal:
            work(MISTY1, columns["keys"], columns["blocks"])
        check_refusal(refusal.value, field)


@pytest.mark.parametrize(
    ("work", "items"),
    [
        (partial(bulk.encrypt_many, MISTY1), "blocks"),
        (partial(bulk.decrypt_many, MISTY1), "blocks"),
        (partial(bulk.encode_credits, cipher=MISTY1), "unit_credits"),
        (partial(bulk.decode_tokens, cipher=MISTY1), "digits"),
    ],
)
def test_what_is_no_list_is_refused_in_bulk(work: Callable[..., object], items: str) -> None:
    for value in NO_LIST:
        for argument in ("decoder_keys", items):
            with pytest.raises(StsError) as refusal:
                work(**{"decoder_keys": [], items: []} | {argument: value})
            check_refusal(refusal.value, argument)


@pytest.mark.parametrize("work", [bulk.encrypt_many, bulk.decrypt_many])
def test_bulk_without_a_cipher_is_refused(work: Callable[..., object]) -> None:
    for value in CIPHER:
        with pytest.raises(StsError) as refusal:
            work(value, [], [])
        check_refusal(refusal.value, "cipher")


def test_credits_that_are_none_are_refused_in_bulk() -> None:
    for value in (None, True, 1, "credit", {}, object()):
        with pytest.raises(StsError) as refusal:
            bulk.encode_credits([value], cipher=MISTY1, decoder_keys=[DECODER_KEY])  # type: ignore[list-item]
        check_refusal(refusal.value, "unit_credits")


@pytest.mark.parametrize("name", ["subclass", "tid", "rnd", "amount_field"])
def test_bad_credit_among_many_is_refused(name: str) -> None:
    good = credit.UnitCredit(0, 85_740, 5, 1)
    for value in WHOLE:
        change: dict[str, Any] = {name: value}
        wanted = [*[good] * MANY, replace(good, **change)]
        with pytest.raises(StsError) as refusal:
            bulk.encode_credits(wanted, cipher=MISTY1, decoder_keys=[DECODER_KEY] * (MANY + 1))
        check_refusal(refusal.value, name)


def test_bad_digits_among_many_answer_with_their_refusal() -> None:
    digits: list[Any] = [TOKEN] * MANY + list(DIGITS)

    answers = bulk.decode_tokens(digits, cipher=MISTY1, decoder_keys=[DECODER_KEY] * len(digits))

    assert answers[:MANY] == [credit.UnitCredit(0, 85_740, 5, 1)] * MANY
    for answer in answers[MANY:]:
        assert isinstance(answer, StsError)
        check_refusal(answer, "digits")


def test_question_about_anything_is_answered() -> None:
    for value in (*NO_WHOLE_NUMBER, *OUT_OF_BITS, *CIPHER):
        assert fields.is_whole(value) is (type(value) is int)
        assert known_answers.wrong_answers(value) == ["EA07 tables"]


@pytest.mark.parametrize("name", ["dkga", "ea", "kt"])
def test_unverified_is_what_is_no_number(name: str) -> None:
    good: dict[str, Any] = {"dkga": 4, "ea": 7, "kt": 2}
    for value in ("", "x", "7", b"4", [], {}, object(), math.nan, -1, 10**5000):
        with pytest.raises(StsError) as refusal:
            verified.check_verified(**good | {name: value})
        check_refusal(refusal.value, name)


def check_refusal(refusal: StsError, field_name: str) -> None:
    text = f"{refusal} {refusal!r} {refusal.args}"
    assert refusal.code != StsError.code
    assert refusal.field == field_name if field_name != ANY_FIELD else refusal.field
    assert len(str(refusal)) < 120
    assert not any(secret in text for secret in SECRETS)
