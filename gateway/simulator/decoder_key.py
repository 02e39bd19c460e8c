"""The decoder key that a meter of algorithm 11 gets under DKGA04, from the vending key and what names the meter.

Written for the virtual meter from the standard's facts; the vending side has its own.
"""

import hashlib
import hmac

_KEY_BITS = 128
_EA_MISTY1 = "11"


def _counted(*items: str) -> bytes:
    """A list as DKGA04 writes it: the number of items, then each with its length before it, all ASCII."""
    return bytes([len(items)]) + b"".join(bytes([len(item)]) + item.encode("ascii") for item in items)


def derive_decoder_key(vending_key: bytes, *, meter_pan: str, sgc: str, kt: int, krn: int, ti: int, base: int) -> bytes:
    """16 octets: the left half of HMAC-SHA-256 over label, separator, context and length (DKGA04, EA 11).

    `base` is the two-digit year of the base date: 93, 14 or 35.
    """
    label = _counted("04", f"{base:02d}", _EA_MISTY1, f"{ti:02d}")
    context = _counted(sgc, str(kt), str(krn), meter_pan)
    message = label + b"\0" + context + _KEY_BITS.to_bytes(4, "big")
    return hmac.new(vending_key, message, hashlib.sha256).digest()[: _KEY_BITS // 8]
