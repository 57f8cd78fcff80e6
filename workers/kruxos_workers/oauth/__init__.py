"""Logins by an account: how one signs in (device code), how its worker keeps it fresh, how it is revoked.

Reading order: ``protocol.py`` (what the issuer is asked and answers), ``life.py`` (when a login is renewed: a pure
core), ``keeper.py`` (its shell in the worker), ``signing_in.py`` and ``helper.py`` (the login itself, in a process of
its own).
"""
