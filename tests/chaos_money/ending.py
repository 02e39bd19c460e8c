"""After the storm: everything drains, money goes back late, the statement is imported, and the evidence is gathered."""

import random
import re
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from tests.chaos_money.customers import Customers
from tests.chaos_money.installation import Installation
from tests.chaos_money.judges import Evidence, Paid, Typed
from tests.chaos_money.reading import Code, Kept, read_codes, read_kept

QUIET_SECONDS, POLL_SECONDS = 3.0, 1.0
LAST_CALLBACKS_SECONDS = 12.0
LATE_PER_MILLE, EARLY_PERCENT = 6, 40
IMPORT_SECONDS = 300.0
_REVERSALS = "reversals to apply"
# What may not stay as it is: rows that a worker should be busy with.
_WAITING = {
    "payments to allocate": "SELECT COUNT(*) FROM gateway_payment WHERE state = 'CONFIRMED' AND frozen_reason = ''"
    " AND NOT must_verify",
    "sales without a code": "SELECT COUNT(*) FROM vending_vend WHERE state IN ('FUNDED', 'ISSUING')",
    "texts to send": "SELECT COUNT(*) FROM gateway_message WHERE state IN ('QUEUED', 'SENDING')",
    _REVERSALS: "SELECT COUNT(*) FROM gateway_reversal WHERE applied_at IS NULL",
}
_UNVERIFIED = "SELECT COUNT(*) FROM gateway_payment WHERE must_verify AND frozen_reason = '' AND state = 'CONFIRMED'"
_NOBODY_PAYS: dict[str, Any] = {"prompt_answer_seconds": 0.0}
# For whoever looks for the cause of a deviation.
_PAYMENT_OF = (
    "SELECT id, state, reason, frozen_reason, must_verify, authenticity, attempts, next_try_at, meter_id"
    " FROM gateway_payment WHERE receipt = ?"
)
_SALES_OF = (
    "SELECT v.id, v.state, v.held_reason, v.energy_kwh_tenths, v.wallet_used_minor, v.kept_minor, v.attempts,"
    " v.next_try_at, v.issued_at FROM vending_vend v JOIN vending_authority a ON a.id = v.authority_id"
    " WHERE a.reference = ?"
)
_TEXTS_OF = (
    "SELECT id, kind, state, code, attempts, queued_at, sent_at, length(body) FROM gateway_message WHERE vend_id = ?"
)
_TEXTS_ABOUT = "SELECT kind, state FROM gateway_message WHERE cause LIKE ?"
_ACTS_ON = "SELECT act FROM fleet_auditentry WHERE subject = ? ORDER BY id"


@dataclass
class EndReport:
    """`other_findings` are deviations that are not the judges'."""

    evidence: Evidence
    counts: Counter[str]
    other_findings: dict[str, list[str]] = field(default_factory=dict)


