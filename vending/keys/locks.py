"""Locks on rows of custody. A component's row is locked before the vending key of the same name is looked at."""

from vending.keys.models import KeyComponent, VendingKey


def lock_component(*, sgc: str, krn: int, kt: int) -> KeyComponent | None:
    """The component that waits for its other one, until the end of the transaction."""
    return KeyComponent.objects.select_for_update().filter(sgc=sgc, krn=krn, kt=kt).first()


def lock_components() -> list[KeyComponent]:
    """All that wait, in order of id."""
    return list(KeyComponent.objects.select_for_update().order_by("pk"))


def lock_vending_key(vending_key_id: int) -> VendingKey | None:
    """One of them, without its octets. Sales that only name it are not kept waiting."""
    keys = VendingKey.objects.select_for_update(no_key=True).defer("sealed")
    return keys.filter(pk=vending_key_id).first()


def lock_vending_keys() -> list[VendingKey]:
    """All of them, in order of id."""
    return list(VendingKey.objects.select_for_update().order_by("pk"))
