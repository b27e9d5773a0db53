"""What a cut keeps beyond its bound goes to temporary files: a save whose file is slow, or stands still, holds what was there
at its moment, however much is overwritten meanwhile. Where those files fail as well the save fails, and says so."""
import errno
import glob
import os
import re
import shutil
import signal
import tempfile

import pytest

from tests.persistence.test_large_values import digests, held_by_file
from tests.support.failing_disk import FailingDisk
from tests.support.server import ORACLE, Server, eventually

pytestmark = pytest.mark.tessera_only
needs_disk = pytest.mark.skipif(not FailingDisk.works, reason="a library of its own in front of the server")
# Of a few dozen megabytes of data, so that both, the bound of a run and 5 % of the data, are passed soon.
LIMIT = 8 << 20
VALUE = "v" * 2000
KINDS = ["hash", "set", "zset", "list", "stream"]


def start(shards=2, env=None, folder=None):
    args = ("--enable-debug-command", "yes", "--save", "", "--rdbcompression", "no", "--cut-kept-limit", LIMIT)
    return Server(*args, *(("--dir", folder) if folder else ()), shards=shards, env=env)


def spill_files(server):
    return sorted(os.path.basename(name) for name in glob.glob(os.path.join(server.dir, "*.spill")))


def keep_up(client):
    """No faster than a busy machine writes them to a file, and no longer than the save goes on."""
    def is_there():
        info = client.call("INFO", "everything").decode()
        values = dict(line.split(":", 1) for line in info.split("\r\n") if ":" in line)
        gone = max(0, Save.used - int(values["used_memory_dataset"]))
        kept = int(values["tessera_cut_copied_waiting"]) + int(values["tessera_cut_detached_bytes"]) - gone
        return kept < LIMIT * 3 // 4 or values["rdb_bgsave_in_progress"] == values["aof_rewrite_in_progress"] == "0"
    eventually(is_there)


def overwrite(client, count, value, pause=keep_up):
    """Of DEBUG POPULATE's keys."""
    for first in range(0, count, 500):
        pause(client)
        client.pipeline([("SET", "small:%d" % i, "%s%d" % (value, i)) for i in range(first, min(count, first + 500))])


class Save:
    """One that stands at its first key, until end()."""

    used = 0  # when the last one began

    def __init__(self, server, client, command="BGSAVE"):
        self.server, self.client = server, client
        Save.used = int(self.info()["used_memory_dataset"])
        client.call("CONFIG", "SET", "rdb-key-save-delay", 600 * 1000000)
        assert "start" in client.call(command)
        # The moment has been taken: what comes now is behind it.
        if command == "BGSAVE":
            eventually(lambda: self.info()["current_save_keys_total"] != "0")
        else:
            eventually(lambda: "on background rewrite" in server.log())

    def info(self):
        return self.server.info("everything")

    def is_on(self):
        info = self.info()
        return info["rdb_bgsave_in_progress"] == "1" or info["aof_rewrite_in_progress"] == "1"

    def go_on(self):
        self.client.call("CONFIG", "SET", "rdb-key-save-delay", 0)
        eventually(lambda: not self.is_on(), 60)

    def spilled(self, least):
        """So much of it is in files, and memory stays within its bound."""
        assert self.is_on(), self.server.log()[-2000:]
        eventually(lambda: int(self.info()["tessera_cut_spilled_bytes"]) >= least, 20)
        # What the snapshot thread was given before.
        eventually(lambda: int(self.info()["tessera_cut_copied_waiting"]) + int(self.info()["tessera_cut_detached_bytes"]) < LIMIT, 20)
        assert spill_files(self.server)

    def end(self, least=0):
        self.spilled(least)
        self.go_on()
        self.is_well()

    def is_well(self):
        info = self.info()
        assert info["rdb_last_bgsave_status"] == "ok" and info["aof_last_bgrewrite_status"] == "ok", self.server.log()[-2000:]
        self.is_clean()
        assert "spills to a file: " in self.server.log()

    def is_clean(self):
        info = eventually(lambda: self.info() if not spill_files(self.server) else None)
        assert info["tessera_cut_copied_waiting"] == "0" and info["tessera_cut_detached_bytes"] == "0"

    def has_failed(self, *texts):
        eventually(lambda: not self.is_on(), 60)
        self.client.call("CONFIG", "SET", "rdb-key-save-delay", 0)
        assert self.info()["rdb_last_bgsave_status"] == "err"
        for text in texts:
            assert text in self.server.log(), self.server.log()[-2000:]
        self.is_clean()


