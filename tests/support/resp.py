"""A small RESP2/RESP3 client over a raw socket, for tests that need to misbehave.

Replies: simple strings are str, bulk strings bytes, errors ReplyError objects (returned, not raised), nulls None,
maps dict (keys as they come), pushes Push objects.
"""
import socket


class ReplyError(Exception):
    def __eq__(self, other):
        return isinstance(other, ReplyError) and str(self) == str(other)

    __hash__ = Exception.__hash__


class Push(list):
    pass


class Closed(Exception):
    pass


def encode(*args):
    parts = [b"*%d\r\n" % len(args)]
    for arg in args:
        if isinstance(arg, str):
            arg = arg.encode()
        elif not isinstance(arg, bytes):
            arg = str(arg).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(arg), arg))
    return b"".join(parts)


class Connection:
    def __init__(self, port=None, host="127.0.0.1", path=None, timeout=30, rcvbuf=None):
        family = socket.AF_UNIX if path else (socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.socket = socket.socket(family)
        if rcvbuf:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.socket.settimeout(timeout)
        self.socket.connect(path if path else (host, port))
        self.buffer = b""

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.socket.sendall(data)

    def call(self, *args):
        self.send(encode(*args))
        return self.read()

    def pipeline(self, commands):
        self.send(b"".join(encode(*command) for command in commands))
        return [self.read() for _ in commands]

    def _fill(self):
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Closed()
        self.buffer += data

    def _line(self):
        while b"\r\n" not in self.buffer:
            self._fill()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def _exactly(self, n):
        if len(self.buffer) < n:
            # What is large is not copied for each piece that comes.
            parts, have = [self.buffer], len(self.buffer)
            while have < n:
                self.buffer = b""
                self._fill()
                parts.append(self.buffer)
                have += len(self.buffer)
            self.buffer = b"".join(parts)
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def read(self):
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest.decode("utf-8", "replace")
        if kind == b"-":
            return ReplyError(rest.decode("utf-8", "replace"))
        if kind == b":":
            return int(rest)
        if kind in b"$=!":
            n = int(rest)
            if n < 0:
                return None
            data = self._exactly(n + 2)[:-2]
            return data[4:] if kind == b"=" else ReplyError(data.decode()) if kind == b"!" else data
        if kind in b"*~>":
            n = int(rest)
            items = None if n < 0 else [self.read() for _ in range(n)]
            return Push(items) if kind == b">" else items
        if kind in b"%|":
            pairs = [(self.read(), self.read()) for _ in range(int(rest))]
            return dict(pairs) if kind == b"%" else self.read()
        if kind == b"_":
            return None
        if kind == b",":
            return float(rest)
        if kind == b"#":
            return rest == b"t"
        if kind == b"(":
            return int(rest)
        raise AssertionError("not RESP: %r" % line)

    def closed_by_peer(self, timeout=30):
        """True when the peer closes within the time; what it sent before is in `buffer`."""
        self.socket.settimeout(timeout)
        try:
            while True:
                self._fill()
        except Closed:
            return True
        except socket.timeout:
            return False
