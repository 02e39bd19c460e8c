"""Who pays what for which meter: drawn from a seed, so that a run can be had again."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

STK_PERCENT, DIRTY_PERCENT, UNKNOWN_PERCENT, LARGE_PERCENT, SMALL_PERCENT = 25, 22, 4, 5, 3
REGRETTED_PER_MILLE = 4
_USUAL = (20, 30, 37, 50, 61, 83, 100, 127, 150, 200)
_SMALL = (3, 7, 11)
_NAMES = ("amina", "JUMA", "mama n", "Ali")


class Door(StrEnum):
    """How a customer pays."""

    PAY_BILL = "pay-bill"
    PUSH = "USSD and push"


@dataclass(frozen=True)
class Meter:
    """As its owner knows it."""

    drn: str
    phone: str


@dataclass(frozen=True)
class Act:
    """One payment that a customer means to make. `drn` is empty where the account is nobody's meter.

    `is_regretted`: customer care takes it back at once, while the product is busy with it.
    """

    door: Door
    phone: str
    account: str
    drn: str
    amount: int
    is_dirty: bool = False
    is_regretted: bool = False


def draw_acts(meters: Sequence[Meter], count: int, seed: int) -> list[Act]:
    """In the order in which they are begun. A push is always for the phone's own meter."""
    chance = random.Random(f"acts:{seed}")
    return [_draw_act(meters, chance) for _ in range(count)]


def _draw_act(meters: Sequence[Meter], chance: random.Random) -> Act:
    meter, amount = chance.choice(meters), _draw_amount(chance)
    if chance.random() * 100 < STK_PERCENT:
        return Act(Door.PUSH, meter.phone, meter.drn, meter.drn, max(amount, 20))
    payer = meter.phone if chance.random() < 0.5 else chance.choice(meters).phone
    kind, is_regretted = chance.random() * 100, chance.random() * 1000 < REGRETTED_PER_MILLE
    if kind < UNKNOWN_PERCENT:
        return Act(Door.PAY_BILL, payer, _draw_unknown(meter.drn, chance), "", amount)
    if kind < UNKNOWN_PERCENT + DIRTY_PERCENT:
        account = _draw_dirty(meter.drn, chance)
        return Act(Door.PAY_BILL, payer, account, meter.drn, amount, is_dirty=True, is_regretted=is_regretted)
    return Act(Door.PAY_BILL, payer, meter.drn, meter.drn, amount, is_regretted=is_regretted)


def _draw_amount(chance: random.Random) -> int:
    kind = chance.random() * 100
    if kind < SMALL_PERCENT:
        return chance.choice(_SMALL)
    return chance.randrange(501, 900) if kind < SMALL_PERCENT + LARGE_PERCENT else chance.choice(_USUAL)


def _draw_dirty(drn: str, chance: random.Random) -> str:
    """The ways in which people write a meter number that is still theirs; an account has 20 signs."""
    ways = [
        f" {drn[:4]} {drn[4:8]} {drn[8:]}",
        f"{drn[:3]}-{drn[3:7]}-{drn[7:]}",
        f"{chance.choice(_NAMES)} {drn}",
        drn.replace("0", "O", 1),
        f"{drn} ",
    ]
    return chance.choice([way for way in ways if len(way) <= 20])


def _draw_unknown(drn: str, chance: random.Random) -> str:
    swapped = drn[:-1] + str((int(drn[-1]) + 1 + chance.randrange(9)) % 10)
    return chance.choice([swapped, "rent", drn[:-2], "0" * 11, "HOUSE 12"])
