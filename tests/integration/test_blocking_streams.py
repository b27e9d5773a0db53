"""XREAD and XREADGROUP that wait. Shared semantics hold for redis-server 7.0 too."""
import random
import threading

import pytest

from tests.integration.test_blocking import UNBLOCKED, WRONG_TYPE, Waiter, blocked
from tests.support.resp import ReplyError
from tests.support.seed import new_seed
from tests.support.server import SANITIZED, eventually

GONE = ReplyError("UNBLOCKED the stream key no longer exists")
NO_GROUP = ReplyError("NOGROUP the consumer group this client was blocked on no longer exists")


@pytest.fixture
def control(standalone):
    with standalone.connect() as connection:
        connection.call("FLUSHALL")
        yield connection


def group_read(consumer, *keys, block=0, words=()):
    return ("XREADGROUP", "GROUP", "g", consumer, *words, "BLOCK", block, "STREAMS", *keys, *([">"] * len(keys)))


def with_groups(control, *keys):
    for key in keys:
        assert control.call("XGROUP", "CREATE", key, "g", "$", "MKSTREAM") == "OK"


@pytest.mark.parametrize("proto", [2, 3])
def test_an_entry_serves(standalone, control, proto):
    waiter = Waiter(standalone, "XREAD", "BLOCK", 0, "STREAMS", "s", "0", proto=proto)
    assert blocked(standalone) == 1
    assert control.call("XADD", "s", "1-1", "f", "v") == b"1-1"
    entries = [[b"1-1", [b"f", b"v"]]]
    assert waiter.reply() == ({b"s": entries} if proto == 3 else [[b"s", entries]])
    with_groups(control, "t")
    waiter = Waiter(standalone, *group_read("c", "t"), proto=proto)
    assert control.call("XADD", "t", "1-1", "f", "v") == b"1-1"
    assert waiter.reply() == ({b"t": entries} if proto == 3 else [[b"t", entries]])
    assert control.call("XPENDING", "t", "g") == [1, b"1-1", b"1-1", [[b"c", b"1"]]]
    assert blocked(standalone) == 0


def test_what_is_there_is_given_at_once(control):
    control.call("XADD", "s", "1-1", "f", "v")
    assert control.call("XREAD", "BLOCK", 0, "STREAMS", "none", "s", 0, 0) == [[b"s", [[b"1-1", [b"f", b"v"]]]]]
    assert control.call("XGROUP", "CREATE", "s", "g", 0) == "OK"
    assert control.call(*group_read("c", "s")) == [[b"s", [[b"1-1", [b"f", b"v"]]]]]


def test_dollar_is_what_it_was_at_first(standalone, control):
    control.call("XADD", "s", "5-1", "f", "v")
    waiter = Waiter(standalone, "XREAD", "COUNT", 10, "BLOCK", 0, "STREAMS", "s", "none", "$", "$")
    control.call("XADD", "other", "*", "f", "v")
    control.call("DEL", "s")
    control.call("XADD", "s", "5-1", "f", "again")  # not behind it
    assert blocked(standalone) == 1
    control.call("XADD", "s", "5-2", "f", "v")
    assert waiter.reply() == [[b"s", [[b"5-2", [b"f", b"v"]]]]]


def test_of_several_keys_and_shards_one_serves(standalone, control):
    keys = ["key:%d" % i for i in range(20)]
    with_groups(control, *keys)
    reader = Waiter(standalone, "XREAD", "BLOCK", 0, "STREAMS", *keys, *(["$"] * 20))
    consumer = Waiter(standalone, *group_read("c", *reversed(keys)))
    control.call("XADD", "key:7", "1-1", "f", "v")
    assert reader.reply() == consumer.reply() == [[b"key:7", [[b"1-1", [b"f", b"v"]]]]]
    eventually(lambda: int(standalone.info("clients").get("total_blocking_keys", 0)) == 0)


def test_readers_all_get_it_and_consumers_in_order(standalone, control):
    with_groups(control, "s")
    readers = [Waiter(standalone, "XREAD", "BLOCK", 0, "STREAMS", "s", "$") for _ in range(3)]
    consumers = [Waiter(standalone, *group_read("c%d" % i, "s", words=("COUNT", 1))) for i in range(5)]
    for i in range(1, 4):
        control.call("XADD", "s", "%d-0" % i, "f", "v")
    assert all(reader.reply() == [[b"s", [[b"1-0", [b"f", b"v"]]]]] for reader in readers)
    for i in range(3):
        assert consumers[i].reply() == [[b"s", [[b"%d-0" % (i + 1), [b"f", b"v"]]]]]
    assert blocked(standalone) == 2
    assert sorted(each[0] for each in control.call("XPENDING", "s", "g")[3]) == [b"c0", b"c1", b"c2"]


