"""Limits: maxclients, idle timeout, maxmemory, output buffers, protocol limits, protected mode, passwords."""
import contextlib
import select
import socket

import pytest

from tests.support.resp import Closed, Connection, ReplyError, encode
from tests.support.server import ORACLE, eventually
from tests.support.slots import key_on_shard

WRONG_PASS = ReplyError("WRONGPASS invalid username-password pair or user is disabled.")
NO_AUTH = ReplyError("NOAUTH Authentication required.")


def test_maxclients(start):
    server = start("--maxclients", 5)
    held = [server.connect() for _ in range(5)]
    for connection in held:
        assert connection.call("PING") == "PONG"
    with server.connect() as refused:
        assert refused.closed_by_peer() and refused.buffer == b"-ERR max number of clients reached\r\n"
    held.pop().close()

    def accepted():
        try:
            return server.call("PING") == "PONG"
        except (Closed, OSError):
            return False
    eventually(accepted, what="a place is free again")
    assert b"rejected_connections:0" not in held[0].call("INFO", "stats")
    for connection in held:
        connection.close()


def test_idle_timeout(start):
    server = start("--timeout", 1)
    with server.connect() as idle, server.connect() as busy:
        idle.call("PING")
        eventually(lambda: busy.call("PING") == "PONG" and int(busy.call("INFO", "clients").decode().split("connected_clients:")[1].split("\r")[0]) == 1,
                   what="the idle one is closed")
        assert idle.closed_by_peer()
        assert busy.call("PING") == "PONG"


def test_who_listens_is_not_idle(start):
    """Subscribers of each kind, in both protocols, MONITOR: nothing is due from them."""
    server = start("--timeout", 1, "--latency-tracking", "yes")
    with contextlib.ExitStack() as stack:
        listeners = []
        for proto, words in [(2, ["SUBSCRIBE", "c"]), (2, ["PSUBSCRIBE", "c*"]), (3, ["SUBSCRIBE", "c"]), (2, ["SSUBSCRIBE", "c"]),
                             (2, ["MONITOR"])]:
            listener = stack.enter_context(server.connect())
            if proto == 3:
                listener.call("HELLO", 3)
            listener.call(*words)
            listeners.append(listener)
        # One that came after them is closed twice over before they are looked at.
        for _ in range(2):
            with server.connect() as idle, server.connect() as busy:
                idle.call("PING")
                eventually(lambda: busy.call("PING") == "PONG" and not clients_named(busy, idle), what="the idle one is closed")
        for listener in listeners:
            listener.socket.setblocking(False)
            try:
                assert listener.socket.recv(1 << 20) != b"", "closed"
            except BlockingIOError:
                pass


def clients_named(connection, other):
    port = ":%d " % other.socket.getsockname()[1]
    return [line for line in connection.call("CLIENT", "LIST").decode().split("\n") if port in line]


def test_maxmemory_noeviction(start):
    server = start("--maxmemory", "20mb", "--maxmemory-policy", "noeviction")
    value, refused = "x" * 100000, None
    with server.connect() as connection:
        for i in range(1000):
            reply = connection.call("SET", "key:%d" % i, value)
            if reply != "OK":
                refused = reply
                break
        assert refused == ReplyError("OOM command not allowed when used memory > 'maxmemory'."), refused
        assert 20 < i < 300  # neither at once nor far past the limit
        # Reads and what frees memory go on.
        assert connection.call("GET", "key:0") == value.encode()
        assert connection.call("DEL", *["key:%d" % k for k in range(i)]) == i
        eventually(lambda: connection.call("SET", "again", "x") == "OK", what="writes are accepted again")
        assert connection.call("CONFIG", "SET", "maxmemory", 0) == "OK"


