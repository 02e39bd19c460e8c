"""What a person reads of a token: a table of its fields, and what must be known before the token is believed."""

from collections.abc import Iterator, Mapping

from gateway.management.sts_command.options import RESOURCES
from vending.sts.base_dates import BaseDate
from vending.sts.meter_test import GREATEST_TEST, LONG_CODE_TEST, SHORT_CODE_TEST, control_of_test
from vending.sts.tid import moment_of
from vending.vectors.algorithms import Outcome
from vending.vectors.decimals import text_of

Fields = Mapping[str, object]

_MANAGEMENT = {
    0: "SetMaximumPowerLimit",
    1: "ClearCredit",
    2: "SetTariffRate",
    3: "Set1stSectionDecoderKey",
    4: "Set2ndSectionDecoderKey",
    5: "ClearTamperCondition",
    6: "SetMaximumPhasePowerUnbalanceLimit",
    7: "SetWaterMeterFactor",
    8: "Set3rdSectionDecoderKey",
    9: "Set4thSectionDecoderKey",
    10: "extended set (STS 202-5)",
}
_UNITS = ("kWh", "m3", "m3", "minutes")
_HIDDEN = ("class", "subclass", "tid", "units", "amount", "control", "key_part")


def grouped(digits: str) -> str:
    """The 20 digits in five groups of four, as people read them."""
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def table_of(fields: Fields, base: str | None) -> list[str]:
    """A line for each field of a decoded token, the names in one column. Parts of a decoder key are not shown."""
    rows = list(_rows(fields, base))
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}}  {text}" for name, text in rows]


def remarks_on(outcome: Outcome) -> list[str]:
    """What must be said of a result, in whole sentences."""
    said = []
    if outcome.is_unverified:
        said.append("unverified: no public vector covers this DKGA, EA or KT. It is refused for sales.")
    if outcome.used_sample_tables:
        said.append("EA07 under the standard's SAMPLE tables: no real meter takes it.")
    return said


def _rows(fields: Fields, base: str | None) -> Iterator[tuple[str, str]]:
    token_class, subclass = int(str(fields["class"])), int(str(fields["subclass"]))
    yield "class", f"{token_class}, {('credit', 'test or display', 'management')[token_class]}"
    yield "subclass", f"{subclass}, {_subclass(token_class, subclass)}"
    if isinstance(tid := fields.get("tid"), int):
        yield "TID", f"{tid}" if base is None else f"{tid} = {moment_of(tid, BaseDate.of(base)):%Y-%m-%d %H:%M} UTC"
    if isinstance(units := fields.get("units"), int):
        yield ("limit", f"{units} W") if token_class else ("amount", f"{text_of(units, 1)} {_UNITS[subclass]}")
    if "amount" in fields:
        yield "amount", f"{fields['amount']} of the currency's base unit"
    if isinstance(control := fields.get("control"), int):
        yield "control", f"{control:X} (hexadecimal){_test(control, subclass)}"
    for name, value in fields.items():
        if name not in _HIDDEN:
            yield name, str(value)


def _subclass(token_class: int, subclass: int) -> str:
    if token_class == 0:
        return f"{RESOURCES[subclass % 4]}, in {'units' if subclass < 4 else 'currency'}"
    if token_class == 1:
        return ("manufacturer code of 2 digits", "manufacturer code of 4 digits", "read (STS 202-5)")[subclass]
    return _MANAGEMENT[subclass]


def _test(control: int, subclass: int) -> str:
    if subclass in (SHORT_CODE_TEST, LONG_CODE_TEST):
        for number in range(GREATEST_TEST + 1):
            if control_of_test(number, subclass) == control:
                return f" = test {number}"
    return ""
