"""Where a person's key comes from: a file, a hidden question, or a pipe. It is never shown again."""

import getpass
import sys

from vending.sts.decoder_keys import check_parity
from vending.vectors.errors import InputMalformed

_GREATEST_OCTETS = 1024


def key_from(file_name: str | None, question: str) -> str:
    """The hexadecimal digits without white space. `InputMalformed` for a file that cannot be read or is no text."""
    if file_name is not None:
        return _without_spaces(_file(file_name))
    if sys.stdin is not None and sys.stdin.isatty():
        return _without_spaces(getpass.getpass(f"{question} (hexadecimal, not shown): "))
    return _without_spaces(sys.stdin.readline(_GREATEST_OCTETS) if sys.stdin is not None else "")


def check_vending_key(dkga: int | None, secret: str) -> None:
    """Refuse a vending key that was mistyped, where its DKGA lets that be seen (`VendingKeyParityWrong`)."""
    try:
        octets = bytes.fromhex(secret)
    except ValueError:  # said better where the case is read
        return
    if dkga is not None:
        check_parity(dkga, octets)


def _file(name: str) -> str:
    try:
        with open(name, encoding="ascii") as file:
            return file.read(_GREATEST_OCTETS)
    except (OSError, ValueError):  # the name is not repeated: it may be the key itself
        raise InputMalformed("the key file cannot be read or is no text", field="key") from None


def _without_spaces(text: str) -> str:
    return "".join(text.split())
