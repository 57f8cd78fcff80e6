"""``multipart/form-data`` as it comes (RFC 7578): small fields are kept, the file's bytes are given on. No I/O.

    preamble -> delimiter -> head -> field or file -> delimiter -> ... -> end

Bytes may be cut anywhere: what could be the beginning of a delimiter is held back until it is certain.
"""

from __future__ import annotations

import re
from typing import Literal

from kruxos.errors import BadRequestError

HEAD_BYTES_MAX = 8192
FIELD_BYTES_MAX = 8192
FIELDS_MAX = 32
FILE = "file"
_BOUNDARY = re.compile(r"""multipart/form-data\s*;.*?boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))""", re.IGNORECASE)
_NAME = re.compile(rb'[;\s]name="([^"]*)"')
_FILENAME = re.compile(rb'[;\s]filename="([^"]*)"')
_HEAD_END = b"\r\n\r\n"


def boundary_of(content_type: str) -> bytes:
    """The boundary that a content type names. Raises ``BadRequestError``."""
    found = _BOUNDARY.match(content_type)
    if found is None:
        raise BadRequestError("a file is uploaded as multipart/form-data, with its boundary in the content type")
    return (found[1] or found[2]).encode("latin-1")


class Form:
    """Takes a form's bytes; ``fields`` and ``filename`` are known as they come. Raises ``BadRequestError``."""

    def __init__(self, boundary: bytes) -> None:
        self.fields: dict[str, str] = {}
        self.filename = ""
        self.has_file = False
        self._delimiter = b"\r\n--" + boundary
        self._held = bytearray(b"\r\n")  # the first delimiter may stand at the very beginning
        self._state: Literal["preamble", "delimiter", "head", "field", "file", "end"] = "preamble"
        self._name = ""
        self._value = bytearray()

    def feed(self, data: bytes) -> bytes:
        """Bytes of the file that are certain now."""
        self._held += data
        file = bytearray()
        while self._state != "end":
            if self._state == "delimiter":
                if not self._after_delimiter():
                    break
            elif self._state == "head":
                if not self._head():
                    break
            elif not self._content(file):
                break
        return bytes(file)

    def finish(self) -> None:
        """The body is over: so must the form be."""
        if self._state != "end" or not self.has_file:
            raise BadRequestError("the upload is not a whole form with a `file`", field=FILE)

    def _content(self, file: bytearray) -> bool:
        at = self._held.find(self._delimiter)
        sure = at if at >= 0 else max(0, len(self._held) - len(self._delimiter) + 1)
        if self._state == "file":
            file += self._held[:sure]
        elif self._state == "field":
            self._value += self._held[:sure]
            if len(self._value) > FIELD_BYTES_MAX:
                raise BadRequestError(f"a field of the form is over {FIELD_BYTES_MAX} bytes", field=self._name)
        del self._held[:sure]
        if at < 0:
            return False
        if self._state == "field":
            self._keep()
        del self._held[: len(self._delimiter)]
        self._state = "delimiter"
        return True

    def _keep(self) -> None:
        if len(self.fields) >= FIELDS_MAX:
            raise BadRequestError(f"the form has over {FIELDS_MAX} fields")
        self.fields[self._name] = self._value.decode("utf-8", "replace")
        self._value = bytearray()

    def _after_delimiter(self) -> bool:
        if len(self._held) < 2:
            return False
        if self._held.startswith(b"--"):
            self._state = "end"
        elif self._held.startswith(b"\r\n"):
            self._state = "head"
        else:
            raise BadRequestError("the form's parts are not divided as its boundary says")
        return True

    def _head(self) -> bool:
        at = self._held.find(_HEAD_END)
        if at < 0:
            if len(self._held) > HEAD_BYTES_MAX:
                raise BadRequestError(f"a part's head is over {HEAD_BYTES_MAX} bytes")
            return False
        head = bytes(self._held[:at])
        del self._held[: at + len(_HEAD_END)]
        self._begin(head)
        return True

    def _begin(self, head: bytes) -> None:
        name, filename = _NAME.search(head), _FILENAME.search(head)
        self._name = name[1].decode("utf-8", "replace") if name else ""
        if self._name != FILE:
            self._state = "field"
        elif self.has_file:
            raise BadRequestError("the form has more than one file", field=FILE)
        else:
            self._state, self.has_file = "file", True
            self.filename = filename[1].decode("utf-8", "replace") if filename else ""
