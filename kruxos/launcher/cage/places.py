"""Which files a worker may read: Python's own, the packages that it was started with, certificates, time zones.

A directory of packages is named as a whole where it is one by its name; of any other place on the path, such as a
checkout, only the packages that are loaded. So nothing beside them can be read: no settings, no history, no keys.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from glob import glob
from pathlib import Path

_PACKAGE_DIRECTORIES = ("site-packages", "dist-packages")

_SYSTEM = (
    # Libraries
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache",
    # Certificates: where systems keep those that they trust, and what configures OpenSSL
    "/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem", "/etc/ssl/openssl.cnf", "/etc/pki/tls/certs",
    "/etc/pki/tls/cert.pem", "/etc/pki/tls/openssl.cnf", "/etc/pki/ca-trust/extracted", "/etc/crypto-policies",
    "/usr/share/ca-certificates", "/var/lib/ca-certificates",
    # Time zones
    "/etc/localtime", "/usr/share/zoneinfo",
    "/dev/null", "/dev/urandom",
)  # fmt: skip


def readable() -> list[str]:
    """The places, without links, those within others left out. To be asked once all is imported that will be."""
    named = (*map(Path, _SYSTEM), *_standard_library(), *_packages())
    there = [place for place in named if os.path.exists(place)]  # noqa: PTH110 - False where it may not look
    found = sorted({os.path.realpath(place) for place in there})
    return [place for place in found if not any(place.startswith(f"{other}/") for other in found)]


def _standard_library() -> Iterator[Path]:
    yield Path(os.__file__).parent
    yield Path(sys.base_prefix) / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    # Shared libraries that come with an interpreter of its own prefix; never a home directory's `lib` as such.
    for pattern in ("*.so", "*.so.*", "*.dylib"):
        yield from map(Path, glob(f"{sys.base_prefix}/lib/{pattern}"))  # noqa: PTH207 - empty where it may not look


def _packages() -> Iterator[Path]:
    for entry in map(Path, filter(None, sys.path)):
        if entry.name in _PACKAGE_DIRECTORIES or entry.name == "lib-dynload" or entry.suffix == ".zip":
            yield entry
    for name, module in list(sys.modules.items()):
        if "." not in name:
            yield from _places_of(module)


def _places_of(module: object) -> Iterator[Path]:
    """A package's directory, or a module's file. A namespace package is as wide as its directories."""
    places = getattr(module, "__path__", None) or [getattr(module, "__file__", None)]
    for place in places:
        if place and not str(place).endswith(("<frozen>", "built-in")):
            yield Path(place)
