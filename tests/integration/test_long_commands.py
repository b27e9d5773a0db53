"""Commands whose work is more than a tick may hold: done in steps, others served between them, the result published
as one change. DEBUG LONG-WORK says what a step may touch, and how many are made, so that tests stand in the middle."""
import concurrent.futures
import contextlib
import os
import random
import shutil

import pytest

from tests.support.resp import ReplyError, encode
from tests.support.seed import new_seed
from tests.support.server import SANITIZED, Server, eventually

pytestmark = pytest.mark.tessera_only

SLICE = 4096
# Of one tick: a step, what its last page and a segment of a directory add, what others do meanwhile.
MOST = 3 * SLICE
COUNT = 24000 if SANITIZED else 60000


def names(apart):
    """a, b, c, d and dst: on one shard, or such that two shards have some of the sources each."""
    return ["{%s}%s" % (tag, name) for tag, name in zip("tatat" if apart else "ttttt", ["a", "b", "c", "d", "dst"])]


def fill(client, command, key, items, at_once=1000):
    commands = []
    for first in range(0, len(items), at_once):
        words = [word for item in items[first:first + at_once] for word in item]
        commands.append((command, key, *words))
    client.pipeline(commands)


def members(first, last):
    return [("member:%d" % i,) for i in range(first, last)]


def scored(first, last):
    return [(i % 1000 / 8, "member:%d" % i) for i in range(first, last)]


def flags(server, ident):
    line = server.call("CLIENT", "LIST", "ID", ident).decode()
    return dict(word.split("=", 1) for word in line.split())["flags"] if line else ""


class Long:
    """A connection whose long command stands still somewhere in the middle until go()."""

    def __init__(self, server, *command):
        self.server = server
        self.connection = server.connect(timeout=120)
        self.ident = self.connection.call("CLIENT", "ID")
        server.call("DEBUG", "LONG-WORK", 500, 0)
        self.connection.send(encode(*command))
        eventually(lambda: "b" in flags(server, self.ident), what="%r goes on" % (command,))
        server.call("DEBUG", "LONGEST-TICK", "RESET")
        server.call("DEBUG", "LONG-WORK", 500, 3)
        eventually(lambda: server.call("DEBUG", "LONGEST-TICK") > 0, what="a step")
        server.call("DEBUG", "LONG-WORK", 500, 0)

    def waits(self):
        return "b" in flags(self.server, self.ident)

    def go(self):
        self.server.call("DEBUG", "LONG-WORK", SLICE)
        return self.connection.read()


@contextlib.contextmanager
def running(server, *command):
    work = Long(server, *command)
    try:
        yield work
    finally:
        server.call("DEBUG", "LONG-WORK", SLICE)
        work.connection.close()


class Waiting:
    """A command of another connection that has to wait."""

    def __init__(self, server, *command):
        self.connection = server.connect(timeout=120)
        self.connection.send(encode(*command))

    def reply(self):
        try:
            return self.connection.read()
        finally:
            self.connection.close()


PLACES = [(1, False), (2, False), (2, True)]
PLACE_IDS = ["one shard", "one of two", "both"]


@pytest.fixture(params=PLACES, ids=PLACE_IDS)
def place(request, start):
    shards, apart = request.param
    server = start("--enable-debug-command", "yes", shards=shards)
    return server, names(apart)


