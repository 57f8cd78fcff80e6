"""TLS over any stream: over TCP, or over the TLS of a proxy.

OpenSSL works between two memory buffers, so one receive decrypts all the records that it brought. That is as cheap as
OpenSSL on the socket itself, which reads each record's header and body with a system call of its own.
"""

from __future__ import annotations

import ssl

from kruxos.errors import KruxosError, ProviderMisconfiguredError, ProviderUnreachableError

from .network import RECEIVE_BYTES, Stream, StreamBroken, StreamReset, StreamTruncated

SLICE_BYTES = 256 * 1024
"""How much is encrypted before it is handed on, so that a large body is not held twice."""


async def start_tls(outer: Stream, context: ssl.SSLContext, hostname: str) -> TlsStream:
    """Shake hands with ``hostname`` over ``outer``. What it raises stands at ``network.Stream.start_tls``."""
    stream = TlsStream(outer, context, hostname)
    try:
        await stream.handshake()
    except (ssl.SSLError, StreamBroken) as error:
        outer.abort()
        raise _handshake_error(error, hostname) from None
    except BaseException:
        outer.abort()
        raise
    return stream


class TlsStream:
    """A TLS session on another stream. See ``network.Stream``. One task may send while another receives."""

    __slots__ = ("_encrypted_in", "_encrypted_out", "_failure", "_flushing", "_outer", "_session")

    def __init__(self, outer: Stream, context: ssl.SSLContext, hostname: str) -> None:
        self._outer = outer
        self._encrypted_in = ssl.MemoryBIO()
        self._encrypted_out = ssl.MemoryBIO()
        self._session = context.wrap_bio(self._encrypted_in, self._encrypted_out, server_hostname=hostname)
        self._failure: ssl.SSLError | None = None
        self._flushing = False

    async def handshake(self) -> None:
        """Until both sides agree. Raises ``ssl.SSLError`` and ``StreamBroken``."""
        while True:
            try:
                self._session.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._receive_encrypted()
            else:
                return await self._flush()

    async def send_all(self, data: bytes) -> None:
        """Encrypt all of ``data`` and hand it on, a slice at a time."""
        rest = memoryview(data)
        while rest:
            try:
                written = self._session.write(rest[:SLICE_BYTES])
            except ssl.SSLError as error:
                raise _broken(error) from None
            rest = rest[written:]
            if self._encrypted_out.pending >= SLICE_BYTES or not rest:
                await self._flush()

    async def receive_some(self) -> bytes:
        """All that the records hold which have come."""
        while True:
            try:
                data = self._decrypt()
            except ssl.SSLError as error:
                raise _broken(error) from None
            await self._flush()
            if data is not None:
                return data
            await self._receive_encrypted()

    async def start_tls(self, context: ssl.SSLContext, hostname: str) -> Stream:
        """TLS within this TLS: an HTTPS origin behind an HTTPS proxy."""
        return await start_tls(self, context, hostname)

    def is_readable(self) -> bool:
        """Whether anything has come. Tickets travel before the first answer, so they do not show here."""
        try:
            return self._decrypt() is not None or self._outer.is_readable()
        except ssl.SSLError:
            return True

    def close(self) -> None:
        """Close in peace."""
        self._outer.close()

    def abort(self) -> None:
        """Close with a reset."""
        self._outer.abort()

    def _decrypt(self) -> bytes | None:
        """What the records hold that are here: None where more must come, empty after the closing message."""
        if self._failure is not None:
            raise self._failure
        pieces: list[bytes] = []
        try:
            while piece := self._session.read(RECEIVE_BYTES):
                pieces.append(piece)
        except ssl.SSLWantReadError:
            if not pieces:
                return None
        except ssl.SSLError as error:
            self._failure = error  # OpenSSL tells it once
            if not pieces:
                raise
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _receive_encrypted(self) -> None:
        data = await self._outer.receive_some()
        if data:
            self._encrypted_in.write(data)
        else:
            self._encrypted_in.write_eof()

    async def _flush(self) -> None:
        """Hand on what was encrypted. Who finds another task at it leaves: that one takes these bytes along."""
        if self._flushing or not self._encrypted_out.pending:
            return
        self._flushing = True
        try:
            while self._encrypted_out.pending:
                await self._outer.send_all(self._encrypted_out.read())
        finally:
            self._flushing = False


def _broken(error: ssl.SSLError) -> StreamBroken:
    if isinstance(error, ssl.SSLEOFError) or error.reason == "UNEXPECTED_EOF_WHILE_READING":  # as older Pythons say it
        return StreamTruncated("TLS ended without its closing message")
    return StreamReset(f"TLS failed: {error.reason or 'unknown reason'}")


def _handshake_error(error: ssl.SSLError | StreamBroken, hostname: str) -> KruxosError:
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message.rstrip(".")
        return ProviderMisconfiguredError(
            f"the certificate of {hostname} is not trusted: {why}. If your own authority signs it, set ca_bundle"
        )
    why = error.reason if isinstance(error, ssl.SSLError) and error.reason else str(error)
    return ProviderUnreachableError(f"no TLS with {hostname}: {why}")
