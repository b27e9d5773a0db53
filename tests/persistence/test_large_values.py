"""Large values that change, move and go while a save is under way that has not come to them: the file holds what was there
at the cut, and what is copied for it is counted: what a command changes, not the value."""
import errno
import os
import shutil
import tempfile

import pytest

from tests.support.failing_disk import FailingDisk
from tests.support.server import ORACLE, Server, eventually

pytestmark = pytest.mark.tessera_only
MEMBERS = 30000
# What a write may copy beyond what it writes: a member, a node of a list or a stream, what a group has of an entry.
MEMBER, LIST_NODE, STREAM_NODE, PENDING = 120, 8192 + 200, 4096 + 400, 200


def fill(client, kind, key, members=MEMBERS):
    for first in range(0, members, 1000):
        part = range(first, first + 1000)
        if kind == "hash":
            client.call("HSET", key, *[w for i in part for w in ("field:%d" % i, "a value of a field:%d" % i)])
        elif kind == "set":
            client.call("SADD", key, *["a member of a set:%d" % i for i in part])
        elif kind == "zset":
            client.call("ZADD", key, *[w for i in part for w in (i % 7000, "a member of a set:%d" % i)])
        elif kind == "list":
            client.call("RPUSH", key, *["an element of a list:%d" % i for i in part])
        else:
            client.pipeline([("XADD", key, "%d-1" % (i + 1), "field", "a value of an entry:%d" % i) for i in part])
    if kind == "stream":
        for group in ("one", "two"):
            client.call("XGROUP", "CREATE", key, group, "0")
            client.call("XREADGROUP", "GROUP", group, "consumer", "COUNT", 20000 if group == "one" else 10, "STREAMS", key, ">")


def writes(kind, key):
    """Commands, and how many bytes they may copy at most."""
    far = MEMBERS // 2
    if kind == "hash":
        commands = [("HSET", key, "field:%d" % i, "x" * 40) for i in range(0, MEMBERS, 100)]
        commands += [("HDEL", key, "field:%d" % i) for i in range(5, MEMBERS, 1000)]
        commands += [("HSET", key, "new:%d" % i, "y") for i in range(400)] + [("HINCRBY", key, "count", "5")]
        return commands, len(commands) * MEMBER
    if kind == "set":
        commands = [("SADD", key, "new:%d" % i) for i in range(400)]
        commands += [("SREM", key, "a member of a set:%d" % i) for i in range(0, MEMBERS, 100)]
        return commands + [("SPOP", key, 50)], (len(commands) + 50) * MEMBER
    if kind == "zset":
        commands = [("ZADD", key, i, "a member of a set:%d" % i) for i in range(0, MEMBERS, 100)]
        commands += [("ZREM", key, "a member of a set:%d" % i) for i in range(7, MEMBERS, 1000)]
        commands += [("ZADD", key, i, "new:%d" % i) for i in range(300)]
        return commands + [("ZREMRANGEBYRANK", key, far, far + 49), ("ZPOPMIN", key, 50)], (len(commands) + 100) * MEMBER
    if kind == "list":
        commands = [("LPUSH", key, "new"), ("RPUSH", key, "new"), ("LPOP", key), ("RPOP", key)] * 20
        commands += [("LSET", key, i, "set") for i in (5, far, far + 1, MEMBERS - 9)]
        commands += [("LINSERT", key, "BEFORE", "an element of a list:%d" % far, "between"), ("LREM", key, 1, "set")]
        # Both ends, and what is beside the middle.
        return commands, 8 * LIST_NODE
    commands = [("XADD", key, "*", "field", "new:%d" % i) for i in range(300)]
    commands += [("XDEL", key, "%d-1" % far), ("XTRIM", key, "MAXLEN", MEMBERS + 200)]
    commands += [("XREADGROUP", "GROUP", "one", "consumer", "COUNT", "10", "STREAMS", key, ">"),
                 ("XACK", key, "one", "5-1"), ("XGROUP", "CREATE", key, "three", "0"), ("XGROUP", "DESTROY", key, "two")]
    commands += [("XGROUP", "CREATECONSUMER", key, "one", "other"), ("XCLAIM", key, "one", "other", 0, "7-1", "8-1")]
    # Ten are read, three more change; ten are pending in the group that goes.
    return commands, 6 * STREAM_NODE + (10 + 3 + 10 + 4) * PENDING


