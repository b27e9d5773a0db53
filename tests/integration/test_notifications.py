"""Keyspace notifications: generated commands of all types; the events, in their order, must be redis-server's.
With several shards events of different shards may come in either order: then they are compared as a multiset."""
import random

import pytest

from tests.support.resp import ReplyError
from tests.support.seed import new_seed
from tests.support.server import ORACLE, Server, eventually, redis_under_test

pytestmark = pytest.mark.tessera_only
SEED = new_seed(30)
MARK = "mark-of-the-test"


class Side:
    """A server with a connection that sends and one that hears all events."""

    def __init__(self, server, events="KEA", proto=2):
        self.server = server
        self.sender = server.connect()
        assert self.sender.call("CONFIG", "SET", "notify-keyspace-events", events) == "OK"
        self.listener = server.connect()
        if proto == 3:
            self.listener.call("HELLO", 3)
        self.listener.call("PSUBSCRIBE", "__key*__:*")
        self.listener.call("SUBSCRIBE", MARK)

    def run(self, command):
        """Reply, and the events of the command."""
        reply = self.sender.call(*command)
        return reply, self.events()

    def events(self):
        assert self.sender.call("PUBLISH", MARK, "") == 1
        events = []
        while True:
            message = list(self.listener.read())
            if message[0] == b"message":
                return events
            events.append((message[2], message[3]))

    def close(self):
        self.sender.close()
        self.listener.close()


KEYS = ["k%d" % i for i in range(8)]


