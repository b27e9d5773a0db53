"""Pub/sub: subscriptions, counts, order, who is told what. Most of it holds for redis-server 7.0 too."""
import random
import threading

import pytest

from tests.support.resp import Push, ReplyError, encode
from tests.support.server import eventually, redis_under_test

CONTEXT = ("ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in "
           "this context")


class Subscriber:
    """A connection whose pushes are read apart from its replies."""

    def __init__(self, server, proto=2):
        self.connection = server.connect()
        self.proto = proto
        if proto == 3:
            self.connection.call("HELLO", 3)

    def changes(self, *command, count=1):
        self.connection.send(encode(*command))
        return [list(self.connection.read()) for _ in range(count)]

    def read(self):
        message = self.connection.read()
        if self.proto == 3:
            assert isinstance(message, Push), message
        return list(message)

    def close(self):
        self.connection.close()


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def proto(request):
    return request.param


@pytest.fixture
def publisher(standalone):
    with standalone.connect() as connection:
        eventually(lambda: int(standalone.info("clients")["pubsub_clients"]) == 0
                   if "pubsub_clients" in standalone.info("clients") else True, what="earlier subscribers are gone")
        yield connection


def fields(line):
    return dict(word.split("=", 1) for word in line.decode().split())


def test_counts_of_subscriptions(standalone, publisher, proto):
    s = Subscriber(standalone, proto)
    assert s.changes("SUBSCRIBE", "a", "b", "a", count=3) == [[b"subscribe", b"a", 1], [b"subscribe", b"b", 2],
                                                              [b"subscribe", b"a", 2]]
    assert s.changes("PSUBSCRIBE", "a*", "a*", count=2) == [[b"psubscribe", b"a*", 3]] * 2
    assert s.changes("SSUBSCRIBE", "s") == [[b"ssubscribe", b"s", 1]]
    line = fields(publisher.call("CLIENT", "LIST", "TYPE", "pubsub").strip())
    assert (line["sub"], line["psub"], line["ssub"], line["flags"]) == ("2", "1", "1", "P")
    info = standalone.info("stats")
    assert (info["pubsub_channels"], info["pubsub_patterns"]) == ("2", "1")
    assert publisher.call("PUBSUB", "NUMSUB", "a", "b", "c") == [b"a", 1, b"b", 1, b"c", 0]
    assert publisher.call("PUBSUB", "NUMPAT") == 1
    assert sorted(publisher.call("PUBSUB", "CHANNELS")) == [b"a", b"b"]
    assert publisher.call("PUBSUB", "CHANNELS", "a*") == [b"a"]
    assert publisher.call("PUBSUB", "SHARDCHANNELS") == [b"s"]
    assert publisher.call("PUBSUB", "SHARDNUMSUB", "s", "a") == [b"s", 1, b"a", 0]
    assert s.changes("UNSUBSCRIBE", "zzz") == [[b"unsubscribe", b"zzz", 3]]
    assert s.changes("UNSUBSCRIBE", "a") == [[b"unsubscribe", b"a", 2]]
    assert s.changes("UNSUBSCRIBE") == [[b"unsubscribe", b"b", 1]]
    assert s.changes("PUNSUBSCRIBE") == [[b"punsubscribe", b"a*", 0]]
    assert s.changes("SUNSUBSCRIBE") == [[b"sunsubscribe", b"s", 0]]
    assert s.changes("UNSUBSCRIBE") == [[b"unsubscribe", None, 0]]
    assert publisher.call("CLIENT", "LIST", "TYPE", "pubsub") in (b"", None)
    s.close()


def test_messages(standalone, publisher, proto):
    s = Subscriber(standalone, proto)
    s.changes("SUBSCRIBE", "news", "sport", count=2)
    s.changes("PSUBSCRIBE", "n?ws", "*", count=2)
    s.changes("SSUBSCRIBE", "news")
    assert publisher.call("PUBLISH", "news", "one") == 3
    assert s.read() == [b"message", b"news", b"one"]
    assert sorted([s.read(), s.read()]) == [[b"pmessage", b"*", b"news", b"one"], [b"pmessage", b"n?ws", b"news", b"one"]]
    assert publisher.call("SPUBLISH", "news", "two") == 1
    assert s.read() == [b"smessage", b"news", b"two"]
    assert publisher.call("SPUBLISH", "sport", "nobody") == 0
    assert publisher.call("PUBLISH", "other", b"bin\r\n\0") == 1
    assert s.read() == [b"pmessage", b"*", b"other", b"bin\r\n\0"]
    large = b"x" * 3000000
    assert publisher.call("PUBLISH", "sport", large) == 2
    assert s.read() == [b"message", b"sport", large]
    assert s.read() == [b"pmessage", b"*", b"sport", large]
    s.changes("PUNSUBSCRIBE", count=2)
    assert publisher.call("PUBLISH", "other", "nobody") == 0
    s.close()