class Held:
    """A save or rewrite whose writer stands at the first key that it is given, until end(): 40 MB of small keys are more
    than the walk hands out ahead of it, and no more of a large value either."""

    def __init__(self, server, client):
        self.server, self.client = server, client
        client.call("DEBUG", "POPULATE", 20000, "small", 2000)

    def begin(self, command):
        self.client.call("CONFIG", "SET", "rdb-key-save-delay", 600 * 1000000)
        assert "start" in self.client.call(command)
        eventually(lambda: self.info()["rdb_bgsave_in_progress"] == "1" or self.info()["aof_rewrite_in_progress"] == "1")

    def info(self):
        return self.server.info("everything")

    def end(self, commands=0):
        info = self.info()
        assert info["rdb_bgsave_in_progress"] == "1" or info["aof_rewrite_in_progress"] == "1"
        self.client.call("CONFIG", "SET", "rdb-key-save-delay", 0)
        eventually(lambda: self.info()["rdb_bgsave_in_progress"] == "0" and self.info()["aof_rewrite_in_progress"] == "0", 60)
        assert self.info()["rdb_last_bgsave_status"] == "ok" and self.info()["aof_last_bgrewrite_status"] == "ok"
        assert self.info()["tessera_cut_detached_bytes"] == "0"
        return self.info()


def at_once(client, commands):
    """In one tick: a value that is about to change is saved next, and might be before the last of them."""
    replies = client.pipeline([("MULTI",), *commands, ("EXEC",)])[-1]
    assert len(replies) == len(commands), replies


def digests(client, keys):
    return dict(zip(keys, client.call("DEBUG", "DIGEST-VALUE", *keys)))


def groups_of(client, key):
    """All of them, but for what tells time."""
    pending = [[(entry[0], entry[1], entry[3]) for entry in client.call("XPENDING", key, group, "-", "+", MEMBERS)]
               for group in ("one", "two")]
    return client.call("XINFO", "GROUPS", key), pending


def start(shards, env=None):
    return Server("--enable-debug-command", "yes", "--save", "", "--rdbcompression", "no", shards=shards, env=env)


def held_by_file(server, keys, binary):
    """What another server finds in the file."""
    folder = tempfile.mkdtemp(prefix="tessera-large-")
    try:
        shutil.copy(os.path.join(server.dir, "dump.rdb"), folder)
        with Server("--dir", folder, "--enable-debug-command", "yes", binary=binary, shards=1) as other, other.connect() as client:
            return digests(client, keys), client.call("DBSIZE")
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("kind", ["hash", "set", "zset", "list", "stream"])
def test_a_write_copies_what_it_changes(kind):
    with start(2) as server, server.connect() as client:
        held = Held(server, client)
        fill(client, kind, "large")
        groups = groups_of(client, "large") if kind == "stream" else None
        before, keys = digests(client, ["large"]), client.call("DBSIZE")
        held.begin("BGSAVE")
        commands, most = writes(kind, "large")
        at_once(client, commands)
        assert digests(client, ["large"]) != before
        copied = int(held.info()["tessera_cut_copied_bytes"])
        written = sum(len(str(word)) for command in commands for word in command)
        assert 0 < copied <= written + most
        # What has been copied is not copied again.
        if kind != "stream":
            again = [command for command in commands if command[0] in ("HSET", "SADD", "ZADD", "LSET")]
            at_once(client, again)
            assert int(held.info()["tessera_cut_copied_bytes"]) == copied
        held.end()
        for binary in (None, ORACLE):
            assert held_by_file(server, ["large"], binary) == (before, keys)
        if kind != "stream":
            return
        folder = tempfile.mkdtemp(prefix="tessera-large-")
        try:
            shutil.copy(os.path.join(server.dir, "dump.rdb"), folder)
            with Server("--dir", folder, shards=1) as other, other.connect() as client:
                assert groups_of(client, "large") == groups
        finally:
            shutil.rmtree(folder)


