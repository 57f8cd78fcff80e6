"""How long addresses are believed."""

from __future__ import annotations

from kruxos.cores import names
from kruxos.cores.names import KEEP_FAILURE_S, KEEP_S, STALE_S, Found, NameCache

NAME = ("api.example.com", 443)
GOOD = Found(("192.0.2.1", "2001:db8::1"))
LATE = Found(reason="temporary failure in name resolution", passing=True)
NONE = Found(reason="name or service not known")


def test_what_nobody_looked_up_is_not_known() -> None:
    assert NameCache().known(NAME, 0.0) is None


def test_addresses_are_believed_for_a_while() -> None:
    cache = NameCache()
    assert cache.learned(NAME, GOOD, 100.0) == GOOD
    assert cache.known(NAME, 100.0 + KEEP_S - 0.1) == GOOD
    assert cache.known(NAME, 100.0 + KEEP_S) is None
    assert cache.known(("api.example.com", 80), 100.0) is None


def test_a_name_without_addresses_is_asked_again_soon() -> None:
    cache = NameCache()
    assert cache.learned(NAME, NONE, 0.0) == NONE
    assert cache.known(NAME, KEEP_FAILURE_S - 0.1) == NONE
    assert cache.known(NAME, KEEP_FAILURE_S) is None


def test_while_the_resolver_stumbles_old_addresses_serve_but_not_for_ever() -> None:
    cache = NameCache()
    cache.learned(NAME, GOOD, 0.0)
    assert cache.learned(NAME, LATE, 60.0) == GOOD
    assert cache.known(NAME, 60.0 + KEEP_FAILURE_S) is None, "and it is asked again soon"
    assert cache.learned(NAME, LATE, STALE_S) == LATE


def test_a_name_that_is_gone_does_not_live_on() -> None:
    cache = NameCache()
    cache.learned(NAME, GOOD, 0.0)
    assert cache.learned(NAME, NONE, 60.0) == NONE


def test_neither_addresses_nor_names_pile_up() -> None:
    cache = NameCache()
    many = Found(tuple(f"192.0.2.{number}" for number in range(100)))
    assert len(cache.learned(NAME, many, 0.0).addresses) == names.ADDRESSES_MAX
    for number in range(names.NAMES_MAX):
        cache.learned((f"host-{number}", 443), GOOD, 1.0)
    assert cache.known(NAME, 1.0) is None
    assert cache.known(("host-1", 443), 1.0) == GOOD
