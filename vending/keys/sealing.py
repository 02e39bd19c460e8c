"""Sealing a secret at rest: AES-256-GCM under the key-encryption key, bound to the attributes beside it.

The sealed form is nonce (12 octets), tag (16), ciphertext. The attributes are authenticated, so a sealed key cannot
be moved to another SGC, KRN or base date by editing its row.
"""

from Crypto.Cipher import AES

from vending.keys.errors import VendingKeyDamaged

NONCE_OCTETS = 12
_TAG_OCTETS = 16


def seal(secret: bytes, *, key_encryption_key: bytes, attributes: str, nonce: bytes) -> bytes:
    """`nonce`: 12 fresh random octets; `key_encryption_key`: 32 octets."""
    cipher = AES.new(key_encryption_key, AES.MODE_GCM, nonce=nonce)
    cipher.update(attributes.encode())
    ciphertext, tag = cipher.encrypt_and_digest(secret)
    return nonce + tag + ciphertext


def unseal(sealed: bytes, *, key_encryption_key: bytes, attributes: str) -> bytes:
    """Raises `VendingKeyDamaged` unless key, attributes and octets are those that were sealed."""
    nonce, rest = sealed[:NONCE_OCTETS], sealed[NONCE_OCTETS:]
    tag, ciphertext = rest[:_TAG_OCTETS], rest[_TAG_OCTETS:]
    try:
        cipher = AES.new(key_encryption_key, AES.MODE_GCM, nonce=nonce)
        cipher.update(attributes.encode())
        return cipher.decrypt_and_verify(ciphertext, tag)
    except ValueError:
        raise VendingKeyDamaged("a sealed vending key does not open") from None
