"""The real peer: the socket's address, or what our own proxy wrote; never what came from further out."""

import pytest

from gateway.http.peers import peer_of


@pytest.mark.parametrize(
    ("forwarded", "is_behind_proxy", "expected"),
    [
        ("", False, "10.0.0.1"),
        ("196.201.214.200", False, "10.0.0.1"),
        ("196.201.214.200", True, "196.201.214.200"),
        ("196.201.214.200, 203.0.113.9", True, "203.0.113.9"),
        ("196.201.214.200,203.0.113.9:4711", True, "203.0.113.9"),
        ("x, [2001:db8::1]:443", True, "2001:db8::1"),
        ("2001:DB8:0::1", True, "2001:db8::1"),
        ("::ffff:203.0.113.9", True, "203.0.113.9"),
        ("fe80::1%eth0", True, "fe80::1"),
        ("196.201.214.200, unknown", True, ""),
        ("196.201.214.200,", True, ""),
        ("", True, ""),
        ("1" * 9000, True, ""),
    ],
)
def test_peer_is_the_right_most_word_of_our_own_proxy_only(
    forwarded: str, is_behind_proxy: bool, expected: str
) -> None:
    meta = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": forwarded}
    assert peer_of(meta, is_behind_proxy=is_behind_proxy) == expected


@pytest.mark.parametrize("is_behind_proxy", [False, True])
def test_peer_without_the_header_is_the_sockets(is_behind_proxy: bool) -> None:
    assert peer_of({"REMOTE_ADDR": "10.0.0.1"}, is_behind_proxy=is_behind_proxy) == "10.0.0.1"


@pytest.mark.parametrize("meta", [{}, {"REMOTE_ADDR": ""}, {"REMOTE_ADDR": None}, {"REMOTE_ADDR": "unix:"}])
def test_peer_of_a_unix_socket_has_no_address(meta: dict[str, object]) -> None:
    assert peer_of(meta, is_behind_proxy=False) == ""
