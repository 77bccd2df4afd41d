from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.destinations import (
    EMBEDDED,
    LINK_LOCAL,
    LOOPBACK,
    METADATA,
    PRIVATE,
    Destination,
    DestinationRefusedError,
    checked,
    forbidden,
    parse,
    resolved,
)

PUBLIC = ("93.184.215.14", "8.8.8.8", "1.1.1.1", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "2a00:1450:4001:81b::200e")


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_connected_to(address: str) -> None:
    assert forbidden(ip_address(address)) is None


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", LOOPBACK),
        ("127.255.3.4", LOOPBACK),
        ("::1", LOOPBACK),
        ("10.1.2.3", PRIVATE),
        ("172.31.255.255", PRIVATE),
        ("192.168.0.10", PRIVATE),
        ("fd12:3456::1", PRIVATE),
        ("169.254.1.1", LINK_LOCAL),
        ("fe80::1", LINK_LOCAL),
        ("fe80::1%eth0", LINK_LOCAL),
        ("169.254.169.254", METADATA),
        ("168.63.129.16", METADATA),
        ("100.100.100.200", METADATA),
        ("fd00:ec2::254", METADATA),
        ("0.0.0.0", "an unspecified address"),
        ("::", "an unspecified address"),
        ("0.1.2.3", "a reserved address"),
        ("100.64.0.1", "a reserved address"),
        ("192.0.2.1", "a reserved address"),
        ("198.18.0.1", "a reserved address"),
        ("240.0.0.1", "a reserved address"),
        ("255.255.255.255", "a reserved address"),
        ("2001:db8::1", "a reserved address"),
        ("fec0::1", "a reserved address"),
        ("4000::1", "a reserved address"),
        ("224.0.0.1", "a multicast address"),
        ("ff02::1", "a multicast address"),
        ("192.88.99.1", "an address of 6to4 relays"),
        ("::ffff:8.8.8.8", EMBEDDED),
        ("::ffff:127.0.0.1", EMBEDDED),
        ("::ffff:0:127.0.0.1", EMBEDDED),
        ("::7f00:1", EMBEDDED),
        ("64:ff9b::a00:1", EMBEDDED),
        ("64:ff9b:1::a00:1", EMBEDDED),
        ("2002:7f00:1::", EMBEDDED),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", EMBEDDED),
    ],
)
def test_addresses_of_every_other_kind_may_not(address: str, kind: str) -> None:
    assert forbidden(ip_address(address)) == kind


@given(st.ip_addresses(v=4))
def test_no_allowed_ipv4_address_is_anything_but_global(address: IPv4Address) -> None:
    if forbidden(address) is None:
        assert address.is_global
        assert not any((address.is_private, address.is_loopback, address.is_link_local, address.is_multicast))


@given(st.ip_addresses(v=6))
def test_no_allowed_ipv6_address_is_anything_but_global_unicast(address: IPv6Address) -> None:
    if forbidden(address) is None:
        assert address.is_global
        assert address.packed[0] >> 5 == 1
        assert address.ipv4_mapped is None
        assert address.sixtofour is None
        assert address.teredo is None


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:", "::", "64:ff9b::", "::ffff:0:"]))
def test_no_ipv4_address_gets_through_inside_an_ipv6_address(address: IPv4Address, prefix: str) -> None:
    assert forbidden(IPv6Address(f"{prefix}{address}")) is not None


@given(st.lists(st.sampled_from([*PUBLIC, "10.0.0.1", "::1", "169.254.169.254"]), min_size=1))
def test_one_forbidden_address_among_others_refuses_the_name(found: list[str]) -> None:
    destination = parse("https://hooks.example.com/x")
    if set(found) <= set(PUBLIC):
        assert checked(destination, resolver=lambda _name, _port: found) == tuple(found)
    else:
        with pytest.raises(DestinationRefusedError):
            checked(destination, resolver=lambda _name, _port: found)


def test_an_address_is_read_into_its_parts() -> None:
    assert parse("https://Hooks.Example.com/a/b?c=d") == Destination(
        scheme="https", host="hooks.example.com", port=443, target="/a/b?c=d"
    )
    assert parse("https://[2606:2800::1]:8443") == Destination(
        scheme="https", host="2606:2800::1", port=8443, target="/"
    )
    assert parse("https://[2606:2800::1]:8443").authority == "[2606:2800::1]:8443"
    assert parse("https://example.com:443?x=1").target == "/?x=1"
    assert parse("https://example.com:443").authority == "example.com"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://example.com@10.0.0.1/",
        "https://example.com\\@10.0.0.1/",
        "https://example.com/#fragment",
        "https://example.com/a b",
        "https://example.com/\r\nhost: inside",
        "https://example.com:0/",
        "https://example.com:65536/",
        "https://example.com:/",
        "https://",
        "https:///path",
        "//example.com/",
        "example.com",
        "https://exämple.com/",
        "https://example.com/\x00",
        "https://[::1%25eth0]/",
        "https://example.com/" + "a" * 2000,
        "",
    ],
)
def test_what_is_not_plain_https_is_refused(url: str) -> None:
    with pytest.raises(DestinationRefusedError):
        parse(url)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for url in (text, f"https://{text}", f"https://example.com{text}"):
        try:
            destination = parse(url)
        except DestinationRefusedError:
            continue
        assert destination.scheme == "https"
        assert url.isascii()
        assert "@" not in destination.host


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "017700000001", "[::1]", "localhost"])
def test_this_machine_by_any_spelling_is_refused(host: str) -> None:
    with pytest.raises(DestinationRefusedError):
        checked(parse(f"https://{host}/"), resolver=resolved)


def test_a_name_that_does_not_resolve_is_refused() -> None:
    def nowhere(name: str, port: int) -> list[str]:
        raise OSError(f"{name}:{port}")

    with pytest.raises(DestinationRefusedError, match="does not resolve"):
        checked(parse("https://hooks.example.com/"), resolver=nowhere)


def test_for_trials_private_addresses_are_allowed_and_nothing_else() -> None:
    def at(url: str, *found: str) -> tuple[str, ...]:
        destination = parse(url, allow_private=True)
        return checked(destination, allow_private=True, resolver=lambda _name, _port: found)

    assert at("https://inside/", "10.0.0.1", "fd12::1") == ("10.0.0.1", "fd12::1")
    assert at("http://localhost:8080/", "127.0.0.1", "::1") == ("127.0.0.1", "::1")
    for url, found in (
        ("http://inside/", "10.0.0.1"),
        ("http://outside/", "8.8.8.8"),
        ("https://metadata/", "169.254.169.254"),
        ("https://metadata/", "fd00:ec2::254"),
        ("https://link/", "fe80::1"),
        ("https://any/", "0.0.0.0"),
        ("https://mapped/", "::ffff:127.0.0.1"),
    ):
        with pytest.raises(DestinationRefusedError):
            at(url, found)
