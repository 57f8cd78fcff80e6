"""The vault's cryptography: what is sealed opens under its own key and identity, and under nothing else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kruxos.config.model import Destination
from kruxos.vault.sealing import (
    KEY_BYTES,
    NONCE_BYTES,
    Cost,
    Sealed,
    decode_cost,
    derive_key,
    encode_cost,
    record_identity,
    seal,
    seal_verifier,
    unseal,
    verifier_identity,
    verifies,
)

KEY = bytearray(range(KEY_BYTES))
NONCE = bytes(NONCE_BYTES)
CHEAP = Cost(memory_kib=64, iterations=1, lanes=1)
words = st.text(max_size=8)
destinations = st.builds(Destination, words, st.none() | words, st.none() | words)
Identity = tuple[str, str, str, Destination, int]
identities = st.tuples(words, words, words, destinations, st.integers(0, 9))


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200), identities, identities)
def test_a_record_opens_under_its_own_identity_alone(plaintext: bytes, own: Identity, other: Identity) -> None:
    sealed = seal(KEY, plaintext, record_identity(*own), NONCE)
    assert unseal(KEY, sealed, record_identity(*own)) == plaintext
    assert (unseal(KEY, sealed, record_identity(*other)) == plaintext) is (own == other)
    assert plaintext not in sealed.ciphertext or len(plaintext) < 4


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=50), st.data())
def test_any_flipped_bit_closes_it(plaintext: bytes, data: st.DataObject) -> None:
    sealed = seal(KEY, plaintext, b"id", NONCE)
    at = data.draw(st.integers(0, 8 * len(sealed.ciphertext) - 1))
    changed = bytearray(sealed.ciphertext)
    changed[at // 8] ^= 1 << at % 8
    assert unseal(KEY, Sealed(sealed.nonce, bytes(changed)), b"id") is None


def test_another_key_or_nonce_does_not_open_it() -> None:
    sealed = seal(KEY, b"text", b"id", NONCE)
    assert unseal(bytearray(KEY_BYTES), sealed, b"id") is None
    for nonce in (b"1" * NONCE_BYTES, b"", bytes(200)):
        assert unseal(KEY, Sealed(nonce, sealed.ciphertext), b"id") is None


def test_the_verifier_knows_its_key_and_what_it_is_bound_to() -> None:
    identity = verifier_identity("v", "passphrase", "k", b"salt", Cost())
    verifier = seal_verifier(KEY, identity, NONCE)
    assert verifies(KEY, verifier, identity)
    assert not verifies(bytearray(KEY_BYTES), verifier, identity)
    for changed in (
        verifier_identity("w", "passphrase", "k", b"salt", Cost()),
        verifier_identity("v", "file", "k", b"salt", Cost()),
        verifier_identity("v", "passphrase", "l", b"salt", Cost()),
        verifier_identity("v", "passphrase", "k", b"pepper", Cost()),
        verifier_identity("v", "passphrase", "k", b"salt", CHEAP),
    ):
        assert not verifies(KEY, verifier, changed)


def test_a_passphrase_makes_the_same_key_from_the_same_salt_and_cost_alone() -> None:
    key = derive_key(b"passphrase", b"s" * 16, CHEAP)
    assert len(key) == KEY_BYTES
    assert key == derive_key(b"passphrase", b"s" * 16, CHEAP)
    assert key != derive_key(b"passphrasf", b"s" * 16, CHEAP)
    assert key != derive_key(b"passphrase", b"t" * 16, CHEAP)
    assert key != derive_key(b"passphrase", b"s" * 16, Cost(memory_kib=128, iterations=1, lanes=1))


def test_the_cost_is_the_one_that_was_promised() -> None:
    assert Cost() == Cost(memory_kib=64 * 1024, iterations=3, lanes=4)
    assert decode_cost(encode_cost(Cost())) == Cost()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "null", '{"memory_kib": "x", "iterations": 1, "lanes": 1}']
    + [
        json.dumps({"memory_kib": memory, "iterations": iterations, "lanes": lanes})
        for memory, iterations, lanes in ((2**21, 3, 4), (64, 0, 1), (64, 65, 1), (64, 1, 0), (2**20, 1, 65), (8, 1, 4))
    ],
)
def test_a_cost_that_cannot_be_meant_is_refused(text: str) -> None:
    assert decode_cost(text) is None
