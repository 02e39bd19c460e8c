"""Which algorithms a published answer proves. The others are computed here, but no money may depend on them.

No public vector covers DKGA 01, DKGA 03, EA 09, or a common key (KT 3) under any DKGA. None has KT 0 or 1 either, but
they change one digit of a formula that vectors prove, while sources disagree on what KT 3 makes of the MeterPAN.
"""

from vending.sts.errors import UnverifiedAlgorithm

_VERIFIED_DKGA = (2, 4)
_VERIFIED_EA = (7, 11)
_VERIFIED_KT = (0, 1, 2)


def is_verified(*, dkga: int | None, ea: int, kt: int | None) -> bool:
    """Whether public vectors prove all of these; None is what is not known, and does not count against the rest."""
    return not _first_unverified(dkga, ea, kt)


def check_verified(*, dkga: int | None, ea: int, kt: int | None) -> None:
    """Refuse what no public vector covers: `UnverifiedAlgorithm`, its `field` naming the first of them."""
    if field := _first_unverified(dkga, ea, kt):
        raise UnverifiedAlgorithm(f"no public vector covers this {field.upper()}", field=field)


def _first_unverified(dkga: int | None, ea: int, kt: int | None) -> str:
    if dkga is not None and dkga not in _VERIFIED_DKGA:
        return "dkga"
    if ea not in _VERIFIED_EA:
        return "ea"
    if kt is not None and kt not in _VERIFIED_KT:
        return "kt"
    return ""
