"""Disks that are full, fail, fall short or are slow, under servers with clients that write: what was acknowledged is there
afterwards, what was refused is not, the server goes on by itself once the disk does, and INFO tells."""
import contextlib
import errno
import glob
import os
import random
import subprocess
import tempfile
import threading
import time

import pytest

from tests.support.failing_disk import FailingDisk
from tests.support.resp import Closed, ReplyError
from tests.support.seed import new_seed
from tests.support.server import Server, eventually

pytestmark = [pytest.mark.tessera_only,
              pytest.mark.skipif(not FailingDisk.works, reason="nothing can be put in front of the C library")]
POLICIES = pytest.mark.parametrize("policy", ["always", "everysec"])
INCREMENT = ".incr.aof"


class Writer:
    """A client that appends numbers to a list, now and then in a transaction with a counter elsewhere. A number is acknowledged,
    refused (MISCONF), or unknown: its connection was closed."""

    def __init__(self, server, name):
        self.server, self.name = server, name
        self.sent, self.refused = 0, set()
        self.acknowledged = []  # in order
        self.at = []            # when
        self.failure = None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            while not self.over.is_set() and self.server.running():
                with contextlib.suppress(OSError, Closed):
                    with self.server.connect(timeout=60) as connection:
                        while not self.over.is_set():
                            self._send(connection)
        except BaseException as error:  # pylint: disable=broad-except
            self.failure = error

    def _send(self, connection):
        self.sent += 1
        number, key = self.sent, "log:" + self.name
        if number % 3:
            reply = connection.call("RPUSH", key, number)
        else:
            count = ("SET", "count:" + self.name, number)
            reply = connection.pipeline([("MULTI",), ("RPUSH", key, number), count, ("EXEC",)])[-1]
        if not isinstance(reply, ReplyError):
            self.acknowledged.append(number)
            self.at.append(time.monotonic())
            return
        assert str(reply).startswith(("MISCONF", "EXECABORT")), reply
        self.refused.add(number)
        self.over.wait(0.01)

    def check(self, connection):
        found = [int(word) for word in connection.call("LRANGE", "log:" + self.name, 0, -1)]
        assert found == sorted(set(found)) and (not found or found[-1] <= self.sent), self.name
        lost = sorted(set(self.acknowledged) - set(found))
        assert not lost, "%s: %d acknowledged and not there: %s..." % (self.name, len(lost), lost[:5])
        assert not self.refused & set(found), "%s: refused and there" % self.name
        count = [number for number in found if number % 3 == 0]
        assert connection.call("GET", "count:" + self.name) == (b"%d" % count[-1] if count else None), self.name


class Writers:
    def __init__(self, server, count=3):
        self.all = [Writer(server, "w%d" % i) for i in range(count)]

    def __enter__(self):
        for each in self.all:
            each.thread.start()
        return self

    def __exit__(self, kind, *_):
        for each in self.all:
            each.over.set()
        for each in self.all:
            each.thread.join()
        if kind is None:
            for each in self.all:
                assert each.failure is None, each.failure

    def acknowledged(self):
        return sum(len(each.acknowledged) for each in self.all)

    def refused(self):
        return sum(len(each.refused) for each in self.all)

    def go_on(self, more=30, timeout=30):
        """They are served."""
        wanted = self.acknowledged() + more
        eventually(lambda: self.acknowledged() >= wanted or any(each.failure for each in self.all), timeout, "writes are answered")
        for each in self.all:
            assert each.failure is None, each.failure

    def check(self, folder, args):
        with Server("--dir", folder, *args, shards=3) as server, server.connect() as connection:
            for each in self.all:
                each.check(connection)


class Scene:
    """A server with an append only file, on a disk that does as it is told, and clients that write."""

    def __init__(self, policy, *args, appendonly="yes"):
        self.disk = FailingDisk()
        self.folder = tempfile.mkdtemp(prefix="tessera-failing-")
        self.policy = policy
        self.args = ("--appendonly", appendonly, "--appendfsync", policy, "--auto-aof-rewrite-percentage", "0", "--dir", self.folder, *args)

    def __enter__(self):
        self.server = Server(*self.args, shards=2, env=self.disk.env())
        self.client = self.server.connect(timeout=60)
        self.writers = Writers(self.server)
        self.writers.__enter__()
        self.writers.go_on()
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            print(self.server.log()[-3000:])
        self.server.process.kill()
        self.server.process.wait(30)
        try:
            self.writers.__exit__(kind)
            if kind is None:
                self.writers.check(self.folder, self.args)
        finally:
            self.server.stop()
            self.disk.__exit__()
            subprocess.run(["rm", "-rf", self.folder], check=True)

    def info(self):
        return self.server.info("persistence")

    def is_well(self):
        info = self.info()
        return info["aof_last_write_status"] == "ok" and info["aof_last_bgrewrite_status"] == "ok"

    def goes_on(self):
        eventually(lambda: self.info()["aof_last_write_status"] == "ok", 30, "INFO says ok")
        self.writers.go_on()

    def kill(self):
        """With everysec once all is durable; with `always` at any moment."""
        if self.policy != "always":
            self.stop_writers()
            assert self.client.call("WAITAOF", 1, 0, 20000) == [1, 0]
        self.server.process.kill()
        self.server.process.wait(30)

    def stop_writers(self):
        for each in self.writers.all:
            each.over.set()
        for each in self.writers.all:
            each.thread.join()


