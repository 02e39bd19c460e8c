"""The encryption algorithms of IEC 62055-41 by their EA code: 07 STA, 09 DEA, 11 MISTY1.

STA needs tables, so `sta` makes it; the other two are constants. What public vectors prove is the matter of `verified`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from vending.sts import dea, misty1, sliced_misty1
from vending.sts.errors import StaTablesInvalid, UnsupportedAlgorithm
from vending.sts.sliced_sta import SlicedSta
from vending.sts.slices import SlicedCipher
from vending.sts.sta import KEY_OCTETS as STA_KEY_OCTETS
from vending.sts.sta import Sta
from vending.sts.sta_tables import SAMPLE_TABLES, StaTables


@dataclass(frozen=True)
class Cipher:
    """A cipher of 64-bit blocks: both functions take a decoder key of `key_octets` octets and a block, give a block.

    They refuse another decoder key (`DecoderKeyMalformed`) and what is no block (`FieldOutOfRange`). `sliced` works on
    many blocks at once, for `bulk`; None where there is no such form.
    """

    ea: int
    name: str
    key_octets: int
    encrypt: Callable[[bytes, int], int]
    decrypt: Callable[[bytes, int], int]
    sliced: SlicedCipher | None = None


DEA = Cipher(9, "DEA", dea.KEY_OCTETS, dea.encrypt, dea.decrypt)
MISTY1 = Cipher(11, "MISTY1", misty1.KEY_OCTETS, misty1.encrypt, misty1.decrypt, sliced_misty1.SLICED)

_STA_EA = 7
_WITHOUT_TABLES: Mapping[int, Cipher] = {cipher.ea: cipher for cipher in (DEA, MISTY1)}

KEY_OCTETS: Mapping[int, int] = {_STA_EA: STA_KEY_OCTETS} | {
    ea: cipher.key_octets for ea, cipher in _WITHOUT_TABLES.items()
}


def sta(tables: StaTables) -> Cipher:
    """The cipher of EA07 with these tables; `StaTablesInvalid` for what is no tables.

    Its rows are built on first use and stay as long as it is among the four used last.
    """
    if not isinstance(tables, StaTables):
        raise StaTablesInvalid("EA07 needs its tables", field="tables")
    return _sta(tables)


@lru_cache(maxsize=4)  # an installation has two sets, the samples and its own; a third while the operator changes them
def _sta(tables: StaTables) -> Cipher:
    cipher, sliced = Sta(tables), SlicedSta(tables)
    many = SlicedCipher(sliced.encrypt, sliced.decrypt)
    return Cipher(_STA_EA, "STA", STA_KEY_OCTETS, cipher.encrypt, cipher.decrypt, many)


def cipher_of(ea: int, sta_tables: StaTables = SAMPLE_TABLES) -> Cipher:
    """The cipher with this EA code: `UnsupportedAlgorithm` for one that is not computed here, else as `sta`."""
    if not isinstance(ea, int):
        raise UnsupportedAlgorithm("EA is 7, 9 or 11", field="ea")
    if ea == _STA_EA:
        return sta(sta_tables)
    try:
        return _WITHOUT_TABLES[ea]
    except KeyError:
        raise UnsupportedAlgorithm("EA is 7, 9 or 11", field="ea") from None
