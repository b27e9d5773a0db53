"""What a file holds is what was there at the moment of its cut, while a random stream of writes goes on, saves and rewrites
follow one another, run side by side, are cancelled and fail. The moment is known by the stream's marker in the file; what
was there then, by the same stream in another server (redis-server, as far as it knows the commands)."""
import collections
import errno
import glob
import hashlib
import os
import random
import shutil
import signal
import tempfile
import threading

import pytest

from tests.persistence.write_stream import (LARGE_BYTES, LARGE_KINDS, MARKER_DB, Replay, WriteStream, check_due,
                                            digest_without_times, what_happened)
from tests.support.failing_disk import FailingDisk
from tests.support.resp import ReplyError
from tests.support.seed import new_seed
from tests.support.server import ORACLE, Server, eventually

pytestmark = pytest.mark.tessera_only
EMPTY = "0" * 40


def bytes_of(path):
    if not os.path.exists(path):
        return None
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


class Cuts:
    """Saves and rewrites of one server, and copies of the files they leave."""

    def __init__(self, server, stream, seed, folder, disk):
        self.server, self.stream, self.folder, self.disk = server, stream, folder, disk
        self.rng = random.Random("%s cuts" % seed)
        self.client = server.connect()
        self.files = []  # (path, what made it)
        self.story = []
        self.counts = {}
        self.happened = collections.Counter()  # while something was saved, as what_happened() says

    def info(self):
        text = self.client.call("INFO", "persistence").decode()
        return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)

    def wait_over(self):
        def over():
            info = self.info()
            return info if all(info[name] == "0" for name in (
                "rdb_bgsave_in_progress", "aof_rewrite_in_progress", "aof_rewrite_scheduled")) else None
        return eventually(over, 120, "saves and rewrites end")

    def dump(self):
        return os.path.join(self.server.dir, "dump.rdb")

    def base(self):
        found = glob.glob(os.path.join(self.server.dir, "appendonlydir", "appendonly.aof.manifest"))
        if not found:
            return None
        with open(found[0]) as file:
            names = [line.split()[1] for line in file if line.split()[5] == "b"]
        return os.path.join(self.server.dir, "appendonlydir", names[0]) if names else None

    def keep(self, path, what):
        copy = os.path.join(self.folder, "%d-%s" % (len(self.files), os.path.basename(path)))
        shutil.copy(path, copy)
        self.files.append((copy, what))

    def go_on(self, operations):
        """A random moment of the stream."""
        wanted = len(self.stream.operations) + operations
        eventually(lambda: len(self.stream.operations) >= wanted or self.stream.failure, 60, "the stream goes on")
        assert self.stream.failure is None, self.stream.failure

    def somewhere_in_it(self):
        """Waits for so much of the save under way; or for its end."""
        share = self.rng.random() * 100
        eventually(lambda: float(self.info()["current_fork_perc"]) >= share or self.info()["rdb_bgsave_in_progress"] == "0", 60)

    # ---- what is done

    def run(self, wanted_files):
        jobs = [self.save, self.background, self.background, self.both, self.rewrite, self.rewrite, self.cancel, self.nowhere]
        if self.disk is not None:
            jobs += [self.disk_fails, self.base_fails]
        while len(self.files) < wanted_files:
            self.client.call("CONFIG", "SET", "rdb-key-save-delay", self.rng.choice([0, 0, 50, 500]))
            self.go_on(self.rng.randrange(60))
            job = self.rng.choice(jobs)
            self.story.append(job.__name__)
            self.counts[job.__name__] = self.counts.get(job.__name__, 0) + 1
            first = len(self.stream.operations)
            job()
            self.happened.update(what_happened(self.stream.operations[first:]))
            assert not glob.glob(os.path.join(self.server.dir, "temp-*")), self.story[-3:]

    def save(self):
        assert self.client.call("SAVE") == "OK"
        self.keep(self.dump(), "SAVE")

    def background(self, more=()):
        before = self.info()["rdb_saves"], bytes_of(self.dump())
        replies = self.client.pipeline([("BGSAVE",)] + list(more))
        assert "Background saving" in replies[0], replies
        info = self.wait_over()
        self.saved_or_not(before, info, "BGSAVE")
        return replies[1:]

    def saved_or_not(self, before, info, what):
        """FLUSHALL and CANCEL end a save, whose file then is the old one."""
        if int(info["rdb_saves"]) > int(before[0]):
            self.keep(self.dump(), what)
        else:
            assert bytes_of(self.dump()) == before[1]

    def rewrite(self):
        reply = self.client.call("BGREWRITEAOF")
        assert "Background append only file rewriting" in reply, reply
        info = self.wait_over()
        assert info["aof_last_bgrewrite_status"] == "ok", self.server.log()[-2000:]
        self.keep(self.base(), "BGREWRITEAOF")

    def both(self):
        old = self.base()
        self.background([("BGREWRITEAOF",)])
        assert self.base() != old
        self.keep(self.base(), "BGREWRITEAOF beside BGSAVE")

    def cancel(self):
        before = self.info()["rdb_saves"], bytes_of(self.dump())
        self.client.call("CONFIG", "SET", "rdb-key-save-delay", 1000)
        assert "Background saving" in self.client.call("BGSAVE")
        self.somewhere_in_it()
        self.client.call("BGSAVE", "CANCEL")
        # The next cut is wanted while this one still paints.
        self.client.call("CONFIG", "SET", "rdb-key-save-delay", 0)
        self.saved_or_not(before, eventually(lambda: self.info() if self.info()["rdb_bgsave_in_progress"] == "0" else None, 60),
                          "BGSAVE, cancelled too late")
        self.background()

    def nowhere(self):
        before = bytes_of(self.dump())
        gone = os.path.join(self.server.dir, "gone")
        os.mkdir(gone)
        assert self.client.call("CONFIG", "SET", "dir", gone) == "OK"
        os.rmdir(gone)
        assert "Background saving" in self.client.call("BGSAVE")
        assert self.wait_over()["rdb_last_bgsave_status"] == "err"
        assert self.client.call("SAVE") == ReplyError("ERR")
        assert self.client.call("CONFIG", "SET", "dir", self.server.dir) == "OK"
        assert bytes_of(self.dump()) == before
        self.background()

    def disk_fails(self):
        """Of a save: one of its writes, or its sync."""
        before = self.info()["rdb_saves"], bytes_of(self.dump())
        self.client.call("CONFIG", "SET", "rdb-key-save-delay", 500)
        assert "Background saving" in self.client.call("BGSAVE")
        self.somewhere_in_it()
        rule = self.disk.rule(self.rng.choice(["write", "write", "sync"]), "/temp-", "fail",
                              self.rng.choice([errno.EIO, errno.ENOSPC]), times=1)
        info = self.wait_over()
        if self.disk.hits(rule) > 0 and info["rdb_last_bgsave_status"] == "err":
            assert bytes_of(self.dump()) == before[1]
        self.disk.heal(rule)
        self.background()
        if self.info()["rdb_saves"] != before[0]:
            assert self.info()["rdb_last_bgsave_status"] == "ok"

    def base_fails(self):
        old = self.base()
        rule = self.disk.rule(self.rng.choice(["write", "write", "sync"]), "/temp-rewriteaof", "fail", errno.EIO, times=1)
        assert "Background append only file rewriting" in self.client.call("BGREWRITEAOF")
        assert self.wait_over()["aof_last_bgrewrite_status"] == "err"
        assert self.disk.hits(rule) == 1 and self.base() == old
        self.disk.heal(rule)
        self.rewrite()