def test_one_command_with_several_entries(standalone, control):
    """A copy brings them all at once: the first consumer takes them up to its count, then the next."""
    control.call("XGROUP", "CREATE", "from", "g", 0, "MKSTREAM")
    for i in range(1, 6):
        control.call("XADD", "from", "%d-0" % i, "f", "v")
    control.call("XGROUP", "CREATE", "s", "g", 0, "MKSTREAM")
    reader = Waiter(standalone, "XREAD", "COUNT", 2, "BLOCK", 0, "STREAMS", "s", "2-0")
    assert control.call("COPY", "from", "s", "REPLACE") == 1
    assert reader.reply() == [[b"s", [[b"3-0", [b"f", b"v"]], [b"4-0", [b"f", b"v"]]]]]


def test_keys_that_come_by_other_ways(standalone, control):
    ways = [[("XADD", "s", "1-1", "f", "v")], [("XADD", "made", "1-1", "f", "v"), ("RENAME", "made", "s")],
            [("XADD", "made", "1-1", "f", "v"), ("COPY", "made", "s")], [("XADD", "made", "1-1", "f", "v"), ("RENAMENX", "made", "s")]]
    for way in ways:
        waiter = Waiter(standalone, "XREAD", "BLOCK", 0, "STREAMS", "s", "$")
        for command in way:
            assert not isinstance(control.call(*command), ReplyError)
        assert waiter.reply() == [[b"s", [[b"1-1", [b"f", b"v"]]]]], way
        control.call("FLUSHALL")


def test_other_databases(standalone, control):
    waiter = Waiter(standalone, "XREAD", "BLOCK", 0, "STREAMS", "s", "$", db=1)
    control.call("XADD", "s", "1-1", "f", "v")
    assert blocked(standalone) == 1
    assert control.call("MOVE", "s", 1) == 1
    assert waiter.reply() == [[b"s", [[b"1-1", [b"f", b"v"]]]]]
    control.call("FLUSHALL")
    waiter = Waiter(standalone, "XREAD", "BLOCK", 0, "STREAMS", "s", "$", db=1)
    control.call("XADD", "s", "1-1", "f", "v")
    assert control.call("SWAPDB", 0, 1) == "OK"
    assert waiter.reply() == [[b"s", [[b"1-1", [b"f", b"v"]]]]]


def test_what_wakes_nobody(standalone, control):
    control.call("XADD", "s", "5-0", "f", "v")
    with_groups(control, "s")
    control.call("XGROUP", "CREATE", "s", "other", "0")
    reader = Waiter(standalone, "XREAD", "BLOCK", 0, "STREAMS", "s", "$")
    consumer = Waiter(standalone, *group_read("c", "s"))
    for command in (("XGROUP", "SETID", "s", "g", 0), ("XREADGROUP", "GROUP", "other", "x", "STREAMS", "s", ">"), ("XACK", "s", "other", "5-0"),
                    ("XGROUP", "CREATE", "s", "third", 0), ("XGROUP", "CREATECONSUMER", "s", "g", "x"), ("XTRIM", "s", "MAXLEN", 1),
                    ("XSETID", "s", "6-0"), ("XCLAIM", "s", "g", "x", 0, "5-0", "FORCE"), ("EXPIRE", "s", 1000)):
        assert not isinstance(control.call(*command), ReplyError), command
    assert blocked(standalone) == 2
    control.call("XADD", "s", "7-0", "f", "v")
    assert reader.reply() == [[b"s", [[b"7-0", [b"f", b"v"]]]]]
    assert consumer.reply() == [[b"s", [[b"5-0", [b"f", b"v"]], [b"7-0", [b"f", b"v"]]]]]


def test_an_entry_that_came_and_went(standalone, control):
    with_groups(control, "s")
    reader = Waiter(standalone, "XREAD", "BLOCK", 0, "STREAMS", "s", "$")
    consumer = Waiter(standalone, *group_read("c", "s"))
    control.call("XADD", "s", "MAXLEN", 0, "1-1", "f", "v")
    assert reader.reply() == [[b"s", []]]
    assert consumer.reply() == [[b"s", []]]


def test_another_type(standalone, control):
    reader = Waiter(standalone, "XREAD", "BLOCK", 0, "STREAMS", "s", "$")
    control.call("SET", "s", "text")
    control.call("DEL", "s")
    control.call("RPUSH", "s", "x")
    control.call("DEL", "s")
    assert blocked(standalone) == 1
    control.call("XADD", "s", "1-1", "f", "v")
    assert reader.reply() == [[b"s", [[b"1-1", [b"f", b"v"]]]]]
    control.call("SET", "t", "text")
    assert control.call("XREAD", "BLOCK", 0, "STREAMS", "t", "$") == WRONG_TYPE
    assert control.call(*group_read("c", "t")) == WRONG_TYPE


