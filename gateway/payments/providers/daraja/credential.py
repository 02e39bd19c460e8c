"""The initiator's password as Daraja wants it: under the environment's certificate, RSA with PKCS#1 v1.5, in base64."""

import base64
from pathlib import Path

from Crypto.Cipher import PKCS1_v1_5
from Crypto.PublicKey import RSA

from vending.kernel.errors import DomainError

_LONGEST_FILE = 64 * 1024


class CertificateMissing(DomainError):
    """There is no certificate to seal the initiator's password with, or none that can be used."""

    code = "certificate_missing"


def seal_password(password: str, certificate_file: str) -> str:
    """Another text each time. Raises `CertificateMissing`; neither the password nor the file's text is in the error.

    The file is an X.509 certificate or a public key, PEM or DER. It is read each time: a new one counts at once.
    """
    try:
        with Path(certificate_file).open("rb") as file:
            public_rsa = RSA.import_key(file.read(_LONGEST_FILE))
        sealed = PKCS1_v1_5.new(public_rsa).encrypt(password.encode())
    except (OSError, ValueError, IndexError, TypeError):
        raise CertificateMissing("the certificate cannot be used") from None
    return base64.b64encode(sealed).decode("ascii")
