"""maxmemory-clients: the largest clients go, the others stay. Holds for redis-server 7.0 too."""
import contextlib

import pytest

from tests.support.resp import ReplyError, encode
from tests.support.server import eventually


def fill(connection, size):
    """An argument that does not come to its end: it waits in the server, which may close the connection meanwhile."""
    with contextlib.suppress(ConnectionError):
        connection.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n" % (size * 2) + b"x" * size)


def evicted(server):
    return int(server.info("stats")["evicted_clients"])


def test_the_largest_go(start):
    server = start("--maxmemory-clients", "3mb", shards=1)
    small = [server.connect() for _ in range(5)]
    protected = server.connect()
    assert protected.call("CLIENT", "NO-EVICT", "on") == "OK"
    for connection in small:
        fill(connection, 100000)
    large = [server.connect() for _ in range(3)]
    for connection in large:
        fill(connection, 1500000)
    eventually(lambda: evicted(server) >= 2, what="large clients have been evicted")
    assert sum(connection.closed_by_peer(timeout=1) for connection in large) == evicted(server)
    for connection in small:
        connection.send(b"x" * 100000 + b"\r\n")
        assert connection.read() == "OK"
    assert protected.call("PING") == "PONG"
    for connection in small + large + [protected]:
        connection.close()


def test_percents_of_maxmemory(start):
    server = start("--maxmemory", "20mb", "--maxmemory-clients", "10%", shards=1)
    with server.connect() as large, server.connect() as control:
        fill(large, 300000)
        assert control.call("PING") == "PONG"
        with server.connect() as larger:
            fill(larger, 3000000)
            assert larger.closed_by_peer()
        assert control.call("CONFIG", "SET", "maxmemory-clients", "0") == "OK"
        assert not isinstance(control.call("GET", "x"), ReplyError)
        large.send(b"x" * 300000 + b"\r\n")
        assert large.read() == "OK"


@pytest.mark.parametrize("shards", [1, 4])
def test_whose_script_runs_stays(start, shards):
    """Others are evicted while a script keeps its shard busy; the connection of the script is in use."""
    server = start("--maxmemory-clients", "2mb", "--busy-reply-threshold", "10", shards=shards)
    with server.connect() as runner, contextlib.ExitStack() as stack:
        source = "while true do end --" + "x" * 1500000
        runner.send(encode("EVAL", source, 0))
        control = stack.enter_context(server.connect())
        eventually(lambda: b"BUSY" in str(control.call("SET", "a", "1")).encode(), what="the script is busy") \
            if shards == 1 else None
        for _ in range(6):
            fill(stack.enter_context(server.connect()), 700000)

        def is_gone():
            runner.socket.settimeout(0.05)
            try:
                return runner.socket.recv(1) == b""
            except ConnectionResetError:
                return True
            except TimeoutError:
                return False

        def killed():
            with server.connect() as killer:
                answer = str(killer.call("SCRIPT", "KILL"))
            # With several shards it may be evicted while its script still waits for them.
            return answer == "OK" or (shards > 1 and answer.startswith("NOTBUSY") and is_gone())
        eventually(killed, what="the script is killed")
        # Its connection is alive, or was evicted after its end: the server is.
        with server.connect() as other:
            assert other.call("PING") == "PONG"
