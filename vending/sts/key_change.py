"""Key changes: class 2 tokens of subclass 3, 4, 8 and 9 (IEC 62055-41, SetNthSectionDecoderKey).

A set is made under the meter's current decoder key and describes the new one. It has no TID, no random bits, no EA:

    set of 2   decoder key of 8 octets         1st, 2nd
    set of 3   EA 07, the meter learns its SGC 1st with the 3KCT flag, 2nd, 3rd with the SGC (24 bits) and 20 zeros
    set of 4   decoder key of 16 octets        1st, 2nd, 3rd with the SGC's low 12 bits, 4th with its high 12

`key_part` is 32 bits of the new decoder key, so representations leave it out.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from vending.sts.ciphers import Cipher
from vending.sts.errors import (
    DecoderKeyMalformed,
    FieldOutOfRange,
    KeyAttributeInvalid,
    UnsupportedAlgorithm,
    UnsupportedToken,
)
from vending.sts.fields import check_between, check_bits, check_flag, is_whole
from vending.sts.frame import MANAGEMENT_CLASS, check_cipher, seal_token, subclass_of
from vending.sts.identifiers import KeyExpiryNumber, KeyRevisionNumber, KeyType, SupplyGroupCode, TariffIndex

_LONG_KEY_OCTETS = 16
_THREE_TOKEN_EA = 7
_GREATEST_SGC = 999_999


@dataclass(frozen=True, slots=True)
class Section1:
    """`kenho`: the high 4 bits of KEN. `ro` 1: clear the TID store. `kct3` 1: a third token tells the SGC.

    `key_part` is NKHO: bits 63-32 of a decoder key of 8 octets, 127-96 of one of 16.
    """

    token_class: ClassVar[int] = MANAGEMENT_CLASS
    subclass: ClassVar[int] = 3
    kenho: int
    krn: int
    ro: int
    kt: int
    kct3: int
    key_part: int = field(repr=False)


@dataclass(frozen=True, slots=True)
class Section2:
    """`kenlo`: the low 4 bits of KEN. `key_part` is NKLO: bits 31-0."""

    token_class: ClassVar[int] = MANAGEMENT_CLASS
    subclass: ClassVar[int] = 4
    kenlo: int
    ti: int
    key_part: int = field(repr=False)


@dataclass(frozen=True, slots=True)
class Section3:
    """SGCLO (12 bits) and NKMO2 (bits 95-64) where decoder keys have 16 octets, else the SGC (24 bits) and 20 zeros."""

    token_class: ClassVar[int] = MANAGEMENT_CLASS
    subclass: ClassVar[int] = 8
    sgc_part: int
    key_part: int = field(repr=False)


@dataclass(frozen=True, slots=True)
class Section4:
    """SGCHO (12 bits) and NKMO1 (bits 63-32): only where decoder keys have 16 octets."""

    token_class: ClassVar[int] = MANAGEMENT_CLASS
    subclass: ClassVar[int] = 9
    sgc_part: int
    key_part: int = field(repr=False)


Section = Section1 | Section2 | Section3 | Section4
SECTION_SUBCLASSES = (Section1.subclass, Section2.subclass, Section3.subclass, Section4.subclass)


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a set changes a meter to. `KeyAttributeInvalid` for a wrong attribute, `DecoderKeyMalformed` for no octets.

    `ken` is the vending key's KEN, which the meter learns too.
    """

    decoder_key: bytes = field(repr=False)
    sgc: str
    krn: int
    kt: int
    ti: int
    ken: int

    def __post_init__(self) -> None:
        if not isinstance(self.decoder_key, bytes):
            raise DecoderKeyMalformed("a decoder key is octets", field="decoder_key")
        SupplyGroupCode(self.sgc)
        KeyRevisionNumber(self.krn)
        KeyType.of(self.kt)
        TariffIndex(self.ti)
        KeyExpiryNumber(self.ken)


def key_change_set(
    *, new_key: NewKey, rollover: bool, three_token: bool, cipher: Cipher, decoder_key: bytes
) -> tuple[str, ...]:
    """The digits of a whole set, in the order in which they are sent: 2, 3 or 4 tokens.

    `cipher` and `decoder_key` are the meter's current ones; no token carries an EA, so the new decoder key has the
    same length (`DecoderKeyMalformed`). `rollover` is RO: the caller sets it exactly when the base date changes.
    Without a new decoder key it would let old tokens in again (`KeyAttributeInvalid`). `three_token` is for EA 07
    only (`UnsupportedAlgorithm`).
    """
    _check_set(new_key, rollover, three_token, check_cipher(cipher), decoder_key)
    sections = _sections(new_key, int(rollover), int(three_token))
    return tuple(encode_section(section, cipher=cipher, decoder_key=decoder_key) for section in sections)