class Checked:
    """Files against the stream, in the order of their markers."""

    def __init__(self, stream, binary):
        self.stream, self.binary = stream, binary

    def load(self, path, what):
        """(marker or nothing, digest, what)."""
        folder = tempfile.mkdtemp(prefix="tessera-cut-")
        try:
            is_log = path.endswith(".aof")
            shutil.copy(path, os.path.join(folder, "appendonly.aof" if is_log else "dump.rdb"))
            args = ("--dir", folder, "--enable-debug-command", "yes", "--appendonly", "yes" if is_log else "no")
            with Server(*args, binary=self.binary, shards=2) as server, server.connect() as connection:
                connection.call("SELECT", MARKER_DB)
                marker = connection.call("GET", "marker")
                if marker is None:
                    return None, digest_without_times(connection), what
                check_due(connection, self.stream, int(marker))
                return int(marker), digest_without_times(connection), what
        finally:
            shutil.rmtree(folder)

    def run(self, files, last):
        """`last`: digest of the whole stream."""
        loaded = [self.load(*each) for each in files]
        for marker, digest, what in loaded:
            if marker is None:
                assert digest == EMPTY and self.stream.flushes_all, what
        with Server("--enable-debug-command", "yes", binary=self.binary, shards=1) as server, server.connect() as connection:
            replay = Replay(self.stream, connection)
            for marker, digest, what in sorted(each for each in loaded if each[0] is not None):
                if marker != replay.number:
                    replay.to_marker(marker)
                seen = [replay.digest()]
                while seen[-1] != digest and replay.step():
                    seen.append(replay.digest())
                assert seen[-1] == digest, "%s with marker %d holds what never was: %s is none of %s" % (what, marker, digest, seen)
            if replay.number < len(self.stream.operations):
                replay.to_marker(len(self.stream.operations))
            while replay.step():
                pass
            assert replay.digest() == last, "the server itself holds something else than the stream"


