"""The hashed requirement files hold what `pyproject.toml` asks for, in a version it allows. `make lock` mends them."""

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house_rules.tree import ROOT

PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)(?: ; .*?)? \\$", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    return {canonicalize_name(package): version for package, version in PIN.findall((ROOT / name).read_text())}


def asked() -> dict[str, list[Requirement]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {
        "requirements.txt": [Requirement(text) for text in project["project"]["dependencies"]],
        "requirements-dev.txt": [Requirement(text) for text in project["dependency-groups"]["dev"]],
    }


def test_lock_pins_what_the_project_asks_for() -> None:
    unmet = [
        f"{name}: {requirement}"
        for name, requirements in asked().items()
        for requirement in requirements
        if not requirement.specifier.contains(pins(name).get(canonicalize_name(requirement.name), "0"))
    ]

    assert unmet == []


def test_lock_files_agree_with_each_other() -> None:
    run_time, development = pins("requirements.txt"), pins("requirements-dev.txt")

    assert {name for name in run_time.keys() & development.keys() if run_time[name] != development[name]} == set()


def test_lock_gives_every_package_a_hash() -> None:
    for name in asked():
        blocks = re.split(r"^(?=[A-Za-z0-9])", (ROOT / name).read_text(), flags=re.MULTILINE)
        packages = [block for block in blocks if re.match(r"[A-Za-z0-9]", block)]
        assert len(packages) == len(pins(name)) > 10
        assert [block.split()[0] for block in packages if "--hash=sha256:" not in block] == []
