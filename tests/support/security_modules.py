"""The security modules that the contract suite asks, with the vending keys that all of them hold.

Another module joins by a line in `MODULES` and one in `BROKEN_MODULES`. It has to hold `KEYS`: test keys of one supply
group, some of which refuse what a good module refuses. What it says of itself (`keeps_own_tids`, `unread_fields`)
decides which tests it is asked.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from tests.support.fake_security_module import FakeSecurityModule, KeyName
from vending.kernel.errors import DomainError
from vending.security.ports import (
    CreditRequest,
    KeyDescription,
    Made,
    MeterKeyFacts,
    OpenVendingKey,
    SecurityModule,
    VendingKeyMissing,
)
from vending.security.software import SoftwareSecurityModule

SGC = "201457"
SECRETS = {
    1: bytes.fromhex("abababababababab"),
    2: bytes.fromhex("abababababababab"),
    4: bytes.fromhex("abababababababab949494949494949401234567"),
}
ACTIVE_FROM_AT = datetime(2026, 7, 11, 0, 0, tzinfo=UTC)
ISSUE_UNTIL_AT = datetime(2026, 7, 11, 1, 0, tzinfo=UTC)
KEY = KeyDescription(
    sgc=SGC,
    krn=1,
    kt=2,
    base_date="14",
    dkga=4,
    ken=255,
    check_value="A1B2C3",
    active_from_at=None,
    issue_until_at=None,
    stopped_at=None,
    stopped_reason="",
    is_verified=True,
    is_published=True,
)
KEYS = [
    KEY,
    replace(KEY, krn=2, active_from_at=ACTIVE_FROM_AT, issue_until_at=ISSUE_UNTIL_AT),
    replace(KEY, krn=3, ken=100),
    replace(KEY, krn=4, dkga=2),
    replace(KEY, krn=5, dkga=1, is_verified=False),
    replace(KEY, krn=6, base_date="35", ken=170, check_value="D4E5F6"),
    replace(KEY, kt=0),
    replace(KEY, kt=1),
    replace(KEY, kt=3, is_verified=False),
]
KEY_OF: dict[KeyName, int | KeyDescription] = {(key.sgc, key.krn, key.kt): key for key in KEYS}

METER = MeterKeyFacts(meter_pan="600727000000000009", ea=11, sgc=SGC, krn=1, kt=2, ti=1)
OTHER_METER = replace(METER, meter_pan="600727111111111153")
STA_METER = replace(METER, ea=7)
TID = 6_586_560
REQUEST = CreditRequest("sale-1", METER, subclass=0, tid=TID, rnd=5, amount_field=256)


@dataclass(frozen=True)
class ClearVendingKey:
    """As `vending.keys.services` hands one out."""

    secret: bytes = field(repr=False)
    base_date: str
    dkga: int
    ken: int
    check_value: str
    active_from_at: datetime | None
    issue_until_at: datetime | None


@contextmanager
def open_vending_key(*, sgc: str, krn: int, kt: int) -> Iterator[OpenVendingKey]:
    key = KEY_OF.get((sgc, krn, kt))
    if not isinstance(key, KeyDescription):
        raise VendingKeyMissing("no such vending key")
    secret = SECRETS[key.dkga]
    yield ClearVendingKey(
        secret, key.base_date, key.dkga, key.ken, key.check_value, key.active_from_at, key.issue_until_at
    )


def software(wrong_answers: Sequence[str] = ()) -> SoftwareSecurityModule:
    return SoftwareSecurityModule(
        open_vending_key=open_vending_key, describe_keys=lambda: KEYS, known_answers=lambda _: wrong_answers
    )


MODULES: dict[str, Callable[[], SecurityModule]] = {
    "software": software,
    "fake": lambda: FakeSecurityModule(KEY_OF),
    "fake with its own TIDs": lambda: FakeSecurityModule(KEY_OF, keeps_own_tids=True),
}
# Those that take TID and random field from the request, so that the same request gives the same digits.
STEADY_MODULES = [name for name, make in MODULES.items() if not (make().keeps_own_tids or make().unread_fields)]
OWN_TID_MODULES = [name for name, make in MODULES.items() if make().keeps_own_tids]
BROKEN_MODULES: dict[str, Callable[[], SecurityModule]] = {
    "software": lambda: software(wrong_answers=["MISTY1"]),
    "fake": lambda: FakeSecurityModule(KEY_OF, is_unavailable=True),
}


def made_of(answers: Sequence[Made | DomainError]) -> Made:
    """The only answer, which is no refusal."""
    (answer,) = answers
    assert isinstance(answer, Made), answer
    return answer


def code_of(answers: Sequence[object]) -> str:
    """The code of the only answer, which is a refusal."""
    (answer,) = answers
    assert isinstance(answer, DomainError), answer
    return answer.code
