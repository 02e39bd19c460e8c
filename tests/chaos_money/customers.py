"""Customers who pay by both doors, several at once; each phone is one person's and does one thing at a time."""

import threading
import time
from collections import Counter
from collections.abc import Sequence

from gateway.simulator.desk import Desk, DeskError
from gateway.simulator.phones import DEMO_PIN
from tests.chaos_money.plan import Act, Door

THREADS = 8
_BUSY_SECONDS = 10.0


class Customers:
    """Plays a plan, part by part. `meter_of_account`: for which meter an account text is meant; empty for nobody's."""

    def __init__(self, simulator_url: str, ussd_code: str, acts: Sequence[Act]) -> None:
        self._url, self._code = simulator_url, ussd_code.removesuffix("#")
        self.meter_of_account = {act.account: act.drn for act in acts if act.door is Door.PAY_BILL}
        self._phones = sorted({act.phone for act in acts})
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self._threads: list[threading.Thread] = []

    def start(self, acts: Sequence[Act]) -> None:
        """Play a part of the plan; not before the part before it is done."""
        shares: list[list[Act]] = [[] for _ in range(THREADS)]
        for act in acts:
            shares[self._phones.index(act.phone) % THREADS].append(act)
        self._threads = [threading.Thread(target=self._play, args=(share,), daemon=True) for share in shares]
        for thread in self._threads:
            thread.start()

    def are_done(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def begun(self) -> int:
        with self._lock:
            return self.counts["begun"]

    def _play(self, acts: Sequence[Act]) -> None:
        desk = Desk(self._url)
        for act in acts:
            self._count("begun")
            try:
                if act.door is Door.PUSH:
                    self._buy(desk, act)
                else:
                    self._pay(desk, act)
            except DeskError as error:
                self._count(f"refused by the simulator: {error}"[:80])

    def _pay(self, desk: Desk, act: Act) -> None:
        outcome = desk.act("phone/pay_bill", phone=act.phone, account=act.account, amount=str(act.amount), pin=DEMO_PIN)
        if not outcome["is_paid"]:
            self._count(f"pay-bill refused {outcome['result_code']}")
            return
        self._count("pay-bill paid, dirty account" if act.is_dirty else "pay-bill paid")
        if act.is_regretted:
            desk.act("portal/reverse", receipt=outcome["receipt"], notify="yes")
            self._count("regretted at once")

    def _buy(self, desk: Desk, act: Act) -> None:
        """One long dial, as people who buy the same every week do. A screen that fails is dialled once more."""
        self._wait_until_free(desk, act.phone)
        for _ in range(2):
            screen = desk.act("phone/dial", phone=act.phone, code=f"{self._code}*1*4*{act.amount}*1#")
            if screen["is_valid"]:
                break
            time.sleep(0.5)
        if screen["is_open"]:
            desk.act("phone/hang_up", phone=act.phone)
        self._count("USSD asked for a push" if screen["is_valid"] and not screen["is_open"] else "USSD failed")

    def _wait_until_free(self, desk: Desk, phone: str) -> None:
        ends_at = time.monotonic() + _BUSY_SECONDS
        while desk.view("phone/prompt", phone=phone)["prompt"] and time.monotonic() < ends_at:
            time.sleep(0.1)

    def _count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1
