"""`python -m tests.bench [P1 P2 P3 P4 P6 P8 P24]`: one line for each ratio, all of them when none is named.

Baselines, not tests: a figure below its aim ends with 0 too. Only a measurement that did not work ends with 1.
"""

import sys

from tests.bench.ratios import MeasurementError
from tests.support.processes import ServerFailedError
from tests.support.programs import ServerMissingError

CRYPTO = ("P1", "P2", "P3", "P4")
SERVER = ("P6", "P8")
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
    from tests.bench import p6, p8
    from tests.bench.server_profile import server_profile

    _say("starting PostgreSQL and Redis")
    with server_profile() as installation:
        if "P6" in names:
            _say("P6: tokens through the worker")
            print(p6.measure(installation), flush=True)
        if "P8" in names:
            _say("P8: confirmations through the hook")
            print(p8.measure(installation), flush=True)


def _say(what: str) -> None:
    print(f"bench: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main([name.upper() for name in sys.argv[1:]])
