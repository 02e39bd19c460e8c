"""From 48 bits to 20 digits and back: what every token shares (IEC 62055-41, transposition of the class bits).

A token is 66 bits: a class of 2 and a block of 64, which is subclass (4), body (44) and CRC (16). `seal_token` and
`open_token` know nothing of what the 44 bits mean; `credit` does.
"""

from vending.sts.ciphers import cipher_of
from vending.sts.crc import token_crc
from vending.sts.errors import TokenCrcWrong, TokenMalformed, UnsupportedToken

_TOKEN_DIGITS = 20
_BLOCK_BITS = 64
_CLASS_AT = 27  # the class takes bits 28 and 27; the block's own go to 65 and 64
_CLASS_MASK = 3 << _CLASS_AT
_BLOCK_MASK = (1 << _BLOCK_BITS) - 1

_CLEAR_CLASS = 1  # tests and displays: any meter must read them, so they are not encrypted
_CLASSES = range(3)


def seal_token(token_class: int, body: int, *, ea: int, decoder_key: bytes) -> str:
    """The 20 digits of a token of class 0 to 2 whose subclass and body are the 48 bits of `body`.

    Class 1 is in clear: EA and decoder key are not looked at. `UnsupportedToken` for class 3, `UnsupportedAlgorithm`
    for an unknown EA, `DecoderKeyMalformed` for a decoder key of another length.
    """
    is_encrypted = _is_encrypted(token_class)
    block = body << 16 | token_crc(token_class, body)
    if is_encrypted:
        block = cipher_of(ea).encrypt(decoder_key, block)
    moved = block >> _CLASS_AT & 3
    return str(moved << _BLOCK_BITS | block & ~_CLASS_MASK | token_class << _CLASS_AT).zfill(_TOKEN_DIGITS)


def open_token(digits: str, *, ea: int, decoder_key: bytes) -> tuple[int, int]:
    """The class, and subclass and body as 48 bits, that the 20 digits hold under this decoder key.

    The CRC is checked together with the class. `TokenMalformed` unless 20 ASCII digits below 2^66, `TokenCrcWrong`
    when this is not the decoder key, or not a token, that it was made with; else the errors of `seal_token`.
    """
    token_class, block = _class_and_block(digits)
    if _is_encrypted(token_class):
        block = cipher_of(ea).decrypt(decoder_key, block)
    body = block >> 16
    if token_crc(token_class, body) != block & 0xFFFF:
        raise TokenCrcWrong("the CRC does not fit: wrong digits, or not for this meter and key", field="digits")
    return token_class, body


def _class_and_block(digits: str) -> tuple[int, int]:
    if len(digits) != _TOKEN_DIGITS or not (digits.isascii() and digits.isdigit()):
        raise TokenMalformed(f"a token has {_TOKEN_DIGITS} digits", field="digits")
    number = int(digits)
    moved = number >> _BLOCK_BITS
    if moved > 3:
        raise TokenMalformed("the number is too great for a token of this standard", field="digits")
    return number >> _CLASS_AT & 3, number & _BLOCK_MASK & ~_CLASS_MASK | moved << _CLASS_AT


def _is_encrypted(token_class: int) -> bool:
    if token_class not in _CLASSES:
        raise UnsupportedToken("a token has class 0, 1 or 2; 3 is reserved", field="token_class")
    return token_class != _CLEAR_CLASS
