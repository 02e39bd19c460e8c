"""What goes wrong on purpose, so that tests can make the world as bad as the real one. All knobs off is a good day."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

SMS_ANSWERS = ("accept", "error", "silence", "invalid_sender_id", "unauthorised")
PUSH_ANSWERS = ("accept", "error", "silence")
VALIDATION_DEFAULTS = ("Cancelled", "Completed")
LOSABLE = frozenset({"stk", "confirmation", "report", "inbound"})


class FaultPlanError(Exception):
    """A knob that does not exist, or a setting that it does not have."""


@dataclass
class FaultPlan:
    """The knobs of `/control/faults`.

    `callback_copies`: each callback and report is posted so many times, at once. `callbacks_lost`: kinds never posted,
    of stk, confirmation, report, inbound. `sms_answer`, `push_answer`: what the next requests get; with a `..._count`
    above 0 only so many of them, else all. Silence means that the request is taken (and carried out, if
    `silence_delivers`) but not answered for `silence_seconds`. `sms_status_code`: of every recipient, 0 for the usual
    one. `sms_report`: the status reported, "none" for no report; with Success and none the text is in the inbox.
    `stk_confirms`: an STK payment is also confirmed as C2B, as many pay-bills do. `validation_default`: what happens to
    the money when a validation is not answered.
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

    def change(self, knobs: Mapping[str, Any]) -> None:
        """Set some knobs, all or none. Raises `FaultPlanError`."""
        checked = {name: self._checked(name, value) for name, value in knobs.items()}
        for name, value in checked.items():
            setattr(self, name, value)

    def reset(self) -> None:
        self.change(asdict(FaultPlan()))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

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
        choices = {"sms_answer": SMS_ANSWERS, "push_answer": PUSH_ANSWERS, "validation_default": VALIDATION_DEFAULTS}
        if name in choices and value not in choices[name]:
            raise FaultPlanError(f"{name}: one of {', '.join(choices[name])}")
        if isinstance(usual, bool) or isinstance(value, bool):
            if not (isinstance(usual, bool) and isinstance(value, bool)):
                raise FaultPlanError(f"{name}: true or false where it is a switch")
        elif isinstance(usual, int | float):
            if not isinstance(value, int if isinstance(usual, int) else int | float) or not 0 <= value <= 10_000:
                raise FaultPlanError(f"{name}: a number from 0 to 10000")
        elif not isinstance(value, str):
            raise FaultPlanError(f"{name}: a text")
