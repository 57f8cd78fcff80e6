"""What can be wrong with the ledger.

LedgerError
+-- LedgerDamagedError    the file is not what it was
+-- LedgerVersionError    the file is a later version's
+-- BadAgentError         an agent cannot be made or changed like this
"""

from __future__ import annotations

from kruxos.config.problems import SetupError


class LedgerError(SetupError):
    """The ledger cannot do what was asked."""


class LedgerDamagedError(LedgerError):
    """The file is not what it was. Opening it again sets it aside and begins a new one."""


class LedgerVersionError(LedgerError):
    """The file was written by a later version."""


class BadAgentError(LedgerError):
    """An agent cannot be made or changed like this."""