@pytest.mark.parametrize("shards", [1, 4])
def test_output_buffer_limit(start, shards):
    server = start("--client-output-buffer-limit", "normal 8mb 0 0", shards=shards)
    server.call("SET", "big", "x" * 1000000)
    with server.connect(rcvbuf=4096) as slow:
        slow.send(encode("GET", "big") * 50)
        with server.connect() as other:
            eventually(lambda: "addr=127.0.0.1:%d " % slow.socket.getsockname()[1] not in other.call("CLIENT", "LIST").decode(),
                       what="the slow reader is closed")
            assert other.call("PING") == "PONG"


def test_any_soft_seconds_that_redis_server_takes(start):
    """As it keeps an int of them, whatever is given; nobody is closed for one reply."""
    answers = []
    for server in (start(), start(binary=ORACLE)):
        with server.connect() as admin:
            replies = []
            for seconds in (2147483647, 2147483648, 9223372036855, 9223372036854775807, 4294967297):
                replies.append(admin.call("CONFIG", "SET", "client-output-buffer-limit", "normal 0 100 %d" % seconds))
                replies.append(admin.call("CONFIG", "GET", "client-output-buffer-limit")[1])
                with server.connect() as other:
                    replies.append(other.call("ECHO", "x" * 1000))
                    replies.append(other.call("PING"))
            answers.append(replies)
    assert answers[0] == answers[1]


def test_replies_that_wait_for_a_slow_shard_are_bounded(start):
    """One of three shards runs a script; a client asks it, and the others as much as it can."""
    server = start("--client-output-buffer-limit", "normal 1mb 0 0", "--lua-time-limit", 60000, shards=3)
    with contextlib.ExitStack() as stack:
        admin = stack.enter_context(server.connect())
        keys = [key_on_shard(shard, 3, "k") for shard in range(3)]
        for key in keys:
            admin.call("SET", key, "x" * 1000)
        clients = [stack.enter_context(server.connect()) for _ in range(12)]
        for client in clients:
            client.call("PING")
        runner = stack.enter_context(server.connect())
        runner.send(encode("EVAL", "for i = 1, 3e8 do end return 1", 1, keys[0]))  # about two seconds
        before_bytes = server.rss_bytes()
        for client in clients:
            client.socket.settimeout(0.3)
            client.send(encode("GET", keys[0]))
            asked = encode("GET", keys[1]) * 1000
            try:
                for _ in range(300):  # 300 MB of replies
                    client.send(asked)
            except (OSError, Closed):
                pass
        assert server.rss_bytes() - before_bytes < 150 << 20
        server.process.kill()  # the script would go on for long in a slow build
        server.process.wait(30)


def test_query_buffer_limit(start):
    server = start("--client-query-buffer-limit", "1mb")
    with server.connect() as connection:
        assert connection.call("SET", "ok", "x" * 100000) == "OK"
        with pytest.raises((Closed, OSError)):
            connection.send(b"*2\r\n$3\r\nGET\r\n$10000000\r\n" + b"x" * 5000000)
            connection.read()
    assert server.call("PING") == "PONG"


def test_proto_max_bulk_len(start):
    server = start("--proto-max-bulk-len", "1mb")
    with server.connect() as connection:
        connection.send(b"*2\r\n$3\r\nGET\r\n$1048577\r\n")
        assert connection.read() == ReplyError("ERR Protocol error: invalid bulk length")
        assert connection.closed_by_peer()
    assert server.call("SETRANGE", "k", 1048576, "x") == ReplyError(
        "ERR string exceeds maximum allowed size (proto-max-bulk-len)")


@pytest.mark.parametrize("data,text", [
    (b"*abc\r\n", "invalid multibulk length"), (b"*2147483648\r\n", "invalid multibulk length"),
    (b"*1\r\n$abc\r\n", "invalid bulk length"), (b"*1\r\n$-1\r\n", "invalid bulk length"),
    (b"*1\r\n$536870913\r\n", "invalid bulk length"), (b"*1\r\n:1\r\n", "expected '$', got ':'"),
    (b"*1\r\n\x01\r\n", "expected '$', got '\x01'"), (b"*" + b"1" * 70000, "too big mbulk count string"),
    (b"x" * 70000, "too big inline request"), (b'ECHO "abc\r\n', "unbalanced quotes in request"),
    (b"*1\r\n$" + b"1" * 70000, "too big bulk count string")])
