"""What is open for the length of one call: vending keys in clear, and the cipher of EA 07."""

from collections.abc import Callable
from contextlib import ExitStack

from vending.kernel.errors import DomainError
from vending.security.ports import (
    MeterKeyFacts,
    OpenVendingKey,
    SecurityModuleUnavailable,
    VendingKeyOpener,
)
from vending.sts.ciphers import Cipher, cipher_of
from vending.sts.decoder_keys import derive_decoder_key
from vending.sts.sta_tables import StaTables
from vending.sts.verified import check_verified

KeyName = tuple[str, int, int]

_STA_EA = 7


class Call:
    """What is open for the length of one call: each vending key that it needs, once, and the cipher of EA 07."""

    def __init__(
        self,
        stack: ExitStack,
        open_vending_key: VendingKeyOpener,
        tables: StaTables | DomainError,
        check_may_sell: Callable[[], None],
    ) -> None:
        self._stack = stack
        self._open_vending_key = open_vending_key
        self._tables = tables
        self._check_may_sell = check_may_sell
        self._opened: dict[KeyName, OpenVendingKey | DomainError] = {}

    def open(self, meter: MeterKeyFacts) -> OpenVendingKey:
        """The vending key of a meter with these facts. `UnverifiedAlgorithm` for what no public vector covers."""
        name = (meter.sgc, meter.krn, meter.kt)
        opened = self._opened.get(name)
        if opened is None:
            opened = self._opened[name] = self._try_to_open(name)
        if isinstance(opened, DomainError):
            raise opened
        check_verified(dkga=opened.dkga, ea=meter.ea, kt=meter.kt)
        return opened

    def _try_to_open(self, name: KeyName) -> OpenVendingKey | DomainError:
        sgc, krn, kt = name
        try:
            return self._stack.enter_context(self._open_vending_key(sgc=sgc, krn=krn, kt=kt))
        except SecurityModuleUnavailable:
            raise
        except DomainError as refusal:
            return refusal

    def cipher(self, ea: int) -> Cipher:
        """The cipher of this EA. For EA 07 what stands against its tables is raised."""
        if ea != _STA_EA:
            return cipher_of(ea)
        if isinstance(self._tables, DomainError):
            raise self._tables
        self._check_may_sell()
        return cipher_of(ea, self._tables)


def decoder_key_of(vending_key: OpenVendingKey, meter: MeterKeyFacts) -> bytes:
    return derive_decoder_key(
        dkga=vending_key.dkga,
        secret=vending_key.secret,
        base_date=vending_key.base_date,
        ea=meter.ea,
        meter_pan=meter.meter_pan,
        sgc=meter.sgc,
        krn=meter.krn,
        kt=meter.kt,
        ti=meter.ti,
    )
