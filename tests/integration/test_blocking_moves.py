"""BLMOVEM: moves of several elements that wait. LMOVEM's reply when there is nothing, beside it. As Redis 8.10 documents them."""
import random
import threading

import pytest

from tests.integration.test_blocking import UNBLOCKED, WRONG_TYPE, Waiter, blocked
from tests.support.resp import ReplyError, encode
from tests.support.seed import new_seed
from tests.support.server import SANITIZED, eventually
from tests.support.slots import key_on_shard

pytestmark = pytest.mark.tessera_only

NOT_A_FLOAT, NEGATIVE = ReplyError("ERR timeout is not a float or out of range"), ReplyError("ERR timeout is negative")


@pytest.fixture
def control(standalone):
    with standalone.connect() as connection:
        connection.call("FLUSHALL")
        yield connection


def waiting(server, *command, **options):
    return Waiter(server, "BLMOVEM", *command, **options)


MOVES = [(("LEFT", "RIGHT", 0), [b"a"]), (("RIGHT", "LEFT", 0), [b"c"]), (("LEFT", "LEFT", 0, "COUNT", 2, "OBO"), [b"b", b"a"]),
         (("LEFT", "LEFT", 0, "COUNT", 2, "BULK"), [b"a", b"b"]), (("RIGHT", "RIGHT", 0, "COUNT", 9, "OBO"), [b"c", b"b", b"a"]),
         (("RIGHT", "LEFT", 0, "EXACTLY", 3, "BULK"), [b"a", b"b", b"c"]), (("LEFT", "RIGHT", 0, "EXACTLY", 2, "OBO"), [b"a", b"b"])]


@pytest.mark.parametrize("target", ["t1", "t2", "t3"])
@pytest.mark.parametrize("options,expected", MOVES)
def test_a_push_serves(standalone, control, options, expected, target):
    waiter = waiting(standalone, "k", target, *options)
    assert control.call("RPUSH", "k", "a", "b", "c") == 3
    assert waiter.reply() == expected
    assert control.call("LRANGE", target, 0, -1) == expected
    assert control.call("LLEN", "k") == 3 - len(expected)
    assert control.call("EXISTS", "k") == (len(expected) < 3)
    assert blocked(standalone) == 0


@pytest.mark.parametrize("options,expected", MOVES)
def test_what_is_there_is_moved_at_once(control, options, expected):
    control.call("RPUSH", "k", "a", "b", "c")
    assert control.call("BLMOVEM", "k", "d", *options) == expected


@pytest.mark.parametrize("target", ["k", "t1", "t2", "t3"])
def test_exactly_waits_for_so_many(standalone, control, target):
    control.call("RPUSH", "k", "a")
    waiter = waiting(standalone, "k", target, "LEFT", "RIGHT", 0, "EXACTLY", 3, "BULK")
    assert control.call("RPUSH", "k", "b") == 2
    assert (waiter.flags(standalone), control.call("LRANGE", "k", 0, -1)) == ("b", [b"a", b"b"])
    left = 4 if target == "k" else 1
    assert control.pipeline([("LPUSH", "k", "c", "d"), ("LLEN", "k"), ("LRANGE", target, -3, -1)]) == [4, left, [b"d", b"c", b"a"]]
    assert waiter.reply() == [b"d", b"c", b"a"]
    assert control.call("LRANGE", "k", 0, 0) == [b"b"]


def test_who_wants_more_than_there_is_keeps_nobody_waiting(standalone, control):
    """First come first served, of those who can be."""
    first = waiting(standalone, "k", "d", "LEFT", "RIGHT", 0, "EXACTLY", 3, "BULK")
    second = Waiter(standalone, "BLPOP", "k", 0)
    third = waiting(standalone, "k", "e", "LEFT", "RIGHT", 0, "COUNT", 2, "BULK")
    control.call("RPUSH", "k", "a", "b")
    assert (second.reply(), third.reply()) == ([b"k", b"a"], [b"b"])
    control.call("RPUSH", "k", "c", "d", "e", "f")
    assert first.reply() == [b"c", b"d", b"e"]
    assert [control.call("LRANGE", key, 0, -1) for key in "kde"] == [[b"f"], [b"c", b"d", b"e"], [b"b"]]


