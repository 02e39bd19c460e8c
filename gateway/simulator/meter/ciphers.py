"""The cipher that a meter was built with, keyed with its decoder key: EA 07, 09 or 11."""

from typing import Protocol

from Crypto.Cipher import DES

from gateway.simulator.meter.misty1 import Misty1
from gateway.simulator.meter.sta import Sta
from gateway.simulator.meter.sta_tables import SubstitutionTables

EA_STA, EA_DEA, EA_MISTY1 = 7, 9, 11


class BlockCipher(Protocol):
    """One decoder key. Blocks are 64-bit integers, first octet most significant."""

    def encrypt(self, block: int) -> int: ...

    def decrypt(self, block: int) -> int: ...


class Dea:
    """EA 09: single DES. Withdrawn, and covered by no published vector."""

    def __init__(self, key_octets: bytes) -> None:
        self._des = DES.new(key_octets, DES.MODE_ECB)  # noqa: S304 - the standard's own

    def encrypt(self, block: int) -> int:
        return int.from_bytes(self._des.encrypt(block.to_bytes(8, "big")), "big")

    def decrypt(self, block: int) -> int:
        return int.from_bytes(self._des.decrypt(block.to_bytes(8, "big")), "big")


def build_cipher(ea: int, decoder_key: bytes, sta_tables: SubstitutionTables) -> BlockCipher:
    """Raises `ValueError` for a key of the wrong length or an algorithm that no meter has."""
    if ea == EA_STA:
        return Sta(decoder_key, sta_tables)
    if ea == EA_DEA:
        return Dea(decoder_key)
    if ea == EA_MISTY1:
        return Misty1(decoder_key)
    raise ValueError(f"no meter has encryption algorithm {ea}")
