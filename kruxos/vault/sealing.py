"""The vault's cryptography: what is sealed, under which key, bound to what. Pure: nonces and salts come from outside.

AES-256-GCM with a random 96-bit nonce for every write. The associated data is a record's identity, so that a record
opens only under its own name, kind, destination and version, in its own vault. A passphrase becomes a key by
Argon2id; its cost stands in the vault, and the verifier (a known text, sealed) is bound to it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from kruxos.config.model import Destination

KEY_BYTES = 32
NONCE_BYTES = 12
SALT_BYTES = 16
_VERIFIED = b"this is the key of this vault"


@dataclass(frozen=True, slots=True)
class Cost:
    """What Argon2id takes: memory, passes, lanes. RFC 9106's second recommended choice."""

    memory_kib: int = 64 * 1024
    iterations: int = 3
    lanes: int = 4

    def is_sane(self) -> bool:
        """Whether a cost read from a file is one that a vault may ask for."""
        return 8 * self.lanes <= self.memory_kib <= 2**20 and 1 <= self.iterations <= 64 and 1 <= self.lanes <= 64


@dataclass(frozen=True, slots=True)
class Sealed:
    """A nonce and what was sealed with it."""

    nonce: bytes
    ciphertext: bytes


def derive_key(passphrase: bytes, salt: bytes, cost: Cost) -> bytearray:
    """The key that a passphrase makes. About 64 MiB and a tenth of a second on purpose."""
    kdf = Argon2id(
        salt=salt, length=KEY_BYTES, iterations=cost.iterations, lanes=cost.lanes, memory_cost=cost.memory_kib
    )
    return bytearray(kdf.derive(passphrase))


def seal(key: bytearray, plaintext: bytes, identity: bytes, nonce: bytes) -> Sealed:
    """``plaintext`` under ``key``, bound to ``identity``. A nonce is used once."""
    return Sealed(nonce, AESGCM(key).encrypt(nonce, plaintext, identity))


def unseal(key: bytearray, sealed: Sealed, identity: bytes) -> bytes | None:
    """The plaintext; None where key, identity or content are not what they were."""
    try:
        return AESGCM(key).decrypt(sealed.nonce, sealed.ciphertext, identity)
    except (InvalidTag, ValueError):  # ValueError: a nonce of no possible length
        return None


def record_identity(vault_id: str, name: str, kind: str, destination: Destination, version: int) -> bytes:
    """What a record is bound to."""
    return _canonical("record", vault_id, name, kind, asdict(destination), version)


def seal_verifier(key: bytearray, identity: bytes, nonce: bytes) -> Sealed:
    """What tells later whether a key is this vault's."""
    return seal(key, _VERIFIED, identity, nonce)


def verifies(key: bytearray, verifier: Sealed, identity: bytes) -> bool:
    """Whether the key is the one that sealed the verifier."""
    return unseal(key, verifier, identity) == _VERIFIED


def verifier_identity(vault_id: str, source: str, key_id: str, salt: bytes, cost: Cost) -> bytes:
    """What the verifier is bound to."""
    return _canonical("verifier", vault_id, source, key_id, salt.hex(), asdict(cost))


def encode_cost(cost: Cost) -> str:
    """A cost as it stands in the vault."""
    return json.dumps(asdict(cost))


def decode_cost(text: str) -> Cost | None:
    """The cost that stands in a vault; None where it is not one."""
    try:
        fields = cast("dict[str, Any]", json.loads(text))
        cost = Cost(int(fields["memory_kib"]), int(fields["iterations"]), int(fields["lanes"]))
    except (ValueError, KeyError, TypeError):
        return None
    return cost if cost.is_sane() else None


def _canonical(*fields: object) -> bytes:
    """One byte string for one list of fields, and for no other: JSON is unambiguous."""
    return json.dumps(["kruxos vault 1", *fields], separators=(",", ":"), sort_keys=True).encode()