@pytest.mark.parametrize("source", ["k1", "k2", "k3", "k4", "k5"])
def test_chains(standalone, control, source):
    chain = [waiting(standalone, source, "middle", "LEFT", "RIGHT", 0, "EXACTLY", 2, "BULK"),
             waiting(standalone, "middle", "end", "LEFT", "RIGHT", 0, "EXACTLY", 4, "BULK"),
             Waiter(standalone, "BLMPOP", 0, 1, "end", "LEFT", "COUNT", 9)]
    control.call("RPUSH", source, "a", "b", "c")
    assert chain[0].reply() == [b"a", b"b"]
    assert blocked(standalone) == 2
    chain.append(waiting(standalone, source, "middle", "LEFT", "RIGHT", 0, "EXACTLY", 2, "BULK"))
    control.call("RPUSH", source, "d")
    assert [waiter.reply() for waiter in (chain[3], chain[1], chain[2])] == [
        [b"c", b"d"], [b"a", b"b", b"c", b"d"], [b"end", [b"a", b"b", b"c", b"d"]]]
    assert control.call("DBSIZE") == 0


@pytest.mark.parametrize("target", ["t1", "t2", "t3", "t4", "t5"])
def test_a_move_comes_before_what_follows_the_push(standalone, control, target):
    for i in range(20):
        waiter = waiting(standalone, "source", target, "LEFT", "RIGHT", 0, "EXACTLY", 2, "BULK")
        replies = control.pipeline([("RPUSH", "source", i), ("RPUSH", "source", "x"), ("LPOP", "source"), ("LRANGE", target, 0, -1)])
        assert replies == [1, 2, None, [str(i).encode(), b"x"]]
        assert waiter.reply() == [str(i).encode(), b"x"]
        assert control.call("DEL", target) == 1


@pytest.mark.parametrize("source_shard,target_shard", [(0, 0), (0, 1), (2, 0), (3, 2)])
def test_source_and_target_on_any_shard(start, source_shard, target_shard):
    server = start(shards=4)
    source, target = key_on_shard(source_shard, 4, "source"), key_on_shard(target_shard, 4, "target")
    with server.connect() as control:
        waiters = [waiting(server, source, target, "LEFT", "RIGHT", 0, "EXACTLY", 3, "BULK") for _ in range(5)]
        control.call("RPUSH", source, *range(17))
        assert [waiter.reply() for waiter in waiters] == [[str(3 * i + k).encode() for k in range(3)] for i in range(5)]
        assert control.call("LRANGE", target, 0, -1) == [str(i).encode() for i in range(15)]
        assert control.call("LRANGE", source, 0, -1) == [b"15", b"16"]


def test_unblock(standalone, control):
    options = ("LEFT", "LEFT", 0, "EXACTLY", 2, "OBO")
    waiter = waiting(standalone, "k", "d", *options)
    control.call("RPUSH", "k", "a")
    assert control.call("CLIENT", "UNBLOCK", waiter.ident) == 1
    assert waiter.reply() is None
    waiter = waiting(standalone, "k", "d", *options)
    assert control.call("CLIENT", "UNBLOCK", waiter.ident, "ERROR") == 1
    assert waiter.reply() == UNBLOCKED
    assert control.call("CLIENT", "UNBLOCK", waiter.ident) == 0
    control.call("RPUSH", "k", "b")
    assert control.call("LRANGE", "k", 0, -1) == [b"a", b"b"]


@pytest.mark.parametrize("proto", [2, 3])
def test_time_is_over(standalone, control, proto):
    control.call("HELLO", proto)
    nil = b"*-1" if proto == 2 else b"_"
    control.call("RPUSH", "few", "a")
    for command in (("k", "d", "LEFT", "LEFT", 0.01), ("k", "d", "LEFT", "LEFT", "1e-3", "COUNT", 2, "OBO"),
                    ("few", "d", "RIGHT", "LEFT", "0.0000001", "EXACTLY", 2, "BULK")):
        control.send(encode("BLMOVEM", *command))
        assert control._line() == nil, command
    assert blocked(standalone) == 0
    assert control.call("EXISTS", "d") == 0
    # LMOVEM: an empty array, and nil where a number was asked for.
    for command, expected in ((("k", "d", "LEFT", "LEFT"), b"*0"), (("k", "d", "LEFT", "LEFT", "COUNT", 2, "OBO"), b"*0"),
                              (("k", "d", "LEFT", "LEFT", "EXACTLY", 2, "OBO"), nil), (("few", "d", "LEFT", "LEFT", "EXACTLY", 2, "OBO"), nil)):
        control.send(encode("LMOVEM", *command))
        assert control._line() == expected, command