def make_commands(rng):
    """Templates: each gives a command. Keys of all types are mixed, so errors and misses happen as well."""
    key = lambda: rng.choice(KEYS)  # noqa: E731
    other = lambda: rng.choice(KEYS)  # noqa: E731
    small = lambda: str(rng.randrange(-3, 6))  # noqa: E731
    word = lambda: rng.choice("abcdef")  # noqa: E731
    score = lambda: str(rng.randrange(-5, 6))  # noqa: E731
    return [
        lambda: ("SET", key(), word()), lambda: ("SET", key(), small(), "EX", "1000"),
        lambda: ("SET", key(), word(), rng.choice(("NX", "XX"))), lambda: ("SET", key(), word(), "GET"),
        lambda: ("SETEX", key(), "1000", word()), lambda: ("PSETEX", key(), "1000000", word()),
        lambda: ("SETNX", key(), word()), lambda: ("MSET", key(), word(), other(), word()),
        lambda: ("MSETNX", key(), word(), other(), word()), lambda: ("GETSET", key(), word()),
        lambda: ("GETDEL", key()), lambda: ("GETEX", key(), *rng.choice((("EX", "1000"), ("PERSIST",), ()))),
        lambda: ("APPEND", key(), word()), lambda: ("SETRANGE", key(), str(rng.randrange(3)), rng.choice(("", "xy"))),
        lambda: ("INCR", key()), lambda: ("DECRBY", key(), small()), lambda: ("INCRBYFLOAT", key(), "1.5"),
        lambda: ("SETBIT", key(), str(rng.randrange(20)), str(rng.randrange(2))),
        lambda: ("BITOP", rng.choice(("AND", "OR", "NOT")), key(), other()),
        lambda: ("BITFIELD", key(), "SET", "u8", "0", small(), "INCRBY", "u4", "1", "1"), lambda: ("GET", key()),
        lambda: ("PFADD", key(), word()), lambda: ("PFMERGE", key(), other()),
        lambda: ("DEL", key(), other()), lambda: ("UNLINK", key()), lambda: ("EXPIRE", key(), rng.choice(("1000", "-1"))),
        lambda: ("PEXPIREAT", key(), "4102444800000"), lambda: ("PERSIST", key()),
        lambda: ("RENAME", key(), other()), lambda: ("RENAMENX", key(), other()),
        lambda: ("COPY", key(), other(), *rng.choice(((), ("REPLACE",)))), lambda: ("MOVE", key(), "1"),
        lambda: ("LPUSH", key(), word(), word()), lambda: ("RPUSH", key(), small()), lambda: ("LPUSHX", key(), word()),
        lambda: ("RPUSHX", key(), word()), lambda: ("LPOP", key(), *rng.choice(((), ("2",)))), lambda: ("RPOP", key()),
        lambda: ("LSET", key(), "0", word()), lambda: ("LINSERT", key(), rng.choice(("BEFORE", "AFTER")), word(), "new"),
        lambda: ("LREM", key(), "0", word()), lambda: ("LTRIM", key(), small(), small()),
        lambda: ("RPOPLPUSH", key(), other()), lambda: ("LMOVE", key(), other(), rng.choice(("LEFT", "RIGHT")), "LEFT"),
        lambda: ("LMPOP", "2", key(), other(), "LEFT", "COUNT", "2"),
        lambda: ("BLPOP", key(), other(), "0.001"), lambda: ("BLMOVE", key(), other(), "LEFT", "RIGHT", "0.001"),
        lambda: ("SADD", key(), word(), small()), lambda: ("SREM", key(), word(), small()),
        lambda: ("SPOP", key(), rng.choice(("100", "0"))), lambda: ("SMOVE", key(), other(), word()),
        lambda: ("SINTERSTORE", key(), other(), key()), lambda: ("SUNIONSTORE", key(), other(), key()),
        lambda: ("SDIFFSTORE", key(), other(), key()),
        lambda: ("HSET", key(), word(), small()), lambda: ("HSETNX", key(), word(), small()),
        lambda: ("HMSET", key(), word(), small(), word(), small()), lambda: ("HDEL", key(), word(), word()),
        lambda: ("HINCRBY", key(), word(), small()), lambda: ("HINCRBYFLOAT", key(), word(), "0.5"),
        lambda: ("ZADD", key(), score(), word(), score(), word()), lambda: ("ZADD", key(), "INCR", score(), word()),
        lambda: ("ZADD", key(), "XX", "CH", score(), word()), lambda: ("ZINCRBY", key(), score(), word()),
        lambda: ("ZREM", key(), word(), word()), lambda: ("ZPOPMIN", key(), *rng.choice(((), ("2",)))),
        lambda: ("ZPOPMAX", key()), lambda: ("ZMPOP", "2", key(), other(), "MAX", "COUNT", "2"),
        lambda: ("BZPOPMIN", key(), other(), "0.001"),
        lambda: ("ZREMRANGEBYRANK", key(), small(), small()), lambda: ("ZREMRANGEBYSCORE", key(), score(), score()),
        # All or nothing: in between chance decides in a skiplist of several scores, and SORT leaves redis-server one.
        lambda: ("ZREMRANGEBYLEX", key(), *rng.choice((("-", "+"), ("(zz", "+")))), lambda: ("ZRANGESTORE", key(), other(), "0", "2"),
        lambda: ("ZUNIONSTORE", key(), "2", other(), key()), lambda: ("ZINTERSTORE", key(), "2", other(), key()),
        lambda: ("ZDIFFSTORE", key(), "2", other(), key()),
        lambda: ("GEOADD", key(), "13.3", "38.1", word()),
        lambda: ("GEOSEARCHSTORE", key(), other(), "FROMLONLAT", "13", "38", "BYRADIUS", "200", "km"),
        lambda: ("SORT", key(), "ALPHA", "STORE", other()), lambda: ("SORT", key(), "STORE", other()),
        lambda: ("XADD", key(), "%d-1" % rng.randrange(1, 10 ** 6), "f", "v"),
        lambda: ("XADD", key(), "MAXLEN", "1", "%d-1" % rng.randrange(1, 10 ** 6), "f", "v"),
        lambda: ("XDEL", key(), "1-1"), lambda: ("XTRIM", key(), "MAXLEN", str(rng.randrange(2))),
        lambda: ("XGROUP", "CREATE", key(), "g", "0", *rng.choice(((), ("MKSTREAM",)))),
        lambda: ("XGROUP", "DESTROY", key(), "g"), lambda: ("XGROUP", "SETID", key(), "g", "0"),
        lambda: ("XGROUP", "CREATECONSUMER", key(), "g", word()), lambda: ("XGROUP", "DELCONSUMER", key(), "g", word()),
        lambda: ("XREADGROUP", "GROUP", "g", word(), "COUNT", "1", "STREAMS", key(), ">"),
        lambda: ("XACK", key(), "g", "1-1"), lambda: ("XSETID", key(), "9999999-1"),
        lambda: ("XAUTOCLAIM", key(), "g", word(), "0", "0", "COUNT", "2"),
        lambda: ("FLUSHDB",) if rng.random() < 0.02 else ("TYPE", key()),
        lambda: ("OBJECT", rng.choice(("ENCODING", "REFCOUNT", "IDLETIME", "FREQ")), key()), lambda: ("TTL", key()),
        lambda: ("RESTORE", key(), "0", "bad") if rng.random() < 0.1 else ("EXISTS", key()),
    ]


