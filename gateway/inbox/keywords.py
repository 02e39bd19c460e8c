"""What a customer's text asks for. Pure. Any case, any punctuation around it, in the languages of the region."""

import re
from dataclasses import dataclass

CODE_WORDS = frozenset({"CODE", "CODES", "TOKEN", "KODI", "CODIGO"})
_LONGEST_READ = 200


@dataclass(frozen=True)
class Request:
    """`wants_code` with the digits of a meter number that stood behind the word, if any."""

    wants_code: bool
    meter_digits: str = ""


def read_request(text: str) -> Request:
    """The first word decides; the digits of the rest, joined, are the meter number."""
    plain = text[:_LONGEST_READ].upper().replace("Ó", "O").replace("Ô", "O")
    match = re.match(r"[^A-Z0-9]*([A-Z]+)(.*)", plain, re.DOTALL)
    if match is None or match[1] not in CODE_WORDS:
        return Request(wants_code=False)
    return Request(wants_code=True, meter_digits="".join(re.findall(r"[0-9]", match[2])))
