"""Reading any token: 20 digits, as the meter with this cipher and decoder key would take them (IEC 62055-41).

Every value has its `token_class` and `subclass`, and the fields of its kind.
"""

from collections.abc import Callable, Mapping

from vending.sts.ciphers import Cipher
from vending.sts.credit import UnitCredit, unit_credit_in
from vending.sts.currency import CurrencyCredit, currency_credit_in
from vending.sts.errors import UnsupportedToken
from vending.sts.fields import check_bits
from vending.sts.frame import CREDIT_CLASS, MANAGEMENT_CLASS, TEST_CLASS, open_token
from vending.sts.key_change import SECTION_SUBCLASSES, Section1, Section2, Section3, Section4, section_in
from vending.sts.management import Management, ManagementSubclass, management_in
from vending.sts.meter_test import MeterTest, meter_test_in

AnyToken = UnitCredit | CurrencyCredit | MeterTest | Management | Section1 | Section2 | Section3 | Section4

_READERS: Mapping[tuple[int, int], Callable[[int], AnyToken]] = {
    **{(CREDIT_CLASS, subclass): unit_credit_in for subclass in range(4)},
    **{(CREDIT_CLASS, subclass): currency_credit_in for subclass in range(4, 8)},
    **{(TEST_CLASS, subclass): meter_test_in for subclass in range(3)},
    **{(MANAGEMENT_CLASS, int(subclass)): management_in for subclass in ManagementSubclass},
}


def decode_token(digits: str, *, cipher: Cipher | None, decoder_key: bytes) -> AnyToken:
    """What the digits say to the meter; class 1 needs neither cipher nor decoder key (None, b"").

    `UnsupportedToken` for a subclass that is reserved or a maker's own, else the errors of `frame.open_token`. Fields
    are what the bits say: a KRN of 12 is read as 12, whatever the meter thinks of it.
    """
    token_class, body = open_token(digits, cipher=cipher, decoder_key=decoder_key)
    return token_in(token_class, body, cipher)


def token_in(token_class: int, body: int, cipher: Cipher | None) -> AnyToken:
    """The token in the class and the 48 bits that `frame.open_token` gives.

    `UnsupportedToken` as in `decode_token`; `FieldOutOfRange` for a class of more than 2 bits or a body of more than
    48.
    """
    if not (type(body) is type(token_class) is int and not (body >> 48 or token_class >> 2)):
        check_bits(token_class, 2, "token_class")
        check_bits(body, 48, "body")
    reader = _READERS.get((token_class, body >> 44))
    if reader is not None:
        return reader(body)
    if token_class == MANAGEMENT_CLASS and body >> 44 in SECTION_SUBCLASSES:
        return section_in(body, cipher)
    raise UnsupportedToken(f"class {token_class} subclass {body >> 44} is reserved", field="subclass")
