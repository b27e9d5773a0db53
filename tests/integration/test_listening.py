"""Where a running server listens: CONFIG SET of port and bind moves it; the Unix socket feeds every shard."""
import os

import pytest

from tests.support.resp import Connection, ReplyError, encode
from tests.support.server import eventually, free_port, redis_under_test


def reaches(port, host="127.0.0.1"):
    try:
        with Connection(port, host=host, timeout=5) as connection:
            return connection.call("PING") == "PONG"
    except OSError:
        return False


@pytest.mark.parametrize("shards", [1, 4])
def test_port_moves_and_back(start, shards):
    server = start(shards=shards)
    other = free_port()
    with server.connect() as connection:
        assert connection.call("CONFIG", "SET", "port", other) == "OK"
        for _ in range(8):
            assert reaches(other)
        eventually(lambda: not reaches(server.port), what="the old port is closed")
        assert connection.call("PING") == "PONG"  # connections stay
        assert b"tcp_port:%d\r\n" % other in connection.call("INFO", "server")
        assert connection.call("CONFIG", "SET", "port", server.port) == "OK"
        for _ in range(8):
            assert reaches(server.port)
        eventually(lambda: not reaches(other), what="the second port is closed")


def test_port_zero_closes(start):
    server = start(shards=2)
    with server.connect() as connection:
        assert connection.call("CONFIG", "SET", "port", 0) == "OK"
        eventually(lambda: not reaches(server.port), what="closed")
        assert connection.call("CONFIG", "SET", "port", server.port) == "OK"
        assert reaches(server.port)


def test_taken_port_and_bad_address_change_nothing(start):
    server, other = start(shards=2), start()
    with server.connect() as connection:
        taken = connection.call("CONFIG", "SET", "maxclients", 77, "port", other.port)
        assert taken == ReplyError("ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. "
                                   "Check server logs.")
        assert connection.call("CONFIG", "GET", "port") == [b"port", b"%d" % server.port]
        assert connection.call("CONFIG", "GET", "maxclients")[1] != b"77"
        bad = connection.call("CONFIG", "SET", "bind", "192.0.2.1")
        assert bad == ReplyError("ERR CONFIG SET failed (possibly related to argument 'bind') - Failed to bind to specified addresses.")
    for _ in range(8):
        assert reaches(server.port) and reaches(other.port)


def test_bind_narrows_and_widens(start):
    server = start("--bind", "127.0.0.1", shards=4)
    assert not reaches(server.port, "127.0.0.2")
    with server.connect() as connection:
        assert connection.call("CONFIG", "SET", "bind", "127.0.0.1 127.0.0.2 -192.0.2.1") == "OK"
        for _ in range(8):
            assert reaches(server.port) and reaches(server.port, "127.0.0.2")
        assert connection.call("CONFIG", "SET", "bind", "0.0.0.0") == "OK"
        for _ in range(8):
            assert reaches(server.port) and reaches(server.port, "127.0.0.3")
        assert connection.call("CONFIG", "SET", "bind", "127.0.0.1") == "OK"
        eventually(lambda: not reaches(server.port, "127.0.0.2"), what="the second address is closed")
        for _ in range(8):
            assert reaches(server.port)


def test_unix_socket_feeds_every_shard(start):
    server = start("--unixsocket", "./socket", "--enable-debug-command", "yes", shards=4)
    path = os.path.join(server.dir, "socket")
    sleeper = Connection(path=path)
    connections = []
    try:
        assert sleeper.call("PING") == "PONG"
        sleeper.send(encode("DEBUG", "SLEEP", "3"))
        # Its shard accepts nobody now: the others do.
        for _ in range(16):
            connections.append(Connection(path=path))
            assert connections[-1].call("PING") == "PONG"
        if not redis_under_test():
            info = connections[0].call("INFO", "tessera")
            line = next(line for line in info.split(b"\r\n") if line.startswith(b"tessera_shard_clients:"))
            shares = [int(share) for share in line.split(b":")[1].split(b",")]
            assert len(shares) == 4 and sum(shares) >= 17 and sum(1 for share in shares if share > 0) >= 2, shares
    finally:
        for connection in connections + [sleeper]:
            connection.close()
    assert server.call("PING") == "PONG"