def test_groups_whose_stream_goes(standalone, control):
    control.call("SET", "text", "x")
    ways = [("DEL", "s"), ("UNLINK", "s"), ("SET", "s", "x"), ("RENAME", "s", "elsewhere"), ("RENAME", "text", "s"), ("MOVE", "s", 1), ("FLUSHALL",),
            ("FLUSHDB",), ("SWAPDB", 0, 1), ("PEXPIRE", "s", 1), ("EXPIREAT", "s", 1), ("SUNIONSTORE", "s", "none")]
    for way in ways:
        control.call("FLUSHALL")
        control.call("SET", "text", "x")
        with_groups(control, "s", "t")
        waiters = [Waiter(standalone, *group_read("c", "t", "s")), Waiter(standalone, *group_read("d", "s"))]
        assert not isinstance(control.call(*way), ReplyError), way
        assert [waiter.reply() for waiter in waiters] == [GONE] * 2, way
    assert blocked(standalone) == 0


def test_a_stream_that_is_another_one_now(standalone, control):
    for way in (("RENAME", "from", "s"), ("COPY", "from", "s", "REPLACE")):
        control.call("FLUSHALL")
        with_groups(control, "s")
        control.call("XADD", "from", "9-9", "f", "v")
        waiter = Waiter(standalone, *group_read("c", "s"))
        assert not isinstance(control.call(*way), ReplyError)
        assert waiter.reply() == NO_GROUP, way


def test_groups_that_go(standalone, control):
    with_groups(control, "s", "t")
    control.call("XGROUP", "CREATE", "s", "other", "$")
    waiters = [Waiter(standalone, *group_read("c", "s", "t")), Waiter(standalone, *group_read("d", "s"), proto=3)]
    reader = Waiter(standalone, "XREAD", "BLOCK", 0, "STREAMS", "s", "$")
    assert control.call("XGROUP", "DESTROY", "s", "other") == 1
    assert blocked(standalone) == 3
    assert control.call("XGROUP", "DESTROY", "s", "g") == 1
    assert [waiter.reply() for waiter in waiters] == [NO_GROUP] * 2
    assert blocked(standalone) == 1
    control.call("XADD", "s", "1-1", "f", "v")
    assert reader.reply() == [[b"s", [[b"1-1", [b"f", b"v"]]]]]


def test_history_does_not_wait(control):
    with_groups(control, "s", "t")
    assert control.call("XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", "s", "0") == [[b"s", []]]
    assert control.call("XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", "t", "s", ">", "5") == [[b"s", []]]


def test_words_that_look_like_others(standalone, control):
    control.call("XGROUP", "CREATE", "s", "STREAMS", "$", "MKSTREAM")
    waiter = Waiter(standalone, "XREADGROUP", "GROUP", "STREAMS", "BLOCK", "BLOCK", 0, "STREAMS", "s", ">")
    control.call("XADD", "s", "1-1", "f", "v")
    assert waiter.reply() == [[b"s", [[b"1-1", [b"f", b"v"]]]]]
    assert control.call("XREADGROUP", "GROUP", "STREAMS", "BLOCK", "STREAMS", "s", ">") is None


def test_without_acknowledgement(standalone, control):
    with_groups(control, "s")
    waiter = Waiter(standalone, *group_read("c", "s", words=("NOACK",)))
    control.call("XADD", "s", "1-1", "f", "v")
    assert waiter.reply() == [[b"s", [[b"1-1", [b"f", b"v"]]]]]
    assert control.call("XPENDING", "s", "g") == [0, None, None, None]


@pytest.mark.parametrize("proto", [2, 3])
def test_time_is_over(standalone, control, proto):
    control.call("HELLO", proto)
    with_groups(control, "s", "t")
    assert control.call("XREAD", "BLOCK", 1, "STREAMS", "s", "none", "$", "$") is None
    assert control.call(*group_read("c", "s", "t", block=1)) is None
    assert blocked(standalone) == 0
    control.call("XADD", "s", "1-1", "f", "v")
    assert control.call("XPENDING", "s", "g")[0] == 0


def test_timeouts_that_are_none(control):
    texts = {"x": "timeout is not an integer or out of range", "1.5": "timeout is not an integer or out of range", "-1": "timeout is negative"}
    for timeout, error in texts.items():
        assert control.call("XREAD", "BLOCK", timeout, "STREAMS", "s", "$") == ReplyError("ERR " + error)


def test_a_time_beyond_all_times(standalone, control):
    waiter = Waiter(standalone, "XREAD", "BLOCK", 9223372036854775807, "STREAMS", "s", "$")
    control.call("XADD", "s", "1-1", "f", "v")
    assert waiter.reply() == [[b"s", [[b"1-1", [b"f", b"v"]]]]]