RANDOM_CHOICE = {"SPOP"}


@pytest.fixture(scope="module")
def oracle():
    with Server(binary=ORACLE) as server:
        yield server


@pytest.mark.parametrize("events", ["KEA", "Eg$lshzxtm", "KEAmn"])
@pytest.mark.parametrize("shards", [1, 4])
def test_events_are_redis_servers(start, oracle, shards, events):
    print("seed", SEED)
    rng = random.Random(SEED + shards)
    theirs, ours = Side(oracle, events), Side(start(shards=shards), events, proto=3)
    theirs.sender.call("FLUSHALL")
    known = {name.decode() if isinstance(name, bytes) else name for name in ours.sender.call("COMMAND", "LIST")}
    templates = make_commands(rng)
    differences, seen = [], set()
    for turn in range(6000):
        command = rng.choice(templates)()
        if command[0].lower() not in known:
            continue
        their_reply, their_events = theirs.run(command)
        our_reply, our_events = ours.run(command)
        if command[0] in RANDOM_CHOICE and not isinstance(our_reply, ReplyError):
            assert len(our_reply or []) == len(their_reply or []), command
        if shards > 1:
            their_events, our_events = sorted(their_events), sorted(our_events)
        if their_events != our_events and command[0] not in seen:
            seen.add(command[0])
            differences.append("%s: ours %s, redis-server's %s" % (command, our_events, their_events))
    theirs.close()
    ours.close()
    assert not differences, "\n".join(differences)


@pytest.mark.parametrize("shards", [1, 4])
def test_expired(start, shards):
    side = Side(start(shards=shards), "Ex")
    for i in range(20):
        side.sender.call("SET", "k%d" % i, "v", "PX", "20")
    gone = []
    eventually(lambda: gone.extend(side.events()) or len(gone) >= 20, what="all have expired")
    assert sorted(gone) == sorted((b"__keyevent@0__:expired", b"k%d" % i) for i in range(20))
    side.close()


def test_classes_that_are_not_wanted(start):
    side = Side(start(shards=2), "El")
    assert side.run(("SET", "a", "1")) == ("OK", [])
    assert side.run(("LPUSH", "l", "1")) == (1, [(b"__keyevent@0__:lpush", b"l")])
    assert side.sender.call("CONFIG", "SET", "notify-keyspace-events", "A") == "OK"  # neither K nor E
    assert side.run(("LPUSH", "l", "1")) == (2, [])
    assert side.sender.call("CONFIG", "SET", "notify-keyspace-events", "") == "OK"
    assert side.run(("LPUSH", "l", "1")) == (3, [])
    assert not redis_under_test()
    side.close()


def test_databases_in_names(start):
    side = Side(start(shards=2), "KE$")
    side.sender.call("SELECT", 3)
    assert side.run(("SET", "a", "1")) == ("OK", [(b"__keyspace@3__:a", b"set"), (b"__keyevent@3__:set", b"a")])
    side.close()