@POLICIES
def test_writes_fail(policy):
    """EIO of every write for a while: writes are refused, reads go on."""
    with Scene(policy) as scene:
        rule = scene.disk.rule("write", INCREMENT, "fail", errno.EIO)
        eventually(lambda: scene.info()["aof_last_write_status"] == "err", 20)
        eventually(lambda: scene.writers.refused() > 0, 20, "a write is refused")
        assert str(scene.client.call("SET", "a", 1)) == "MISCONF Errors writing to the AOF file: Input/output error"
        with scene.server.connect() as reader:
            assert reader.call("GET", "nothing") is None
        scene.disk.heal(rule)
        scene.goes_on()
        assert "Redis can write again" in scene.server.log()
        scene.kill()


@POLICIES
def test_short_writes(policy):
    """A part of a write, then an error: the part is cut off, at once or when that can be done."""
    seed = new_seed(30)
    print("seed", seed)
    rng = random.Random(seed)
    with Scene(policy) as scene:
        for mends in (True, False):
            if not mends:
                scene.disk.rule("truncate", INCREMENT, "fail", errno.EIO, times=rng.choice([1, 2]))
            part = scene.disk.rule("write", INCREMENT, "short", rng.randrange(1, 40), times=1)
            eventually(lambda: scene.disk.hits(part) == 1, 20)
            torn = scene.disk.rule("write", INCREMENT, "short", rng.randrange(1, 40), times=1)
            error = scene.disk.rule("write", INCREMENT, "fail", errno.ENOSPC, times=2)
            eventually(lambda: scene.disk.hits(torn) == 1 and scene.disk.hits(error) == 2, 20)
            scene.disk.heal()
            scene.goes_on()
        scene.kill()


@POLICIES
def test_a_sync_fails_once(policy):
    """What was not durable goes into a new increment."""
    with Scene(policy) as scene:
        before = len(glob.glob(os.path.join(scene.folder, "appendonlydir", "*" + INCREMENT)))
        rule = scene.disk.rule("sync", INCREMENT, "fail", errno.EIO, times=1)
        eventually(lambda: scene.disk.hits(rule) == 1, 20)
        eventually(lambda: "After a failed fsync the AOF goes on in" in scene.server.log(), 20)
        scene.goes_on()
        assert len(glob.glob(os.path.join(scene.folder, "appendonlydir", "*" + INCREMENT))) == before + 1
        scene.kill()


@POLICIES
def test_syncs_fail_for_a_while(policy):
    with Scene(policy) as scene:
        rule = scene.disk.rule("sync", "appendonlydir", "fail", errno.EIO)  # of the folder, too
        eventually(lambda: scene.disk.hits(rule) >= 2, 20)
        eventually(lambda: scene.info()["aof_last_write_status"] == "err", 20)
        scene.disk.heal(rule)
        scene.goes_on()
        scene.kill()


def longest_gap(writer):
    return max((b - a for a, b in zip(writer.at, writer.at[1:])), default=0)


@POLICIES
def test_a_sync_of_5_seconds(policy):
    """`always` answers no write meanwhile; everysec none once the oldest byte waits for two seconds. Reads go on."""
    with Scene(policy) as scene:
        rule = scene.disk.rule("sync", INCREMENT, "delay", 5, times=1)
        eventually(lambda: scene.disk.hits(rule) == 1, 20)
        began = time.monotonic()
        with scene.server.connect() as reader:
            reads = 0
            while scene.info()["aof_delayed_fsync"] == "0":
                assert reader.call("GET", "nothing") is None
                reads += 1
        assert reads > 10
        scene.goes_on()
        scene.stop_writers()
        last_s = 2.0 if policy == "everysec" else 0.0
        for each in scene.writers.all:
            # By the server's own clock the bound is exact; ours sees its replies somewhat later.
            assert not [at for at in each.at if began + last_s + 1 < at < began + 4.5], "acknowledged while nothing is durable"
        assert scene.writers.refused() == 0
        scene.kill()


