"""Where a running server has its files, and its snapshot: BGSAVE, waited for; the file is opened as soon as it is there.

Invariant: what is taken was begun after it was asked for, and is the server's: the file changed by that save.
"""
import json
import os
import resource
import subprocess
import time

from ops.common import DAMAGED, DISK, FAILED, SERVER, USAGE, Failure, disk_failure
from ops.files import Source, check_rdb_ends, write_file
from ops.node import advice, keyspace_of


RETRY_DELAY_S = 7  # a server waits 5 s after a failed save before it begins one that was scheduled


class Data:
    """Where a node's files are, as seen from this machine."""

    def __init__(self, node, pattern):
        self.node = node
        told = node.setting("dir")
        if told is None:
            raise Failure(SERVER, "%s does not tell its data folder (CONFIG GET dir): the user may lack the right" % node.name)
        host, port = node.address if not isinstance(node.address, str) else ("localhost", 0)
        self.path = told
        if pattern:
            try:
                self.path = pattern.format(host=host, port=port, id=node.id or "")
            except (KeyError, IndexError, ValueError):
                raise Failure(USAGE, "--data-dir %s: between braces only {host}, {port} and {id} mean something" % pattern) from None
        self.dbfilename = node.setting("dbfilename") or "dump.rdb"
        self.appendfilename = node.setting("appendfilename") or "appendonly.aof"
        self.appenddirname = node.setting("appenddirname")
        self.appendonly = node.setting("appendonly") == "yes"
        try:
            os.listdir(self.path)
        except OSError as error:
            raise Failure(DISK, "the data folder of %s, %s, cannot be read here: %s. Run this on the machine of the node, as its user, "
                                "or name the folder where it is mounted: --data-dir. Files can only be taken from a folder: to "
                                "fetch a snapshot over the network (SYNC) is not possible yet"
                          % (node.name, self.path, error.strerror)) from None

    @property
    def rdb_path(self):
        return os.path.join(self.path, self.dbfilename)

    @property
    def manifest_path(self):
        return os.path.join(self.path, self.appenddirname, self.appendfilename + ".manifest")


class Wait:
    """Polling with a deadline, at first often."""

    def __init__(self, limit_s, what):
        self.limit_s, self.what = limit_s, what
        self.began, self.pause_s = time.monotonic(), 0.02

    def go(self):
        if time.monotonic() - self.began > self.limit_s:
            raise Failure(FAILED, "%s: not within %g s (--wait says how long)" % (self.what, self.limit_s))
        time.sleep(self.pause_s)
        self.pause_s = min(self.pause_s * 1.5, 0.5)


# Snapshots ------------------------------------------------------------------------------------------------------------


def identity(path):
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


class Save:
    """A snapshot that the node is asked for: begin() returns at once, finish() waits and gives the open file."""

    def __init__(self, data, wait_s):
        self.data, self.node = data, data.node
        self.wait_s = wait_s

    def begin(self):
        wait = Wait(self.wait_s, "%s is still busy with an earlier save" % self.node.name)
        while (info := self.node.info("persistence"))["rdb_bgsave_in_progress"] == "1":
            wait.go()
        # From here on every save that ends has begun after what we were asked for.
        self.saves = self._saves(info)
        self.was_well = info["rdb_last_bgsave_status"] == "ok"
        self.before = identity(self.data.rdb_path)
        self.run_id = self.node.info("server").get("run_id")
        self._ask()

    def _ask(self):
        """Somebody else's save that has begun meanwhile will do as well."""
        reply = self.node.connection.pipeline([("BGSAVE", "SCHEDULE")])[0]
        if not isinstance(reply, str) and "in progress" not in str(reply):
            raise Failure(SERVER, "%s answers BGSAVE with: %s%s" % (self.node.name, reply, advice(reply.word)))

    @staticmethod
    def _saves(info):
        """A number that grows with each save that succeeds."""
        return int(info.get("rdb_saves", info["rdb_last_save_time"]))

    def _is_there(self):
        return identity(self.data.rdb_path) not in (None, self.before)

    def finish(self):
        wait = Wait(self.wait_s, "%s does not end its save" % self.node.name)
        asked_again, has_run, rests_s = False, False, time.monotonic()
        while True:
            info = self.node.info("persistence")
            has_run = has_run or info["rdb_bgsave_in_progress"] == "1"
            at_rest = info["rdb_bgsave_in_progress"] == "0" and info["aof_rewrite_in_progress"] == "0"
            saved = self._saves(info) - self.saves
            if saved and self._is_there():
                break
            if saved > 1 and at_rest:
                raise Failure(DISK, "%s has saved, but %s is not what it wrote: it is the folder of another machine or container. Name "
                                    "the right one: --data-dir" % (self.node.name, self.data.rdb_path))
            if saved and at_rest and not asked_again:
                # The file may have been changed by that save before we looked at it: another one decides.
                asked_again = True
                self._ask()
            if not at_rest:
                rests_s = time.monotonic()
            # After a failure of before, one that is scheduled waits some seconds: the status may still be of that one.
            told = self.was_well or has_run or time.monotonic() - rests_s > RETRY_DELAY_S
            if at_rest and info["rdb_last_bgsave_status"] != "ok" and not saved and told:
                raise Failure(SERVER, "%s could not save (rdb_last_bgsave_status:%s): its log says why; a full disk, for instance"
                              % (self.node.name, info["rdb_last_bgsave_status"]))
            if self.node.info("server").get("run_id") != self.run_id:
                raise Failure(SERVER, "%s was started anew during its save" % self.node.name)
            wait.go()
        path = self.data.rdb_path
        try:
            source = Source(path)
        except OSError as error:
            raise disk_failure(error, path) from None
        try:
            check_rdb_ends(source)
        except BaseException:
            source.close()
            raise
        return source


def count_in_rdb(source, checker):
    """The checker reads the file to its end and says what is in it; its complaint is a Failure."""
    done = subprocess.run([checker, "/dev/fd/%d" % source.fd, "--json"], pass_fds=[source.fd], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise Failure(DAMAGED, "%s is damaged, says tessera-check-rdb: %s" % (source.path, last_lines(done.stderr)))
    return json.loads(done.stdout)


def last_lines(text, count=6):
    return " / ".join(line for line in text.decode("utf-8", "replace").splitlines()[-count:] if line)


def copy_rdb(source, node, folder, compress, checker, passing):
    """(what the metadata says of the snapshot, its files)"""
    told = keyspace_of(node.info("keyspace"))
    about = {"keys": told, "exact": False}
    if checker:
        found = count_in_rdb(source, checker)
        about = {"keys": {db: {"keys": counts["keys"], "expires": None} for db, counts in found["databases"].items()},
                 "exact": True, "expires": found["expires"], "functions": found["functions"],
                 "rdb_version": found["version"], "family": found["family"]}
        about["keys"] = {db: counts for db, counts in about["keys"].items() if counts["keys"]}
    name = os.path.basename(source.path)
    stored = name + (".gz" if compress else "")
    about["file"] = name
    file = {"path": stored, "content": name, "part": "rdb", "gzip": bool(compress)}
    file.update(write_file(source.pieces(), os.path.join(folder, stored), compress, passing))
    return about, [file]


def many_files():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