def test_what_a_subscriber_may_say(standalone, publisher):
    s = Subscriber(standalone).connection
    s.call("SUBSCRIBE", "a")
    for command in ("get", "publish", "hello"):
        assert s.call(command.upper(), *["x"] * {"get": 1, "publish": 2}.get(command, 0)) == ReplyError(CONTEXT % command)
    assert s.call("CLIENT", "LIST") == ReplyError(CONTEXT % "client|list")
    assert s.call("PING") == [b"pong", b""]
    assert s.call("PING", "hi") == [b"pong", b"hi"]
    assert isinstance(s.call("NOSUCH"), ReplyError) and isinstance(s.call("GET"), ReplyError)
    assert s.call("RESET") == "RESET"
    assert s.call("PING") == "PONG" and s.call("GET", "x") is None
    assert publisher.call("PUBLISH", "a", "x") == 0
    s.call("SUBSCRIBE", "a")
    assert s.call("QUIT") == "OK" and s.closed_by_peer()


def test_resp3_subscribers_work_on(standalone, publisher):
    s = Subscriber(standalone, 3).connection
    assert s.call("SUBSCRIBE", "a") == [b"subscribe", b"a", 1]
    assert s.call("SET", "k", "v") == "OK" and s.call("GET", "k") == b"v" and s.call("PING") == "PONG"
    s.send(encode("PUBLISH", "a", "to myself") + encode("ECHO", "behind"))
    replies = [s.read() for _ in range(3)]
    assert sorted(map(repr, replies)) == sorted(map(repr, [1, Push([b"message", b"a", b"to myself"]), b"behind"]))
    assert [r for r in replies if not isinstance(r, Push)] == [1, b"behind"]
    s.close()


def test_confirmations_come_without_replies(standalone, publisher, proto):
    s = Subscriber(standalone, proto)
    s.connection.send(encode("CLIENT", "REPLY", "OFF"))
    assert s.changes("SUBSCRIBE", "x") == [[b"subscribe", b"x", 1]]
    assert publisher.call("PUBLISH", "x", "1") == 1
    assert s.read() == [b"message", b"x", b"1"]
    s.close()


def test_pubsub_errors(standalone, publisher):
    assert publisher.call("PUBSUB", "CHANNELS", "a", "b") == ReplyError(
        "ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB HELP.")
    assert publisher.call("PUBSUB", "NUMPAT", "x") == ReplyError("ERR wrong number of arguments for 'pubsub|numpat' command")
    assert publisher.call("PUBSUB", "NOSUCH") == ReplyError("ERR unknown subcommand 'NOSUCH'. Try PUBSUB HELP.")
    assert publisher.call("PUBSUB", "NUMSUB") == []
    help_lines = publisher.call("PUBSUB", "HELP")
    assert len(help_lines) == 14 and help_lines[0] == "PUBSUB <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"


