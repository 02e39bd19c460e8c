"""What goes wrong on purpose, so that tests can make the world as bad as the real one. All knobs off is a good day."""

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

SMS_ANSWERS = ("accept", "error", "silence", "invalid_sender_id", "unauthorised")
PUSH_ANSWERS = ("accept", "error", "silence")
VALIDATION_DEFAULTS = ("Cancelled", "Completed")
MSISDN_FORMS = ("", "hashed", "masked", "clear")
LOSABLE = frozenset({"stk", "confirmation", "result", "report", "inbound"})
_CHOICES = {
    "sms_answer": SMS_ANSWERS,
    "push_answer": PUSH_ANSWERS,
    "validation_default": VALIDATION_DEFAULTS,
    "msisdn_form": MSISDN_FORMS,
}
_MOST, _MOST_PERCENT, _MOST_SEED = 10_000, 100, 2**63


class FaultPlanError(Exception):
    """A knob that does not exist, or a setting that it does not have."""


@dataclass
class FaultPlan:
    """The knobs of `/control/faults`.

    `callback_copies`: each callback and report is posted so many times, at once. `callbacks_lost`: kinds never posted,
    of stk, confirmation, result, report, inbound. `sms_answer`, `push_answer`: what the next requests get; with a
    `..._count` above 0 only so many of them, else all. Silence means that the request is taken (and carried out, if
    `silence_delivers`) but not answered for `silence_seconds`. `sms_status_code`: of every recipient, 0 for the usual
    one. `sms_report`: the status reported, "none" for no report; with Success and none the text is in the inbox.
    `stk_confirms`: an STK payment is also confirmed as C2B, as many pay-bills do. `validation_default`: what happens to
    the money when a validation is not answered and no addresses are registered (else what was registered).

    What happens to some of mobile money's callbacks only, in percent, always to the same ones for one `seed` and one
    order of each phone's payments: `payments_untold_percent` (no callback at all), `callbacks_lost_percent`,
    `callbacks_twice_percent`, `callbacks_late_percent` (by `callback_late_seconds`), `wrong_amount_percent` (every
    callback of the payment says `wrong_amount_factor` times the amount), `results_timed_out_percent` (the time-out
    address is told instead). `callback_scatter_seconds`: each is held back for up to so long, so that they overtake
    one another. Its API: `api_error_percent` is answered with 500 and not done, `api_slow_percent` after
    `api_slow_seconds`.

    How the short code is set up: `is_production` (addresses are registered once, no simulated payments),
    `checks_addresses` (HTTPS, no forbidden words), `msisdn_form` (hashed, masked or clear; empty: masked once
    addresses are registered by v2, else hashed), `pull_page_rows`, `unasked_percent` (of pay-bill payments, those
    that move without a validation, as all do where that service is off).

    Customers on their own: with `prompt_answer_seconds` above 0 every prompt is answered after so long, with the PIN
    but for `prompts_cancelled_percent`.
    """

    callback_copies: int = 1
    callback_delay_seconds: float = 0.0
    callbacks_lost: tuple[str, ...] = ()
    sms_answer: str = "accept"
    sms_answer_count: int = 0
    sms_status_code: int = 0
    sms_report: str = "Success"
    report_delay_seconds: float = 0.05
    push_answer: str = "accept"
    push_answer_count: int = 0
    silence_seconds: float = 15.0
    silence_delivers: bool = True
    stk_confirms: bool = True
    prompt_seconds: float = 60.0
    validation_default: str = "Cancelled"
    seed: int = 0
    payments_untold_percent: float = 0.0
    callbacks_lost_percent: float = 0.0
    callbacks_twice_percent: float = 0.0
    callbacks_late_percent: float = 0.0
    callback_late_seconds: float = 10.0
    callback_scatter_seconds: float = 0.0
    wrong_amount_percent: float = 0.0
    wrong_amount_factor: int = 100
    results_timed_out_percent: float = 0.0
    api_error_percent: float = 0.0
    api_slow_percent: float = 0.0
    api_slow_seconds: float = 2.0
    is_production: bool = False
    checks_addresses: bool = False
    msisdn_form: str = ""
    pull_page_rows: int = 100
    unasked_percent: float = 0.0
    prompt_answer_seconds: float = 0.0
    prompts_cancelled_percent: float = 0.0

    def change(self, knobs: Mapping[str, Any]) -> None:
        """Set some knobs, all or none. Raises `FaultPlanError`."""
        checked = {name: self._checked(name, value) for name, value in knobs.items()}
        for name, value in checked.items():
            setattr(self, name, value)

    def reset(self) -> None:
        self.change(asdict(FaultPlan()))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def happens(self, percent: float, *names: object) -> bool:
        """Whether it happens to the thing of these names; asked again, the answer is the same."""
        return percent > 0 and self.draw(*names) * 100 < percent

    def draw(self, *names: object) -> float:
        """A number from 0 up to 1 that belongs to these names under this seed."""
        return random.Random(":".join(map(str, (self.seed, *names)))).random()  # noqa: S311 -- a plan that can be repeated

    def take_sms_answer(self) -> str:
        """The answer for one send, counted down. The caller holds the centre's lock."""
        answer = self.sms_answer
        if self.sms_answer_count > 0:
            self.sms_answer_count -= 1
            if self.sms_answer_count == 0:
                self.sms_answer = "accept"
        return answer

    def take_push_answer(self) -> str:
        """The answer for one push, counted down. The caller holds the operator's lock."""
        answer = self.push_answer
        if self.push_answer_count > 0:
            self.push_answer_count -= 1
            if self.push_answer_count == 0:
                self.push_answer = "accept"
        return answer

    def _checked(self, name: str, value: Any) -> Any:
        if name not in {field.name for field in fields(self)}:
            raise FaultPlanError(f"no knob {name[:40]!r}")
        if name == "callbacks_lost":
            if not isinstance(value, list | tuple) or not LOSABLE.issuperset(map(str, value)):
                raise FaultPlanError(f"callbacks_lost: a list of {', '.join(sorted(LOSABLE))}")
            return tuple(value)
        self._check_kind(name, value)
        return value

    def _check_kind(self, name: str, value: Any) -> None:
        usual = getattr(FaultPlan(), name)
        if name in _CHOICES and value not in _CHOICES[name]:
            raise FaultPlanError(f"{name}: one of {', '.join(_CHOICES[name])}")
        if isinstance(usual, bool) or isinstance(value, bool):
            if not (isinstance(usual, bool) and isinstance(value, bool)):
                raise FaultPlanError(f"{name}: true or false where it is a switch")
        elif isinstance(usual, int | float):
            most = _MOST_SEED if name == "seed" else _MOST_PERCENT if name.endswith("_percent") else _MOST
            if not isinstance(value, int if isinstance(usual, int) else int | float) or not 0 <= value <= most:
                raise FaultPlanError(f"{name}: a number from 0 to {most}")
        elif not isinstance(value, str):
            raise FaultPlanError(f"{name}: a text")
