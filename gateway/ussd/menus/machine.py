"""From one screen to the next: `(screen, answers, typed)` and the facts in, one `Step` out. Pure.

Every screen is a row of `SCREENS`. `0` goes back and `00` home on each of them; an input that a screen does not know
shows it again, and the third wrong one in a row ends the session. Whatever is typed, and whatever is stored, the
answer is a valid step: a screen we do not know (an older release's, or one that had ended) starts again.
"""

from collections.abc import Mapping
from dataclasses import replace

from gateway.ussd.menus import buying, codes, front, meters
from gateway.ussd.menus.facts import Facts
from gateway.ussd.menus.steps import Answers, Move, Next, Screen, ScreenName, Step, Tries, end, number

SCREENS: Mapping[ScreenName, Screen] = {**front.SCREENS, **meters.SCREENS, **buying.SCREENS, **codes.SCREENS}
_SCREEN_NAMES = frozenset(map(str, SCREENS))
WRONG_INPUTS_ALLOWED = 2
_LONGEST_INPUT = 40


def start(facts: Facts) -> Step:
    """The first screen of a session."""
    return _settle(Move(ScreenName.HOME), 0, facts)


def advance(screen: str, answers: Answers, typed: str, facts: Facts) -> Step:
    """The answer to one input, of any kind and length; `screen` and `answers` are those of the step before.

    The caller gives the inputs of a session one by one (several at once when it was dialled with them) and stores what
    comes out.
    """
    typed = typed.strip() if len(typed) <= _LONGEST_INPUT else ""
    if screen not in _SCREEN_NAMES or typed == "00":
        return start(facts)
    name, wrong = ScreenName(screen), number(answers, "wrong")
    answers = {key: value for key, value in answers.items() if key not in {"wrong", "unclear"}}
    row = SCREENS[name]
    following = row.back(answers, facts) if typed == "0" else row.choose(answers, typed, facts)
    return _settle(following or Move(name, {**answers, "unclear": 1}, Tries.COUNT), wrong, facts)


def _settle(following: Next, wrong: int, facts: Facts) -> Step:
    """Follow the moves to the step at their end, and write the count of wrong inputs into it.

    A screen that cannot be shown moves towards home, and home can always be shown: the moves of one hop come to an end.
    """
    tries = set()
    while isinstance(following, Move):
        tries.add(following.tries)
        following = SCREENS[following.to].show(following.answers, facts)
    if following.is_end:
        return following
    count = wrong + 1 if Tries.COUNT in tries else wrong if Tries.KEEP in tries else 0
    if count > WRONG_INPUTS_ALLOWED:
        return end("too_many_tries", facts)
    return replace(following, answers={**following.answers, "wrong": count}) if count else following
