"""Long work on large values is bounded by the elements that a shard touches in one tick (DEBUG LONGEST-TICK)."""
import pytest

from tests.support.resp import encode
from tests.support.server import eventually

pytestmark = pytest.mark.tessera_only

# What a value may have that is freed at once, a page, a segment of a directory: with room, and far from the values here.
AT_ONCE = 4096


def fill(client, command, key, count, item, per_command=1000):
    """In pipelines: `item(i)` are the words of one element."""
    if command == "XADD":
        per_command = 1
    at_once = max(20 * per_command, 2000)
    for first in range(0, count, at_once):
        commands = []
        for start in range(first, min(first + at_once, count), per_command):
            words = [word for i in range(start, min(start + per_command, count)) for word in item(i)]
            commands.append((command, key, *words))
        client.pipeline(commands)


VALUES = {
    "set": ("SADD", lambda i: ("member:%d" % i,)),
    "hash": ("HSET", lambda i: ("field:%d" % i, i)),
    "zset": ("ZADD", lambda i: (i % 1000, "member:%d" % i)),
    "list": ("RPUSH", lambda i: ("element:%d" % i,)),
    "stream": ("XADD", lambda i: ("%d-1" % (i + 1), "number", i)),
}
LENGTHS = {"set": "SCARD", "hash": "HLEN", "zset": "ZCARD", "list": "LLEN", "stream": "XLEN"}


def most_in_a_tick(server, work):
    server.call("DEBUG", "LONGEST-TICK", "RESET")
    work()
    return server.call("DEBUG", "LONGEST-TICK")


