"""Cases about key changes: a whole set, and one token of a set by its section."""

from vending.sts.errors import FieldOutOfRange
from vending.sts.identifiers import SupplyGroupCode
from vending.sts.key_change import (
    NewKey,
    Section,
    Section1,
    Section2,
    Section3,
    Section4,
    encode_section,
    key_change_set,
)
from vending.vectors.decoder_keys import MeterKey, meter_key_in
from vending.vectors.errors import InputMissing
from vending.vectors.inputs import Inputs

_LONG_KEY_OCTETS = 16


def key_change(inputs: Inputs) -> list[str]:
    """The tokens that change a meter from `key` to `new_key`, in the order in which they are sent.

    Without `ro` RO is set when the base date changes: where only one of the two is known, `InputMissing`. Without
    `three_token` the set has two or four.
    """
    meter, new = meter_key_in(inputs), meter_key_in(inputs, "new_key")
    part = inputs.parts[-1]
    new_key = NewKey(
        decoder_key=new.decoder_key,
        sgc=part.text("sgc"),
        krn=part.integer("krn"),
        kt=part.integer("kt"),
        ti=part.integer("ti"),
        ken=inputs.integer("ken") if new.ken is None or inputs.has("ken") else new.ken,
    )
    digits = key_change_set(
        new_key=new_key,
        rollover=inputs.flag("ro") if inputs.has("ro") else _changes_base_date(meter, new),
        three_token=inputs.optional(inputs.flag, "three_token", default=False),
        cipher=meter.cipher,
        decoder_key=meter.decoder_key,
    )
    return list(digits)


def _changes_base_date(meter: MeterKey, new: MeterKey) -> bool:
    """RO is set exactly then. A guess could clear a TID store that must be kept, or keep one that must be cleared."""
    for name, key, other in (("key", meter, new), ("new_key", new, meter)):
        if key.base_date is None and other.base_date is not None:
            raise InputMissing(f"{name}.base is missing: RO is set when it changes", field=f"{name}.base")
    return meter.base_date != new.base_date


def key_change_section(inputs: Inputs) -> str:
    """One token of a set: its own fields stand in the inputs, its part of the decoder key comes from `new_key`."""
    meter, new = meter_key_in(inputs), meter_key_in(inputs, "new_key")
    section = _section(inputs, inputs.integer("section"), new)
    return encode_section(section, cipher=meter.cipher, decoder_key=meter.decoder_key)


def _section(inputs: Inputs, number: int, new: MeterKey) -> Section:
    parts = _parts(new.decoder_key)
    is_long = len(new.decoder_key) == _LONG_KEY_OCTETS
    match number:
        case 1:
            flags = {"ro": int(inputs.flag("ro")), "kct3": int(inputs.flag("kct3"))}
            numbers = {name: inputs.integer(name) for name in ("kenho", "krn", "kt")}
            return Section1(**numbers, **flags, key_part=parts[0])
        case 2:
            return Section2(inputs.integer("kenlo"), inputs.integer("ti"), parts[-1])
        case 3 if not is_long:
            return Section3(_sgc(inputs), 0)
        case 3:
            return Section3(_sgc(inputs) & 0xFFF, parts[1])
        case 4:
            return Section4(_sgc(inputs) >> 12, parts[2 % len(parts)])
        case _:
            raise FieldOutOfRange("a set has sections 1 to 4", field="section")


def _parts(decoder_key: bytes) -> list[int]:
    """The decoder key in words of 32 bits, most significant first: two or four."""
    return [int.from_bytes(decoder_key[start : start + 4], "big") for start in range(0, len(decoder_key), 4)]


def _sgc(inputs: Inputs) -> int:
    return int(SupplyGroupCode(inputs.text("sgc")))
