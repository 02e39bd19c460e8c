"""The environment of a test run: every setting is ours, nothing of the developer's shell reaches the tests."""

import ast
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
NOBODY_LISTENS = "http://127.0.0.1:9"


def setting_names() -> set[str]:
    """The environment variables that `gateway/settings.py` reads, by `env` or by a reader of its own."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / "gateway" / "settings.py").read_text())):
        if isinstance(node, ast.Call) and node.args and ast.unparse(node.func).startswith(("env.", "_")):
            first = node.args[0]
            if isinstance(first, ast.Constant) and re.fullmatch(r"[A-Z][A-Z0-9_]+", str(first.value)):
                names.add(str(first.value))
    return names


def settings_for_tests(folder: Path, addresses: Mapping[str, str]) -> dict[str, str]:
    """Settings in mode `test`, with all state in `folder`. An outbound call that a test did not expect is refused."""
    key_file = folder / "key_encryption_key"
    key_file.touch(mode=0o600)
    key_file.write_text(secrets.token_hex(32))
    return {
        "DJANGO_SETTINGS_MODULE": "gateway.settings",
        "TOKENI_MODE": "test",
        "TOKENI_DATA_DIR": str(folder / "data"),
        "SECRET_KEY": secrets.token_hex(32),
        "HOOK_SECRETS": f"{secrets.token_hex(16)},{secrets.token_hex(16)}",
        "KEY_ENCRYPTION_KEY_FILE": str(key_file),
        "PUBLIC_BASE_URL": "http://testserver",
        "AFRICASTALKING_BASE_URL": NOBODY_LISTENS,
        "AFRICASTALKING_USERNAME": "tokeni-test",
        "AFRICASTALKING_API_KEY": "test-api-key",
        "AFRICASTALKING_SENDER_ID": "TOKENI",
        "MPESA_BASE_URL": NOBODY_LISTENS,
        "MPESA_CONSUMER_KEY": "test-consumer-key",
        "MPESA_CONSUMER_SECRET": "test-consumer-secret",
        "MPESA_SHORT_CODE": "600000",
        "MPESA_PASSKEY": "test-passkey",
        **addresses,
    }
