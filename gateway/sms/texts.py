"""Texts for people from `templates/`, in GSM-7 and inside one segment. The wording is in the templates, never here.

Callers hand over raw values (minor units, tenths of a kWh, the 20 digits); `readable` turns them into what a template
shows. USSD screens are filled by the same functions (`gateway.ussd.texts`). Needs no settings: the engine is our own.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from django.template import Context, Engine

from gateway.sms.encoding import GSM7_SINGLE, septets, to_gsm7
from gateway.sms.errors import TextIncomplete, TextTooLong, TextUnsafe
from vending.kernel.money import format_energy, format_minor

TEMPLATES = Path(__file__).parents[2] / "templates"
# Without "levies" they stand with VAT in one tax figure.
OPTIONAL_FIELDS = ("how_to", "help", "levies", "tax", "fee", "debt", "kept")
CUTTABLE_VALUES = ("account", "brand")
# Values are GSM-7 before they are filled in, so this character can only come from a value that is missing.
_MISSING = "\x00"

_CODE_LINE = re.compile(r"\d{4}(?: \d{4}){4}")
_NEIGHBOURS = re.compile(r"(?<=\d{4})[^\S\n]+(?=\d{4})")


def render_sms(name: str, values: Mapping[str, object]) -> str:
    """The text of `templates/sms/<name>.txt`: GSM-7, at most 160 septets, at most one code, alone on the first line.

    Values as `readable` takes them; each template names its own in its first line. What does not fit is left out in the
    order of `OPTIONAL_FIELDS`, then the account and the brand are cut; never the code, meter, amount or reference.
    Raises `TextUnsafe`, `TextTooLong` or `TextIncomplete`, none of which a name or a payer's text can cause.
    """
    shown = readable(values)
    code = shown.get("code")
    for candidate in shortened(f"sms/{name}.txt", shown, OPTIONAL_FIELDS, CUTTABLE_VALUES):
        text = _disarm(candidate, code)
        if septets(text) <= GSM7_SINGLE:
            check_only_one_code(text)
            if "code" in shown and not text.startswith(f"{code}\n"):
                raise TextUnsafe("the code is not alone on the first line", field="digits")
            return text
    raise TextTooLong(f"sms/{name}.txt does not fit one segment", field="text")


def check_only_one_code(text: str) -> None:
    """Raise `TextUnsafe` if four digits stand beside four digits across a space; a code alone on the first line may."""
    first, _, rest = text.partition("\n")
    if _NEIGHBOURS.search(rest if _CODE_LINE.fullmatch(first) else text):
        raise TextUnsafe("something in the text looks like a second code", field="text")


def group_digits(digits: str) -> str:
    """`1234 5678 9012 3456 7890`; nothing for nothing. Raises `TextUnsafe` for anything but 20 digits."""
    if not digits:
        return ""
    if not re.fullmatch(r"[0-9]{20}", digits):
        raise TextUnsafe("a token has 20 digits", field="digits")
    return " ".join(digits[start : start + 4] for start in range(0, 20, 4))


def readable(values: Mapping[str, object], currency: str = "") -> dict[str, object]:
    """Values as templates show them.

    `<x>_minor` becomes `x` in the currency's digits (empty for 0, so that `if x` drops it) and `x_grouped`, the same
    with commas between thousands; `energy_kwh_tenths` becomes `units`, `digits` becomes `code`, `drn` becomes `meter`
    and `short` (its last five). Text is one line of GSM-7; rows are done alike.
    """
    currency = str(values.get("currency", currency))
    shown: dict[str, object] = {}
    for name, value in values.items():
        if name.endswith("_minor") and isinstance(value, int):
            amount = name.removesuffix("_minor")
            shown[amount] = format_minor(value, currency) if value else ""
            shown[f"{amount}_grouped"] = format_minor(value, currency, grouped=True) if value else ""
        elif name == "energy_kwh_tenths" and isinstance(value, int):
            shown["units"] = format_energy(value)
        elif name == "digits":
            shown["code"] = group_digits(str(value))
        elif name == "drn":
            shown |= {"meter": _one_line(str(value)), "short": _one_line(str(value))[-5:]}
        elif isinstance(value, str):
            shown[name] = _one_line(value)
        elif isinstance(value, tuple | list):
            shown[name] = [readable(row, currency) for row in value]
        else:
            shown[name] = value
    return shown


def shortened(
    path: str,
    shown: Mapping[str, object],
    optional: Sequence[str],
    cuttable: Collection[str],
    lengths: Sequence[int] = (16, 12, 8, 4, 0),
) -> Iterator[str]:
    """The text, then the text with ever more left out: the optional fields in their order, then ever shorter values."""
    for count in range(len(optional) + 1):
        yield fill(path, shown, optional[:count])
    for length in lengths:
        yield fill(path, cut_values(shown, cuttable, length), optional)


def cut_values(shown: Mapping[str, object], cuttable: Collection[str], length: int) -> dict[str, object]:
    """The same values with the named texts cut to a length, in rows too."""
    cut: dict[str, object] = {}
    for name, value in shown.items():
        if isinstance(value, list):
            cut[name] = [cut_values(row, cuttable, length) for row in value]
        else:
            cut[name] = value[:length].rstrip() if name in cuttable and isinstance(value, str) else value
    return cut


def fill(path: str, shown: Mapping[str, object], left_out: Collection[str] = ()) -> str:
    """One template filled: GSM-7, LF, no blank line, single spaces, no comma or space at the end of a line.

    A template asks `hide.<field>` whether an optional field has to go. Raises `TextIncomplete` for a value not given.
    """
    # Without the last two switches Django asks the settings how to write an integer.
    context = Context({**shown, "hide": dict.fromkeys(left_out, True)}, autoescape=False, use_l10n=False, use_tz=False)
    text = _engine().get_template(path).render(context)
    if _MISSING in text:
        raise TextIncomplete(f"{path} lacks a value", field="text")
    lines = (" ".join(line.split()).rstrip(" ,") for line in to_gsm7(text).splitlines())
    return "\n".join(line for line in lines if line)


@cache
def _engine() -> Engine:
    return Engine(dirs=[str(TEMPLATES)], autoescape=False, string_if_invalid=_MISSING)


def _one_line(value: str) -> str:
    """A value cannot bring a line of its own, nor a character that would turn the message into UCS-2."""
    return " ".join(to_gsm7(value).split())


def _disarm(text: str, code: object) -> str:
    """A phone number, name or receipt with spaced groups of four keeps its digits and loses the look of a code."""
    lines = text.split("\n")
    return "\n".join(line if line == code else _NEIGHBOURS.sub("-", line) for line in lines)
