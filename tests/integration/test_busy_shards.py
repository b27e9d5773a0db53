"""A slow script keeps its shard; nobody on another shard waits for it in silence: each is served, or told BUSY."""
import random
import threading

import pytest

from tests.support.resp import Closed, ReplyError, encode
from tests.support.server import Server, eventually
from tests.support.slots import key_on_shard

pytestmark = pytest.mark.tessera_only

BUSY = ReplyError("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.")
LOOP = "while true do end"
CROSS = "#!lua flags=allow-cross-slot-keys\n"


def kill(server):
    """By a connection on every shard, most likely: each of them is heard."""
    killers = [server.connect() for _ in range(12)]
    replies = [killer.call("SCRIPT", "KILL") for killer in killers]
    for killer in killers:
        killer.close()
    assert replies[0] == "OK" and all(reply == "OK" or str(reply).split(" ")[0] in ("NOTBUSY", "UNKILLABLE") for reply in replies), replies


@pytest.mark.parametrize("parks", ["FLUSHDB", "BGSAVE SCHEDULE"])
def test_a_gather_that_waits_for_a_busy_shard_parks_nobody(parks):
    """It asked all shards to park when the script had just begun: those who did are let go again."""
    rounds, seed = 20, random.randrange(1 << 30)
    print("seed", seed)
    chosen = random.Random(seed)
    with Server("--busy-reply-threshold", "30", "--cluster-enabled", "yes", shards=3) as server:
        server.make_cluster_of_one()
        stopped = threading.Event()

        def flood():
            with server.connect() as client:
                try:
                    while not stopped.is_set():
                        client.call(*parks.split())
                except (Closed, OSError):
                    pass
        threads = [threading.Thread(target=flood) for _ in range(4)]
        for thread in threads:
            thread.start()
        others = [server.connect() for _ in range(16)]
        try:
            for number in range(rounds):
                with server.connect() as runner:
                    script = "redis.log(redis.LOG_WARNING, 'round %d') " % number + LOOP
                    runner.send(encode("EVAL", script, 1, key_on_shard(chosen.randrange(3), 3, "k%d_" % number)))
                    eventually(lambda: "round %d\n" % number in server.log(), what="the script runs")
                    eventually(lambda: server.log().count("Slow script detected") > number, what="the script is busy")
                    # Each answers, in whatever way.
                    for other in others:
                        assert other.call("PING") in ("PONG", BUSY)
                    kill(server)
                    assert "killed" in str(runner.read())
        finally:
            stopped.set()
            for thread in threads:
                thread.join()
            for other in others:
                other.close()


def test_a_frozen_shard_is_told():
    """A wake that needs the busy shard has the other one wait: its clients are told, those who wait already too."""
    source, target, other = key_on_shard(1, 2, "source"), key_on_shard(0, 2, "target"), key_on_shard(1, 2, "other")
    with Server("--busy-reply-threshold", "1000", shards=2) as server:
        clients = [server.connect() for _ in range(16)]
        with server.connect() as waiter, server.connect() as runner:
            waiter.send(encode("BLMOVE", source, target, "LEFT", "RIGHT", 0))
            eventually(lambda: server.info("clients")["blocked_clients"] == "1", what="it waits")
            runner.send(encode("EVAL", "redis.log(redis.LOG_WARNING, 'it has begun') " + LOOP, 1, key_on_shard(0, 2, "k")))
            eventually(lambda: "it has begun" in server.log(), what="the script runs")
            # The first ones freeze the shard, the rest waits behind. Clients of the busy shard are not heard yet.
            for client in clients:
                client.send(encode("LPUSH", source, "x") + encode("SET", other, 1) + encode("DBSIZE") + encode("PING"))
            told = 0
            for client in clients:
                replies = [client.read() for _ in range(4)]
                assert replies[0] in (BUSY, 1, 2) and replies[1] in ("OK", BUSY) and replies[2] == BUSY, replies
                assert replies[3] in ("PONG", BUSY)
                told += replies[1] == BUSY
            assert told >= 8, told
            for client in clients:
                assert client.call("GET", source) in (BUSY, ReplyError("WRONGTYPE Operation against a key holding the wrong kind of value"))
                assert client.call("DBSIZE") == BUSY
            kill(server)
            assert "killed" in str(runner.read())
            assert waiter.read() == b"x"
            # Nothing stays frozen.
            for client in clients:
                assert client.call("SET", other, 2) == "OK"
                client.close()
            eventually(lambda: server.info("clients")["blocked_clients"] == "0", what="nobody is held")


