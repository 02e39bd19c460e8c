"""P1 to P4: the token arithmetic in this process alone. No servers, no Django, one core, CPU time.

P1 to P3 compare times: `ratio` is how many yardsticks one of ours takes, and `better=smaller` says so. P4 compares
speeds. `ours` and `yardstick` are always counts a second. Tables are built before the clock starts.

The yardstick of P1 and P2 is one DES block of pycryptodome through its Python interface with a fresh key: `DES.new` and
`encrypt` of 8 octets.

P1, P2  One credit token: the decoder key of a meter, which is another one each time, the check of the fields, body,
        CRC, cipher, class bits, 20 digits. With `derivation=no` it begins with the decoder key. Opening the vending
        key, TID and amount are not in it. EA07 has the standard's sample tables, which cost what the others do.
P3      Reading it: the decoder key derived again, the digits decoded, every field compared with what was asked for.
        The yardstick is the issue of the same token, derivation included.
P4      10,000 such tokens of as many meters under one vending key through `bulk` and `many_decoder_keys`, against one
        by one, derivation included. `work=read` is P3's reading.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping

from Crypto.Cipher import DES

from tests.bench.ratios import MeasurementError, Round, interleave, line
from vending.sts.bulk import decode_tokens, encode_credits
from vending.sts.check_digits import luhn_digit
from vending.sts.ciphers import Cipher, cipher_of
from vending.sts.credit import UnitCredit, encode_credit
from vending.sts.decoder_keys import VENDING_KEY_OCTETS, derive_decoder_key
from vending.sts.many_decoder_keys import derive_decoder_keys
from vending.sts.tokens import decode_token

_PROFILE = "core"
_ROUNDS = 9
_A_ROUND = 3_000
_IN_BULK = 10_000
_CASES = ((11, 4), (7, 2), (7, 4))  # EA and DKGA
_BASE_DATE, _SGC, _KRN, _KT, _TI = "14", "123457", 1, 2, 1

Work = Callable[[], None]


def measure_p1() -> Iterator[str]:
    fleet = Fleet(cipher_of(11), 4, _A_ROUND)
    yield _times("P1", fleet, fleet.issue, fleet.des_blocks, aim=1.60, derivation="dkga04")
    yield _times("P1", fleet, fleet.seal, fleet.des_blocks, aim=1.60, derivation="no")


def measure_p2() -> Iterator[str]:
    for dkga in (2, 4):
        fleet = Fleet(cipher_of(7), dkga, _A_ROUND)
        yield _times("P2", fleet, fleet.issue, fleet.des_blocks, aim=3.50, derivation=f"dkga{dkga:02d}")
    yield _times("P2", fleet, fleet.seal, fleet.des_blocks, aim=3.50, derivation="no")


def measure_p3() -> Iterator[str]:
    for ea, dkga in _CASES:
        fleet = Fleet(cipher_of(ea), dkga, _A_ROUND)
        yield _times("P3", fleet, fleet.read, fleet.issue, aim=1.30, **fleet.names)


def measure_p4() -> Iterator[str]:
    for ea, dkga in _CASES:
        fleet = Fleet(cipher_of(ea), dkga, _IN_BULK)
        yield _speeds("P4", fleet, fleet.issue_together, fleet.issue, aim=2.50, work="issue", **fleet.names)
        yield _speeds("P4", fleet, fleet.read_together, fleet.read, aim=2.50, work="read", **fleet.names)


MEASUREMENTS: Mapping[str, Callable[[], Iterator[str]]] = {
    "P1": measure_p1,
    "P2": measure_p2,
    "P3": measure_p3,
    "P4": measure_p4,
}


class Fleet:
    """Meters under one vending key, the credit that each is to have, and the work that is timed.

    The loops have everything in local names: what is to be timed is what they call.
    """

    def __init__(self, cipher: Cipher, dkga: int, count: int) -> None:
        chance = random.Random(62055)
        self.cipher, self.dkga = cipher, dkga
        self.secret = chance.randbytes(VENDING_KEY_OCTETS[dkga])
        bodies = [f"60072737{chance.randrange(10**9):09d}" for _ in range(count)]
        self.meter_pans = [body + luhn_digit(body) for body in bodies]
        self.unit_credits = [
            UnitCredit(0, chance.getrandbits(24), chance.getrandbits(4), chance.getrandbits(16)) for _ in bodies
        ]
        self.decoder_keys = self._decoder_keys()
        self.digits = self._issued()

    @property
    def names(self) -> dict[str, str]:
        return {"cipher": f"ea{self.cipher.ea:02d}", "derivation": f"dkga{self.dkga:02d}"}

    def des_blocks(self) -> None:
        """The yardstick: as many fresh keys as there are meters."""
        for decoder_key in self.decoder_keys:
            DES.new(decoder_key[:8], DES.MODE_ECB).encrypt(b"8 octets")  # noqa: S304

    def seal(self) -> None:
        cipher = self.cipher
        for credit, decoder_key in zip(self.unit_credits, self.decoder_keys, strict=True):
            encode_credit(
                subclass=credit.subclass,
                tid=credit.tid,
                rnd=credit.rnd,
                amount_field=credit.amount_field,
                cipher=cipher,
                decoder_key=decoder_key,
            )

    def issue(self) -> None:
        if self._issued() != self.digits:
            raise MeasurementError("the same credits made other tokens")

    def issue_together(self) -> None:
        decoder_keys = self._decoder_keys()
        if encode_credits(self.unit_credits, cipher=self.cipher, decoder_keys=decoder_keys) != self.digits:
            raise MeasurementError("together the credits make other tokens than one by one")

    def read(self) -> None:
        cipher, dkga, secret, ea = self.cipher, self.dkga, self.secret, self.cipher.ea
        for meter_pan, digits, credit in zip(self.meter_pans, self.digits, self.unit_credits, strict=True):
            decoder_key = derive_decoder_key(
                dkga=dkga,
                secret=secret,
                base_date=_BASE_DATE,
                ea=ea,
                meter_pan=meter_pan,
                sgc=_SGC,
                krn=_KRN,
                kt=_KT,
                ti=_TI,
            )
            if decode_token(digits, cipher=cipher, decoder_key=decoder_key) != credit:
                raise MeasurementError("a token is read as something else than it was made of")

    def read_together(self) -> None:
        if decode_tokens(self.digits, cipher=self.cipher, decoder_keys=self._decoder_keys()) != self.unit_credits:
            raise MeasurementError("together the tokens are read as something else than one by one")

    def _issued(self) -> list[str]:
        made = []
        cipher, dkga, secret, ea = self.cipher, self.dkga, self.secret, self.cipher.ea
        for meter_pan, credit in zip(self.meter_pans, self.unit_credits, strict=True):
            decoder_key = derive_decoder_key(
                dkga=dkga,
                secret=secret,
                base_date=_BASE_DATE,
                ea=ea,
                meter_pan=meter_pan,
                sgc=_SGC,
                krn=_KRN,
                kt=_KT,
                ti=_TI,
            )
            digits = encode_credit(
                subclass=credit.subclass,
                tid=credit.tid,
                rnd=credit.rnd,
                amount_field=credit.amount_field,
                cipher=cipher,
                decoder_key=decoder_key,
            )
            made.append(digits)
        return made

    def _decoder_keys(self) -> list[bytes]:
        return derive_decoder_keys(
            dkga=self.dkga,
            secret=self.secret,
            base_date=_BASE_DATE,
            ea=self.cipher.ea,
            meter_pans=self.meter_pans,
            sgc=_SGC,
            krn=_KRN,
            kt=_KT,
            ti=_TI,
        )


class _Times(Round):
    """Two rates, compared as times: how many of the yardstick one of ours takes."""

    @property
    def ratio(self) -> float:
        return self.yardstick / self.ours


def _times(name: str, fleet: Fleet, ours: Work, yardstick: Work, *, aim: float, **more: str) -> str:
    rounds = [_Times(measured.ours, measured.yardstick) for measured in _measured(fleet, ours, yardstick)]
    return line(name, _PROFILE, rounds, aim=aim, better="smaller", **more)


def _speeds(name: str, fleet: Fleet, ours: Work, yardstick: Work, *, aim: float, **more: str) -> str:
    return line(name, _PROFILE, _measured(fleet, ours, yardstick), aim=aim, better="greater", **more)


def _measured(fleet: Fleet, ours: Work, yardstick: Work) -> list[Round]:
    for work in (ours, yardstick):
        work()  # builds the tables that its first use builds
    return interleave(_rate(fleet, ours), _rate(fleet, yardstick), rounds=_ROUNDS)


def _rate(fleet: Fleet, work: Work) -> Callable[[], float]:
    def a_second() -> float:
        started = time.process_time()
        work()
        return len(fleet.meter_pans) / (time.process_time() - started)

    return a_second