@pytest.mark.parametrize("changed_before", [False, True])
@pytest.mark.parametrize("kind", ["zset", "list", "stream"])
def test_little_is_left_while_it_is_saved(kind, changed_before):
    """What goes of a large value as a whole, its groups too, is in the file; also of one that is followed already."""
    changes = {"zset": [("ZADD", "large", 1, "new")], "list": [("LPUSH", "large", "new")], "stream": [("XACK", "large", "one", "5-1"), ("XADD", "large", "*", "f", "v")]}
    removals = {"zset": [("ZREMRANGEBYRANK", "large", 5, -6)], "list": [("LTRIM", "large", -9, -1)],
                "stream": [("XGROUP", "DESTROY", "large", "one"), ("XTRIM", "large", "MAXLEN", 10)]}
    with start(2) as server, server.connect() as client:
        held = Held(server, client)
        fill(client, kind, "large")
        groups = groups_of(client, "large") if kind == "stream" else None
        before, keys = digests(client, ["large"]), client.call("DBSIZE")
        held.begin("BGSAVE")
        at_once(client, (changes[kind] if changed_before else []) + removals[kind])
        assert client.call({"zset": "ZCARD", "list": "LLEN", "stream": "XLEN"}[kind], "large") <= 10
        held.end()
        assert held_by_file(server, ["large"], None) == (before, keys)
        folder = tempfile.mkdtemp(prefix="tessera-large-")
        try:
            shutil.copy(os.path.join(server.dir, "dump.rdb"), folder)
            with Server("--dir", folder, shards=1) as other, other.connect() as client:
                assert kind != "stream" or groups_of(client, "large") == groups
        finally:
            shutil.rmtree(folder)


@pytest.mark.parametrize("command", ["BGSAVE", "BGREWRITEAOF"])
def test_values_that_go_are_counted_and_saved(command):
    """Deleted, overwritten, renamed over, expired, moved and copied: each file has them as they were."""
    kinds = ["hash", "set", "zset", "list", "stream"]
    names = ["{%s}:%d" % (kind, i) for kind in kinds for i in range(3)]
    with start(2) as server, server.connect() as client:
        held = Held(server, client)
        for name in names:
            fill(client, name[1:name.index("}")], name, 15000)
        before, keys = digests(client, names), client.call("DBSIZE")
        used = int(held.info()["used_memory_dataset"])
        held.begin(command)
        for kind in kinds:
            first, second, third = ["{%s}:%d" % (kind, i) for i in range(3)]
            at_once(client, [("RENAME", first, second), ("DEL", second), ("SET", third, "another"),
                             ("COPY", third, first), ("PEXPIRE", first, 1)])
        peak = int(held.info()["tessera_cut_detached_peak"])
        assert 15000 * 30 < peak < used
        info = held.end()
        assert int(info["tessera_cut_copied_bytes"]) < 100000
        if command == "BGSAVE":
            for binary in (None, ORACLE):
                assert held_by_file(server, names, binary) == (before, keys)


def test_flushed_tables_are_counted():
    """FLUSHALL during a rewrite: all is kept until the base is written, and freed then."""
    with start(2) as server, server.connect() as client:
        held = Held(server, client)
        fill(client, "hash", "large")
        client.call("CONFIG", "SET", "appendonly", "yes")
        eventually(lambda: held.info()["aof_rewrite_in_progress"] == "0", 60)
        used = int(held.info()["used_memory_dataset"])
        held.begin("BGREWRITEAOF")
        client.pipeline([("HSET", "large", "field:1", "x"), ("FLUSHALL",), ("HSET", "large", "new", "x")])
        assert used // 2 < int(held.info()["tessera_cut_detached_bytes"]) < used * 2
        held.end()
        with server.connect() as other:
            other.call("DEBUG", "LOADAOF")
            assert other.call("HGETALL", "large") == [b"new", b"x"] and other.call("DBSIZE") == 1


@pytest.mark.skipif(not FailingDisk.works, reason="a library of its own in front of the server")
def test_what_takes_the_place_of_values_that_went_is_bounded():
    """Values that are overwritten again and again keep their first states alone; new ones in their place count. (Where they
    cannot spill: see test_spill.py.)"""
    with FailingDisk() as disk, start(1, disk.env()) as server, server.connect() as client:
        disk.rule("write", ".spill$", "fail", errno.ENOSPC)
        held = Held(server, client)
        names, value = ["large:%d" % i for i in range(10)], "v" * 240

        def fill_all(prefix):
            for name in names:
                for first in range(0, 40000, 1000):
                    client.call("HSET", prefix + name, *[w for i in range(first, first + 1000) for w in ("f%d" % i, value)])

        fill_all("")
        held.begin("BGSAVE")
        at_once(client, [("DEL", name) for name in names])
        info = held.info()
        assert int(info["tessera_cut_detached_bytes"]) > 64 << 20
        assert info["rdb_bgsave_in_progress"] == "1", "what only went is no more than was there"
        fill_all("new:")
        eventually(lambda: held.info()["rdb_bgsave_in_progress"] == "0", 60)
        info = held.info()
        assert info["rdb_last_bgsave_status"] == "err" and info["tessera_cut_detached_bytes"] == "0"
        assert "its bound of 67108864 bytes" in server.log() and "No space left on device" in server.log()


