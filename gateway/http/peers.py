"""Who posted a request: the real peer's address, never what the peer says about itself. Pure.

A proxy appends the address it was called from to X-Forwarded-For, so only the right-most entry is the proxy's own word;
everything left of it came from outside. Without a proxy of ours the whole header did.
"""

from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address

_FORWARDED_FOR = "HTTP_X_FORWARDED_FOR"


def peer_of(meta: Mapping[str, object], *, is_behind_proxy: bool) -> str:
    """The peer's address in its shortest form, from a WSGI environment; empty when there is none (a unix socket)."""
    if is_behind_proxy and _FORWARDED_FOR in meta:
        return _address(str(meta[_FORWARDED_FOR]).rpartition(",")[2])
    return _address(str(meta.get("REMOTE_ADDR") or ""))


def _address(text: str) -> str:
    """`text` without a port, brackets and a zone; an IPv4 address written as IPv6 as what it is."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(address)
