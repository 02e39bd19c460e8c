"""The operator's certificate, under which a merchant seals the password of its API operator; and the other half."""

import base64
import binascii
import threading
from functools import cached_property

from Crypto.Cipher import PKCS1_v1_5
from Crypto.Hash import SHA256
from Crypto.IO import PEM
from Crypto.PublicKey import RSA
from Crypto.Signature import pkcs1_15
from Crypto.Util.asn1 import DerBitString, DerNull, DerObject, DerObjectId, DerSequence, DerSetOf

_BITS = 2048
_SHA256_WITH_RSA, _COMMON_NAME = "1.2.840.113549.1.1.11", "2.5.4.3"
_UTF8_STRING, _UTC_TIME = 0x0C, 0x17
_VALID = (b"250101000000Z", b"491231235959Z")


class Seal:
    """One key pair, made when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @cached_property
    def _pair(self) -> RSA.RsaKey:
        return RSA.generate(_BITS)

    def certificate(self) -> str:
        """X.509 (RFC 5280 4.1), signed by itself, as PEM: what the portal lets a merchant download."""
        with self._lock:
            pair = self._pair
        algorithm = DerSequence([DerObjectId(_SHA256_WITH_RSA).encode(), DerNull().encode()]).encode()
        name = _name("simulated mobile money")
        valid = DerSequence([DerObject(_UTC_TIME, moment).encode() for moment in _VALID]).encode()
        public = pair.public_key().export_key("DER")
        facts = DerSequence([1, algorithm, name, valid, name, public]).encode()
        signature = DerBitString(pkcs1_15.new(pair).sign(SHA256.new(facts))).encode()
        return PEM.encode(DerSequence([facts, algorithm, signature]).encode(), "CERTIFICATE") + "\n"

    def open(self, credential: str) -> str:
        """The password in a `SecurityCredential` (base64 of RSA, PKCS#1 v1.5); empty for what was not sealed here."""
        with self._lock:
            pair = self._pair
        try:
            sealed = base64.b64decode(credential, validate=True)
            return PKCS1_v1_5.new(pair).decrypt(sealed, b"").decode()
        except (binascii.Error, ValueError):
            return ""


def _name(common_name: str) -> bytes:
    pair = DerSequence([DerObjectId(_COMMON_NAME).encode(), DerObject(_UTF8_STRING, common_name.encode()).encode()])
    return DerSequence([DerSetOf([pair.encode()]).encode()]).encode()