# Of some hundred bytes each, so that a value of 100 KB has a few hundred.
PART = "p" * 500


def build_middling(kind, key, parts=200):
    if kind == "hash":
        return [("HSET", key, *[w for i in range(parts) for w in ("f%d" % i, PART)])]
    if kind == "set":
        return [("SADD", key, *["%d%s" % (i, PART) for i in range(parts)])]
    if kind == "zset":
        return [("ZADD", key, *[w for i in range(parts) for w in (i, "%d%s" % (i, PART))])]
    if kind == "list":
        return [("RPUSH", key, *["%d%s" % (i, PART) for i in range(parts)])]
    return [("XADD", key, "%d-1" % (i + 1), "field", PART) for i in range(parts)]


@pytest.mark.parametrize("kind", ["hash", "set", "zset", "list", "stream"])
def test_values_of_middling_size_are_copied_in_pieces(kind):
    """Many values of 100 KB, of each of which one member changes: no more is copied than that, so no save fails of it."""
    count, piece = 400, {"hash": 600, "set": 600, "zset": 600, "list": LIST_NODE, "stream": STREAM_NODE}[kind]
    change = {"hash": ("HSET", "f7", "x"), "set": ("SREM", "7" + PART), "zset": ("ZADD", 3, "7" + PART), "list": ("LSET", 7, "x"),
              "stream": ("XDEL", "7-1")}[kind]
    with start(2) as server, server.connect() as client:
        held = Held(server, client)
        names = ["middling:%d" % i for i in range(count)]
        for name in names:
            client.pipeline(build_middling(kind, name))
        before, keys = digests(client, names), client.call("DBSIZE")
        held.begin("BGSAVE")
        at_once(client, [(change[0], name, *change[1:]) for name in names])
        copied = int(held.info()["tessera_cut_copied_bytes"])
        # Some may have been saved before they changed.
        assert 0 < copied <= count * piece
        held.end()
        for binary in (None, ORACLE):
            assert held_by_file(server, names, binary) == (before, keys)


@pytest.mark.parametrize("kind", ["hash", "set", "zset", "list", "stream"])
def test_what_a_command_takes_away_is_no_more_than_was_there(kind):
    """One command removes most of a value of 70 MB, which is kept for the file: memory does not grow by that, and the save
    does not fail."""
    parts, value = 30000, "v" * 2400
    with start(1) as server, server.connect() as client:
        held = Held(server, client)
        for first in range(0, parts, 500):
            some = range(first, first + 500)
            client.pipeline({
                "hash": lambda: [("HSET", "large", *[w for i in some for w in ("f%d" % i, value)])],
                "set": lambda: [("SADD", "large", *["%d%s" % (i, value) for i in some])],
                "zset": lambda: [("ZADD", "large", *[w for i in some for w in (i, "%d%s" % (i, value))])],
                "list": lambda: [("RPUSH", "large", *["%d%s" % (i, value) for i in some])],
                "stream": lambda: [("XADD", "large", "%d-1" % (i + 1), "field", value) for i in some]}[kind]())
        before, keys = digests(client, ["large"]), client.call("DBSIZE")
        used = int(held.info()["used_memory_dataset"])
        held.begin("BGSAVE")
        remove = {"hash": ("HDEL", "large", *["f%d" % i for i in range(parts - 10)]), "set": ("SPOP", "large", parts - 10),
                  "zset": ("ZREMRANGEBYRANK", "large", 0, -11), "list": ("LTRIM", "large", -10, -1),
                  "stream": ("XTRIM", "large", "MAXLEN", 10)}[kind]
        at_once(client, [remove])
        info = held.info()
        assert int(info["tessera_cut_copied_bytes"]) + int(info["tessera_cut_detached_bytes"]) > 64 << 20
        assert int(info["used_memory_dataset"]) < used
        held.end()
        for binary in (None, ORACLE):
            assert held_by_file(server, ["large"], binary) == (before, keys)
