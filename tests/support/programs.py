"""Which server programs this machine has. Found in PATH and where Debian puts them, never downloaded.

Run as a program, it prints the Debian packages that are missing, and nothing when all is there (`.ci/servers`).
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

OLDEST_POSTGRES = 14  # Django 5.2
_POSTGRES_FOLDERS = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql*/bin")


class ServerMissingError(RuntimeError):
    """A server program is not on this machine. The message is the line to type."""

    def __init__(self, package: str) -> None:
        sudo = "" if os.geteuid() == 0 else "sudo "
        super().__init__(
            f"the tests need {package}. Type: "
            f"{sudo}apt-get update && {sudo}apt-get install -y --no-install-recommends {package}"
        )
        self.package = package


def find_postgres() -> Path:
    """The folder with the newest `initdb` and `postgres`, 14 or later."""
    candidates = [Path(found).resolve().parent for name in ("postgres", "initdb") if (found := shutil.which(name))]
    if pg_config := shutil.which("pg_config"):
        candidates.append(Path(_output([pg_config, "--bindir"])))
    for pattern in _POSTGRES_FOLDERS:
        candidates.extend(Path("/").glob(pattern))
    usable = [folder for folder in candidates if _is_program(folder / "postgres") and _is_program(folder / "initdb")]
    versions = {_postgres_version(folder): folder for folder in usable}
    if not versions or max(versions) < OLDEST_POSTGRES:
        raise ServerMissingError("postgresql")
    return versions[max(versions)]


def find_redis() -> Path:
    """`redis-server` or `valkey-server` in PATH or where Debian puts it."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/bin", "/usr/local/bin"])
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name, path=path):
            return Path(found)
    raise ServerMissingError("redis-server")


def missing_packages() -> list[str]:
    """Debian's names of what is not here."""
    missing = []
    finders: tuple[Callable[[], Path], ...] = (find_postgres, find_redis)
    for find in finders:
        try:
            find()
        except ServerMissingError as refusal:
            missing.append(refusal.package)
    return missing


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _postgres_version(folder: Path) -> int:
    return int(_output([str(folder / "postgres"), "--version"]).split()[2].split(".")[0].removesuffix("devel"))


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.strip()


if __name__ == "__main__":
    print(" ".join(missing_packages()))