def test_unblock(standalone, control):
    with_groups(control, "s")
    for command in (("XREAD", "BLOCK", 0, "STREAMS", "s", "none", "$", "$"), group_read("c", "s")):
        waiter = Waiter(standalone, *command)
        assert control.call("CLIENT", "UNBLOCK", waiter.ident) == 1
        assert waiter.reply() is None
        waiter = Waiter(standalone, *command)
        assert control.call("CLIENT", "UNBLOCK", waiter.ident, "ERROR") == 1
        assert waiter.reply() == UNBLOCKED
    assert blocked(standalone) == 0


def test_a_wait_in_the_middle_of_a_pipeline(standalone, control):
    with_groups(control, "s")
    waiter = Waiter(standalone, *group_read("c", "s"))
    replies = control.pipeline([("XADD", "s", "1-1", "f", "v"), ("XPENDING", "s", "g"), ("XACK", "s", "g", "1-1"), ("DEL", "s")])
    assert replies == [b"1-1", [1, b"1-1", b"1-1", [[b"c", b"1"]]], 1, 1]
    assert waiter.reply() == [[b"s", [[b"1-1", [b"f", b"v"]]]]]


def test_slots_that_go(start):
    server = start("--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1", "--cluster-require-full-coverage", "no", shards=4)
    server.make_cluster_of_one()
    with server.connect() as connection:
        slot = connection.call("CLUSTER", "KEYSLOT", "k")
        waiter = Waiter(server, "XREAD", "BLOCK", 0, "STREAMS", "k", "{k}2", "$", "$")
        assert connection.call("CLUSTER", "DELSLOTS", slot) == "OK"
        assert waiter.reply() == ReplyError("CLUSTERDOWN Hash slot not served")


def traffic(server, seconds, consumers, producers, seed):
    """Of one group every entry is delivered once and per stream in order; a reader beside it sees all of them."""
    keys = ["stream:%d" % i for i in range(6)]
    added, got, failures, stop = [0] * producers, [[] for _ in range(consumers)], [], threading.Event()
    with server.connect() as client:
        for key in keys:
            client.call("XGROUP", "CREATE", key, "g", "$", "MKSTREAM")

    def consume(number, seed):
        own = random.Random(seed)
        with server.connect(timeout=120) as client:
            while not stop.is_set():
                mine = own.sample(keys, own.choice((1, 2, 6)))
                reply = client.call("XREADGROUP", "GROUP", "g", "c%d" % number, "COUNT", own.choice((1, 1, 3)), "BLOCK", own.choice((1, 50, 300)),
                                    "STREAMS", *mine, *([">"] * len(mine)))
                assert not isinstance(reply, ReplyError), reply
                for key, entries in reply or ():
                    got[number].extend((key, entry[0], entry[1][1]) for entry in entries)

    def produce(number, seed):
        own = random.Random(seed)
        with server.connect(timeout=120) as client:
            while not stop.is_set():
                count = own.choice((1, 1, 5))
                replies = client.pipeline([("XADD", own.choice(keys), "*", "n", "%d:%d" % (number, added[number] + i)) for i in range(count)])
                assert not any(isinstance(reply, ReplyError) for reply in replies), replies
                added[number] += count

    def guarded(work, *args):
        try:
            work(*args)
        except Exception as error:  # noqa: B902 - a thread's failure must reach the test
            failures.append(error)
            stop.set()

    rng = random.Random(seed)
    threads = [threading.Thread(target=guarded, args=(consume, i, rng.random())) for i in range(consumers)]
    threads += [threading.Thread(target=guarded, args=(produce, i, rng.random())) for i in range(producers)]
    for thread in threads:
        thread.start()
    stop.wait(seconds)  # a thread that fails ends it
    stop.set()
    for thread in threads:
        thread.join(120)
    assert failures[:3] == [] and not any(thread.is_alive() for thread in threads)
    with server.connect() as client:
        for key in keys:
            reply = client.call("XREADGROUP", "GROUP", "g", "rest", "STREAMS", key, ">")
            got.append([(name, entry[0], entry[1][1]) for name, entries in reply or () for entry in entries])
    everything = [value for each in got for _, _, value in each]
    assert len(everything) == len(set(everything)) == sum(added)
    for each in got:
        last = {}
        for key, ident, _ in each:
            ident = tuple(int(part) for part in ident.split(b"-"))
            assert last.get(key, (0, 0)) < ident
            last[key] = ident
    assert blocked(server) == 0
    return sum(added)


@pytest.mark.parametrize("shards", [1, 4])
def test_each_entry_once(start, shards):
    seed = new_seed(31)
    print("seed", seed)
    assert traffic(start(shards=shards), 1 if SANITIZED else 2, 12, 6, seed) > 0


@pytest.mark.long
def test_each_entry_once_for_long(start):
    seed = new_seed(31)
    print("seed", seed)
    assert traffic(start(shards=4), 60, 60, 30, seed) > 0