def build(client, kind, key, parts, value=VALUE):
    for first in range(0, parts, 500):
        some = range(first, min(parts, first + 500))
        client.pipeline({
            "hash": lambda: [("HSET", key, *[w for i in some for w in ("f%d" % i, value)])],
            "set": lambda: [("SADD", key, *["%d%s" % (i, value) for i in some])],
            "zset": lambda: [("ZADD", key, *[w for i in some for w in (i, "%d%s" % (i, value))])],
            "list": lambda: [("RPUSH", key, *["%d%s" % (i, value) for i in some])],
            "stream": lambda: [("XADD", key, "%d-1" % (i + 1), "field", value) for i in some]}[kind]())


def change(client, kind, key, parts, pause=keep_up):
    """Each part goes, and another takes its place: memory would grow by all that is kept."""
    new = "n" * 2000
    for first in range(0, parts, 100):
        if first % 500 == 0:
            pause(client)
        some = range(first, min(parts, first + 100))
        client.pipeline({
            "hash": lambda: [("HSET", key, *[w for i in some for w in ("f%d" % i, new)])],
            "set": lambda: [("SREM", key, *["%d%s" % (i, VALUE) for i in some]), ("SADD", key, *["%d%s" % (i, new) for i in some])],
            "zset": lambda: [("ZREM", key, *["%d%s" % (i, VALUE) for i in some]),
                             ("ZADD", key, *[w for i in some for w in (i, "%d%s" % (i, new))])],
            "list": lambda: [command for _ in some for command in (("LPOP", key), ("RPUSH", key, new))],
            "stream": lambda: [("XDEL", key, *["%d-1" % (i + 1) for i in some])] + [("XADD", key, "*", "field", new) for _ in some],
        }[kind]())


def all_digest(client):
    return client.call("DEBUG", "DIGEST")


def digest_of_file(server, binary=None):
    folder = tempfile.mkdtemp(prefix="tessera-spill-")
    try:
        shutil.copy(os.path.join(server.dir, "dump.rdb"), folder)
        with Server("--dir", folder, "--enable-debug-command", "yes", binary=binary, shards=1) as other, other.connect() as client:
            return client.call("DEBUG", "DIGEST")
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("shards", [1, 3])
def test_small_values_that_are_overwritten(shards):
    with start(shards) as server, server.connect() as client:
        client.call("DEBUG", "POPULATE", 30000, "small", 2000)
        before = all_digest(client)
        save = Save(server, client)
        overwrite(client, 30000, VALUE)
        save.end(20 << 20)
        assert re.search(r"spills to a file: .*/temp-\d+-\d+\.\d+\.\d+\.spill", server.log())
        assert server.log().count("spills to a file") == 1
        for binary in (None, ORACLE):
            assert digest_of_file(server, binary) == before
        # The next one has nothing of it.
        after = all_digest(client)
        assert client.call("SAVE") == "OK"
        assert server.info("everything")["tessera_cut_spilled_bytes"] == "0"
        assert digest_of_file(server) == after


@pytest.mark.parametrize("pressed", ["no", "yes"])
def test_long_strings(pressed):
    """Shared, not copied, until they are in the file; one is longer than what is pressed."""
    with start(2) as server, server.connect() as client:
        client.call("CONFIG", "SET", "rdbcompression", pressed)
        client.call("DEBUG", "POPULATE", 20000, "small", 2000)
        for i in range(40):
            client.call("SET", "long:%d" % i, "%d" % i * (500 << 10))
        client.call("SETRANGE", "long:huge", 20 << 20, "end")
        keys = ["long:%d" % i for i in range(40)] + ["long:huge"]
        before, size = digests(client, keys), client.call("DBSIZE")
        save = Save(server, client)
        for i in range(40):
            keep_up(client)
            client.call("SETRANGE", "long:%d" % i, i * 1000, "changed") if i % 2 else client.call("SET", "long:%d" % i, "x" * (1 << 20))
        client.call("SETRANGE", "long:huge", 1 << 20, "changed")
        save.end(10 << 20)
        for binary in (None, ORACLE):
            assert held_by_file(server, keys, binary) == (before, size)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("begun", [False, True])
def test_a_large_value_that_changes(kind, begun):
    """All of its parts. `begun`: nothing else is there, so that it is written already, and its rest goes to a file in its
    middle."""
    parts = 25000
    with start(1) as server, server.connect() as client:
        if not begun:
            client.call("DEBUG", "POPULATE", 20000, "small", 2000)
        build(client, kind, "large", parts)
        before, size = digests(client, ["large"]), client.call("DBSIZE")
        save = Save(server, client)
        change(client, kind, "large", parts)
        save.end(20 << 20)
        for binary in (None, ORACLE):
            assert held_by_file(server, ["large"], binary) == (before, size)


