"""Which column of a provider's file is what: layouts as data, built in or saved by name. Pure; no vendor words.

One more layout is one more row here, or one saved by an operator (`ColumnMapping`): never code.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from gateway.reconciliation.errors import MappingInvalid

_LONGEST_TEXT = 60
_MOST_WORDS = 20
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_TRIAL = datetime(2031, 12, 30, 23, 58)  # noqa: DTZ001 -- a form is tried with it, it is no moment


@dataclass(frozen=True)
class Layout:
    """Titles of columns as the file writes them ("" for a column that it does not have), and how cells are read.

    `paid_in` holds money that came, `withdrawn` money that went; without the second, a negative amount in the first
    one went. `reason` is the column that says what a line is, `details` the one to look into where it says nothing.
    `original` names the receipt that a reversal takes back. Words are looked for as whole words, in small letters.
    """

    receipt: str
    completed_at: str
    paid_in: str
    withdrawn: str = ""
    status: str = ""
    reason: str = ""
    details: str = ""
    payer: str = ""
    account: str = ""
    original: str = ""
    short_code_label: str = ""
    period_label: str = ""
    timezone: str = "UTC"
    decimal_mark: str = "."
    final_statuses: tuple[str, ...] = ()
    date_forms: tuple[str, ...] = ("%Y-%m-%d %H:%M:%S",)
    payment_words: tuple[str, ...] = ()
    reversal_words: tuple[str, ...] = ("reversal", "reversed")
    charge_words: tuple[str, ...] = ("charge", "charges", "fee", "fees")

    def needed_columns(self) -> dict[str, str]:
        """The columns that a file must have, by their part: all that are named."""
        parts = ("receipt", "completed_at", "paid_in", "withdrawn", "status", "reason", "details", "payer", "account")
        return {part: title for part in (*parts, "original") if (title := getattr(self, part))}


BUILT_IN: Mapping[str, Layout] = {
    # The export of an organisation's web portal. Seen with and without the dot after "No", hence no dot is minded.
    "org-portal": Layout(
        receipt="Receipt No.",
        completed_at="Completion Time",
        paid_in="Paid In",
        withdrawn="Withdrawn",
        status="Transaction Status",
        reason="Reason Type",
        details="Details",
        payer="Other Party Info",
        account="A/C No.",
        original="Linked Transaction ID",
        short_code_label="Short Code",
        period_label="Time Period",
        timezone="Africa/Nairobi",
        final_statuses=("completed",),
        date_forms=(
            "%d-%m-%Y %H:%M:%S",
            "%d/%m/%Y %H:%M:%S",
            "%Y-%m-%d %H:%M:%S",
            "%d-%m-%Y %H:%M",
            "%d/%m/%Y %H:%M",
            "%Y-%m-%d %H:%M",
        ),
        payment_words=("pay bill", "paybill", "pay utility", "merchant payment", "buy goods", "customer payment"),
    ),
}


def check_mapping_name(name: str) -> None:
    """A saved layout has a short name of small letters, digits and dashes that no built-in one has."""
    if not _NAME.fullmatch(name) or name in BUILT_IN:
        raise MappingInvalid("a name is 1 to 40 small letters, digits and dashes, and no built-in one", field="name")


def values_of(layout: Layout) -> dict[str, object]:
    """The layout as JSON holds it."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(layout).items()}


def read_layout(values: object) -> Layout:
    """A layout from a JSON object. Raises `MappingInvalid` for an unknown part, a missing one or one of wrong shape."""
    if not isinstance(values, dict):
        raise MappingInvalid("a layout is a JSON object")
    known = {field.name: field for field in fields(Layout)}
    for name in values:
        if name not in known:
            raise MappingInvalid(f"no part of a layout has the name {json.dumps(str(name)[:40])}", field=str(name)[:40])
    for name in ("receipt", "completed_at", "paid_in"):
        if not values.get(name):
            raise MappingInvalid(f"a layout needs {name}", field=name)
    parts: dict[str, Any] = {name: _part(name, value) for name, value in values.items()}
    layout = Layout(**parts)
    _check(layout)
    return layout


def _part(name: str, value: object) -> str | tuple[str, ...]:
    is_list = name.endswith(("_words", "_forms", "_statuses"))
    given = value if isinstance(value, list) else [value]
    texts = [text for text in given if isinstance(text, str) and len(text) <= _LONGEST_TEXT]
    if isinstance(value, list) != is_list or not len(texts) == len(given) <= _MOST_WORDS:
        wanted = f"a list of at most {_MOST_WORDS} texts" if is_list else "a text"
        raise MappingInvalid(f"{name} is {wanted} of at most {_LONGEST_TEXT} characters", field=name)
    return tuple(texts) if is_list else texts[0]


def _check(layout: Layout) -> None:
    if layout.decimal_mark not in (".", ","):
        raise MappingInvalid("decimal_mark is a point or a comma", field="decimal_mark")
    titles = list(layout.needed_columns().values())
    if len({name_of(title) for title in titles}) != len(titles) or not all(name_of(title) for title in titles):
        raise MappingInvalid("every column has a title of its own")
    try:
        ZoneInfo(layout.timezone)
    except (KeyError, ValueError, OSError):  # what Python says about a zone, a path and a folder it does not know
        raise MappingInvalid("no such time zone", field="timezone") from None
    if not layout.date_forms or not all(map(_is_date_form, layout.date_forms)):
        raise MappingInvalid("date_forms look like %Y-%m-%d %H:%M:%S, with year, month and day", field="date_forms")


def _is_date_form(form: str) -> bool:
    try:
        read = datetime.strptime(_TRIAL.strftime(form), form)  # noqa: DTZ007 -- only tried
    except (ValueError, re.error):
        return False
    return read.date() == _TRIAL.date() and read.hour == _TRIAL.hour


def name_of(title: str) -> str:
    """A title without what differs from one export to the next: case, blanks, dots and slashes."""
    return "".join(character for character in title.casefold() if character.isalnum())
