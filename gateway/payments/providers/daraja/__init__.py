"""Safaricom M-Pesa as Daraja carries it: payments and answers in, prompts, questions and orders out.

Knows the wire and the port only. `provider` is the port's face; `fields` reads single values, `callbacks`, `answers`
and `lists` whole documents, `orders` writes them, `wire` carries them, `codes` says what Daraja's words mean.
"""

from gateway.payments.providers.daraja.credential import CertificateMissing, seal_password
from gateway.payments.providers.daraja.orders import PUSH_PATH
from gateway.payments.providers.daraja.provider import NAME, DarajaProvider, Initiator

__all__ = ["NAME", "PUSH_PATH", "CertificateMissing", "DarajaProvider", "Initiator", "seal_password"]