def test_a_shard_that_freezes_beside_a_busy_one_is_told():
    """The script is known to be slow already: what stands behind the push that freezes the shard, in the same write, is told."""
    source, target, other = key_on_shard(1, 3, "source"), key_on_shard(0, 3, "target"), key_on_shard(1, 3, "other")
    with Server("--busy-reply-threshold", "30", shards=3) as server:
        frozen = 0
        for number in range(12):
            with server.connect() as waiter, server.connect() as runner, server.connect() as client:
                waiter.send(encode("BLMOVE", source, target, "LEFT", "RIGHT", 0))
                eventually(lambda: server.info("clients")["blocked_clients"] == "1", what="it waits")
                runner.send(encode("EVAL", LOOP, 1, key_on_shard(0, 3, "k")))
                eventually(lambda: server.log().count("Slow script detected") > number, what="the script is busy")
                client.send(encode("LPUSH", source, "x") + encode("SET", other, 1) + encode("PING"))
                replies = [client.read() for _ in range(3)]
                assert replies[0] in (1, BUSY) and replies[1] in ("OK", BUSY) and replies[2] in ("PONG", BUSY), replies
                frozen += replies[0] == 1
                kill(server)
                assert "killed" in str(runner.read())
                if replies[0] != 1:  # its connection belongs to the busy shard
                    assert client.call("LPUSH", source, "x") == 1
                assert waiter.read() == b"x"
                client.call("DEL", source, target)
        assert frozen > 0


@pytest.mark.parametrize("first_call", ["incr", "get"])
def test_a_script_that_waits_for_a_busy_shard_is_told_of(first_call):
    """In the middle of its run it wants the shard of another script: its own shard's clients are told, either can be killed, but for the
    one that has written: that goes on."""
    with Server("--busy-reply-threshold", "500", "--cluster-enabled", "yes", shards=3) as server:
        server.make_cluster_of_one()
        first, second, third = (key_on_shard(shard, 3, "k") for shard in range(3))
        wants = CROSS + "redis.call('%s', '%s') redis.call('incr', '%s') return 'over'" % (first_call, third, second)
        others = [server.connect() for _ in range(12)]
        waiters = [server.connect() for _ in range(12)]
        with server.connect() as runner:
            # Known to look elsewhere, from now on.
            assert runner.call("EVAL", wants, 1, first) == b"over"
            runner.send(encode("EVAL", "redis.log(redis.LOG_WARNING, 'it has begun') " + LOOP, 1, second))
            eventually(lambda: "it has begun" in server.log(), what="the script runs")
            # The first that is heard begins; others wait for their turn, or belong to the busy shard, and are told.
            for waiter in waiters:
                waiter.send(encode("EVAL", wants, 1, first))
            eventually(lambda: server.log().count("Slow script detected") == 2, what="both scripts are busy")
            for other in others:
                assert other.call("PING") in ("PONG", BUSY)
            kill(server)
            assert "killed" in str(runner.read())
            replies = [waiter.read() for waiter in waiters]
            began = [reply for reply in replies if reply != BUSY]
            assert len(began) == 1 and (began[0] == b"over" if first_call == "incr" else "Script killed by user" in str(began[0])), replies
            for other in others:
                eventually(lambda other=other: other.call("PING") == "PONG", what="all go on")
        for client in others + waiters:
            client.close()