@pytest.mark.parametrize("shards", [1, 4])
def test_many_values_that_go(shards):
    """Deleted, overwritten and changed, of all types, with others in their place."""
    names = ["{%d}:%s" % (i, kind) for i in range(8) for kind in KINDS]
    with start(shards) as server, server.connect() as client:
        client.call("DEBUG", "POPULATE", 20000, "small", 2000)
        for name in names:
            build(client, name.split(":")[1], name, 500)
        before, size = digests(client, names), client.call("DBSIZE")
        save = Save(server, client)
        for i, name in enumerate(names):
            kind = name.split(":")[1]
            if i % 4 == 0:
                client.call("DEL", name)
            elif i % 4 == 1:
                client.call("SET", name, "x")
            elif i % 4 == 2:
                client.call("RENAME", name, name + ":renamed")
            else:
                change(client, kind, name, 500)
                continue
            build(client, kind, name + ":new", 500)
        save.end(12 << 20)  # the rest of 24 MB waits below the mark
        for binary in (None, ORACLE):
            assert held_by_file(server, names, binary) == (before, size)


@pytest.mark.parametrize("command", ["FLUSHALL", "FLUSHDB"])
def test_a_flushed_database_with_another_in_its_place(command):
    with start(2) as server, server.connect() as client:
        client.call("CONFIG", "SET", "appendonly", "yes")
        eventually(lambda: server.info("everything")["aof_rewrite_in_progress"] == "0", 60)
        client.call("DEBUG", "POPULATE", 20000, "small", 2000)
        build(client, "hash", "large", 5000)
        used = int(server.info("everything")["used_memory_dataset"])
        save = Save(server, client, "BGREWRITEAOF")
        client.call(command)
        # What has been saved is freed at once.
        assert int(save.info()["tessera_cut_detached_bytes"]) > used // 2
        overwrite(client, 30000, VALUE)
        assert save.is_on(), server.log()[-2000:]
        after = all_digest(client)
        save.go_on()
        save.is_well()
        client.call("DEBUG", "LOADAOF")
        assert all_digest(client) == after


@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_a_base_of_the_log(preamble):
    with start(2) as server, server.connect() as client:
        client.call("CONFIG", "SET", "aof-use-rdb-preamble", preamble)
        client.call("CONFIG", "SET", "appendonly", "yes")
        eventually(lambda: server.info("everything")["aof_rewrite_in_progress"] == "0", 60)
        client.call("DEBUG", "POPULATE", 20000, "small", 2000)
        build(client, "zset", "large", 5000)
        save = Save(server, client, "BGREWRITEAOF")
        overwrite(client, 20000, VALUE)
        change(client, "zset", "large", 5000)
        after = all_digest(client)
        save.end(20 << 20)
        for _ in range(2):
            client.call("DEBUG", "LOADAOF")
            assert all_digest(client) == after


@needs_disk
def test_a_file_that_is_slow():
    """Each write of it takes its time: the walk goes on with it, what changes spills, and both end."""
    with FailingDisk() as disk, start(2, disk.env()) as server, server.connect() as client:
        client.call("DEBUG", "POPULATE", 30000, "small", 2000)
        build(client, "hash", "large", 10000)
        before = all_digest(client)
        rule = disk.rule("write", ".rdb$", "delay", 0.1)
        Save.used = int(server.info("everything")["used_memory_dataset"])
        assert "start" in client.call("BGSAVE")
        eventually(lambda: disk.hits(rule) > 0)
        overwrite(client, 30000, VALUE)
        change(client, "hash", "large", 10000)
        info = eventually(lambda: server.info("everything"))
        assert info["rdb_bgsave_in_progress"] == "1" and int(info["tessera_cut_spilled_bytes"]) > 10 << 20
        disk.heal(rule)
        eventually(lambda: server.info("everything")["rdb_bgsave_in_progress"] == "0", 60)
        info = server.info("everything")
        assert info["rdb_last_bgsave_status"] == "ok", server.log()[-2000:]
        assert info["tessera_cut_copied_waiting"] == "0" and info["tessera_cut_detached_bytes"] == "0" and not spill_files(server)
        assert digest_of_file(server) == before


