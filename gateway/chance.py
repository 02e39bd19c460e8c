"""Randomness, drawn at the edge only: tasks and views. Below it what chance gave is an argument."""

import secrets

# Without what is taken for something else when it is read out: no I, L, O, 0, 1.
_ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"


def random_nibble() -> int:
    """The random field of a token: 0 to 15."""
    return secrets.randbelow(16)


def new_reference() -> str:
    """A purchase's own account reference, ten characters, where a DRN is too long for the provider."""
    return "T" + "".join(secrets.choice(_ALPHABET) for _ in range(9))
