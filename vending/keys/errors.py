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


class VendingKeyStopped(DomainError):
    """Somebody, or a token that did not verify, has stopped this key. Two persons start it again."""

    code = "vending_key_stopped"
    retryable = True


class VendingKeyNotActive(DomainError):
    """The moment is before the key's ACT."""

    code = "vending_key_not_active"
    retryable = True


class VendingKeyIssueEnded(DomainError):
    """The moment is after the key's IUT: it makes no more tokens."""

    code = "vending_key_issue_ended"


class CustodianRefused(DomainError):
    """A name and password that do not fit, a login that is closed, or too many tries: which one is not told."""

    code = "custodian_refused"


class CustodiansNotDifferent(DomainError):
    """An act of two persons was asked for by one."""

    code = "custodians_not_different"


class KeyComponentRefused(DomainError):
    """A component that is no component: its length, all zeros, the other one again, or for other attributes."""

    code = "key_component_refused"


class CheckValueDiffers(DomainError):
    """The components do not make the key whose check value both custodians were to bring. Nothing was loaded."""

    code = "check_value_differs"