def test_always_holds_whatever_changes_something():
    """Writes of several shards, of no key, and what is no write by its name: not acknowledged before it is durable."""
    library = "#!lua name=l\nredis.register_function('f', function(keys) return redis.call('SET', keys[1], 1) end)"
    words = [("SET", "a", 1), ("MSET", "a", 1, "b", 2, "c", 3, "d", 4), ("DEL", "a", "b"), ("COPY", "c", "e"), ("RENAME", "c", "f"),
             ("EVAL", "redis.call('SET', KEYS[1], 1) redis.call('SET', KEYS[2], 1)", 2, "x", "y"), ("FUNCTION", "LOAD", library),
             ("FCALL", "f", 1, "g"), ("FUNCTION", "DELETE", "l"), ("FUNCTION", "FLUSH"), ("DEBUG", "POPULATE", 10),
             ("DEBUG", "POPULATE", 12000, "long", 1000),  # more than waits for a tick's end
             ("SWAPDB", 0, 1),
             ("FLUSHDB",), ("FLUSHALL",), [("MULTI",), ("SET", "a", 1), ("SET", "b", 1), ("EXEC",)],
             [("MULTI",), ("DEBUG", "POPULATE", 10, "more"), ("EXEC",)], [("MULTI",), ("FUNCTION", "LOAD", library), ("EXEC",)]]
    with FailingDisk() as disk, tempfile.TemporaryDirectory() as folder, \
            Server("--appendonly", "yes", "--appendfsync", "always", "--enable-debug-command", "yes", "--dir", folder,
                   shards=4, env=disk.env()) as server, server.connect(timeout=60) as client:
        for each in words:
            rule = disk.rule("sync", INCREMENT, "delay", 0.3, times=1)
            began = time.monotonic()
            reply = client.pipeline(each)[-1] if isinstance(each, list) else client.call(*each)
            took_s = time.monotonic() - began
            assert not isinstance(reply, ReplyError), (each, reply)
            assert disk.hits(rule) == 1 and took_s > 0.29, each
            disk.heal(rule)


@pytest.mark.long
def test_a_sync_of_13_seconds():
    """After ten seconds writes are refused, until a sync covers what waits. Begins behind a pause, whose end is no sync."""
    with Scene("everysec") as scene:
        scene.stop_writers()
        assert scene.client.call("WAITAOF", 1, 0, 20000) == [1, 0]
        rule = scene.disk.rule("sync", INCREMENT, "delay", 13, times=1)
        scene.writers = Writers(scene.server)
        with scene.client.__class__(scene.server.port) as connection:
            connection.call("DEL", *["%s:w%d" % (kind, i) for kind in ("log", "count") for i in range(3)])
        scene.writers.__enter__()
        eventually(lambda: scene.disk.hits(rule) == 1, 20)
        refused = "MISCONF Errors writing to the AOF file: the disk has not synced for more than 10 seconds"
        with scene.server.connect() as other:
            eventually(lambda: str(other.call("PING")) == refused, 30)
        scene.goes_on()
        scene.kill()


@POLICIES
def test_rewrites_on_a_failing_disk(policy):
    """Whatever of a rewrite fails: nothing is lost, and the next rewrite does it."""
    seed = new_seed(30)
    print("seed", seed)
    rng = random.Random(seed)
    with Scene(policy, "--enable-debug-command", "yes") as scene:
        scene.client.call("DEBUG", "POPULATE", 3000, "ballast", 300)
        for _ in range(6):
            call, name, action, value = rng.choice([
                ("sync", "/temp-rewriteaof", "fail", errno.EIO), ("write", "/temp-rewriteaof", "fail", errno.ENOSPC),
                ("sync", "/temp-rewriteaof", "delay", 0.5), ("sync", ".manifest", "fail", errno.EIO),
                ("sync", "/appendonlydir$", "fail", errno.EIO), ("sync", os.path.basename(scene.folder) + "$", "fail", errno.EIO),
                ("sync", INCREMENT, "fail", errno.EIO), ("sync", INCREMENT, "slowfail", 0.7), ("write", INCREMENT, "fail", errno.EIO)])
            scene.disk.rule(call, name, action, value, times=rng.choice([1, 1, 2]))
            scene.client.call("CONFIG", "SET", "rdb-key-save-delay", rng.choice([0, 50]))
            assert "Background append only file rewriting" in str(scene.client.call("BGREWRITEAOF"))
            eventually(lambda: scene.info()["aof_rewrite_in_progress"] == "0", 60)
            scene.disk.heal()
            scene.goes_on()
        scene.client.call("CONFIG", "SET", "rdb-key-save-delay", 0)
        assert "Background append only file rewriting" in str(scene.client.call("BGREWRITEAOF"))
        eventually(lambda: scene.info()["aof_rewrite_in_progress"] == "0", 60)
        assert scene.is_well()
        scene.goes_on()
        scene.kill()
        assert not glob.glob(os.path.join(scene.folder, "temp-*"))