def run_series(seed, shards, preamble, wanted_files, field_times=False):
    print("seed %d, shards %d, preamble %s, %s" % (seed, shards, preamble, "field times" if field_times else "redis-server"))
    stream = WriteStream(seed, field_times)
    folder = tempfile.mkdtemp(prefix="tessera-cuts-")
    disk = FailingDisk() if FailingDisk.works else None
    args = ("--enable-debug-command", "yes", "--enable-protected-configs", "yes", "--appendonly", "yes", "--appendfsync", "no",
            "--aof-use-rdb-preamble", preamble, "--auto-aof-rewrite-percentage", "0")
    over = threading.Event()
    try:
        with Server(*args, shards=shards, env=disk.env() if disk else None) as server:
            with server.connect() as connection:
                stream.fill(connection)
                connection.call("SELECT", 0)
                for kind in LARGE_KINDS:
                    assert connection.call("MEMORY", "USAGE", "large:%s:0" % kind, "SAMPLES", 0) > LARGE_BYTES * 1.1, kind
            cuts = Cuts(server, stream, seed, folder, disk)
            writer = threading.Thread(target=stream.run, args=(server, over))
            writer.start()
            try:
                cuts.run(wanted_files)
            finally:
                over.set()
                writer.join()
            assert stream.failure is None, stream.failure
            last = digest_without_times(server.connect())
            server.process.send_signal(signal.SIGTERM)
            assert server.wait_exit() == 0, server.log()
            print("%d files, %d operations, %s" % (len(cuts.files), len(stream.operations), cuts.counts))
            checked = Checked(stream, None if field_times else ORACLE)
            checked.run(cuts.files, last)
            # The log as a whole, which is read by ours and by redis-server.
            for binary in (None,) if field_times else (None, ORACLE):
                with Server("--dir", server.dir, "--appendonly", "yes", "--enable-debug-command", "yes", binary=binary,
                            shards=2) as again, again.connect() as connection:
                    assert digest_without_times(connection) == last
            return cuts.happened
    finally:
        shutil.rmtree(folder)
        if disk is not None:
            disk.__exit__()


@pytest.mark.parametrize("shards,preamble,field_times", [(4, "yes", False), (1, "no", False), (4, "no", True)])
def test_files_hold_their_moment(shards, preamble, field_times):
    run_series(new_seed(30), shards, preamble, 6, field_times)


@pytest.mark.long
@pytest.mark.parametrize("preamble", ["yes", "no"])
@pytest.mark.parametrize("shards", [1, 2, 4])
def test_many_files_hold_their_moment(shards, preamble):
    happened = collections.Counter()
    for i in range(int(os.environ.get("TESSERA_CUT_SERIES", "10"))):
        happened.update(run_series(new_seed(30) + i, shards, preamble, 30, field_times=i % 5 == 4))
    print(sorted(happened.items()))
    for kind in LARGE_KINDS:
        for name in ("DEL", "UNLINK", "RENAME", "RENAMENX", "MOVE", "COPY", "EXPIRES"):
            assert happened[name, kind] > 0, "no %s of a large %s while something was saved" % (name, kind)
    for name in ("FLUSHALL", "FLUSHDB", "SWAPDB"):
        assert happened[name, "all"] > 0, name
