"""What can go wrong in the custody of vending keys. No text here ever holds an octet of a key."""

from vending.kernel.errors import DomainError


class KeyEncryptionKeyMissing(DomainError):
    """This process has no key-encryption key: only the tokens worker holds it, and key loading."""

    code = "key_encryption_key_missing"
    retryable = True


class PublishedTestKeyRefused(DomainError):
    """The key is printed in public documents: anybody could make tokens with it. Refused in production."""

    code = "published_test_key_refused"


class VendingKeyDamaged(DomainError):
    """A sealed key does not open: another key-encryption key, or a changed row."""

    code = "vending_key_damaged"


class VendingKeyRefused(DomainError):
    """A vending key whose length does not fit its DKGA, or a second key for the same SGC, KRN and KT."""

    code = "vending_key_refused"


class VendingKeyMissing(DomainError):
    """No usable vending key for this SGC, KRN and KT."""

    code = "vending_key_missing"
