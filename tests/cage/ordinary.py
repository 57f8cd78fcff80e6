"""The same captive as a user without powers, whoever runs the tests."""

from __future__ import annotations

import os

from tests.cage.captive import main

__all__ = ["main", "preload"]

NOBODY = 65534


def preload() -> None:
    """In the launcher, so that all its workers are that user's."""
    become_ordinary()


def become_ordinary() -> None:
    """Root becomes nobody, for good; others stay who they are."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
