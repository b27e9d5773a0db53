"""Ends of connections: what a client sent before it left is carried out, errors of the protocol come in order."""
import socket

import pytest

from tests.support.resp import encode
from tests.support.server import ORACLE, Server, eventually


@pytest.fixture(scope="module", params=[0, 1, 2, 4], ids=["redis", "shards1", "shards2", "shards4"])
def server(request):
    kind = {"binary": ORACLE} if request.param == 0 else {"shards": request.param}
    with Server("--enable-debug-command", "yes", **kind) as one:
        with one.connect() as client:
            client.call("flushall")
        yield one


def raw(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def everything(connection):
    data = b""
    while True:
        piece = connection.recv(65536)
        if not piece:
            return data
        data += piece


@pytest.mark.parametrize("count", [1, 4, 40, 1000])
def test_half_close_gets_all_replies(server, count):
    """The sender closes its direction at once: as `nc` does."""
    for _ in range(5):
        with raw(server) as connection:
            connection.sendall(b"".join(b"GET no:%d\r\n" % i for i in range(count)))
            connection.shutdown(socket.SHUT_WR)
            assert everything(connection) == b"$-1\r\n" * count


def test_half_close_of_mixed_commands(server):
    commands, replies = [], []
    for i in range(200):
        commands += [("set", "k%d" % i, str(i)), ("get", "k%d" % i), ("mget", "k%d" % i, "no"), ("exists", "k%d" % i),
                     ("echo", "x"), ("mset", "a%d" % i, "1", "b%d" % i, "2"), ("select", "0")]
        value = b"$%d\r\n%d\r\n" % (len(str(i)), i)
        replies += [b"+OK\r\n", value, b"*2\r\n" + value + b"$-1\r\n", b":1\r\n", b"$1\r\nx\r\n", b"+OK\r\n", b"+OK\r\n"]
    with raw(server) as connection:
        connection.sendall(b"".join(encode(*command) for command in commands))
        connection.shutdown(socket.SHUT_WR)
        assert everything(connection) == b"".join(replies)


@pytest.mark.parametrize("silent", [False, True], ids=["replies", "reply-off"])
def test_fire_and_forget(server, silent):
    """Writes of a client that closes without reading are not lost. (One that does not read its replies gets a
    reset from its own kernel; what arrived before that counts.)"""
    with server.connect() as client:
        client.call("del", "{a}n", "{b}n")
        for _ in range(5):
            with raw(server) as connection:
                if silent:
                    connection.sendall(b"CLIENT REPLY OFF\r\n")
                connection.sendall(b"INCR {a}n\r\nINCR {b}n\r\n" * 500)
                if not silent:
                    connection.shutdown(socket.SHUT_WR)
                    everything(connection)
        eventually(lambda: [client.call("get", key) for key in ("{a}n", "{b}n")] == [b"2500", b"2500"],
                   what="2500 increments of both")


BROKEN = [b"*1\r\n$x\r\n", b'SET "x\r\n', b"*a\r\n", b"*2\r\n$3\r\nGET\r\n+x\r\n"]


@pytest.mark.parametrize("broken", BROKEN, ids=["bulk", "quotes", "count", "dollar"])
def test_protocol_error_comes_last(server, broken):
    """Behind the replies of what came before it, and nothing behind it is carried out."""
    before = [b"GET {%c}no\r\n" % c for c in b"abcdefgh"] + [b"MGET {a}no {b}no {c}no\r\n", b"PING\r\n"]
    expected = b"$-1\r\n" * 8 + b"*3\r\n" + b"$-1\r\n" * 3 + b"+PONG\r\n"
    for _ in range(10):
        with raw(server) as connection:
            connection.sendall(b"".join(before) + broken + b"SET never 1\r\n")
            replies = everything(connection)
            assert replies.startswith(expected) and replies[len(expected):].startswith(b"-ERR Protocol error")
            assert replies.count(b"-ERR") == 1
    with server.connect() as client:
        assert client.call("get", "never") is None


def test_waiting_client_that_leaves_is_not_served(server):
    with server.connect() as client:
        client.call("del", "list")
        with raw(server) as connection:
            connection.sendall(encode("blpop", "list", "0") + encode("set", "behind", "1"))
            eventually(lambda: b"blocked_clients:1" in client.call("info", "clients"), what="one client waits")
            connection.shutdown(socket.SHUT_WR)
            eventually(lambda: b"blocked_clients:0" in client.call("info", "clients"), what="nobody waits")
        client.call("rpush", "list", "a")
        assert client.call("llen", "list") == 1 and client.call("get", "behind") is None


def test_paused_client_that_leaves_writes_nothing(server):
    with server.connect() as client:
        client.call("del", "{a}paused", "{b}paused")
        assert client.call("client", "pause", "100000", "write") == "OK"
        with raw(server) as connection:
            connection.sendall(encode("get", "x") + encode("set", "{a}paused", "1") + encode("set", "{b}paused", "1"))
            assert connection.recv(100) == b"$-1\r\n"
            connection.shutdown(socket.SHUT_WR)
            assert everything(connection) == b""
        assert client.call("client", "unpause") == "OK"
        assert client.call("exists", "{a}paused", "{b}paused") == 0


def test_reply_beyond_the_hard_limit_closes(server):
    """Even when the kernel would take all of it."""
    with server.connect() as client:
        client.call("set", "big", "x" * 5000000)
        client.call("config", "set", "client-output-buffer-limit", "normal 1000000 0 0")
        try:
            with raw(server) as connection:
                connection.sendall(encode("get", "big"))
                assert everything(connection) == b""
        finally:
            with server.connect() as other:
                other.call("config", "set", "client-output-buffer-limit", "normal 0 0 0")
