"""Which of several reasons against a command is told: redis-server's order, beside redis-server.

Slots, memory, disks; then what the connection and the server are in: subscribed, busy.
"""
import os
import shutil

import pytest

from tests.support.resp import encode
from tests.support.server import ORACLE, Server, eventually, redis_under_test

pytestmark = pytest.mark.skipif(redis_under_test(), reason="compares with redis-server itself")

COMMANDS = [("GET", "x"), ("SET", "x", 1), ("MGET", "x", "y"), ("MSET", "x", 1, "y", 2), ("PING",), ("EVAL", "return 1", 0),
            ("EVAL", "return redis.call('SET', KEYS[1], 1)", 1, "x"), ("EVAL", "return 1", 2, "x", "y"), ("LPUSH", "x", 1), ("DEL", "x"), ("BLPOP", "x", 0), ("BLMOVE", "x", "x", "LEFT", "LEFT", 0),
            ("SUBSCRIBE", "c"), ("PUBLISH", "c", "m"), ("SPUBLISH", "c", "m"), ("NOSUCH",), ("GET",), ("MULTI",), ("SET", "x", 1), ("GET", "x"),
            ("MGET", "x", "y"), ("EXEC",)]


def pair(*args):
    return [Server(*args, "--enable-debug-command", "yes", "--enable-protected-configs", "yes", shards=3), Server(*args, "--enable-debug-command", "yes", "--enable-protected-configs", "yes", binary=ORACLE)]


def subscriber_of(server):
    client = server.connect()
    client.call("SUBSCRIBE", "c")
    return client


def answers(client):
    """One by one; what a message or a subscription says is no answer to what follows."""
    return [str(client.call(*words)) for words in COMMANDS]


def both(servers, prepare):
    replies = []
    for server in servers:
        with server:
            replies.append(prepare(server))
    for mine, theirs in zip(*replies):
        assert mine == theirs
    return replies[0]


def test_a_subscriber_of_a_cluster_that_is_down():
    def run(server):
        with subscriber_of(server) as client:
            return answers(client)
    replies = both(pair("--cluster-enabled", "yes"), run)
    assert replies[0].startswith("CLUSTERDOWN") and replies[2].startswith("CLUSTERDOWN") and "Can't execute" in replies[5]


def test_a_subscriber_and_two_slots():
    def run(server):
        server.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        eventually(lambda: b"cluster_state:ok" in server.call("CLUSTER", "INFO"))
        with subscriber_of(server) as client:
            return answers(client)
    replies = both(pair("--cluster-enabled", "yes"), run)
    assert "Can't execute" in replies[0] and replies[2].startswith("CROSSSLOT")


def test_a_subscriber_without_memory():
    def run(server):
        with subscriber_of(server) as client:
            server.call("CONFIG", "SET", "maxmemory", 1)
            return answers(client)
    replies = both(pair(), run)
    assert "Can't execute" in replies[0] and replies[1].startswith("OOM")


@pytest.mark.parametrize("memory", ["0", "1"])
@pytest.mark.parametrize("subscribed", [False, True])
def test_a_save_that_failed(memory, subscribed):
    def run(server):
        gone = os.path.join(server.dir, "gone")
        os.mkdir(gone)
        assert server.call("CONFIG", "SET", "save", "3600 1000") == "OK"
        assert server.call("CONFIG", "SET", "dir", gone) == "OK"
        server.call("SET", "y", 1)
        shutil.rmtree(gone)
        client = subscriber_of(server) if subscribed else server.connect()
        with client:
            server.call("BGSAVE")
            eventually(lambda: b"rdb_last_bgsave_status:err" in server.call("INFO", "persistence"))
            server.call("CONFIG", "SET", "maxmemory", memory)
            got = answers(client)
            server.call("CONFIG", "SET", "save", "")  # it may end without a file
            return got
    replies = both(pair(), run)
    assert replies[1].startswith("OOM" if memory == "1" else "MISCONF") and ("Can't execute" in replies[0]) == subscribed


@pytest.mark.parametrize("cluster", ["yes", "no"])
@pytest.mark.parametrize("memory", [0, 1])
def test_beside_a_busy_script(cluster, memory):
    def run(server):
        if cluster == "yes":
            server.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            eventually(lambda: b"cluster_state:ok" in server.call("CLUSTER", "INFO"))
        server.call("CONFIG", "SET", "busy-reply-threshold", 50)
        with server.connect() as runner, server.connect() as client, server.connect() as other:
            # "x", and in standalone mode whatever shard: one of every shard's keys.
            server.call("CONFIG", "SET", "maxmemory", memory)
            keys = ["x"] if cluster == "yes" else ["k%d" % i for i in range(64)] + ["x"]
            runner.send(encode("EVAL", "while true do end", len(keys), *keys))
            eventually(lambda: str(client.call("GET", "x")).startswith("BUSY"))
            subscribed = other.call("PING")
            got = answers(client)
            assert other.call("SCRIPT", "KILL") == "OK"
            assert "Script killed" in str(runner.read())
            return got + [str(subscribed)] if cluster == "no" else got[:1] + got[2:4]
    replies = both(pair("--cluster-enabled", cluster), run)
    assert replies[0].startswith("BUSY") and (cluster == "no" or replies[1].startswith("CROSSSLOT"))