def test_one_order_for_all(standalone, publisher):
    """Four publishers, eight subscribers on whatever threads: all see the same order, and each publisher's own."""
    subscribers = [Subscriber(standalone, 2 + i % 2) for i in range(8)]
    for i, s in enumerate(subscribers):
        s.changes("PSUBSCRIBE", "order:*") if i % 2 else s.changes("SUBSCRIBE", "order:a", "order:b", count=2)
    messages = 500

    def publish(name):
        with standalone.connect() as connection:
            for first in range(0, messages, 50):
                batch = [("PUBLISH", "order:" + "ab"[i % 2], "%d:%d" % (name, i)) for i in range(first, first + 50)]
                assert connection.pipeline(batch) == [8] * 50

    threads = [threading.Thread(target=publish, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    seen = [[s.read()[-2:] for _ in range(4 * messages)] for s in subscribers]
    for thread in threads:
        thread.join()
    assert all(each == seen[0] for each in seen)
    for name in range(4):
        mine = [int(text.split(b":")[1]) for _, text in seen[0] if text.startswith(b"%d:" % name)]
        assert mine == list(range(messages))
    for s in subscribers:
        s.close()


def test_counts_are_right_while_subscribers_come_and_go(standalone, publisher):
    """Whoever has been told that it is subscribed is counted and gets the message; whoever left is not and does not."""
    rng = random.Random(5)
    subscribers, inside = [Subscriber(standalone, 2 + i % 2) for i in range(12)], set()
    for turn in range(300):
        i = rng.randrange(len(subscribers))
        if i in inside:
            inside.remove(i)
            assert subscribers[i].changes("UNSUBSCRIBE", "c")[0][2] == 0
        else:
            inside.add(i)
            assert subscribers[i].changes("SUBSCRIBE", "c")[0][2] == 1
        assert publisher.call("PUBLISH", "c", turn) == len(inside)
        for j in inside:
            assert subscribers[j].read() == [b"message", b"c", b"%d" % turn]
    for s in subscribers:
        s.close()
    eventually(lambda: publisher.call("PUBLISH", "c", "x") == 0, what="closed subscribers are not counted")


def test_pushes_never_tear_replies(standalone, publisher):
    s = Subscriber(standalone, 3).connection
    assert s.call("SUBSCRIBE", "a")[0] == b"subscribe"
    publisher.call("DEL", "list")
    publisher.call("RPUSH", "list", *range(3000))
    expected, pushes = [b"%d" % i for i in range(3000)], 0
    for _ in range(60):
        s.send(encode("LRANGE", "list", 0, -1) * 3)
        assert publisher.pipeline([("PUBLISH", "a", "x" * 50)] * 20) == [1] * 20
        s.send(encode("PING"))  # behind the messages, which were in the list before they were answered
        answers = []
        while len(answers) < 4:
            reply = s.read()
            if isinstance(reply, Push):
                assert reply == [b"message", b"a", b"x" * 50]
                pushes += 1
            else:
                answers.append(reply)
        assert answers == [expected] * 3 + ["PONG"]
    assert pushes == 60 * 20
    s.close()


def test_slow_subscribers_are_closed(start):
    server = start("--client-output-buffer-limit", "pubsub 1mb 0 0", shards=2)
    with server.connect(rcvbuf=4096) as slow, server.connect() as publisher:
        slow.call("SUBSCRIBE", "c")
        payload = "x" * 100000

        def closed():
            return publisher.call("PUBLISH", "c", payload) == 0
        eventually(closed, what="the slow subscriber is closed")
        assert slow.closed_by_peer()
    if not redis_under_test():
        assert int(server.info("stats")["client_output_buffer_limit_disconnections"]) == 1


@pytest.mark.parametrize("shards", [1, 2])
def test_a_subscriber_over_its_limit_is_told_of_once(start, shards):
    """More than the limit in one tick: one line of the log, without the client's name, and one disconnection."""
    server = start("--client-output-buffer-limit", "pubsub 100kb 0 0", "--loglevel", "verbose", shards=shards)
    with server.connect() as slow, server.connect() as publisher:
        assert slow.call("CLIENT", "SETNAME", "SECRETNAME") == "OK"
        slow.call("SUBSCRIBE", "c")
        publisher.pipeline([("MULTI",)] + [("PUBLISH", "c", "x" * 10000)] * 60 + [("EXEC",)])
        assert slow.closed_by_peer()
        told = eventually(lambda: [line for line in server.log().split("\n") if "overcoming of output buffer limits" in line])
        assert len(told) == 1, told
        stats = publisher.call("INFO", "stats")
        if not redis_under_test():
            assert b"client_output_buffer_limit_disconnections:1\r\n" in stats
            assert "SECRETNAME" not in server.log() and " name=*redacted* " in told[0], told


def test_acl_of_channels(start):
    server = start(shards=2)
    with server.connect() as admin, server.connect() as user:
        admin.call("ACL", "SETUSER", "u", "on", "nopass", "+@all", "resetchannels", "&ok:*")
        user.call("AUTH", "u", "x")
        denied = ReplyError("NOPERM this user has no permissions to access one of the channels used as arguments")
        assert user.call("SUBSCRIBE", "no") == denied and user.call("PUBLISH", "no", "x") == denied
        assert user.call("PSUBSCRIBE", "ok:?") == denied  # only the very pattern
        assert user.call("SSUBSCRIBE", "no") == denied and user.call("SPUBLISH", "no", "x") == denied
        assert user.call("PSUBSCRIBE", "ok:*") == [b"psubscribe", b"ok:*", 1]
        assert user.call("SUBSCRIBE", "ok:1") == [b"subscribe", b"ok:1", 2]
        assert admin.call("PUBLISH", "ok:1", "m") == 2
        assert user.read() == [b"message", b"ok:1", b"m"] and user.read()[0] == b"pmessage"
        assert admin.call("ACL", "SETUSER", "u", "resetchannels", "&ok:1") == "OK"
        assert user.closed_by_peer()  # it may not listen to its pattern any more


def test_subscribers_that_leave_are_forgotten(standalone, publisher):
    for _ in range(3):
        many = [Subscriber(standalone) for _ in range(30)]
        for i, s in enumerate(many):
            s.changes("SUBSCRIBE", "leave", "leave:%d" % i, count=2)
            s.changes("PSUBSCRIBE", "leave:*")
        assert publisher.call("PUBLISH", "leave", "x") == 30
        assert publisher.call("PUBLISH", "leave:7", "x") == 31
        for s in many:
            s.close()
        eventually(lambda: publisher.call("PUBLISH", "leave:7", "x") == 0, what="nobody is left")
        assert publisher.call("PUBSUB", "CHANNELS", "leave*") == [] and publisher.call("PUBSUB", "NUMPAT") == 0


@pytest.mark.tessera_only
def test_thousands_of_channels(standalone, publisher):
    s, t = Subscriber(standalone), Subscriber(standalone)
    for first in range(0, 5000, 500):
        names = ["ch:%d" % i for i in range(first, first + 500)]
        s.changes("SUBSCRIBE", *names, count=500)
        t.changes("SUBSCRIBE", *names[:250], count=250)
    info = standalone.info("stats")
    assert info["pubsub_channels"] == "5000"
    assert publisher.pipeline([("PUBLISH", "ch:%d" % i, "x") for i in (0, 249, 250, 4999)]) == [2, 2, 1, 1]
    s.changes("UNSUBSCRIBE", *["ch:%d" % i for i in range(4000)], count=4000 + 4)  # and the four messages
    assert publisher.pipeline([("PUBLISH", "ch:%d" % i, "x") for i in (0, 249, 250, 4999)]) == [1, 1, 0, 1]
    s.close()
    t.close()


def test_shard_channels_of_a_cluster(cluster):
    with cluster.connect() as s, cluster.connect() as publisher:
        assert s.call("SSUBSCRIBE", "{x}a", "{y}b") == ReplyError("CROSSSLOT Keys in request don't hash to the same slot")
        assert s.call("SSUBSCRIBE", "{x}a", "{x}b") == [b"ssubscribe", b"{x}a", 1] and s.read()[2] == 2
        assert publisher.call("SPUBLISH", "{x}b", "m") == 1
        assert s.read() == [b"smessage", b"{x}b", b"m"]
        assert s.call("SUBSCRIBE", "c") == [b"subscribe", b"c", 1]
        assert publisher.call("PUBLISH", "c", "m") == 1 and s.read() == [b"message", b"c", b"m"]
        slot = publisher.call("CLUSTER", "KEYSLOT", "{x}a")
        assert publisher.call("CLUSTER", "DELSLOTS", slot) == "OK"
        gone = [s.read(), s.read()]
        assert [each[2] for each in gone] == [1, 0] and sorted(each[1] for each in gone) == [b"{x}a", b"{x}b"]
        assert {each[0] for each in gone} == {b"sunsubscribe"}
        assert publisher.call("PUBSUB", "SHARDCHANNELS") == []
        assert s.call("PING") == [b"pong", b""]  # of "c" it is still a subscriber
        assert publisher.call("CLUSTER", "ADDSLOTS", slot) == "OK"

