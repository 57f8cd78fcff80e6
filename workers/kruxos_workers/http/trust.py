"""Trust: which certificates a worker believes. There is no way to believe all of them."""

from __future__ import annotations

import ssl
from functools import cache
from pathlib import Path

from kruxos.errors import ProviderMisconfiguredError

# Where systems keep the certificates they trust: Debian and Alpine, Fedora, SUSE, macOS and BSD.
SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


@cache
def system_roots() -> str:
    """The system's trusted certificates as PEM text, or those of certifi where the system has none.

    Read once a process. Whoever forks workers calls this before: in the cage the files cannot be read.
    """
    for path in map(Path, SYSTEM_BUNDLES):
        try:
            return path.read_text("ascii", "ignore")
        except OSError:
            continue
    import certifi  # noqa: PLC0415 - only where the system has no store

    return certifi.contents()


def client_context(ca_bundle: bytes | None = None) -> ssl.SSLContext:
    """TLS 1.2 or newer, certificate and host name checked, against the system's roots and ``ca_bundle`` (PEM).

    Without a bundle it is one context a process, made once. Raises ``ProviderMisconfiguredError`` where the bundle
    holds no certificate.
    """
    if ca_bundle is None:
        return _system_context()
    context = _new_context()
    _load_bundle(context, ca_bundle)
    return context


@cache
def _system_context() -> ssl.SSLContext:
    """Reading a hundred certificates takes tens of milliseconds; workers inherit what their launcher read."""
    return _new_context()


def _new_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # set by some builds of Python; a cut answer must not look whole
    context.set_alpn_protocols(["http/1.1"])
    context.load_verify_locations(cadata=system_roots())
    return context


def warm_up_tls() -> None:
    """Reads what TLS reads from files once a process: the roots, OpenSSL's configuration, the codec of host names."""
    client_context()
    "localhost".encode("idna")


def _load_bundle(context: ssl.SSLContext, ca_bundle: bytes) -> None:
    try:
        context.load_verify_locations(cadata=ca_bundle.decode("ascii", "ignore"))
    except (ssl.SSLError, ValueError):
        raise ProviderMisconfiguredError("ca_bundle holds no readable PEM certificate") from None
