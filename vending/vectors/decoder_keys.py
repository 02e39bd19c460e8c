"""The meter that a case is about: its cipher and its decoder key, given, or derived from a vending key."""

from dataclasses import dataclass, field

from vending.sts.base_dates import BaseDate
from vending.sts.ciphers import Cipher, cipher_of, sta
from vending.sts.decoder_keys import derive_decoder_key
from vending.sts.errors import DecoderKeyMalformed
from vending.vectors.errors import InputsContradict
from vending.vectors.inputs import Inputs

_STA_EA = 7
_DES_DKGAS = (1, 2, 3)  # their decoder keys do not depend on EA and base date, so cases leave both out


@dataclass(frozen=True)
class MeterKey:
    """What tokens for this meter are made and read with. Base date and KEN are the vending key's, where they stand."""

    cipher: Cipher
    decoder_key: bytes = field(repr=False)
    base_date: BaseDate | None
    ken: int | None


def decoder_key(inputs: Inputs) -> str:
    """A case of algorithm DKGA: the inputs are the vending key, the meter and its attributes."""
    ea = inputs.optional(inputs.integer, "ea")
    if ea is None:
        ea = _STA_EA if inputs.integer("dkga") in _DES_DKGAS else inputs.integer("ea")
    return _derived(inputs, ea, inputs.optional(inputs.base_date, "base")).hex()


def meter_key_in(inputs: Inputs, name: str = "key") -> MeterKey:
    """What stands below `name`: `dk`, or `vk` with everything it is derived from. EA stands there or beside it."""
    part = inputs.part(name)
    ea = _ea(inputs, part)
    cipher = sta(inputs.tables_in_force()) if ea == _STA_EA else cipher_of(ea)
    base_date = part.optional(part.base_date, "base") or inputs.optional(inputs.base_date, "base")
    octets = _given(part, cipher) if part.has("dk") else _derived(part, ea, base_date)
    return MeterKey(cipher, octets, base_date, ken=part.optional(part.integer, "ken"))


def _ea(inputs: Inputs, part: Inputs) -> int:
    beside, below = inputs.optional(inputs.integer, "ea"), part.optional(part.integer, "ea")
    if beside is not None and below is not None and beside != below:
        raise InputsContradict(f"ea is another one than {part.path}ea", field="ea")
    return below if below is not None else inputs.integer("ea")


def _given(part: Inputs, cipher: Cipher) -> bytes:
    if part.has("vk"):
        raise InputsContradict(f"{part.path}dk and {part.path}vk are both there", field=f"{part.path}dk")
    octets = part.octets("dk")
    if len(octets) != cipher.key_octets:
        raise DecoderKeyMalformed(f"EA {cipher.ea:02d} takes {cipher.key_octets} octets", field=f"{part.path}dk")
    dkga, kt = part.optional(part.integer, "dkga"), part.optional(part.integer, "kt")
    part.remarks.check_verified(dkga=dkga, ea=cipher.ea, kt=kt)
    return octets


def _derived(part: Inputs, ea: int, base_date: BaseDate | None) -> bytes:
    dkga, kt = part.integer("dkga"), part.integer("kt")
    if base_date is None:
        base_date = BaseDate.Y1993 if dkga in _DES_DKGAS else part.base_date()
    derived = derive_decoder_key(
        dkga=dkga,
        secret=part.octets("vk"),
        base_date=base_date,
        ea=ea,
        meter_pan=part.text("pan"),
        sgc=part.text("sgc"),
        krn=part.integer("krn"),
        kt=kt,
        ti=part.integer("ti"),
    )
    part.remarks.check_verified(dkga=dkga, ea=ea, kt=kt)
    return derived
