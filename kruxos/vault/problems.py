"""What can be wrong with the vault, beside what concerns one call (those errors are ``kruxos.errors``').

VaultError
+-- WrongPassphraseError
+-- KeyUnavailableError     the master key cannot be had where it is kept
+-- BadRecordError          what is to be stored cannot be: its name, or the secret itself
+-- TamperedRecordError     a record was changed by something else than the vault
+-- SwappedRecordError      a record is another one's
+-- VaultDamagedError       the file is no vault any more
+-- VaultVersionError       the file is a later version's
"""

from __future__ import annotations

from kruxos.config.problems import SetupError


class VaultError(SetupError):
    """The vault cannot do what was asked."""


class WrongPassphraseError(VaultError):
    """The passphrase is not this vault's."""


class KeyUnavailableError(VaultError):
    """The master key cannot be had where it is kept."""


class BadRecordError(VaultError):
    """What is to be stored cannot be stored."""


class TamperedRecordError(VaultError):
    """A record does not open: it, or what it is bound to, was changed by something else than the vault."""


class SwappedRecordError(TamperedRecordError):
    """A record was put in another one's place."""


class VaultDamagedError(VaultError):
    """The file is no vault."""


class VaultVersionError(VaultError):
    """The file was written by a later version."""
