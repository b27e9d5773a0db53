"""A client of the Redis protocol, version 2, for tools: one connection, blocking, with a time limit for each reply.

Replies: simple strings are str, bulk strings bytes, integers int, nulls None, arrays lists; errors are ErrorReply values
within pipelines and arrays, and raised by call(). What breaks the connection is a Failure that names the server.
"""
import socket

from ops.common import SERVER, Failure

READ_BYTES = 1 << 18


class ErrorReply(Exception):
    @property
    def word(self):
        return str(self).split(" ", 1)[0]


def encode(words):
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        if not isinstance(word, (bytes, bytearray)):
            word = str(word).encode("utf-8", "surrogateescape")
        parts += [b"$%d\r\n" % len(word), word, b"\r\n"]
    return b"".join(parts)


class Connection:
    def __init__(self, address, timeout_s=30.0):
        """address: (host, port), or the path of a socket."""
        self.name = address if isinstance(address, str) else "%s:%d" % address
        self._buffer, self._at = b"", 0
        try:
            if isinstance(address, str):
                self._socket = socket.socket(socket.AF_UNIX)
                self._socket.settimeout(timeout_s)
                self._socket.connect(address)
            else:
                self._socket = socket.create_connection(address, timeout_s)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            raise Failure(SERVER, "cannot connect to %s: %s" % (self.name, error.strerror or error)) from None

    def close(self):
        self._socket.close()

    def call(self, *words):
        reply = self.pipeline([words])[0]
        if isinstance(reply, ErrorReply):
            raise reply
        return reply

    def pipeline(self, commands):
        self.send(commands)
        return [self.read() for _ in commands]

    def send(self, commands):
        try:
            self._socket.sendall(b"".join(encode(words) for words in commands))
        except OSError as error:
            raise self._lost(error) from None

    def read(self):
        kind, rest = self._line()
        if kind == b"+":
            return rest.decode("utf-8", "replace")
        if kind == b"-":
            return ErrorReply(rest.decode("utf-8", "replace"))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if int(rest) < 0 else self._exactly(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if int(rest) < 0 else [self.read() for _ in range(int(rest))]
        raise Failure(SERVER, "%s does not speak the Redis protocol: %r" % (self.name, (kind + rest)[:40]))

    def _lost(self, error):
        if isinstance(error, socket.timeout):
            return Failure(SERVER, "%s does not answer within %g s" % (self.name, self._socket.gettimeout()))
        return Failure(SERVER, "the connection to %s is lost: %s" % (self.name, error.strerror or error))

    def _fill(self):
        try:
            data = self._socket.recv(READ_BYTES)
        except OSError as error:
            raise self._lost(error) from None
        if not data:
            raise Failure(SERVER, "%s has closed the connection" % self.name)
        self._buffer, self._at = self._buffer[self._at:] + data, 0

    def _line(self):
        while True:
            end = self._buffer.find(b"\r\n", self._at)
            if end >= 0:
                line = self._buffer[self._at:end]
                self._at = end + 2
                return line[:1], line[1:]
            self._fill()

    def _exactly(self, count):
        here = self._buffer[self._at:self._at + count]
        self._at += len(here)
        if len(here) == count:
            return here
        # Large values are gathered beside the buffer, or each piece would copy all before it.
        parts, missing = [here], count - len(here)
        self._buffer, self._at = b"", 0
        while missing:
            try:
                data = self._socket.recv(min(missing, 1 << 20) if missing > READ_BYTES else READ_BYTES)
            except OSError as error:
                raise self._lost(error) from None
            if not data:
                raise Failure(SERVER, "%s has closed the connection" % self.name)
            if len(data) > missing:
                self._buffer = data[missing:]
                data = data[:missing]
            parts.append(data)
            missing -= len(data)
        return b"".join(parts)