def test_saves_fail_and_writes_go_on_later():
    """The old file stays; writes are refused while the last save failed; a save point tries again by itself."""
    seed = new_seed(30)
    print("seed", seed)
    call, value = random.Random(seed).choice([("write", errno.EIO), ("write", errno.ENOSPC), ("sync", errno.EIO)])
    with Scene("everysec", "--save", "1 1", appendonly="no") as scene:
        dump = os.path.join(scene.folder, "dump.rdb")
        eventually(lambda: os.path.exists(dump), 20)
        rule = scene.disk.rule(call, "/temp-", "fail", value)
        eventually(lambda: scene.info()["rdb_last_bgsave_status"] == "err", 20)
        eventually(lambda: scene.writers.refused() > 0, 20)
        assert str(scene.client.call("SAVE")) in ("ERR", "ERR Background save already in progress")
        with open(dump, "rb") as file:
            old = file.read()
        eventually(lambda: not glob.glob(os.path.join(scene.folder, "temp-*")), 20)
        with Server("--dir", scene.folder, shards=1) as reader:
            assert reader.call("LLEN", "log:w0") > 0
        with open(dump, "rb") as file:
            assert file.read() == old
        scene.disk.heal(rule)
        eventually(lambda: scene.info()["rdb_last_bgsave_status"] == "ok", 30, "it saves again by itself")
        scene.writers.go_on()
        scene.stop_writers()
        eventually(lambda: scene.client.call("SAVE") == "OK", 20)
        scene.server.process.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
@POLICIES
def test_full_disk_in_everything(policy):
    """A small tmpfs that SAVE, BGSAVE, BGREWRITEAOF and the increment fill; with room again all goes on."""
    with Scene(policy, "--enable-debug-command", "yes", "--rdbcompression", "no") as scene:
        scene.kill()
        scene.writers.__exit__(None)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", scene.folder]).returncode != 0:
            pytest.skip("no tmpfs here")
        try:
            scene.server.stop()
            scene.server = Server(*scene.args, shards=2)
            scene.client = scene.server.connect(timeout=60)
            fill_a_disk(scene)
            scene.kill()
            scene.writers.__exit__(None)
            scene.writers.check(scene.folder, scene.args)
        finally:
            for each in scene.writers.all:
                each.over.set()
            subprocess.run(["umount", "-l", scene.folder])
            scene.writers = Writers(scene.server, 0)  # what was on that disk has been looked at


def fill_a_disk(scene):
    scene.client.call("DEBUG", "POPULATE", 2000, "ballast", 1000)
    assert scene.client.call("SAVE") == "OK"
    room = os.statvfs(scene.folder)
    with open(os.path.join(scene.folder, "others"), "wb") as file:
        file.write(bytes(room.f_bavail * room.f_bsize - 1000000))  # less than a file takes
    scene.writers = Writers(scene.server)
    scene.writers.__enter__()
    assert scene.client.call("SAVE") == ReplyError("ERR")
    assert "Background saving" in scene.client.call("BGSAVE")
    eventually(lambda: scene.info()["rdb_bgsave_in_progress"] == "0", 20)
    assert scene.info()["rdb_last_bgsave_status"] == "err"
    assert "Background append only file rewriting" in scene.client.call("BGREWRITEAOF")
    eventually(lambda: scene.info()["aof_rewrite_in_progress"] == "0", 20)
    assert scene.info()["aof_last_bgrewrite_status"] == "err"
    assert not glob.glob(os.path.join(scene.folder, "temp-*"))
    scene.goes_on()  # who failed gave its room back

    def fill():
        try:
            with scene.server.connect(timeout=60) as blocker:
                return isinstance(blocker.call("SET", "filler", os.urandom(100000)), ReplyError)
        except Closed:
            return True
    eventually(fill, 60, "the disk is full")
    eventually(lambda: scene.info()["aof_last_write_status"] == "err", 20)
    assert subprocess.run(["mount", "-o", "remount,size=64m", scene.folder]).returncode == 0
    scene.goes_on()
    assert "Background saving" in scene.client.call("BGSAVE")
    assert "Background append only file rewriting" in scene.client.call("BGREWRITEAOF")
    # The rewrite waits until the save is over: between them neither is in progress.
    eventually(lambda: scene.info()["rdb_bgsave_in_progress"] == scene.info()["aof_rewrite_in_progress"] == "0" and scene.is_well(), 60,
               "the rewrite has ended well")
    assert scene.info()["rdb_last_bgsave_status"] == "ok"
    scene.goes_on()
