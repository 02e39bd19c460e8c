"""Whether what a module answered can be an answer at all. Whether it is the right one, only decoding it shows."""

from collections.abc import Sequence

from vending.security.errors import SecurityModuleUnavailable
from vending.security.ports import Made, SecurityModule
from vending.sts.errors import TokenMalformed
from vending.sts.frame import split_digits
from vending.sts.tid import GREATEST_TID

# A meter calls a TID OLD that lies before those in its store. A module's clock may differ from ours, not by a day.
_MOST_MINUTES_BEHIND = 24 * 60


def check_complete(module: SecurityModule, *, asked: int, answers: Sequence[object]) -> None:
    """One answer to each item, else nobody knows which belongs to what (`SecurityModuleUnavailable`)."""
    if len(answers) != asked:
        raise SecurityModuleUnavailable(f"module {module.name} gave {len(answers)} answers to {asked} requests")


def wrong_field_of(made: Made, module: SecurityModule, *, tid: int, check_value: str) -> str:
    """The first field of an answer that cannot be right for one token, or "".

    `digits`: not one token of the standard. `tid`: another than the one asked for, unless the module keeps its own;
    then no TID at all, or a stale one. `check_value`: another vending key than the one whose check value we hold.
    """
    if not _is_one_token(made.digits):
        return "digits"
    if made.tid not in (None, tid) and not (module.keeps_own_tids and _may_be_taken(made.tid, tid)):
        return "tid"
    if made.check_value and made.check_value.casefold() != check_value.casefold():
        return "check_value"
    return ""


def _may_be_taken(taken: int | None, wished: int) -> bool:
    return taken is not None and wished - _MOST_MINUTES_BEHIND <= taken <= GREATEST_TID


def _is_one_token(digits: tuple[str, ...]) -> bool:
    try:
        return len([split_digits(one) for one in digits]) == 1
    except TokenMalformed:
        return False
