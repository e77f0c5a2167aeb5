"""A TCP proxy that breaks connections on demand: cut, stall, refuse, or cut after so many bytes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")
HOST = "127.0.0.1"


class Proxy:
    """Forwards `127.0.0.1:listen` to `127.0.0.1:target`, on a thread of its own. Use as a context manager.

    `up` and `down` count the bytes forwarded towards the broker and towards the clients.
    """

    def __init__(self, listen: int, target: int) -> None:
        self.listen, self.target = listen, target
        self.up = self.down = self.cuts = 0
        self._limits: dict[str, int] = {}
        self._repeat: dict[str, int] = {}
        self._sockets: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy-{listen}", daemon=True)
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._run(self._open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def cut(self) -> None:
        """Reset every open connection; new ones are accepted."""
        self._call(self._cut)

    def cut_after(self, *, up: int | None = None, down: int | None = None, repeat: bool = False) -> None:
        """Reset every connection once so many more bytes have passed up (to the broker) or down.

        That is in the midst of whatever they belong to. `repeat` does so again after each further lot.
        """
        for way, limit in (("up", up), ("down", down)):
            if limit is not None:
                self._limits[way] = getattr(self, way) + limit
                self._repeat[way] = limit if repeat else 0

    def stop_cutting(self) -> None:
        """Forget every `cut_after`."""
        self._call(self._limits.clear)

    def stall(self) -> None:
        """Keep connections open and pass nothing on, in either direction, until `resume`."""
        self._call(self._flowing.clear)

    def resume(self) -> None:
        """After `stall`."""
        self._call(self._flowing.set)

    def refuse(self) -> None:
        """Reset every connection and refuse new ones until `accept`."""
        self._run(self._shut())

    def accept(self) -> None:
        """After `refuse`."""
        self._run(self._listen())

    async def _open(self) -> None:
        self._flowing = asyncio.Event()
        self._flowing.set()
        await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, self.listen)

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self._cut()

    async def _close(self) -> None:
        await self._shut()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._sockets.add(writer)
        try:
            upstream, broker = await asyncio.open_connection(HOST, self.target)
        except OSError:
            self._reset(writer)
            return
        self._sockets.add(broker)
        pumps = [self._pump("up", reader, broker), self._pump("down", upstream, writer)]
        with contextlib.suppress(asyncio.CancelledError):  # the proxy is being closed
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._flowing.wait()
                allowed = self._count(way, data)
                writer.write(data[:allowed])
                if allowed < len(data):
                    self._cut()
                    return
                await writer.drain()
        self._discard(writer)

    def _count(self, way: str, data: bytes) -> int:
        """How many bytes of `data` may pass before the cut."""
        passed: int = getattr(self, way)
        limit = self._limits.get(way)
        setattr(self, way, passed + len(data))
        if limit is None or passed + len(data) < limit:
            return len(data)
        del self._limits[way]
        if self._repeat[way]:
            self._limits[way] = limit + self._repeat[way]
        return max(0, min(limit - passed, len(data) - 1))

    def _cut(self) -> None:
        self.cuts += 1
        for writer in tuple(self._sockets):
            self._reset(writer)

    def _reset(self, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):  # already closed by the other side
            linger = struct.pack("ii", 1, 0)  # zero linger: close sends RST
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._sockets.discard(writer)
        writer.transport.abort()

    def _discard(self, writer: asyncio.StreamWriter) -> None:
        self._sockets.discard(writer)
        writer.close()

    def _call(self, what: Callable[[], T]) -> None:
        async def call() -> None:
            what()

        self._run(call())

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)
