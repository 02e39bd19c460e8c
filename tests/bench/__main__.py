"""`python -m tests.bench [P1 P5 P18 ...]`: one line for each ratio, all of them when none is named.

Baselines, not tests: a figure below its aim ends with 0 too. Only a measurement that did not work ends with 1.
"""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.bench.ratios import MeasurementError
from tests.support.processes import ServerFailedError
from tests.support.programs import ServerMissingError

if TYPE_CHECKING:
    from tests.bench.server_profile import Installation

CRYPTO = ("P1", "P2", "P3", "P4")
# P8 leaves thousands of payments that nobody sells for: it comes last.
SERVER = ("P5", "P6", "P7", "P14", "P15", "P16", "P18", "P8")
_SERVER_WORDS = {
    "P5": "sales in one process, against the same statements from pgbench",
    "P6": "tokens through the worker",
    "P7": "a backlog in batches",
    "P8": "confirmations through the hook",
    "P14": "every worker killed in the middle; stock Celery takes minutes",
    "P15": "one merchant for all sales",
    "P16": "one meter for all sales",
    "P18": "what proof and ledger cost a sale",
}
NAMES = (*CRYPTO, *SERVER, "P24")


def main(wanted: list[str]) -> None:
    if unknown := set(wanted) - set(NAMES):
        sys.exit(f"no measurement is called {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    names = [name for name in NAMES if name in (wanted or NAMES)]
    try:
        _measure_crypto([name for name in names if name in CRYPTO])
        _measure_server([name for name in names if name in SERVER])
        if "P24" in names:
            from tests.bench import p24

            _say("P24: eight writers on one SQLite file")
            print(p24.measure(), flush=True)
    except (MeasurementError, ServerFailedError, ServerMissingError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


def _measure_crypto(names: list[str]) -> None:
    for name in names:
        from tests.bench import crypto

        _say(f"{name}: token arithmetic")
        for ratio in crypto.MEASUREMENTS[name]():
            print(ratio, flush=True)


def _measure_server(names: list[str]) -> None:
    if not names:
        return
    from tests.bench.server_profile import server_profile

    _say("starting PostgreSQL and Redis")
    with server_profile() as installation:
        from gateway.clock import now
        from tests.bench.site import load_site

        payers = load_site(now())
        for name in names:
            _say(f"{name}: {_SERVER_WORDS[name]}")
            for ratio in _server_measurement(name, installation, payers):
                print(ratio, flush=True)


def _server_measurement(name: str, installation: "Installation", payers: list[dict[str, str]]) -> list[str]:
    from tests.bench import crowd, p5, p6, p7, p8, p14, p18

    measurements: dict[str, Callable[[], str | list[str]]] = {
        "P5": lambda: p5.measure(installation, payers),
        "P6": lambda: p6.measure(installation, payers),
        "P7": lambda: p7.measure(payers),
        "P8": lambda: p8.measure(installation),
        "P14": lambda: p14.measure(installation, payers),
        "P15": lambda: crowd.measure_one_merchant(payers),
        "P16": lambda: crowd.measure_hot_meter(payers),
        "P18": lambda: p18.measure(payers),
    }
    ratios = measurements[name]()
    return [ratios] if isinstance(ratios, str) else ratios


def _say(what: str) -> None:
    print(f"bench: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main([name.upper() for name in sys.argv[1:]])
