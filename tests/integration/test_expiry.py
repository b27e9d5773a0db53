"""Expiry: exact, seen by everybody, in bulk."""
import time

import pytest

from tests.support.resp import ReplyError
from tests.support.server import eventually


@pytest.fixture(scope="module", params=[1, 4], ids=["shards1", "shards4"])
def server(request):
    from tests.support.server import Server
    with Server("--enable-debug-command", "yes", shards=request.param) as made:
        yield made


def test_past_times(server):
    with server.connect() as connection:
        connection.call("SET", "k", 1)
        assert connection.call("EXPIREAT", "k", 1) == 1 and connection.call("EXISTS", "k") == 0
        assert connection.call("SET", "k", 1, "PXAT", 1) == "OK"  # accepted, and gone when somebody looks
        assert connection.call("GET", "k") is None and connection.call("EXISTS", "k") == 0
        connection.call("SET", "k", 1)
        assert connection.call("GETEX", "k", "PXAT", 1) == b"1" and connection.call("EXISTS", "k") == 0
        assert connection.call("SET", "k", 1, "EX", 0) == ReplyError("ERR invalid expire time in 'set' command")


def test_keys_go_by_themselves(server):
    """Without anybody looking: DBSIZE falls and the counter rises."""
    with server.connect() as connection:
        connection.call("FLUSHALL")
        before = int(server.info("stats")["expired_keys"])
        for i in range(1000):
            connection.call("SET", "key:%d" % i, "x", "PX", 50)
        connection.call("SET", "stays", "x")
        eventually(lambda: connection.call("DBSIZE") == 1, 20, "all but one key are gone")
        assert int(server.info("stats")["expired_keys"]) - before == 1000
        assert server.info("keyspace")["db0"].startswith("keys=1,expires=0")


def test_nobody_sees_an_expired_key(server):
    """A key is never read after its time, whichever command asks."""
    with server.connect() as connection:
        connection.call("FLUSHALL")
        connection.call("DEBUG", "SET-ACTIVE-EXPIRE", 0)
        try:
            for i in range(20):
                connection.call("SET", "gone:%d" % i, i, "PX", 1)
            last = time.time() * 1000 + 1
            eventually(lambda: time.time() * 1000 > last + 1)
            assert connection.call("MGET", "gone:0", "gone:1") == [None, None]
            assert connection.call("EXISTS", "gone:2", "gone:3") == 0
            assert connection.call("TTL", "gone:4") == -2 and connection.call("TYPE", "gone:5") == "none"
            assert connection.call("KEYS", "gone:*") == []
            assert connection.call("APPEND", "gone:6", "x") == 1
            assert connection.call("INCR", "gone:7") == 1 and connection.call("SET", "gone:8", 1, "XX") is None
            assert connection.call("RENAME", "gone:9", "x") == ReplyError("ERR no such key")
            assert connection.call("COPY", "gone:10", "y") == 0 and connection.call("SETNX", "gone:11", 1) == 1
            assert connection.call("GETDEL", "gone:12") is None and connection.call("PERSIST", "gone:13") == 0
            assert connection.call("TTL", "gone:6") == -1
        finally:
            connection.call("DEBUG", "SET-ACTIVE-EXPIRE", 1)


def test_rename_copy_and_move_keep_the_time(server):
    with server.connect() as connection:
        connection.call("FLUSHALL")
        connection.call("SET", "a", 1, "PXAT", 4102444800123)
        connection.call("RENAME", "a", "b")
        connection.call("COPY", "b", "c")
        connection.call("COPY", "b", "d", "DB", 5)
        connection.call("MOVE", "c", 7)
        assert connection.call("PEXPIRETIME", "b") == 4102444800123
        connection.call("SELECT", 5)
        assert connection.call("PEXPIRETIME", "d") == 4102444800123
        connection.call("SELECT", 7)
        assert connection.call("PEXPIRETIME", "c") == 4102444800123
        assert connection.call("SET", "c", 2, "KEEPTTL") == "OK" and connection.call("PEXPIRETIME", "c") == 4102444800123
        assert connection.call("SET", "c", 2) == "OK" and connection.call("PEXPIRETIME", "c") == -1


@pytest.mark.long
@pytest.mark.tessera_only
@pytest.mark.parametrize("shards", [1, 2])
def test_a_million_keys_of_one_second(start, shards):
    """One million keys that expire in the same second: all leave, by themselves; how soon is printed (meant: 1 s)."""
    server = start("--enable-debug-command", "yes", shards=shards)
    with server.connect(timeout=120) as connection:
        at = int(time.time()) + 30
        for base in range(0, 1000000, 10000):
            replies = connection.pipeline([("SET", "key:%d" % i, "x", "EXAT", at) for i in range(base, base + 10000)])
            assert replies == ["OK"] * 10000
        assert time.time() < at, "loading took too long"
        assert connection.call("DBSIZE") == 1000000
        while time.time() < at + 0.001:
            time.sleep(min(0.5, max(0.001, at - time.time())))
        eventually(lambda: connection.call("DBSIZE") == 0, 60, "all keys are gone", 0.005)
        took = time.time() - at
        print("1 M keys of one second were gone after %.2f s (shards %d)" % (took, shards))
        assert int(server.info("stats")["expired_keys"]) == 1000000
