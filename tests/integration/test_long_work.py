"""Long work on large values is bounded by the elements that a shard touches in one tick (DEBUG LONGEST-TICK)."""
import pytest

from tests.support.resp import encode
from tests.support.server import eventually

pytestmark = pytest.mark.tessera_only

# What a value may have that is freed at once, a page, a segment of a directory: with room, and far from the values here.
AT_ONCE = 4096


def fill(client, command, key, count, item, per_command=1000):
    """In pipelines: `item(i)` are the words of one element."""
    for first in range(0, count, 20 * per_command):
        commands = []
        for start in range(first, min(first + 20 * per_command, count), per_command):
            words = [word for i in range(start, min(start + per_command, count)) for word in item(i)]
            commands.append((command, key, *words))
        client.pipeline(commands)


VALUES = {
    "set": ("SADD", lambda i: ("member:%d" % i,)),
    "hash": ("HSET", lambda i: ("field:%d" % i, i)),
    "zset": ("ZADD", lambda i: (i % 1000, "member:%d" % i)),
    "list": ("RPUSH", lambda i: ("element:%d" % i,)),
}


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
        assert client.call(*{"set": ("SCARD",), "hash": ("HLEN",), "zset": ("ZCARD",), "list": ("LLEN",)}[kind], "{t}big") == count
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