def fill_sets(client, keys):
    a, b, c, d, _ = keys
    fill(client, "SADD", a, members(0, COUNT))
    fill(client, "SADD", b, members(COUNT // 2, COUNT + COUNT // 2))
    fill(client, "SADD", c, members(100, COUNT // 10))
    client.call("SADD", d, "member:150", "none", 17)


def fill_zsets(client, keys):
    a, b, c, d, _ = keys
    fill(client, "ZADD", a, scored(0, COUNT // 2))
    fill(client, "ZADD", b, scored(COUNT // 4, COUNT * 3 // 4))
    fill(client, "SADD", c, members(100, COUNT // 10))
    client.call("ZADD", d, "inf", "member:150", "-inf", "member:30000", -0.0, "none")


def of_sets(a, b, c, d, dst):
    return [("SUNIONSTORE", dst, a, b), ("SUNIONSTORE", dst, c, "{t}none", a, b, d), ("SINTERSTORE", dst, a, b), ("SINTERSTORE", dst, b, a, c),
            ("SINTERSTORE", dst, a, "{t}none"), ("SDIFFSTORE", dst, a, b), ("SDIFFSTORE", dst, a, c, b, d), ("SDIFFSTORE", dst, a, a),
            ("SDIFFSTORE", dst, a, b, b, c), ("SUNIONSTORE", a, a, b), ("SDIFFSTORE", b, a, b)]


def of_zsets(a, b, c, d, dst):
    return [("ZUNIONSTORE", dst, 2, a, b), ("ZUNIONSTORE", dst, 4, a, b, c, d, "WEIGHTS", 2, -1, 0.5, 1, "AGGREGATE", "SUM"),
            ("ZUNIONSTORE", dst, 3, a, b, c, "AGGREGATE", "MIN"), ("ZINTERSTORE", dst, 2, a, b, "WEIGHTS", 1, 3, "AGGREGATE", "MAX"),
            ("ZINTERSTORE", dst, 3, a, b, c), ("ZDIFFSTORE", dst, 2, a, b), ("ZDIFFSTORE", dst, 3, b, c, d), ("ZRANGESTORE", dst, a, 10, -10),
            ("ZRANGESTORE", dst, a, 100, 0, "BYSCORE", "REV"), ("ZRANGESTORE", dst, b, "-", "+", "BYLEX", "LIMIT", 5, 25000),
            ("ZUNIONSTORE", a, 2, a, b)]


def outcome(client, keys, command):
    reply = client.call(*command)
    target = command[1]
    return [reply, client.call("TYPE", target), client.call("EXISTS", target) and client.call("OBJECT", "ENCODING", target),
            client.call("DEBUG", "DIGEST-VALUE", *keys), client.call("DEBUG", "DIGEST")]


@pytest.mark.parametrize("fill_them,commands", [(fill_sets, of_sets), (fill_zsets, of_zsets)], ids=["sets", "zsets"])
def test_results_are_those_made_at_once_and_steps_are_bounded(place, fill_them, commands):
    server, keys = place
    with server.connect(timeout=300) as client:
        for command in commands(*keys):
            results = []
            for elements in (1 << 40, SLICE, 7):
                client.call("FLUSHALL")
                fill_them(client, keys)
                client.call("SET", keys[4], "before")
                client.call("DEBUG", "LONG-WORK", elements)
                client.call("DEBUG", "LONGEST-TICK", "RESET")
                results.append(outcome(client, keys, command))
                most = client.call("DEBUG", "LONGEST-TICK")
                if elements <= SLICE:
                    assert most <= MOST, command
            assert results[1] == results[0], command
            assert results[2] == results[0], command


VALUES = {
    "set": ("SADD", lambda i: ("member:%d" % i,)),
    "hash": ("HSET", lambda i: ("field:%d" % i, i)),
    "zset": ("ZADD", lambda i: (i % 1000, "member:%d" % i)),
    "list": ("RPUSH", lambda i: ("element:%d" % i,)),
}


def make_stream(client, key):
    for first in range(0, COUNT, 2000):
        client.pipeline([("XADD", key, "%d-0" % (i + 1), "f", "v") for i in range(first, min(first + 2000, COUNT))])
    for group in ("g1", "g2"):
        client.call("XGROUP", "CREATE", key, group, 0)
        client.call("XREADGROUP", "GROUP", group, "alice", "COUNT", COUNT // 4, "STREAMS", key, ">")
        client.call("XREADGROUP", "GROUP", group, "bob", "COUNT", COUNT // 8, "STREAMS", key, ">")


@pytest.mark.parametrize("kind", [*VALUES, "stream"])
def test_copies_and_renames(place, kind):
    server, (a, b, _, _, dst) = place
    with server.connect(timeout=300) as client:
        if kind == "stream":
            make_stream(client, a)
        else:
            command, item = VALUES[kind]
            fill(client, command, a, [item(i) for i in range(COUNT)])
        if kind == "hash":
            fields = ["field:%d" % i for i in range(0, COUNT, 50)]
            client.call("HPEXPIRE", a, 10 ** 9, "FIELDS", len(fields), *fields)
        client.call("PEXPIREAT", a, 4102444800000)
        facts = [("OBJECT", "ENCODING"), ("PEXPIRETIME",), ("DEBUG", "DIGEST-VALUE"), ("DUMP",)]
        before = [client.call(*fact, a) for fact in facts]

        def bounded(*command):
            client.call("DEBUG", "LONGEST-TICK", "RESET")
            reply = client.call(*command)
            assert client.call("DEBUG", "LONGEST-TICK") <= MOST, command
            return reply

        client.call("SET", dst, "x")
        assert bounded("COPY", a, dst) == 0
        assert bounded("COPY", a, dst, "REPLACE") == 1
        assert [client.call(*fact, dst) for fact in facts] == before
        assert bounded("COPY", a, b, "DB", 3) == 1
        assert client.call("EXISTS", b) == 0
        client.call("SELECT", 3)
        assert [client.call(*fact, b) for fact in facts] == before
        client.call("SELECT", 0)
        assert bounded("RENAMENX", a, dst) == 0
        client.call("SET", b, "x")
        assert bounded("RENAME", a, b) == "OK"
        assert client.call("EXISTS", a) == 0
        assert [client.call(*fact, b) for fact in facts] == before
        assert bounded("RENAMENX", b, a) == 1
        assert bounded("MOVE", a, 5) == 1
        assert bounded("DEL", dst) == 1


def test_writes_of_held_keys_wait_and_others_do_not(place):
    server, keys = place
    a, b, c, d, dst = keys
    with server.connect() as client:
        fill_sets(client, keys)
        client.call("SADD", dst, "old")
        with running(server, "SUNIONSTORE", dst, a, b) as work:
            add = Waiting(server, "SADD", a, "late")
            remove = Waiting(server, "DEL", b)
            push = Waiting(server, "SADD", dst, "more")
            rename = Waiting(server, "RENAME", b, d)
            script = Waiting(server, "EVAL", "return redis.call('SADD', KEYS[1], 'by script')", 1, a)
            several = Waiting(server, "SMOVE", c, a, "member:200")
            # Nobody else is held up, readers of the held keys neither.
            assert client.call("SISMEMBER", a, "late") == 0
            assert client.call("SMEMBERS", dst) == [b"old"]
            assert client.call("SCARD", b) == COUNT
            assert client.call("SADD", c, "other") == 1
            assert client.call("SUNIONSTORE", "{t}mine", d) == 3
            assert client.pipeline([("SET", "{t}x", 1), ("INCR", "{t}x"), ("GET", "{t}x")]) == ["OK", 2, b"2"]
            assert work.waits()
            assert work.go() == COUNT + COUNT // 2
            assert [add.reply(), push.reply(), script.reply(), several.reply()] == [1, 1, 1, 1]
            # One of them came first.
            assert sorted(str(w.reply()) for w in (remove, rename)) in (["1", "ERR no such key"], ["0", "OK"])
        assert client.call("SCARD", dst) == COUNT + COUNT // 2 + 1
        assert client.call("SISMEMBER", dst, "late") == 0
        assert client.call("SISMEMBER", dst, "more") == 1


def test_a_connections_order_is_kept_around_a_held_command(place):
    server, keys = place
    a, b, c, _, dst = keys
    with server.connect() as client, server.connect(timeout=120) as other:
        fill_sets(client, keys)
        with running(server, "SUNIONSTORE", dst, a, b) as work:
            other.send(encode("SADD", c, "one") + encode("SADD", a, "two") + encode("SCARD", dst) + encode("SADD", c, "three"))
            eventually(lambda: client.call("SISMEMBER", c, "one") == 1)
            assert client.call("SISMEMBER", c, "three") == 0
            assert work.go() == COUNT + COUNT // 2
            assert [other.read() for _ in range(4)] == [1, 1, COUNT + COUNT // 2, 1]


def test_transactions_wait_or_do_it_at_once(place):
    server, keys = place
    a, b, c, _, dst = keys
    with server.connect() as client, server.connect(timeout=120) as other:
        fill_sets(client, keys)
        with running(server, "SUNIONSTORE", dst, a, b) as work:
            assert other.pipeline([("MULTI",), ("SADD", c, "x"), ("SADD", a, "y")]) == ["OK", "QUEUED", "QUEUED"]
            other.send(encode("EXEC"))
            assert client.call("SISMEMBER", c, "x") == 0
            assert work.go() == COUNT + COUNT // 2
            assert other.read() == [1, 1]
        # In a transaction and in a script there is no step.
        for run in ([("MULTI",), ("SUNIONSTORE", dst, a, b), ("EXEC",)], [("EVAL", "return redis.call('SUNIONSTORE', unpack(KEYS))", 3, dst, a, b)]):
            assert str(COUNT + COUNT // 2 + 1) in str(client.pipeline(run)[-1])


def test_watched_destination(place):
    server, keys = place
    a, b, _, _, dst = keys
    with server.connect() as client, server.connect() as other:
        fill_sets(client, keys)
        other.call("WATCH", dst)
        with running(server, "SUNIONSTORE", dst, a, b) as work:
            # Nothing has changed yet.
            assert other.pipeline([("MULTI",), ("PING",), ("EXEC",), ("WATCH", dst)]) == ["OK", "QUEUED", ["PONG"], "OK"]
            work.go()
        assert other.pipeline([("MULTI",), ("PING",), ("EXEC",)])[-1] is None


@pytest.mark.parametrize("how", ["FLUSHALL", "SWAPDB", "expiry", "script", "another type"])
def test_a_source_that_changes_all_the_same(place, how):
    """What does not say its keys beforehand, or has none, is not held up: the work begins anew."""
    server, keys = place
    a, b, c, _, dst = keys
    with server.connect() as client:
        fill_sets(client, keys)
        if how == "expiry":
            client.call("PEXPIREAT", b, int(client.call("TIME")[0]) * 1000 + 4000)
        with running(server, "SUNIONSTORE", dst, a, b) as work:
            if how == "FLUSHALL":
                client.call("FLUSHALL")
                expected = 0
            elif how == "SWAPDB":
                client.call("SWAPDB", 0, 1)
                expected = 0
            elif how == "expiry":
                eventually(lambda: client.call("EXISTS", b) == 0)
                expected = COUNT
            elif how == "another type":
                client.call("EVAL", "return redis.call('SET', ARGV[1], 'x')", 0, b)
                expected = ReplyError("WRONGTYPE Operation against a key holding the wrong kind of value")
            else:
                client.call("EVAL", "redis.call('DEL', ARGV[1]); return redis.call('SADD', ARGV[1], 'z')", 0, b)
                expected = COUNT + 1
            assert work.waits()
            assert work.go() == expected
        assert client.call("SCARD", dst) == (0 if how == "another type" else expected)
        assert client.call("SADD", a, "free again") == 1


@pytest.mark.parametrize("command", ["COPY", "RENAME"])
def test_copied_key_goes_meanwhile(start, command):
    server = start("--enable-debug-command", "yes", shards=2)
    a, b, _, _, _ = names(True)
    with server.connect() as client:
        fill(client, "SADD", a, members(0, COUNT))
        with running(server, command, a, b) as work:
            client.call("FLUSHALL")
            assert work.waits()
            assert work.go() == (0 if command == "COPY" else ReplyError("ERR no such key"))
        assert client.call("DBSIZE") == 0


def test_client_leaves_in_the_middle(place):
    server, keys = place
    a, b, _, _, dst = keys
    with server.connect() as client:
        fill_sets(client, keys)
        with running(server, "SUNIONSTORE", dst, a, b) as work:
            assert client.call("CLIENT", "UNBLOCK", work.ident) == 0
            work.connection.close()
            eventually(lambda: flags(server, work.ident) == "")
            client.call("DEBUG", "LONG-WORK", SLICE)
            eventually(lambda: client.call("SCARD", dst) == COUNT + COUNT // 2)  # it has been sent
        assert client.call("SADD", a, "free again") == 1
        assert server.info("clients")["blocked_clients"] == "0"


def test_pause_holds_what_has_begun(place):
    server, keys = place
    a, b, _, _, dst = keys
    with server.connect() as client:
        fill_sets(client, keys)
        with running(server, "SUNIONSTORE", dst, a, b) as work:
            client.call("CLIENT", "PAUSE", 10 ** 7, "WRITE")
            client.call("DEBUG", "LONG-WORK", SLICE)
            for _ in range(200):
                client.call("PING")
            assert work.waits() and client.call("EXISTS", dst) == 0
            client.call("CLIENT", "UNPAUSE")
            assert work.go() == COUNT + COUNT // 2


def test_wakes_who_waits_for_the_result(place):
    server, keys = place
    a, b, _, _, dst = keys
    with server.connect() as client, server.connect() as waiter:
        fill_zsets(client, keys)
        waiter.send(encode("BZPOPMAX", dst, 0))
        with running(server, "ZUNIONSTORE", dst, 2, a, b) as work:
            total = client.call("ZCARD", a) // 2 * 3
            assert work.go() == total
            assert waiter.read()[0] == dst.encode()
            assert client.call("ZCARD", dst) == total - 1


def test_notifications_and_statistics(place):
    server, keys = place
    a, b, _, _, dst = keys
    with server.connect() as client, server.connect() as listener:
        fill_sets(client, keys)
        client.call("CONFIG", "SET", "notify-keyspace-events", "KEA")
        client.call("CONFIG", "RESETSTAT")
        listener.call("PSUBSCRIBE", "__keyevent@0__:s*store")
        with running(server, "SUNIONSTORE", dst, a, b) as work:
            work.go()
        assert listener.read() == [b"pmessage", b"__keyevent@0__:s*store", b"__keyevent@0__:sunionstore", dst.encode()]
        assert server.info("commandstats")["cmdstat_sunionstore"].startswith("calls=1,")


def test_many_at_a_time(place):
    server, keys = place
    a, b, c, _, _ = keys
    with server.connect(timeout=120) as client, contextlib.ExitStack() as stack:
        fill_sets(client, keys)
        client.call("DEBUG", "LONGEST-TICK", "RESET")
        others = [stack.enter_context(server.connect(timeout=120)) for _ in range(10)]
        for i, other in enumerate(others):
            other.send(encode("SUNIONSTORE", "{t}to%d" % (i % 7), a, b) + encode("SINTERSTORE", "{a}to%d" % i, a, c) + encode("COPY", a, "{c}to%d" % i))
        for i, other in enumerate(others):
            assert [other.read() for _ in range(3)] == [COUNT + COUNT // 2, COUNT // 10 - 100, 1]
        # One step of those here, one that is a gather, another shard's gather.
        assert client.call("DEBUG", "LONGEST-TICK") <= 2 * MOST
        digests = {client.call("DEBUG", "DIGEST-VALUE", "{c}to%d" % i)[0] for i in range(10)}
        assert digests == set(client.call("DEBUG", "DIGEST-VALUE", a))


def test_a_snapshot_in_the_middle_has_the_old_value(place):
    server, keys = place
    a, b, _, _, dst = keys

    def digest_of_dump():
        with Server("--enable-debug-command", "yes", shards=1) as second, second.connect(timeout=120) as client:
            shutil.copy(os.path.join(server.dir, "dump.rdb"), os.path.join(second.dir, "dump.rdb"))
            client.call("DEBUG", "RELOAD", "NOSAVE")
            return client.call("DEBUG", "DIGEST")

    with server.connect(timeout=120) as client:
        fill_sets(client, keys)
        client.call("SADD", dst, "old")
        with running(server, "SUNIONSTORE", dst, a, b) as work:
            before = client.call("DEBUG", "DIGEST")
            assert client.call("SAVE") == "OK"
            assert work.waits()
            assert digest_of_dump() == before
            # A cut that begins before the result is there, and perhaps ends after it.
            client.call("BGSAVE")
            assert work.go() == COUNT + COUNT // 2
            eventually(lambda: server.info("persistence")["rdb_bgsave_in_progress"] == "0")
        assert digest_of_dump() == before
        assert client.call("SCARD", dst) == COUNT + COUNT // 2


@pytest.mark.parametrize("shards,apart", PLACES, ids=PLACE_IDS)
def test_effects_have_their_order_in_the_append_only_file(start, shards, apart):
    server = start("--enable-debug-command", "yes", "--appendonly", "yes", shards=shards)
    keys = names(apart)
    a, b, _, _, dst = keys
    with server.connect(timeout=120) as client:
        fill_sets(client, keys)
        with running(server, "SUNIONSTORE", dst, a, b) as work:
            late = [Waiting(server, "SADD", a, "late:%d" % i) for i in range(20)]
            client.call("SADD", "{t}elsewhere", "x")
            assert work.go() == COUNT + COUNT // 2
            assert [each.reply() for each in late] == [1] * 20
        client.call("SDIFFSTORE", b, a, dst)
        assert client.call("SCARD", b) == 20
        before = client.call("DEBUG", "DIGEST")
        assert client.call("DEBUG", "LOADAOF") == "OK"
        assert client.call("DEBUG", "DIGEST") == before


def random_command(rng, key):
    """Of a few large sets, which several clients change at a time."""
    a, b, c = (key() for _ in range(3))
    some = ["member:%d" % rng.randrange(3000) for _ in range(rng.choice([1, 5, 300]))]
    return rng.choice([
        ("SADD", a, *some), ("SADD", a, *some), ("SREM", a, *some[:3]), ("SPOP", a), ("SMOVE", a, b, some[0]), ("SUNIONSTORE", a, b, c),
        ("SUNIONSTORE", a, a, b), ("SINTERSTORE", a, b, c), ("SDIFFSTORE", a, b, c), ("COPY", a, b, "REPLACE"), ("RENAME", a, b), ("RENAMENX", a, b),
        ("ZUNIONSTORE", "{t}z", 2, a, b), ("ZRANGESTORE", "{a}y", "{t}z", 0, -1), ("PEXPIRE", a, rng.randrange(1, 300)), ("DEL", a), ("SCARD", a),
        ("EVAL", "redis.call('SADD', KEYS[1], 'by script'); return redis.call('SUNIONSTORE', KEYS[1], KEYS[1], KEYS[2])", 2, a, b),
        ("EVAL", "return redis.call('SADD', ARGV[1], 'undeclared')", 0, b)])


@pytest.mark.parametrize("shards", [1, 2, 4])
def test_effects_are_what_happened_under_load(start, shards):
    """Whoever waits is served, and what the append only file has leads to the same keys."""
    seed = new_seed()
    server = start("--enable-debug-command", "yes", "--appendonly", "yes", shards=shards)
    keys = ["{%s}%d" % (tag, i) for tag in "tabu" for i in range(2)]

    def client_of(number):
        rng = random.Random(seed + number)
        with server.connect(timeout=240) as client:
            for _ in range(120):
                commands = [random_command(rng, lambda: rng.choice(keys)) for _ in range(rng.choice([1, 1, 4]))]
                if rng.random() < 0.15:
                    commands = [("MULTI",), *commands, ("EXEC",)]
                client.pipeline(commands)
                if rng.random() < 0.01:
                    client.call(*rng.choice([("FLUSHDB",), ("SWAPDB", 0, 1)]))

    with server.connect(timeout=240) as client:
        for key in keys:
            fill(client, "SADD", key, members(0, 3000))
        client.call("DEBUG", "LONG-WORK", 50)
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            for done in [pool.submit(client_of, number) for number in range(6)]:
                done.result()
        for key in client.call("KEYS", "*"):
            client.call("PERSIST", key)
        assert server.info("clients")["blocked_clients"] == "0"
        client.call("SELECT", 1)
        for key in client.call("KEYS", "*"):
            client.call("PERSIST", key)
        client.call("SELECT", 0)
        before = client.call("DEBUG", "DIGEST")
        assert client.call("DEBUG", "LOADAOF") == "OK"
        assert client.call("DEBUG", "DIGEST") == before


def test_the_end_of_the_server_in_the_middle(place):
    server, keys = place
    a, b, _, _, dst = keys
    with server.connect() as client:
        fill_sets(client, keys)
        with contextlib.suppress(OSError, ConnectionError, AssertionError):
            with running(server, "SUNIONSTORE", dst, a, b), running(server, "SINTERSTORE", "{a}y", b, a):
                waiting = Waiting(server, "SADD", a, "late")
                client.send(encode("SHUTDOWN", "NOSAVE"))
                server.wait_exit(120)
                waiting.connection.close()
    assert not server.running()


def five_million(server):
    a, b, _, _, dst = names(server.call("CONFIG", "GET", "shards")[1] != b"1")
    with server.connect(timeout=1200) as client:
        count = 5000000
        for first in range(0, count, 100000):
            fill(client, "SADD", a, members(first, first + 100000))
            fill(client, "ZADD", "{t}z", scored(first, first + 100000))
        client.call("SADD", b, "other")
        for command in [("SUNIONSTORE", dst, a, b), ("SINTERSTORE", dst, a, a), ("SDIFFSTORE", dst, a, b), ("COPY", a, dst, "REPLACE"),
                        ("RENAME", dst, b), ("ZUNIONSTORE", dst, 2, "{t}z", b), ("ZRANGESTORE", dst, "{t}z", 0, -1), ("DEL", dst)]:
            client.call("DEBUG", "LONGEST-TICK", "RESET")
            reply = client.call(*command)
            most = client.call("DEBUG", "LONGEST-TICK")
            print(command, reply, most)
            assert most <= MOST, command


@pytest.mark.long
@pytest.mark.parametrize("shards", [1, 2])
def test_five_million(start, shards):
    five_million(start("--enable-debug-command", "yes", "--save", "", shards=shards))
