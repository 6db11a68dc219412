"""A TCP connection that can be pulled out: a proxy on loopback that breaks every connection and refuses new ones."""

import contextlib
import selectors
import socket
import struct
import threading
from types import TracebackType

RESET = struct.pack("ii", 1, 0)


class Cable:
    """Between a client and `port` on loopback. Use as a context manager; clients connect to `own_port`."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._listener = self._listen(0)
        self.own_port: int = self._listener.getsockname()[1]
        self._plugged = True
        self._running = True

    def __enter__(self) -> "Cable":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running = False
        self.pull()

    def pull(self) -> int:
        """Reset every connection and refuse new ones; how many were broken."""
        self._plugged = False
        self._listener.close()
        with self._lock:
            broken = list(self._pairs)
            self._pairs.clear()
        for pair in broken:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    end.shutdown(socket.SHUT_RDWR)
                with contextlib.suppress(OSError):
                    end.close()
        return len(broken)

    def plug(self) -> None:
        """Accept connections again."""
        self._listener = self._listen(self.own_port)
        self._plugged = True

    @staticmethod
    def _listen(port: int) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(64)
        listener.settimeout(0.2)
        return listener

    def _accept(self) -> None:
        while self._running:
            try:
                near, _ = self._listener.accept()
            except OSError:  # nobody within the timeout, or the cable is out
                threading.Event().wait(0.05)
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self.port), timeout=10)
            except OSError:
                near.close()
                continue
            near.settimeout(None)
            far.settimeout(None)
            with self._lock:
                self._pairs.add((near, far))
            if not self._plugged:  # pulled out while this one was being made
                self.pull()
                continue
            threading.Thread(target=self._pump, args=(near, far), daemon=True).start()

    def _pump(self, near: socket.socket, far: socket.socket) -> None:
        other = {near: far, far: near}
        with selectors.DefaultSelector() as selector, contextlib.suppress(OSError, ValueError, KeyError):
            for end in other:
                selector.register(end, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    source = key.fileobj
                    assert isinstance(source, socket.socket)
                    data = source.recv(65536)
                    if not data:
                        raise OSError("the other end is done")
                    other[source].sendall(data)
        with self._lock:
            self._pairs.discard((near, far))
        near.close()
        far.close()
