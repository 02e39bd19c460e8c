"""No vending key and no decoder key shows in what the software module raises, answers, logs or keeps."""

import logging
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import pytest

from vending.kernel.errors import DomainError
from vending.security.ports import (
    CreditRequest,
    KeyChangeRequest,
    KeyTarget,
    Made,
    ManagementRequest,
    MeterKeyFacts,
    MeterTestRequest,
    OpenVendingKey,
    SecurityModule,
    SecurityModuleUnavailable,
    VerifyRequest,
)
from vending.security.software import SoftwareSecurityModule

SECRET = bytes.fromhex("abababababababab949494949494949401234567")
DECODER_KEY = bytes.fromhex("929bd3a415c9420a05ec5ee9f3ce91c3")
METER = MeterKeyFacts(meter_pan="600727000000000009", ea=11, sgc="201457", krn=1, kt=2, ti=1)
CREDIT = CreditRequest("sale-1", METER, subclass=0, tid=6_586_560, rnd=5, amount_field=256)
MANAGEMENT = ManagementRequest("manage-1", METER, subclass=1, tid=6_586_560, rnd=5, field=0)
KEY_CHANGE = KeyChangeRequest("change-1", METER, KeyTarget("201457", 2, 2, 1))
METER_TEST = MeterTestRequest("test-1", 0, 1, 0)
NO_METER = replace(METER, meter_pan=None)  # type: ignore[arg-type]


@dataclass(frozen=True)
class ClearVendingKey:
    """One that shows its secret, so that a frame which holds it is found out."""

    secret: bytes = SECRET
    base_date: str = "14"
    dkga: int = 4
    ken: int = 255
    check_value: str = ""
    active_from_at: datetime | None = None
    issue_until_at: datetime | None = None


def module_with(vending_key: ClearVendingKey) -> SoftwareSecurityModule:
    @contextmanager
    def open_vending_key(*, sgc: str, krn: int, kt: int) -> Iterator[OpenVendingKey]:
        yield vending_key

    return SoftwareSecurityModule(open_vending_key=open_vending_key)


def spilled(text: str) -> bool:
    """Whether four octets in a row of a secret stand in the text, as Python or as hexadecimal writes them."""
    pieces = [secret[place : place + 4] for secret in (SECRET, DECODER_KEY) for place in range(len(secret) - 3)]
    numbers = [str(int.from_bytes(piece, "big")) for piece in pieces]
    return any(
        repr(piece)[2:-1] in text or piece.hex() in text.lower() or number in text
        for piece, number in zip(pieces, numbers, strict=True)
    )


def whole(error: BaseException) -> str:
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


Ask = Callable[[SecurityModule], Sequence[object]]
WRONG = {
    "credit ea": lambda module: module.credit([replace(CREDIT, meter=replace(METER, ea=9))]),
    "credit ti": lambda module: module.credit([replace(CREDIT, meter=replace(METER, ti=100))]),
    "credit pan": lambda module: module.credit([replace(CREDIT, meter=replace(METER, meter_pan="600727000000000001"))]),
    "credit amount": lambda module: module.credit([replace(CREDIT, amount_field=1 << 16)]),
    "currency amount": lambda module: module.credit([replace(CREDIT, subclass=4, rnd=0, amount_field=1 << 20)]),
    "management ti": lambda module: module.management([replace(MANAGEMENT, meter=replace(METER, ti=100))]),
    "management field": lambda module: module.management([replace(MANAGEMENT, field=8)]),
    "key change ti": lambda module: module.key_change([replace(KEY_CHANGE, to=replace(KEY_CHANGE.to, ti=100))]),
    "key change set": lambda module: module.key_change([replace(KEY_CHANGE, three_token=True)]),
    "test": lambda module: module.test_display([replace(METER_TEST, subclass=3)]),
    "verify crc": lambda module: module.verify([VerifyRequest(METER, "1" * 20)]),
    "verify digits": lambda module: module.verify([VerifyRequest(METER, "")]),
    # What no type checker lets through: a fault, not a refusal.
    "credit fault": lambda module: module.credit([replace(CREDIT, meter=NO_METER)]),
    "management fault": lambda module: module.management([replace(MANAGEMENT, meter=NO_METER)]),
    "key change fault": lambda module: module.key_change([replace(KEY_CHANGE, meter=NO_METER)]),
    "verify fault": lambda module: module.verify([VerifyRequest(NO_METER, "1" * 20)]),
}


