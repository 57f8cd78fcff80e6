"""Secrets at rest.

``vault`` is what callers use; ``importing`` takes keys out of models.yaml. Beneath: ``store`` (records in SQLite),
``sealing`` (AES-256-GCM, Argon2id; pure), ``keys`` (where the master key is kept), ``desktop`` (the desktop's keyring).
"""
