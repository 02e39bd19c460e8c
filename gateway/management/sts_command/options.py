"""The options of `manage.py sts encode` and `decode`. Most are called as the inputs of `vending.vectors` that they are.

A key is never an option: every user of a machine can see the command lines of its processes. It comes from a file, or
it is asked for.
"""

import argparse
from typing import NoReturn

from vending.sts.management import ALL_REGISTERS, FLAGS_INDEX, ManagementSubclass

RESOURCES = ("electricity", "water", "gas", "time")
BASES = ("93", "14", "35")
NEW_NUMBERS = ("krn", "kt", "ti", "dkga")
_CURRENCY_FROM = 4  # class 0: subclass 0 to 3 are units of the resources, 4 to 7 their currency
_REGISTERS = tuple("01234567")  # units of the resources, then their currency
_READ_CONTROL = {"controls": 0, "flags": FLAGS_INDEX << 30}  # of 36 bits: the index stands in the top 6


def add_commands(parser: argparse.ArgumentParser) -> None:
    """`encode` with a command for each kind of token, and `decode`."""
    commands = parser.add_subparsers(dest="command", metavar="encode | decode")
    encode = commands.add_parser("encode", help="make a token", allow_abbrev=False)
    kinds = encode.add_subparsers(dest="kind", required=True, metavar="KIND")
    _add_credit(kinds.add_parser("credit", help="units: class 0, subclass 0 to 3", allow_abbrev=False))
    _add_currency(kinds.add_parser("currency", help="money: class 0, subclass 4 to 7", allow_abbrev=False))
    _add_management(kinds.add_parser("management", help="class 2 with a TID", allow_abbrev=False))
    _add_key_change(kinds.add_parser("key-change", help="a set of two to four tokens", allow_abbrev=False))
    _add_test(kinds.add_parser("meter-test", help="tests and displays: class 1", allow_abbrev=False))
    decode = commands.add_parser("decode", help="read a token", allow_abbrev=False)
    decode.add_argument("digits", nargs="+", help="20 digits, in groups if you like")
    _add_key(decode)
    _add_json(decode)


def _add_credit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--amount", required=True, help="a decimal number of kWh, m3 or minutes")
    parser.add_argument("--of", choices=RESOURCES, default=RESOURCES[0])
    parser.set_defaults(token_class=0, subclass=0)
    _add_token(parser)
    _add_rnd(parser)


def _add_currency(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--amount", required=True, help="a decimal number; --amount=-5 takes money away")
    parser.add_argument("--of", choices=RESOURCES, default=RESOURCES[0])
    parser.set_defaults(token_class=0, subclass=_CURRENCY_FROM)
    _add_token(parser)


def _add_management(parser: argparse.ArgumentParser) -> None:
    names = ManagementSubclass
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    for name, subclass, option, dest, read in (
        ("power-limit", names.SET_MAXIMUM_POWER_LIMIT, "--watts", "power_w", int),
        ("phase-unbalance-limit", names.SET_MAXIMUM_PHASE_POWER_UNBALANCE_LIMIT, "--watts", "power_w", int),
        ("clear-credit", names.CLEAR_CREDIT, "--register", "field", _register),
        ("tariff-rate", names.SET_TARIFF_RATE, "--field", "field", int),
        ("water-factor", names.SET_WATER_METER_FACTOR, "--field", "field", int),
        ("clear-tamper", names.CLEAR_TAMPER_CONDITION, "", "field", int),
        ("extended", names.EXTENDED_SET, "", "", int),
    ):
        kind = what.add_parser(name, allow_abbrev=False)
        kind.set_defaults(token_class=2, subclass=int(subclass), field=0 if dest == "field" else None)
        if option:
            kind.add_argument(option, dest=dest, type=read, required=True)
        _add_token(kind)
        _add_rnd(kind)
    for option, bits in (("--index", 6), ("--value", 10)):
        what.choices["extended"].add_argument(option, type=int, required=True, help=f"{bits} bits (STS 202-5)")


def _register(text: str) -> int:
    if text == "all":
        return ALL_REGISTERS
    if text not in _REGISTERS:
        raise argparse.ArgumentTypeError("0 to 7, or all")
    return int(text)


def _add_token(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--at", dest="issued", metavar="MOMENT", help="2026-01-31T09:30, in UTC; default: now")
    parser.add_argument("--tid", type=int, help="instead of a moment")
    parser.add_argument("--ken", type=int, help="refuse a TID beyond this KEN")
    _add_key(parser)
    _add_json(parser)


def _add_rnd(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rnd", type=int, help="the random field, 4 bits; default: chance")


def _add_test(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--test", type=int, metavar="NUMBER", help="1 to 18, or 0 for everything mandatory")
    which.add_argument("--read", choices=_READ_CONTROL, help="read controls or flags (STS 202-5)")
    parser.add_argument("--mfr", metavar="CODE", help="manufacturer code; without it both forms for any maker")
    parser.set_defaults(token_class=1, read_control=_READ_CONTROL)
    _add_json(parser)


def _add_key_change(parser: argparse.ArgumentParser) -> None:
    _add_key(parser)
    new = parser.add_argument_group("the new key; what is not given stays as it is")
    new.add_argument("--to-ken", dest="ken", type=int, required=True, help="0 to 255; 255 never expires")
    new.add_argument("--to-sgc")
    for name in NEW_NUMBERS:
        new.add_argument(f"--to-{name}", type=int)
    new.add_argument("--to-base", choices=BASES, help="another base date sets RO: the meter clears its TID store")
    new.add_argument("--to-vending-key-file", metavar="FILE")
    new.add_argument("--to-decoder-key-file", metavar="FILE")
    parser.add_argument("--three-token", action="store_true", help="EA 07: a third token with the SGC")
    _add_json(parser)


def _add_key(parser: argparse.ArgumentParser) -> None:
    key = parser.add_argument_group("the meter and its key; without a file the key is asked for, or read from a pipe")
    key.add_argument("--ea", type=int, default=11, help="7, 9 or 11; default: 11")
    key.add_argument("--decoder-key-file", metavar="FILE", help="in hexadecimal")
    key.add_argument("--vending-key-file", metavar="FILE", help="in hexadecimal; needs what follows")
    key.add_argument("--dkga", type=int, help="1 to 4; by itself it says that a vending key will be given")
    key.add_argument("--meter", metavar="NUMBER", help="11, 13 or 18 digits")
    key.add_argument("--sgc", help="six digits")
    key.add_argument("--krn", type=int)
    key.add_argument("--kt", type=int, default=2, help="default: 2")
    key.add_argument("--ti", type=int)
    key.add_argument("--base", choices=BASES, help="base date; --at needs it too")
    for name in ("--decoder-key", "--vending-key"):
        key.add_argument(name, type=_refused, help=argparse.SUPPRESS)


def _refused(_: str) -> NoReturn:
    raise argparse.ArgumentTypeError("a key on the command line can be seen by others: use a file, or be asked")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="an answer as for a line of test vectors")
