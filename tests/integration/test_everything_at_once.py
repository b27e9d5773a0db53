"""Everything at once: clients on all shards, while the node is listed, reconfigured, flushed, paused and at last ended.

What breaks here breaks as a race, so this is the main course of the sanitizer builds; in every build no reply may be lost,
no counter may be wrong, and only the clients that were killed on purpose are gone. The seed is printed.
"""
import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from tests.integration import collection_commands
from tests.support.resp import Closed, Connection, ReplyError, encode
from tests.support.seed import new_seed
from tests.support.server import SANITIZED, Server

ROUNDS = 15 if SANITIZED else 30
SEED = new_seed(31)
COUNTER_DB, PLAY_DB = 0, 1
PAUSED_MS = 20


class Node:
    """One server and how it is talked to: a cluster node has one database, and keys of one command share a tag."""

    def __init__(self, server, cluster):
        self.server, self.cluster = server, cluster

    def connect(self, playing=True):
        connection = self.server.connect(timeout=120)
        if playing and not self.cluster:
            assert connection.call("SELECT", PLAY_DB) == "OK"
        return connection

    def key(self, rng, tag=None, few=False):
        number = rng.randrange(3 if few else 400)
        return "{t%d}:%d" % (rng.randrange(40) if tag is None else tag, number)

    def keys(self, rng, count, few=False):
        tag = rng.randrange(40) if self.cluster else None
        return [self.key(rng, tag, few) for _ in range(count)]


