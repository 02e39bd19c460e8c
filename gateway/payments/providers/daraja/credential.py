"""The initiator's password as Daraja wants it: under the environment's certificate, RSA with PKCS#1 v1.5, in base64."""

import base64
import re
from pathlib import Path

from Crypto.Cipher import PKCS1_v1_5
from Crypto.PublicKey import RSA

from vending.kernel.errors import DomainError

_LONGEST_FILE = 64 * 1024
# What a tool wrote around the first one (a byte order mark, the certificate in words, others after it) is passed over.
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----.*?-----END \1-----", re.DOTALL)


class CertificateMissing(DomainError):
    """There is no certificate to seal the initiator's password with, or none that can be used."""

    code = "certificate_missing"


def seal_password(password: str, certificate_file: str) -> str:
    """Another text each time. Raises `CertificateMissing`; neither the password nor the file's text is in the error.

    The file is an X.509 certificate or a public key, PEM or DER. It is read each time: a new one counts at once. A
    private key is refused: it is ours and not Daraja's, which locks an operator after a few unreadable passwords.
    """
    try:
        with Path(certificate_file).open("rb") as file:
            octets = file.read(_LONGEST_FILE)
        pem = _PEM.search(octets)
        public_rsa = RSA.import_key(pem[0] if pem else octets)
        if public_rsa.has_private():
            raise CertificateMissing("a private key is no certificate")
        sealed = PKCS1_v1_5.new(public_rsa).encrypt(password.encode())
    except (OSError, ValueError, IndexError, TypeError):
        raise CertificateMissing("the certificate cannot be used") from None
    return base64.b64encode(sealed).decode("ascii")
