"""`make chaos-money`: thousands of payments through a product that is struck all the while, then the verdict.

The judges are the simulated operator's own list and the credit on the virtual meters. Exit 1 on any deviation.
"""

import argparse
import random
import re
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.chaos_money.customers import Customers
from tests.chaos_money.ending import Ending, EndReport
from tests.chaos_money.installation import VERIFY_ABOVE, Installation, installed
from tests.chaos_money.judges import judge_all
from tests.chaos_money.plan import Meter, draw_acts
from tests.chaos_money.strikes import Striker
from tests.chaos_money.tables import print_table

MOST_MINUTES, POLL_SECONDS = 20.0, 0.2
WALLET = "5000000"
LAST_PROMPTS_SECONDS = 3.0
# Some are refused before any money moves: a wrong account, a prompt that is cancelled, a product that is down.
MOST_BEGUN = 2
MOST_EXPLAINED = 10
KNOBS: dict[str, Any] = {
    "payments_untold_percent": 1.0,
    "callbacks_lost_percent": 1.0,
    "callbacks_twice_percent": 5.0,
    "callbacks_late_percent": 3.0,
    "callback_late_seconds": 8.0,
    "callback_scatter_seconds": 0.8,
    "wrong_amount_percent": 0.6,
    "wrong_amount_factor": 100,
    "results_timed_out_percent": 3.0,
    "api_error_percent": 1.0,
    "api_slow_percent": 1.0,
    "api_slow_seconds": 1.0,
    "unasked_percent": 50.0,
    "prompt_answer_seconds": 0.4,
    "prompts_cancelled_percent": 4.0,
}


def main() -> int:
    options = _read_options()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1, 1_000_000)
    print(f"chaos-money: {options.payments} payments, seed {seed}", flush=True)
    started_at = time.monotonic()
    with installed() as installation:
        done = _play(installation, options.payments, seed, options.minutes * 60)
        ending = Ending(installation, done["customers"], seed, options.drain_seconds)
        report = ending.run()
        for name, counts in done["tables"].items():
            print_table(name, counts)
        print_table("what mobile money did", installation.desk.view("portal/callbacks")["counts"])
        made = len(report.evidence.paid)
        report.other_findings["as many payments as asked for"] = [] if made >= options.payments else [f"only {made}"]
        code = _say_verdict(report, ending.explain)
        if code and options.keep_log:
            print(f"log of the product:\n{installation.product.log()[-6000:]}")
    print(f"seed {seed}, {time.monotonic() - started_at:.0f} s")
    return code


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos-money", description=__doc__)
    parser.add_argument("--payments", type=int, default=5000, help="how many payments are made, at least")
    parser.add_argument("--seed", type=int, help="of the plan; drawn and printed when it is not given")
    parser.add_argument("--minutes", type=float, default=MOST_MINUTES, help="how long customers may take")
    parser.add_argument("--drain-seconds", type=float, default=240.0, help="how long everything may take to settle")
    parser.add_argument("--keep-log", action="store_true", help="print the end of the product's log on a deviation")
    return parser.parse_args()


def _play(installation: Installation, count: int, seed: int, seconds: float) -> dict[str, Any]:
    """Customers pay while the striker strikes."""
    facts = installation.facts
    meters = [
        Meter(meter["drn"], meter["phones"][0])
        for meter in facts["meters"]
        if str(meter["state"]).upper() == "ACTIVE" and _has_one_meter(facts, meter["phones"][0])
    ]
    for meter in meters:
        installation.desk.act("phone/top_up", phone=meter.phone, amount=WALLET)
    installation.desk.act("faults", **KNOBS | {"seed": seed})
    plan = draw_acts(meters, count * MOST_BEGUN, seed)
    customers = Customers(installation.desk.url, str(facts["ussd_code"]), plan)
    striker = Striker(installation, seed, rounds=2 if count >= 1000 else 1)
    ends_at = time.monotonic() + seconds
    missing = count
    while missing > 0 and customers.begun < len(plan):
        customers.start(plan[customers.begun :][:missing])
        _wait_for(customers, striker, count, ends_at)
        missing = count - len(installation.desk.view("portal/moved")["payments"])
    tables: dict[str, Mapping[str, int]] = {"what customers did": customers.counts, "strikes": striker.counts}
    return {"customers": customers, "tables": tables}


def _wait_for(customers: Customers, striker: Striker, count: int, ends_at: float) -> None:
    """Until these customers are done, with everything that is due done to the product meanwhile."""
    said = customers.begun
    while not customers.are_done():
        striker.strike_up_to(customers.begun / count)
        if customers.begun >= said + max(count // 10, 1):
            said = customers.begun
            print(f"  {said} payments begun", flush=True)
        if time.monotonic() > ends_at:
            raise SystemExit(f"out of time: only {customers.begun} payments had begun")
        time.sleep(POLL_SECONDS)
    time.sleep(LAST_PROMPTS_SECONDS)


def _has_one_meter(facts: Mapping[str, Any], phone: str) -> bool:
    return sum(phone in meter["phones"] for meter in facts["meters"]) == 1


def _say_verdict(report: EndReport, explain: Callable[[str], list[str]]) -> int:
    print_table("what came of it", report.counts)
    verdict = judge_all(report.evidence) | report.other_findings
    print_table("judges: deviations", {name: len(found) for name, found in verdict.items()})
    for name, found in verdict.items():
        for line in found[:20]:
            print(f"  {name}: {line}")
    named = re.findall(r"receipt ([A-Z0-9]{10})", " ".join(line for found in verdict.values() for line in found))
    for receipt in list(dict.fromkeys(named))[:MOST_EXPLAINED]:
        print("\n    ".join([f"  {receipt}", *explain(receipt)]))
    is_well = not any(verdict.values())
    print(f"verdict: {'no deviation' if is_well else 'DEVIATIONS'} (asked about above KES {VERIFY_ABOVE})")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
