"""`vending.sts` is IEC 62055-41 and nothing else: importing all of it loads no framework and nothing else of ours."""

import subprocess
import sys

from tests.house_rules.tree import ROOT, files, module_name

FOREIGN = ("django", "celery", "kombu", "redis", "requests", "psycopg", "environ", "gateway", "fleet")
PROGRAM = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_importing_the_standard_loads_no_framework() -> None:
    modules = [module_name(path) for path in files("vending/sts")]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *modules], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )

    assert "vending.sts" in modules
    assert "vending" in done.stdout.split()
    assert set(FOREIGN) & set(done.stdout.split()) == set()