def test_errors(control):
    control.call("SET", "s", "text")
    control.call("RPUSH", "k", "a")
    syntax, count = ReplyError("ERR syntax error"), ReplyError("ERR count should be greater than 0")
    for command, error in ((("k", "d", "LEFT", "UP", 0), syntax), (("k", "d", "LEFT", "LEFT", 0, "COUNT", 1), syntax),
                           (("k", "d", "LEFT", "LEFT", 0, "COUNT", 1, "OBO", "x"), syntax), (("k", "d", "LEFT", "LEFT", 0, "SOME", 1, "OBO"), syntax),
                           (("k", "d", "LEFT", "LEFT", 0, "EXACTLY", 0, "OBO"), count), (("k", "d", "LEFT", "LEFT", 0, "COUNT", "x", "BULK"), count),
                           (("k", "d", "LEFT", "LEFT", "x"), NOT_A_FLOAT), (("k", "d", "LEFT", "LEFT", -1), NEGATIVE),
                           (("s", "d", "LEFT", "LEFT", 0), WRONG_TYPE), (("k", "s", "LEFT", "LEFT", 0), WRONG_TYPE),
                           (("k", "s", "LEFT", "LEFT", 0, "EXACTLY", 2, "OBO"), WRONG_TYPE)):
        assert control.call("BLMOVEM", *command) == error, command
    assert control.call("LRANGE", "k", 0, -1) == [b"a"]


def test_other_types_under_a_wait(standalone, control):
    waiter = waiting(standalone, "k", "d", "LEFT", "RIGHT", 0, "EXACTLY", 2, "BULK")
    control.call("SET", "k", "text")
    control.call("DEL", "k")
    control.call("SADD", "k", "a", "b", "c")
    assert waiter.flags(standalone) == "b"
    control.call("DEL", "k")
    control.call("SET", "d", "text")
    control.call("RPUSH", "k", "a")  # its first look at the list, which has something
    assert waiter.reply() == WRONG_TYPE
    assert control.call("LRANGE", "k", 0, -1) == [b"a"]
    control.call("DEL", "d")
    waiter = waiting(standalone, "k", "d", "LEFT", "RIGHT", 0, "EXACTLY", 2, "BULK")
    control.call("SET", "d", "text")
    control.call("RPUSH", "k", "b")
    assert waiter.reply() == WRONG_TYPE
    assert control.call("LRANGE", "k", 0, -1) == [b"a", b"b"]


def test_deletion_and_other_ways_under_a_wait(standalone, control):
    waiter = waiting(standalone, "k", "d", "LEFT", "RIGHT", 0, "EXACTLY", 3, "BULK")
    control.call("RPUSH", "k", "a", "b")
    control.call("DEL", "k")
    control.call("RPUSH", "k", "c", "d")
    control.call("FLUSHALL")
    control.call("RPUSH", "k", "e")
    control.call("LINSERT", "k", "AFTER", "e", "f")
    assert waiter.flags(standalone) == "b"
    control.call("RPUSH", "made", "g", "h", "i", "j")
    control.call("RENAME", "made", "k")
    assert waiter.reply() == [b"g", b"h", b"i"]
    waiter = waiting(standalone, "k", "d", "RIGHT", "RIGHT", 0, "EXACTLY", 2, "BULK")
    control.call("LMOVEM", "d", "k", "RIGHT", "RIGHT", "COUNT", 1, "BULK")
    assert waiter.reply() == [b"j", b"i"]
    assert control.call("LRANGE", "d", 0, -1) == [b"g", b"h", b"j", b"i"]


def test_who_leaves_gets_nothing(standalone, control):
    gone, last = (waiting(standalone, "k", target, "LEFT", "LEFT", 0, "EXACTLY", 2, "OBO") for target in "de")
    gone.close()
    eventually(lambda: blocked(standalone) == 1)
    control.call("RPUSH", "k", "a", "b")
    assert last.reply() == [b"b", b"a"]
    assert control.call("KEYS", "*") == [b"e"]