@pytest.mark.parametrize("ask", WRONG.values(), ids=WRONG)
def test_refusal_has_no_frames_and_shows_no_key(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    (refusal,) = ask(module_with(ClearVendingKey()))

    assert isinstance(refusal, DomainError)
    assert (refusal.__traceback__, refusal.__context__, refusal.__cause__) == (None, None, None)
    assert not spilled(whole(refusal) + caplog.text)


@pytest.mark.parametrize(
    ("vending_key", "code"),
    [
        (ClearVendingKey(dkga=2, secret=SECRET[:8]), "unsupported_algorithm"),
        (ClearVendingKey(dkga=3, secret=SECRET[:16]), "unverified_algorithm"),
        (ClearVendingKey(secret=SECRET[:16]), "vending_key_malformed"),
        (ClearVendingKey(base_date="15"), "key_attribute_invalid"),
        (ClearVendingKey(ken=256), "key_attribute_invalid"),
    ],
)
def test_unfit_vending_key_is_refused_without_showing_it(vending_key: ClearVendingKey, code: str) -> None:
    (refusal,) = module_with(vending_key).credit([CREDIT])

    assert isinstance(refusal, DomainError)
    assert refusal.code == code
    assert not spilled(whole(refusal))


class BrokenVendingKey:
    """One whose reading fails with a text that holds the key."""

    base_date, dkga, ken, check_value = "14", 4, 255, ""
    active_from_at = issue_until_at = None

    @property
    def secret(self) -> bytes:
        raise RuntimeError(f"cannot read {SECRET!r}")


def test_fault_answers_its_item_alone_and_is_logged_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    @contextmanager
    def open_vending_key(*, sgc: str, krn: int, kt: int) -> Iterator[OpenVendingKey]:
        yield BrokenVendingKey() if krn == 2 else ClearVendingKey()

    module = SoftwareSecurityModule(open_vending_key=open_vending_key)

    with caplog.at_level(logging.ERROR):
        faulty, made = module.credit([replace(CREDIT, meter=replace(METER, krn=2)), CREDIT])

    assert isinstance(faulty, SecurityModuleUnavailable)
    assert str(faulty) == "a fault of the module: RuntimeError"
    assert isinstance(made, Made)
    (record,) = caplog.records
    assert (record.levelname, record.exc_info) == ("ERROR", None)
    assert record.getMessage().startswith("software security module: RuntimeError at ")
    assert not spilled(whole(faulty) + caplog.text)


def test_module_that_ends_a_call_shows_no_key_that_was_open() -> None:
    @contextmanager
    def open_vending_key(*, sgc: str, krn: int, kt: int) -> Iterator[OpenVendingKey]:
        if krn == 2:
            raise SecurityModuleUnavailable("the key store has gone")
        yield ClearVendingKey()

    module = SoftwareSecurityModule(open_vending_key=open_vending_key)

    with pytest.raises(SecurityModuleUnavailable) as refusal:
        module.key_change([KEY_CHANGE])
    error = refusal.value
    assert (error.__cause__, error.__context__) == (None, None)
    assert not spilled(whole(error))


def test_module_keeps_tokens_and_no_key_after_its_calls() -> None:
    module = module_with(ClearVendingKey())
    module.credit([CREDIT])
    module.management([MANAGEMENT])
    module.key_change([KEY_CHANGE])
    module.test_display([METER_TEST])

    assert None not in module.replay(["sale-1", "manage-1", "change-1", "test-1"])
    kept = repr({name: vars(value) if hasattr(value, "__dict__") else value for name, value in vars(module).items()})
    assert "sale-1" in kept
    assert not spilled(kept)
