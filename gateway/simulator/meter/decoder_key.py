"""The decoder key that the factory or a key change puts into a meter: DKGA02 and DKGA04.

Written for the virtual meter from the standard's facts; the vending side has its own.
"""

import hashlib
import hmac

from Crypto.Cipher import DES

from gateway.simulator.meter.facts import MeterFacts

_KEY_BITS = {7: 64, 9: 64, 11: 128}
_KT_COMMON = 3
_COMMON_PAN = "600727" + "0" * 11 + "9"


def derive_decoder_key(vending_key: bytes, facts: MeterFacts) -> bytes:
    """8 octets for EA 07 and 09, 16 for EA 11. Raises `ValueError` for a vending key of the wrong length.

    The common key of type 3 is every meter's, so no meter's own number goes into it; no published vector has one.
    """
    pan = _COMMON_PAN if facts.kt == _KT_COMMON else facts.meter_pan
    return _dkga02(vending_key, facts, pan) if facts.dkga == 2 else _dkga04(vending_key, facts, pan)


def _dkga02(vending_key: bytes, facts: MeterFacts, pan: str) -> bytes:
    """One DES block over what names the meter, XOR that block, XOR the vending key."""
    if len(vending_key) != 8:
        raise ValueError("DKGA 02 takes a vending key of 8 octets")
    control = f"{facts.kt}{facts.sgc}{facts.ti:02d}{facts.krn}FFFFFF"
    block = int(pan[1:17], 16) ^ int(control, 16)
    cipher = DES.new(vending_key, DES.MODE_ECB)  # noqa: S304 - the standard's own
    enciphered = cipher.encrypt(block.to_bytes(8, "big"))
    return (int.from_bytes(enciphered, "big") ^ block ^ int.from_bytes(vending_key, "big")).to_bytes(8, "big")


def _counted(*items: str) -> bytes:
    """A list as DKGA04 writes it: the number of items, then each with its length before it, all ASCII."""
    return bytes([len(items)]) + b"".join(bytes([len(item)]) + item.encode("ascii") for item in items)


def _dkga04(vending_key: bytes, facts: MeterFacts, pan: str) -> bytes:
    """The left bits of HMAC-SHA-256 over label, separator, context and length."""
    if len(vending_key) != 20:
        raise ValueError("DKGA 04 takes a vending key of 20 octets")
    bits = _KEY_BITS[facts.ea]
    label = _counted("04", f"{facts.base:02d}", f"{facts.ea:02d}", f"{facts.ti:02d}")
    context = _counted(facts.sgc, str(facts.kt), str(facts.krn), pan)
    message = label + b"\0" + context + bits.to_bytes(4, "big")
    return hmac.new(vending_key, message, hashlib.sha256).digest()[: bits // 8]
