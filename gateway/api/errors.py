"""What can go wrong with API keys."""

from vending.kernel.errors import DomainError


class ApiKeyNameInvalid(DomainError):
    """A key's name has 1 to 60 letters, digits, blanks, dots, hyphens or underscores."""

    code = "api_key_name_invalid"


class ApiKeyNameTaken(DomainError):
    """Another key has this name, or had it: a name tells in the audit trail who read."""

    code = "api_key_name_taken"


class ApiKeyMissing(DomainError):
    """No key has this name."""

    code = "api_key_missing"
