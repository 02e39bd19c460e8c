"""From 48 bits to 20 digits and back: what every token shares (IEC 62055-41, transposition of the class bits).

A token is 66 bits: a class of 2 and a block of 64, which is subclass (4), body (44) and CRC (16). `seal_token` and
`open_token` know nothing of what the 44 bits mean: each kind of token has a room of its own, and `tokens` reads any.
"""

from typing import NoReturn

from vending.sts.ciphers import Cipher
from vending.sts.crc import token_crc
from vending.sts.errors import TokenCrcWrong, TokenMalformed, UnsupportedAlgorithm, UnsupportedToken
from vending.sts.fields import check_bits

CREDIT_CLASS = 0
TEST_CLASS = 1  # tests and displays: any meter must read them, so they are not encrypted
MANAGEMENT_CLASS = 2

_TOKEN_DIGITS = 20
_BLOCK_BITS = 64
_CLASS_AT = 27  # the class takes bits 28 and 27; the block's own go to 65 and 64
_CLASS_MASK = 3 << _CLASS_AT
_BLOCK_MASK = (1 << _BLOCK_BITS) - 1


def seal_token(token_class: int, body: int, *, cipher: Cipher | None, decoder_key: bytes) -> str:
    """The 20 digits of a token of class 0 to 2 whose subclass and body are the 48 bits of `body`.

    Class 1 is in clear: cipher and decoder key are not looked at. `FieldOutOfRange` for a body of more than 48 bits,
    `UnsupportedToken` for another class, `UnsupportedAlgorithm` without a cipher, `DecoderKeyMalformed` for a decoder
    key of another length.
    """
    crc = token_crc(token_class, body)  # refuses a body that is none, so it comes before the shift
    block = body << 16 | crc
    if token_class != TEST_CLASS:
        if token_class > MANAGEMENT_CLASS or not isinstance(cipher, Cipher):
            _refuse(token_class)
        block = cipher.encrypt(decoder_key, block)
    return _joined(token_class, block)


def open_token(digits: str, *, cipher: Cipher | None, decoder_key: bytes) -> tuple[int, int]:
    """The class, and subclass and body as 48 bits, that the 20 digits hold under this decoder key.

    The CRC is checked together with the class. `TokenMalformed` unless 20 ASCII digits below 2^66, `TokenCrcWrong`
    when this is not the decoder key, or not a token, that it was made with; else the errors of `seal_token`.
    """
    token_class, block = split_digits(digits)
    if token_class != TEST_CLASS:
        if token_class > MANAGEMENT_CLASS or not isinstance(cipher, Cipher):
            _refuse(token_class)
        block = cipher.decrypt(decoder_key, block)
    body = block >> 16
    if token_crc(token_class, body) != block & 0xFFFF:
        raise TokenCrcWrong("the CRC does not fit: wrong digits, or not for this meter and key", field="digits")
    return token_class, body


def join_digits(token_class: int, block: int) -> str:
    """The 20 digits of a class and of a block as it travels: encrypted, or in clear for class 1.

    `FieldOutOfRange` for a class of more than 2 bits or a block of more than 64.
    """
    check_bits(token_class, 2, "token_class")
    check_bits(block, _BLOCK_BITS, "block")
    return _joined(token_class, block)


def _joined(token_class: int, block: int) -> str:
    moved = block >> _CLASS_AT & 3
    return str(moved << _BLOCK_BITS | block & ~_CLASS_MASK | token_class << _CLASS_AT).zfill(_TOKEN_DIGITS)


def split_digits(digits: str) -> tuple[int, int]:
    """The class, and the block as it travels, of 20 digits: the inverse of `join_digits`, which needs no key.

    `TokenMalformed` unless 20 ASCII digits below 2^66.
    """
    if not (isinstance(digits, str) and len(digits) == _TOKEN_DIGITS and digits.isascii() and digits.isdigit()):
        raise TokenMalformed(f"a token has {_TOKEN_DIGITS} digits", field="digits")
    number = int(digits)
    moved = number >> _BLOCK_BITS
    if moved > 3:
        raise TokenMalformed("the number is too great for a token of this standard", field="digits")
    return number >> _CLASS_AT & 3, number & _BLOCK_MASK & ~_CLASS_MASK | moved << _CLASS_AT


def subclass_of(body: int) -> int:
    """The first 4 of the 48 bits of an opened token. `FieldOutOfRange` for more than 48."""
    check_bits(body, 48, "body")
    return body >> 44


def check_cipher(cipher: Cipher | None) -> Cipher:
    """The cipher, which a token of class 0 or 2 needs (`UnsupportedAlgorithm` for what is none)."""
    if not isinstance(cipher, Cipher):
        _refuse(CREDIT_CLASS)
    return cipher


def _refuse(token_class: int) -> NoReturn:
    if token_class > MANAGEMENT_CLASS:
        raise UnsupportedToken("a token has class 0, 1 or 2; 3 is reserved", field="token_class")
    raise UnsupportedAlgorithm("a token of this class needs the cipher of its meter", field="cipher")