def encode_section(section: Section, *, cipher: Cipher, decoder_key: bytes) -> str:
    """The 20 digits of one token of a set, under the meter's current cipher and decoder key.

    `FieldOutOfRange` and `KeyAttributeInvalid` for a wrong field, `UnsupportedToken` for what is no section or one
    that this EA has not; the rest as in `frame.seal_token`.
    """
    has_long_key = check_cipher(cipher).key_octets == _LONG_KEY_OCTETS
    return seal_token(MANAGEMENT_CLASS, _body(section, has_long_key), cipher=cipher, decoder_key=decoder_key)


def section_in(body: int, cipher: Cipher | None) -> Section:
    """The section in the 48 bits of an opened token of class 2.

    `UnsupportedToken` unless subclass 3, 4, 8 or 9, the last only under a decoder key of 16 octets.
    """
    subclass, first, key_part = subclass_of(body), body >> 32 & 0xFFF, body & 0xFFFF_FFFF
    if subclass == Section1.subclass:
        return Section1(first >> 8, first >> 4 & 0xF, first >> 3 & 1, first & 3, first >> 2 & 1, key_part)
    if subclass == Section2.subclass:
        return Section2(first >> 8, first & 0xFF, key_part)
    has_long_key = check_cipher(cipher).key_octets == _LONG_KEY_OCTETS
    if subclass == Section3.subclass:
        return Section3(first, key_part) if has_long_key else Section3(body >> 20 & 0xFF_FFFF, body & 0xF_FFFF)
    if subclass == Section4.subclass and has_long_key:
        return Section4(first, key_part)
    raise UnsupportedToken("not a section of a key change under this EA", field="subclass")


def _check_set(new_key: NewKey, rollover: bool, three_token: bool, cipher: Cipher, decoder_key: bytes) -> None:
    if not isinstance(new_key, NewKey):
        raise KeyAttributeInvalid("a key change needs a new key", field="new_key")
    check_flag(rollover, "rollover")
    check_flag(three_token, "three_token")
    if len(new_key.decoder_key) != cipher.key_octets:
        raise DecoderKeyMalformed(f"EA {cipher.ea:02d} takes a key of {cipher.key_octets} octets", field="new_key")
    if rollover and new_key.decoder_key == decoder_key:
        raise KeyAttributeInvalid("RO needs a new decoder key: old tokens would be taken again", field="rollover")
    if three_token and cipher.ea != _THREE_TOKEN_EA:
        raise UnsupportedAlgorithm("only meters with EA 07 take a set of three tokens", field="three_token")


def _sections(new_key: NewKey, ro: int, kct3: int) -> list[Section]:
    number, sgc = int.from_bytes(new_key.decoder_key, "big"), int(new_key.sgc)
    parts = [number >> shift & 0xFFFF_FFFF for shift in range(len(new_key.decoder_key) * 8 - 32, -1, -32)]
    sections: list[Section] = [
        Section1(new_key.ken >> 4, new_key.krn, ro, new_key.kt, kct3, parts[0]),
        Section2(new_key.ken & 0xF, new_key.ti, parts[-1]),
    ]
    if kct3:
        sections.append(Section3(sgc, 0))
    elif len(parts) == 4:
        sections += [Section3(sgc & 0xFFF, parts[1]), Section4(sgc >> 12, parts[2])]
    return sections


def _body(section: Section, has_long_key: bool) -> int:
    match section:
        case Section1():
            fields = _first(section)
        case Section2():
            fields = _second(section)
        case Section3() if not has_long_key:
            fields = _sgc_alone(section)
        case Section3() | Section4() if has_long_key:
            fields = _sgc_part(section)
        case _:
            raise UnsupportedToken("not a section of a key change under this EA", field="section")
    return section.subclass << 44 | fields


def _first(section: Section1) -> int:
    check_bits(section.kenho, 4, "kenho")
    check_bits(section.ro, 1, "ro")
    check_bits(section.kct3, 1, "kct3")
    check_bits(section.key_part, 32, "key_part")
    krn, kt = KeyRevisionNumber(section.krn), KeyType.of(section.kt)
    return section.kenho << 40 | krn << 36 | section.ro << 35 | section.kct3 << 34 | kt << 32 | section.key_part


def _second(section: Section2) -> int:
    check_bits(section.kenlo, 4, "kenlo")
    check_bits(section.key_part, 32, "key_part")
    return section.kenlo << 40 | TariffIndex(section.ti) << 32 | section.key_part


def _sgc_alone(section: Section3) -> int:
    check_between(section.sgc_part, 0, _GREATEST_SGC, "sgc_part")
    if not is_whole(section.key_part) or section.key_part:
        raise FieldOutOfRange("the third of three tokens carries no part of a key", field="key_part")
    return section.sgc_part << 20


def _sgc_part(section: Section3 | Section4) -> int:
    check_bits(section.sgc_part, 12, "sgc_part")
    check_bits(section.key_part, 32, "key_part")
    return section.sgc_part << 32 | section.key_part