def bounded_ends(start, kind, count, shards):
    server = start("--enable-debug-command", "yes", shards=shards)
    with server.connect(timeout=300) as client:
        def call(*command):
            return lambda: client.call(*command)

        command, item = VALUES[kind]
        fill(client, command, "{t}big", count, item)
        assert client.call(LENGTHS[kind], "{t}big") == count
        client.call("SADD", "{t}small", "a", "b")
        assert most_in_a_tick(server, call("COPY", "{t}big", "{t}copy")) <= 3 * AT_ONCE  # see test_long_commands.py
        ends = [("DEL", "{t}copy"), ("UNLINK", "{t}copy"), ("SET", "{t}copy", "x"), ("RENAME", "{t}small", "{t}copy"), ("EXPIREAT", "{t}copy", 1),
                ("SUNIONSTORE", "{t}copy", "{t}small"), ("SUNIONSTORE", "{t}copy", "{t}none"), ("COPY", "{t}small", "{t}copy", "REPLACE"),
                ("MOVE", "{t}copy", 1), ("FLUSHDB",), ("FLUSHALL",)]
        for end in ends:
            client.call("SADD", "{t}small", "a", "b")
            if not client.call("EXISTS", "{t}big"):
                fill(client, command, "{t}big", count // 10, item)
            client.call("COPY", "{t}big", "{t}copy", "REPLACE")
            assert most_in_a_tick(server, call(*end)) <= AT_ONCE, end
        fill(client, command, "{t}big", count // 5, item)

        def expire():
            client.call("PEXPIRE", "{t}big", 1)
            eventually(lambda: client.call("EXISTS", "{t}big") == 0)

        assert most_in_a_tick(server, expire) <= AT_ONCE
        eventually(lambda: server.info("memory")["lazyfree_pending_objects"] == "0", timeout=120)


@pytest.mark.parametrize("kind", VALUES)
def test_large_values_end_in_slices(start, kind):
    bounded_ends(start, kind, 100000, 2)


@pytest.mark.long
@pytest.mark.parametrize("kind", VALUES)
def test_values_of_five_million_end_in_slices(start, kind):
    bounded_ends(start, kind, 5000000, 1)


@pytest.mark.parametrize("kind", VALUES)
def test_growth_and_conversion(start, kind):
    """One element at a time, through the conversion and splits of pages and directories: each tick has its own."""
    server = start("--enable-debug-command", "yes", shards=1)
    with server.connect() as client:
        command, item = VALUES[kind]

        def grow(first, last):
            for i in range(first, last):
                client.call(command, "k", *item(i))

        assert most_in_a_tick(server, lambda: grow(0, 1500)) <= AT_ONCE // 2  # the limits of small values, with their pages
        fill(client, command, "k", 60000, item)
        assert most_in_a_tick(server, lambda: grow(60000, 63000)) <= AT_ONCE


REMOVALS = [("list", ("LTRIM", "k", 0, 9), 10), ("list", ("LTRIM", "k", 5, 504), 500), ("list", ("LTRIM", "k", 1, 0), 0),
            ("zset", ("ZREMRANGEBYRANK", "k", 10, -1), 10), ("zset", ("ZREMRANGEBYRANK", "k", 3, -498), 500),
            ("zset", ("ZREMRANGEBYSCORE", "k", "-inf", "+inf"), 0), ("zset", ("ZREMRANGEBYLEX", "k", "-", "+"), 0),
            ("stream", ("XTRIM", "k", "MAXLEN", 10), 10), ("stream", ("XTRIM", "k", "MAXLEN", 0), 0), ("stream", ("XTRIM", "k", "MINID", "99991"), 10),
            ("stream", ("XADD", "k", "MAXLEN", 500, "*", "number", 1), 500)]


@pytest.mark.parametrize("kind,command,left", REMOVALS, ids=["%s%d" % (command[0], i) for i, (_, command, _) in enumerate(REMOVALS)])
def test_removals_that_leave_little(start, kind, command, left):
    server = start("--enable-debug-command", "yes", shards=1)
    with server.connect(timeout=300) as client:
        fill(client, VALUES[kind][0], "k", 100000, VALUES[kind][1])
        assert most_in_a_tick(server, lambda: client.call(*command)) <= AT_ONCE
        assert client.call(LENGTHS[kind], "k") == left
        eventually(lambda: server.info("memory")["lazyfree_pending_objects"] == "0", timeout=120)


def test_what_is_pending_is_counted(start):
    """As many as a command touches; a group goes in slices."""
    server = start("--enable-debug-command", "yes", shards=1)
    with server.connect(timeout=300) as client:
        def touched(*command):
            return most_in_a_tick(server, lambda: client.call(*command))

        count = 30000
        fill(client, "XADD", "s", count, VALUES["stream"][1])
        for group in ("a", "b"):
            client.call("XGROUP", "CREATE", "s", group, 0)
            assert touched("XREADGROUP", "GROUP", group, "c", "COUNT", 5000, "STREAMS", "s", ">") >= 5000
            client.call("XREADGROUP", "GROUP", group, "c", "STREAMS", "s", ">")
        ids = ["%d-1" % i for i in range(1, 3001)]
        assert touched("XREADGROUP", "GROUP", "a", "c", "COUNT", 5000, "STREAMS", "s", 0) >= 5000
        assert touched("XNACK", "s", "a", "FAIL", "IDS", len(ids), *ids) >= 3000
        assert touched("XAUTOCLAIM", "s", "a", "d", 0, 0, "COUNT", 4000) >= 4000
        assert touched("XACK", "s", "a", *ids) >= 3000
        assert touched("XGROUP", "DELCONSUMER", "s", "a", "c") >= 26000
        assert touched("XGROUP", "DESTROY", "s", "b") <= AT_ONCE
        assert [group[1] for group in client.call("XINFO", "GROUPS", "s")] == [b"a"]
        eventually(lambda: server.info("memory")["lazyfree_pending_objects"] == "0", timeout=120)


def test_fields_of_hashes_expire_in_slices(start):
    server = start("--enable-debug-command", "yes", shards=1)
    with server.connect(timeout=120) as client:
        count = 50000
        fill(client, "HSET", "h", count, VALUES["hash"][1])

        def expire():
            for first in range(0, count, 1000):
                client.send(encode("HPEXPIRE", "h", 1, "FIELDS", 1000, *("field:%d" % i for i in range(first, first + 1000))))
                client.read()
            eventually(lambda: client.call("EXISTS", "h") == 0)

        assert most_in_a_tick(server, expire) <= 4 * AT_ONCE
