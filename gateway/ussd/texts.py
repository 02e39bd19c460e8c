"""USSD screens from `templates/ussd/`: GSM-7 of the basic table only, aimed at 160 septets and never over 182.

182 is what 160 octets hold; some carriers cut at 160. Extension characters cost two and some phones cannot show them.
"""

from collections.abc import Iterable, Iterator, Mapping

from gateway.sms.encoding import septets
from gateway.sms.texts import readable, shortened

SEPTETS_AIM, SEPTETS_MOST = 160, 182
_FIELDS = ("hint", "kept", "tax", "fee")
_CONFIGURED = ("label", "brand", "help_line", "ussd_code", "paybill")
_PLAIN = str.maketrans(dict(zip("^{}\\[]~|\f", "'()/()-/ ", strict=True)) | {"\u20ac": "EUR"})


def render(template: str, values: Mapping[str, object]) -> str:
    """The text of `templates/ussd/<template>.txt`, without a prefix. Values as `gateway.sms.texts.readable` takes them.

    To reach the aim the hint is left out and people's names are cut; to keep the limit, optional fields go and
    configured names are cut too. Raises `TextIncomplete` if a value is missing, and never for the length.
    """
    path, shown = f"ussd/{template}.txt", readable(values)
    over_aim = []
    for text in _plain(shortened(path, shown, ("hint",), ("label",), lengths=(16, 12, 8, 5))):
        if septets(text) <= SEPTETS_AIM:
            return text
        over_aim.append(text)
    for text in (*over_aim, *_plain(shortened(path, shown, _FIELDS, _CONFIGURED))):
        if septets(text) <= SEPTETS_MOST:
            return text
    return text[:SEPTETS_MOST].rstrip()


def _plain(texts: Iterable[str]) -> Iterator[str]:
    return (text.translate(_PLAIN) for text in texts)