def one_key(node, rng):
    key = node.key(rng)
    number, text = rng.randrange(1000), "x" * rng.choice((1, 10, 60, 500, 3000))
    return rng.choice((
        ("SET", key, text), ("SET", key, number, "EX", 100), ("SET", key, text, "GET"), ("GET", key), ("GET", key),
        ("GETDEL", key), ("GETEX", key, "PX", 1 + number), ("INCR", key), ("APPEND", key, text), ("SETRANGE", key, number, text),
        ("SETBIT", key, number, 1), ("BITCOUNT", key), ("BITFIELD", key, "INCRBY", "u8", 0, 200), ("STRLEN", key), ("DEL", key),
        ("PEXPIRE", key, 1 + number // 10), ("TTL", key), ("PERSIST", key), ("OBJECT", "ENCODING", key), ("MEMORY", "USAGE", key),
        ("TYPE", key), ("GETRANGE", key, 0, 10), ("INCRBYFLOAT", key, "1.5"), ("UNLINK", key)))


def several_keys(node, rng):
    keys = node.keys(rng, 4)
    return rng.choice((
        ("MSET", keys[0], 1, keys[1], "b", keys[2], "x" * 2000), ("MSETNX", keys[0], 1, keys[1], 2), ("MGET", *keys), ("MGET", *keys),
        ("EXISTS", *keys), ("TOUCH", *keys), ("DEL", *keys), ("UNLINK", *keys), ("RENAME", keys[0], keys[1]),
        ("RENAMENX", keys[0], keys[1]), ("COPY", keys[0], keys[1], "REPLACE"), ("BITOP", "XOR", keys[0], keys[1], keys[2]),
        ("LCS", keys[0], keys[1], "LEN")))


def keyless(node, rng):
    return rng.choice((
        ("DBSIZE",), ("SCAN", 0, "COUNT", 200), ("KEYS", "*:1?"), ("RANDOMKEY",), ("INFO", "everything"), ("CLIENT", "LIST"),
        ("CLIENT", "INFO"), ("MEMORY", "STATS"), ("CONFIG", "GET", "*max*"), ("COMMAND", "COUNT"), ("LATENCY", "HISTOGRAM"), ("PING",),
        ("ACL", "LIST"), ("ACL", "LOG"), ("CLIENT", "SETNAME", "n%d" % rng.randrange(9)), ("TIME",),
        ("CLUSTER", "SLOTS") if node.cluster else ("ROLE",), ("CLUSTER", "INFO") if node.cluster else ("LOLWUT",)))


def administration(node, rng):
    name = "u%d" % rng.randrange(5)
    commands = [
        ("CONFIG", "SET", "hz", rng.randrange(10, 100)), ("CONFIG", "SET", "maxmemory", rng.choice((0, 1 << 40))),
        ("CONFIG", "SET", "slowlog-max-len", 5, "latency-tracking", rng.choice(("yes", "no"))), ("CONFIG", "RESETSTAT"),
        ("CONFIG", "SET", "client-output-buffer-limit", "normal 0 0 0"), ("CONFIG", "SET", "lazyfree-lazy-user-del", "yes"),
        ("ACL", "SETUSER", name, "on", ">pw", "~*", "+@all"), ("ACL", "DELUSER", name), ("ACL", "GETUSER", name),
        ("CLIENT", "PAUSE", PAUSED_MS, rng.choice(("WRITE", "ALL"))), ("CLIENT", "UNPAUSE"), ("FLUSHDB", rng.choice(("SYNC", "ASYNC"))),
        ("DEBUG", "SET-ACTIVE-EXPIRE", rng.randrange(2)), ("MEMORY", "PURGE"), ("CLIENT", "KILL", "USER", name),
        ("CLIENT", "NO-EVICT", "on"), ("LATENCY", "RESET")]
    if node.cluster:
        slot = 16 * rng.randrange(1024)
        commands += [("CLUSTER", "DELSLOTSRANGE", slot, slot + 15), ("CLUSTER", "ADDSLOTSRANGE", slot, slot + 15)]
    else:
        commands += [("SWAPDB", 1, 2), ("SWAPDB", 2, 1), ("MOVE", node.key(rng), 3)]
    return rng.choice(commands)


def allowed(reply, node):
    """Errors that these commands may bring: wrong types of value, and slots that were taken away a moment ago."""
    if not isinstance(reply, ReplyError):
        return True
    words = ["not an integer", "not a valid float", "no such key", "NOPERM", "No such user", "is already busy", "is already unassigned",
             "objects are the same", "BUSYGROUP", "NOGROUP"]
    return any(word in str(reply) for word in words + (["CLUSTERDOWN", "MOVED"] if node.cluster else []))


def stream(make, depth, per_round=200):
    """A worker: pipelines of `depth` commands; every reply comes, and no surprising error."""
    def work(node, rng, failures):
        with node.connect() as connection:
            for _ in range(ROUNDS * per_round // depth):
                commands = [make(node, rng) for _ in range(depth)]
                for command, reply in zip(commands, connection.pipeline(commands)):
                    if not allowed(reply, node):
                        failures.append("%r: %r" % (command, reply))
                        return
    return work


def counting(node, rng, failures):
    """Counters of its own, in a database (or under a tag) that nobody flushes, are exact in the end."""
    with node.connect(playing=False) as connection:
        keys = ["counter:%d:%d" % (rng.randrange(1 << 30), i) for i in range(20)]
        done = dict.fromkeys(keys, 0)
        for _ in range(ROUNDS * 10):
            batch = [rng.choice(keys) for _ in range(20)]
            for key, reply in zip(batch, connection.pipeline([("INCR", key) for key in batch])):
                if isinstance(reply, int):
                    done[key] += 1
                    if not node.cluster and reply != done[key]:
                        failures.append("%s is %r, not %d" % (key, reply, done[key]))
                elif not allowed(reply, node):
                    failures.append("INCR: %r" % reply)


def large_values(node, rng, failures):
    with node.connect() as connection:
        for i in range(ROUNDS):
            key, value = node.key(rng), bytes([65 + i % 26]) * rng.choice((70000, 1 << 20, 3 << 20))
            replies = connection.pipeline([("SET", key, value), ("APPEND", key, value), ("GET", key), ("STRLEN", key), ("UNLINK", key)])
            failures.extend("large value: %r" % reply for reply in replies if not allowed(reply, node))


def large_collections(node, rng, failures):
    with node.connect() as connection:
        for _ in range(ROUNDS):
            replies = connection.pipeline(collection_commands.large(rng, node.key(rng, few=True) + ":large"))
            failures.extend("large collection: %r" % reply for reply in replies if not allowed(reply, node))


def rude(node, rng, failures):
    """Clients that leave in the middle: of a command, of a pipeline, of its replies; and such that are killed."""
    for i in range(ROUNDS * 10):
        connection = node.connect()
        with contextlib.closing(connection), contextlib.suppress(OSError, Closed):
            ident = connection.call("CLIENT", "ID")
            data = b"".join(encode(*rng.choice((one_key, several_keys, keyless))(node, rng)) for _ in range(20))
            connection.send(data[:rng.randrange(len(data))])
            if i % 3 == 0:
                connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset, not an end
            elif i % 3 == 1:
                with node.connect() as killer:
                    killer.call("CLIENT", "KILL", "LADDR", "127.0.0.1:%d" % node.server.port, "ID", ident)


def tracked(work, node, seed, failures):
    try:
        work(node, random.Random(seed), failures)
    except Exception as error:  # noqa: B902 - a thread's failure must reach the test
        failures.append("%s: %r" % (getattr(work, "__name__", "?"), error))


def benchmark(node):
    words = [shutil.which("redis-benchmark"), "-p", node.server.port, "-n", ROUNDS * 1000, "-r", 5000, "-P", 16, "-c", 40, "-q",
             "-t", "set,get,incr,mset", "--dbnum", PLAY_DB]
    return subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)


WORKERS = [stream(one_key, 50), stream(one_key, 1), stream(several_keys, 20), stream(several_keys, 1), stream(keyless, 2),
           stream(administration, 1), counting, counting, large_values, rude, stream(collection_commands.one, 50),
           stream(collection_commands.several, 5), stream(collection_commands.waiting, 1, per_round=50),
           stream(collection_commands.waiting, 4, per_round=50), large_collections]


def set_up(kind):
    words = ["--enable-debug-command", "yes"]
    cluster = kind == "cluster"
    if cluster:
        words += ["--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1", "--cluster-require-full-coverage", "no"]
    if kind == "relaxed":
        words += ["--pipeline-order", "relaxed"]
    server = Server(*words, shards=2 if kind == "relaxed" else 4)
    if cluster:
        server.make_cluster_of_one()
    return Node(server, cluster)


@pytest.mark.tessera_only
@pytest.mark.parametrize("kind", ["standalone", "relaxed", "cluster"])
def test_everything_at_once(kind):
    print("seed", SEED)
    node, failures = set_up(kind), []
    with node.server:
        load = None if node.cluster else benchmark(node)
        threads = [threading.Thread(target=tracked, args=(work, node, SEED + i, failures)) for i, work in enumerate(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(600)
        if load is not None:
            text, _ = load.communicate(timeout=600)
            assert load.returncode == 0 and "requests per second" in text, text[-2000:]
        assert failures[:5] == []
        assert not any(thread.is_alive() for thread in threads)
        assert node.server.call("PING") == "PONG"


@pytest.mark.tessera_only
@pytest.mark.parametrize("kind", ["standalone", "cluster"])
@pytest.mark.parametrize("how", ["SIGTERM", "SHUTDOWN", "clients leave"])
def test_ends_under_load(kind, how):
    """The end comes while all shards are in the middle of commands: exit code 0, within the deadline, for everybody."""
    node, stop = set_up(kind), threading.Event()

    def until_closed(make, seed):
        rng = random.Random(seed)
        with contextlib.suppress(Closed, OSError), node.connect() as connection:
            while not stop.is_set():
                connection.pipeline([make(node, rng) for _ in range(20)])

    with node.server as server:
        makers = (one_key, several_keys, keyless, one_key, several_keys, collection_commands.one, collection_commands.several,
                  collection_commands.waiting)
        threads = [threading.Thread(target=until_closed, args=(make, SEED + i)) for i, make in enumerate(makers)]
        for thread in threads:
            thread.start()
        try:
            with server.connect() as connection:
                end = time.monotonic() + 60
                while int(server.info("stats")["total_commands_processed"]) < 2000 and time.monotonic() < end:
                    connection.call("PING")
                if how == "SHUTDOWN":
                    with contextlib.suppress(Closed):
                        assert connection.call("SHUTDOWN", "NOSAVE") is None
                elif how == "SIGTERM":
                    os.kill(server.pid, signal.SIGTERM)
                else:
                    stop.set()
                    for thread in threads:
                        thread.join(60)
                    os.kill(server.pid, signal.SIGTERM)
            assert server.wait_exit(120) == 0, server.log()[-2000:]
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)
        assert not any(thread.is_alive() for thread in threads)