class Ending:
    """One run's end. `run` takes minutes and is done once."""

    def __init__(self, installation: Installation, customers: Customers, seed: int, drain_seconds: float) -> None:
        self._installation, self._product, self._desk = installation, installation.product, installation.desk
        self._meter_of_phone = {meter["phones"][0]: str(meter["drn"]) for meter in installation.facts["meters"]}
        self._meter_of_account = customers.meter_of_account
        self._chance = random.Random(f"ending:{seed}")
        self._drain_seconds = drain_seconds
        self._reversed: dict[str, str] = {}
        self._findings: dict[str, list[str]] = {}
        self._seconds: Counter[str] = Counter()
        self._tracebacks: Counter[str] = Counter()

    def run(self) -> EndReport:
        # A prompt that comes late, after a worker's lease, is left alone: what is paid from here on nobody would count.
        self._desk.act("faults", **_NOBODY_PAYS)
        time.sleep(LAST_CALLBACKS_SECONDS)
        # A reversal may wait for its payment until the statement tells of that.
        waiting = {what: statement for what, statement in _WAITING.items() if what != _REVERSALS}
        self._drain("drained after the customers", waiting)
        self._take_back()
        self._import_statement()
        self._drain("drained after the statement", _WAITING | {"payments to ask about": _UNVERIFIED})
        evidence = self._gather()
        self._findings["verify_books finds nothing"] = self._verify_books()
        self._tracebacks = self._count_tracebacks()
        return EndReport(evidence, self._count(evidence), self._findings)

    def explain(self, receipt: str) -> list[str]:
        """What the product's tables say about one payment, for whoever looks for the cause of a deviation."""
        lines = []
        for payment in self._product.select(_PAYMENT_OF, receipt):
            number = str(payment[0])
            lines.append(f"payment {payment}")
            for sale in self._product.select(_SALES_OF, number):
                lines += [f"sale {sale}", *(f"text {row}" for row in self._product.select(_TEXTS_OF, sale[0]))]
            acts = self._product.select(_ACTS_ON, f"payment:{number}")
            lines.append(f"acts: {', '.join(row[0] for row in acts)}")
            told = self._product.select(_TEXTS_ABOUT, f"payment:{number}:%")
            lines += [f"text about the payment: {row}" for row in told]
        return [*(lines or ["the product has no such payment"]), *self._texts_naming(receipt)]

    def _texts_naming(self, receipt: str) -> list[str]:
        """What phones have about it, with the digits of codes struck out."""
        found = []
        world = self._desk.view("world")
        for phone in world["phones"]:
            for text in self._desk.view("phone", phone=phone)["inbox"]:
                if receipt in text["text"]:
                    found.append(f"on ..{phone[-3:]} from {text['sender']}: {_without_code(text['text'])!r}")
        return found

    def _drain(self, name: str, waiting: dict[str, str]) -> None:
        """Wait until nothing waits for a few seconds; what still does is a finding."""
        started_at = quiet_since = time.monotonic()
        while True:
            found = {what: count for what, statement in waiting.items() if (count := self._product.count(statement))}
            now = time.monotonic()
            quiet_since = now if found else quiet_since
            if now - quiet_since >= QUIET_SECONDS or now - started_at > self._drain_seconds:
                break
            time.sleep(POLL_SECONDS)
        self._seconds[f"{name}, seconds"] = round(now - started_at)
        self._findings[name] = [f"{count} {what}" for what, count in found.items()]

    def _take_back(self) -> None:
        """Customer care: some payments whose code is out, and some that the product never heard of."""
        moved = self._desk.view("portal/moved")
        gone = {reversal["payment_receipt"] for reversal in moved["reversals"]}
        self._reversed |= dict.fromkeys(gone, "racing")
        codes, _, _ = self._read_phones()
        sold = {code.receipt for code in codes}
        there = [paid for paid in moved["payments"] if paid["receipt"] not in gone]
        late = [paid for paid in there if paid["receipt"] in sold]
        late = self._chance.sample(late, min(len(late), max(3, len(there) * LATE_PER_MILLE // 1000)))
        for paid in late:
            told = {"notify": "yes"} if self._chance.random() < 0.5 else {}
            self._desk.act("portal/reverse", receipt=paid["receipt"], **told)
            self._reversed[paid["receipt"]] = "late"
        for paid in there:
            if not paid["is_told"] and self._chance.random() * 100 < EARLY_PERCENT:
                self._desk.act("portal/reverse", receipt=paid["receipt"])
                self._reversed[paid["receipt"]] = "early"
        time.sleep(QUIET_SECONDS)

    def _import_statement(self) -> None:
        path = self._product.folder / "statement.csv"
        path.write_text(self._desk.download("portal/statement.csv"), encoding="utf-8")
        operator = self._installation.facts["operator"]
        started_at = time.monotonic()
        done = self._installation.manage(
            "reconcile", "import", str(path), "--provider", "daraja",
            answers=f"{operator['username']}\n{operator['password']}\n", seconds=IMPORT_SECONDS,
        )  # fmt: skip
        self._seconds["statement imported, seconds"] = round(time.monotonic() - started_at)
        print(f"\nreconcile import\n{done.stdout[:1500]}", flush=True)
        wrong = [f"exit {done.returncode}: {done.stderr[-600:]}"] if done.returncode else []
        self._findings["the statement is imported"] = wrong

    def _read_phones(self) -> tuple[list[Code], list[Kept], list[str]]:
        world = self._desk.view("world")
        codes: list[Code] = []
        kept: list[Kept] = []
        odd: list[str] = []
        for phone in world["phones"]:
            inbox = self._desk.view("phone", phone=phone)["inbox"]
            texts = [text["text"] for text in inbox if text["sender"] == world["sms_number"]]
            found, strange = read_codes(phone, texts)
            codes, kept, odd = codes + found, kept + read_kept(texts), odd + strange
        return codes, kept, odd

    def _gather(self) -> Evidence:
        codes, kept, odd = self._read_phones()
        self._findings["every text with a code says what it is"] = [_without_code(text) for text in odd]
        typed = {code.digits: self._type(code) for code in {code.digits: code for code in codes}.values()}
        drns = [str(meter["drn"]) for meter in self._installation.facts["meters"]]
        states, cases = self._read_product()
        return Evidence(
            paid=self._list_paid(),
            codes=codes,
            kept=kept,
            typed=typed,
            balances={drn: int(self._desk.view("meter", drn=drn)["balance_tenths"]) for drn in drns},
            tariff=self._installation.facts["tariff"],
            cases={receipt: frozenset(reasons) for receipt, reasons in cases.items()},
            states=states,
        )

    def _type(self, code: Code) -> Typed:
        first, second = (self._desk.act("meter/type", drn=code.drn, digits=code.digits) for _ in range(2))
        return Typed(code.drn, (str(first["word"]), str(second["word"])), int(first["energy_kwh_tenths"]))

    def _list_paid(self) -> list[Paid]:
        """From the operator's own list. A push is for its phone's meter, whatever its account says."""
        return [
            Paid(
                receipt=paid["receipt"],
                amount=paid["amount"],
                drn=self._meant_for(paid),
                is_misheard=paid["told_amount"] != paid["amount"] and paid["is_told"],
                reversal=self._reversed.get(paid["receipt"], ""),
            )
            for paid in self._desk.view("portal/moved")["payments"]
        ]

    def _meant_for(self, paid: dict[str, Any]) -> str:
        if paid["road"] == "stk":
            return self._meter_of_phone[paid["phone"]]
        return self._meter_of_account[paid["account"]]

    def _read_product(self) -> tuple[dict[str, str], dict[str, set[str]]]:
        """State and open cases by receipt: what the product says of money that bought nothing."""
        rows = self._product.select("SELECT id, receipt, state FROM gateway_payment WHERE receipt IS NOT NULL")
        receipts = {f"payment:{row[0]}": row[1] for row in rows}
        cases: dict[str, set[str]] = defaultdict(set)
        for subject, reason in self._product.select("SELECT subject, reason FROM fleet_case WHERE closed_at IS NULL"):
            if subject in receipts:
                cases[receipts[subject]].add(reason)
        return {row[1]: row[2] for row in rows}, cases

    def _verify_books(self) -> list[str]:
        done = self._installation.manage("verify_books", seconds=IMPORT_SECONDS)
        lines = done.stdout.splitlines()
        is_well = done.returncode == 0 and lines[-1:] == ["differences: 0"]
        return [] if is_well else [*lines[-20:], done.stderr[-500:]]

    def _count_tracebacks(self) -> Counter[str]:
        """What the product said while it was struck: the last line of each kind of traceback, counted."""
        kinds: Counter[str] = Counter()
        in_traceback = False
        for line in self._product.log().splitlines():
            if line.startswith("Traceback (most recent call last)"):
                in_traceback = True
            elif in_traceback and line and not line.startswith((" ", "\t")):
                kinds[line[:160]] += 1
                in_traceback = False
        return kinds

    def _count(self, evidence: Evidence) -> Counter[str]:
        counts: Counter[str] = Counter()
        counts["payments made"] = len(evidence.paid)
        counts["KES paid"] = sum(paid.amount for paid in evidence.paid)
        counts["amounts told wrong"] = sum(paid.is_misheard for paid in evidence.paid)
        for kind in ("racing", "late", "early"):
            counts[f"went back, {kind}"] = sum(paid.reversal == kind for paid in evidence.paid)
        counts["codes on phones"] = len(evidence.codes)
        counts["different codes"] = len({code.digits for code in evidence.codes})
        counts["texts of kept money"] = len(evidence.kept)
        counts["tenths of a kWh on the meters"] = sum(evidence.balances.values())
        for reason, count in Counter(reason for found in evidence.cases.values() for reason in found).items():
            counts[f"open cases {reason}"] = count
        for kind, count in self._tracebacks.most_common(8):
            counts[f"log: {kind[:80]}"] = count
        return counts + self._seconds


def _without_code(text: str) -> str:
    return re.sub(r"[0-9]{4}( [0-9]{4}){4}", "(a code)", text)