def test_slots_that_go(start):
    server = start("--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1", "--cluster-require-full-coverage", "no", shards=4)
    server.make_cluster_of_one()
    with server.connect() as control:
        options = ("LEFT", "RIGHT", 0, "EXACTLY", 2, "BULK")
        assert control.call("BLMOVEM", "a", "b", *options) == ReplyError("CROSSSLOT Keys in request don't hash to the same slot")
        control.call("RPUSH", "{k}", "a")
        waiter = waiting(server, "{k}", "{k}2", *options)
        stays = waiting(server, "{other}", "{other}2", *options)
        assert control.call("CLUSTER", "DELSLOTS", control.call("CLUSTER", "KEYSLOT", "k")) == "OK"
        assert waiter.reply() == ReplyError("CLUSTERDOWN Hash slot not served")
        control.call("RPUSH", "{other}", "x", "y")
        assert stays.reply() == [b"x", b"y"]


@pytest.mark.parametrize("proto", [2, 3])
def test_in_transactions_and_scripts_nothing_waits(standalone, control, proto):
    control.call("HELLO", proto)
    control.call("RPUSH", "k", "a", "b", "c", "d")
    commands = [("BLMOVEM", "none", "d", "LEFT", "LEFT", 0), ("BLMOVEM", "none", "d", "LEFT", "LEFT", 0, "COUNT", 2, "OBO"),
                ("BLMOVEM", "k", "d", "LEFT", "LEFT", 0, "EXACTLY", 9, "OBO"), ("BLMOVEM", "k", "d", "LEFT", "RIGHT", 0, "EXACTLY", 2, "BULK")]
    expected = [None, None, None, [b"a", b"b"]]
    assert control.pipeline([("MULTI",), *commands, ("EXEC",)])[-1] == expected
    control.call("DEL", "d")
    control.call("LPUSH", "k", "b", "a")
    script = "local r = {} for i = 1, #ARGV do r[i] = redis.call('BLMOVEM', unpack(cjson.decode(ARGV[i]))) end return r"
    as_json = ["[%s]" % ",".join('"%s"' % word for word in command[1:]) for command in commands]
    assert control.call("EVAL", script, 3, "k", "d", "none", *as_json) == expected
    assert control.call("LRANGE", "d", 0, -1) == [b"a", b"b"]
    assert blocked(standalone) == 0


def rings(server, seconds, seed):
    """Groups of elements go round over all shards, one by one and in blocks: none is lost, doubled or torn apart."""
    keys, failures, stop = [key_on_shard(i % 4, 4, "ring%d:" % i) for i in range(6)], [], threading.Event()
    rng = random.Random(seed)

    def move(seed):
        own = random.Random(seed)
        with server.connect(timeout=120) as client:
            while not stop.is_set():
                reply = client.call("BLMOVEM", *own.sample(keys, 2), "LEFT", "RIGHT", own.choice((0.01, 0.3)), own.choice(("EXACTLY", "EXACTLY", "COUNT")), 3,
                                    own.choice(("OBO", "BULK")))
                if reply is not None and (isinstance(reply, ReplyError) or len(reply) != 3 or len({item[:1] for item in reply}) != 1):
                    failures.append(reply)
                    stop.set()

    groups = [[b"%c%d" % (97 + i, k) for k in range(3)] for i in range(8)]
    with server.connect() as client:
        for group in groups:
            client.call("RPUSH", keys[0], *group)
        threads = [threading.Thread(target=move, args=(rng.random(),)) for _ in range(12)]
        for thread in threads:
            thread.start()
        stop.wait(seconds)  # a failure ends it
        stop.set()
        for thread in threads:
            thread.join(120)
        assert failures[:3] == [] and not any(thread.is_alive() for thread in threads)
        left = [item for key in keys for item in client.call("LRANGE", key, 0, -1)]
    assert sorted(left[i:i + 3] for i in range(0, len(left), 3)) == groups


@pytest.mark.parametrize("shards", [1, 4])
def test_rings_of_groups(start, shards):
    seed = new_seed(31)
    print("seed", seed)
    rings(start(shards=shards), 1 if SANITIZED else 2, seed)