def test_protocol_errors(start, data, text):
    server = start()
    with server.connect() as connection:
        connection.send(data)
        assert connection.read() == ReplyError("ERR Protocol error: " + text)
        assert connection.closed_by_peer()
    assert server.call("PING") == "PONG"


def outside_address():
    """An address of this machine that is not loopback, or None."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))
            address = probe.getsockname()[0]
            return None if address.startswith("127.") else address
    except OSError:
        return None


@pytest.mark.skipif(outside_address() is None, reason="this machine has only loopback addresses")
def test_protected_mode(start):
    address = outside_address()
    server = start("--bind", "*", "--protected-mode", "yes")
    with Connection(server.port, host=address) as refused:
        reply = refused.read()
        assert isinstance(reply, ReplyError) and str(reply).startswith("DENIED ")
        assert refused.closed_by_peer()
    assert server.call("PING") == "PONG"
    assert server.call("CONFIG", "SET", "protected-mode", "no") == "OK"
    with Connection(server.port, host=address) as accepted:
        assert accepted.call("PING") == "PONG"


def test_requirepass(start):
    server = start("--requirepass", "secret")
    with server.connect() as connection:
        assert connection.call("PING") == NO_AUTH
        assert connection.call("GET", "k") == NO_AUTH
        assert connection.call("NOSUCH") == ReplyError("ERR unknown command 'NOSUCH', with args beginning with: ")
        assert connection.call("AUTH", "wrong") == WRONG_PASS
        assert connection.call("AUTH", "nosuch", "secret") == WRONG_PASS
        assert connection.call("AUTH", "default", "wrong") == WRONG_PASS
        assert connection.call("HELLO", 3) == ReplyError(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used "
            "to authenticate the client and select the RESP protocol version at the same time")
        assert connection.call("HELLO", 3, "AUTH", "default", "wrong") == WRONG_PASS
        assert connection.call("HELLO", 3, "AUTH", "default", "secret")[b"proto"] == 3
        assert connection.call("PING") == "PONG"
        assert connection.call("ACL", "WHOAMI") == b"default"
        assert connection.call("RESET") == "RESET"
        assert connection.call("PING") == NO_AUTH
        assert connection.call("AUTH", "secret") == "OK"
        assert connection.call("AUTH", "default", "secret") == "OK"
        # The password can be taken away, and given back, while it runs.
        assert connection.call("CONFIG", "SET", "requirepass", "") == "OK"
        assert server.call("PING") == "PONG"
        assert connection.call("AUTH", "x") == ReplyError(
            "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?")
        assert connection.call("CONFIG", "SET", "requirepass", "other") == "OK"
        assert server.call("PING") == NO_AUTH
        assert connection.call("PING") == "PONG"


def test_caps_of_the_unauthenticated(start):
    server = start("--requirepass", "secret")
    with server.connect() as connection:
        connection.send(b"*11\r\n")
        assert connection.read() == ReplyError("ERR Protocol error: unauthenticated multibulk length")
        assert connection.closed_by_peer()
    with server.connect() as connection:
        connection.send(b"*2\r\n$4\r\nAUTH\r\n$16385\r\n")
        assert connection.read() == ReplyError("ERR Protocol error: unauthenticated bulk length")
        assert connection.closed_by_peer()
    with server.connect() as connection:
        assert connection.call("AUTH", "x" * 16384) == WRONG_PASS
        assert connection.call("AUTH", "secret") == "OK"
        assert connection.call("SET", "k", "x" * 100000) == "OK"
        assert connection.call("MGET", *(["k"] * 20)) == [b"x" * 100000] * 20


def send_until_nobody_reads(connection, chunk, limit_bytes):
    """Bytes that were taken: less than the limit if the server stopped reading (nothing for half a second)."""
    sent = 0
    connection.socket.setblocking(False)
    try:
        while sent < limit_bytes and select.select([], [connection.socket], [], 0.5)[1]:
            sent += connection.socket.send(chunk)
    finally:
        connection.socket.setblocking(True)
    return sent


@pytest.mark.tessera_only
@pytest.mark.parametrize("cluster", [False, True], ids=["standalone", "cluster"])
def test_writes_that_are_paused_are_not_taken_in(start, cluster):
    server = start("--client-query-buffer-limit", "1mb", *(["--cluster-enabled", "yes"] if cluster else []), shards=4)
    if cluster:
        server.make_cluster_of_one()
    with server.connect() as control, contextlib.ExitStack() as stack:
        assert control.call("SET", "seen", "x") == "OK"
        assert control.call("CLIENT", "PAUSE", 600000, "WRITE") == "OK"
        before = server.rss_bytes()
        commands = b"".join(encode("SET", "key:%d" % i, "x" * 1000) for i in range(500))
        limit = 60 << 20
        for _ in range(3):
            writer = stack.enter_context(server.connect(rcvbuf=65536))
            assert send_until_nobody_reads(writer, commands, limit) < limit, "the server reads on"
            assert control.call("GET", "seen") == b"x"
        assert server.rss_bytes() - before < 30 << 20
        assert int(server.info("tessera")["tessera_commands_held"]) == 0
        assert control.call("DBSIZE") == 1
        # What waits is run in order when the pause is over.
        with server.connect() as last:
            last.send(b"".join(encode("SET", "last:%d" % (i % 50), i) for i in range(200)))
            assert control.call("CLIENT", "UNPAUSE") == "OK"
            assert [last.read() for _ in range(200)] == ["OK"] * 200
            for i in range(50):
                assert last.call("GET", "last:%d" % i) == b"%d" % (150 + i)


@pytest.mark.tessera_only
def test_what_a_pause_holds_is_counted_and_bounded(start):
    """Pauses that come while requests of other shards are on their way."""
    server = start("--cluster-enabled", "yes", shards=4).make_cluster_of_one()
    count = 1000
    with server.connect() as control, contextlib.ExitStack() as stack:
        writers = [stack.enter_context(server.connect()) for _ in range(8)]
        for round_number in range(30):
            for n, writer in enumerate(writers):
                writer.send(b"".join(encode("SET", "%d:%d" % (n, i), round_number) for i in range(count)))
            assert control.call("CLIENT", "PAUSE", 60000, "WRITE") == "OK"
            assert control.call("CLIENT", "UNPAUSE") == "OK"
            for writer in writers:
                assert [writer.read() for _ in range(count)] == ["OK"] * count
        for n, writer in enumerate(writers):
            assert set(writer.pipeline([("GET", "%d:%d" % (n, i)) for i in range(count)])) == {b"29"}
        for writer in writers:
            writer.close()
        assert control.call("DBSIZE") == 8 * count
        eventually(lambda: int(server.info("memory")["mem_clients_normal"]) < 1 << 20, what="nothing is counted any more")


@pytest.mark.tessera_only
def test_memory_has_one_measure(start):
    """used_memory, its peak and what maxmemory compares are sums of the same things."""
    server = start(shards=2)
    memory = server.info("memory")
    used, peak = int(memory["used_memory"]), int(memory["used_memory_peak"])
    assert used <= peak < used + (1 << 20), (used, peak)
    with server.connect() as connection:
        stats = connection.call("MEMORY", "STATS")
        stats = dict(zip(stats[::2], stats[1::2]))
        assert abs(stats[b"total.allocated"] - used) < 1 << 20
        assert stats[b"peak.allocated"] < used + (1 << 20)

        def peak_was_seen():  # about ten times a second somebody looks
            assert connection.call("SET", "big", "x" * (20 << 20)) == "OK"
            for _ in range(20):
                server.info("memory")
            assert connection.call("DEL", "big") == 1
            memory = server.info("memory")
            assert int(memory["used_memory"]) < used + (2 << 20)
            return int(memory["used_memory_peak"]) > used + (20 << 20)
        eventually(peak_was_seen, what="the peak follows and stays")
