"""The key-encryption keys that this process was given: the first one seals, any of them may open.

They come from the file that `KEY_ENCRYPTION_KEY_FILE` names, else from `KEY_ENCRYPTION_KEY`. Nothing is kept: they are
read for each use, so a changed file works from the next use on.
"""

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from vending.keys.errors import KeyEncryptionKeyMissing

_HEX_DIGITS = re.compile(r"[0-9A-Fa-f]{64}")
# Fewer than what the log takes for a secret and stars out.
_FINGERPRINT_DIGITS = 12
# Each use of a vending key reads all of them.
_GREATEST_OCTETS = 16 * 1024


@dataclass(frozen=True)
class KeyEncryptionKey:
    """32 octets, never shown. The fingerprint tells two of them apart and nothing else: a hash of its own domain."""

    octets: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(b"key-encryption key fingerprint" + self.octets).hexdigest()[:_FINGERPRINT_DIGITS]


def read_key_encryption_keys() -> tuple[KeyEncryptionKey, ...]:
    """One at least. `KeyEncryptionKeyMissing` when none was given, or one of them is not 64 hexadecimal digits."""
    words = _given_text().split()
    if not words:
        raise KeyEncryptionKeyMissing("the key-encryption key is empty")
    for place, word in enumerate(words, start=1):
        if not _HEX_DIGITS.fullmatch(word):
            raise KeyEncryptionKeyMissing(f"key-encryption key {place} is not 64 hexadecimal digits")
    return tuple(KeyEncryptionKey(bytes.fromhex(word)) for word in words)


def _given_text() -> str:
    if settings.KEY_ENCRYPTION_KEY_FILE:
        if (octets := _octets_of(Path(settings.KEY_ENCRYPTION_KEY_FILE))) is None or not octets.isascii():
            raise KeyEncryptionKeyMissing("the key-encryption key file cannot be read, or is no text")
        return octets.decode("ascii")
    if settings.KEY_ENCRYPTION_KEY:
        return str(settings.KEY_ENCRYPTION_KEY)
    raise KeyEncryptionKeyMissing("neither KEY_ENCRYPTION_KEY_FILE nor KEY_ENCRYPTION_KEY is set in this process")


def _octets_of(path: Path) -> bytes | None:
    """What a plain file holds, as far as keys may; else None. A pipe would hold us, and a device has no end."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            octets = file.read(_GREATEST_OCTETS + 1)
    except (OSError, ValueError):
        return None
    return octets if len(octets) <= _GREATEST_OCTETS else None