@needs_disk
@pytest.mark.parametrize("kind", ["small", "hash"])
def test_a_full_disk(kind):
    """The save goes on in memory up to its bound, and says what became of both."""
    with FailingDisk() as disk, start(2, disk.env()) as server, server.connect() as client:
        client.call("DEBUG", "POPULATE", 30000, "small", 2000)
        build(client, "hash", "large", 15000)
        rule = disk.rule("write", ".spill$", "fail", errno.ENOSPC)
        save = Save(server, client)
        if kind == "small":
            overwrite(client, 30000, VALUE, lambda _: None)
        else:
            change(client, "hash", "large", 15000, lambda _: None)
        save.has_failed("its bound of ", "spilling it to a file failed: ", "No space left on device")
        assert disk.hits(rule) > 0
        disk.heal()
        before = all_digest(client)
        save = Save(server, client)
        overwrite(client, 30000, VALUE + "again")
        save.end(10 << 20)
        assert digest_of_file(server) == before


@needs_disk
def test_a_spill_that_fails_in_its_middle():
    """What is in the file stays there, what could not be written waits in memory; the save is whole."""
    with FailingDisk() as disk, start(1, disk.env()) as server, server.connect() as client:
        client.call("DEBUG", "POPULATE", 20000, "small", 2000)
        before = all_digest(client)
        save = Save(server, client)
        overwrite(client, 12000, VALUE)
        eventually(lambda: int(save.info()["tessera_cut_spilled_bytes"]) > 4 << 20)
        rule = disk.rule("write", ".spill$", "short", 1000, times=1)
        then = disk.rule("write", ".spill$", "fail", errno.EIO)
        spilled = int(save.info()["tessera_cut_spilled_bytes"])
        at = 12000
        while disk.hits(then) == 0 and at < 14000:
            client.pipeline([("SET", "small:%d" % i, VALUE + "new") for i in range(at, at + 100)])
            at += 100
        eventually(lambda: disk.hits(then) > 0)
        assert disk.hits(rule) == 1 and int(save.info()["tessera_cut_spilled_bytes"]) >= spilled
        save.go_on()
        save.is_well()
        assert digest_of_file(server) == before


@needs_disk
def test_a_disk_that_hangs():
    """Of the spill as well: nobody waits for it, memory is bounded."""
    with FailingDisk() as disk, start(2, disk.env()) as server, server.connect() as client:
        client.call("DEBUG", "POPULATE", 30000, "small", 2000)
        rule = disk.rule("write", ".spill$", "delay", 5, times=1)
        save = Save(server, client)
        overwrite(client, 30000, VALUE, lambda _: None)
        eventually(lambda: disk.hits(rule) > 0 and not save.is_on(), 20)
        assert int(save.info()["tessera_cut_copied_peak"]) < LIMIT * 1.2
        save.has_failed("its bound of ", "and so are the files it spills to, ")
        before = all_digest(client)
        assert client.call("SAVE") == "OK"
        assert digest_of_file(server) == before


def test_cancelled():
    with start(2) as server, server.connect() as client:
        client.call("DEBUG", "POPULATE", 20000, "small", 2000)
        build(client, "hash", "large", 10000)
        for _ in range(3):
            save = Save(server, client)
            overwrite(client, 20000, VALUE)
            change(client, "hash", "large", 10000)
            save.spilled(10 << 20)
            client.call("BGSAVE", "CANCEL")
            save.go_on()
            save.is_clean()
        before = all_digest(client)
        assert client.call("SAVE") == "OK"
        assert digest_of_file(server) == before


def test_killed():
    """The next start removes what is left, and nothing else."""
    with start(2) as server, server.connect() as client:
        client.call("DEBUG", "POPULATE", 20000, "small", 2000)
        assert client.call("SAVE") == "OK"
        before = all_digest(client)
        save = Save(server, client)
        overwrite(client, 20000, VALUE)
        save.spilled(10 << 20)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        assert spill_files(server)
        others = ["a.spill", "temp-1.spill", "temp-1-2.3.spill", "temp-1-2.3.4.spill.x", "temp-x-2.3.4.spill", "temp-1-2.3.4.5.spill"]
        for name in others:
            open(os.path.join(server.dir, name), "w").close()
        with start(2, folder=server.dir) as again, again.connect() as other:
            assert all_digest(other) == before
            assert {name for name in os.listdir(server.dir) if "spill" in name} == set(others)


def test_a_stop_leaves_nothing():
    with start(2) as server, server.connect() as client:
        client.call("DEBUG", "POPULATE", 20000, "small", 2000)
        save = Save(server, client)
        overwrite(client, 20000, VALUE)
        save.spilled(10 << 20)
        server.process.send_signal(signal.SIGTERM)
        assert server.wait_exit() == 0, server.log()
        assert not glob.glob(os.path.join(server.dir, "temp-*"))
