"""The append only file of a running server, taken at one moment, as Redis documents it: automatic rewrites off, no rewrite under way, all
files of the manifest opened, automatic rewrites on again; then they are copied, each as far as it went.

The manifest is read again after its files were opened, so that a rewrite that came all the same is noticed.
Invariant: auto-aof-rewrite-percentage is put back on every way out; what it was is noted on disk before it is changed, for the
next run should this one be killed.
"""
import os
import re
import subprocess
import time

from ops.common import DAMAGED, DISK, FAILED, SERVER, USAGE, Failure, disk_failure, undisturbed
from ops.files import Manifest, Source, write_file
from ops.node import keyspace_of
from ops.resp import ErrorReply
from ops.take import Wait, last_lines

PERCENTAGE = "auto-aof-rewrite-percentage"
MANIFEST_TRIES = 20
SETTLE_S = 0.1


class PausedRewrites:
    """No automatic rewrite begins within. Not being allowed to is no obstacle: the manifest tells what happened."""

    def __init__(self, node, work, teller):
        self.node, self.work, self.teller = node, work, teller
        self.percentage = None

    def __enter__(self):
        try:
            percentage = int(self.node.setting(PERCENTAGE) or 0)
        except Failure:
            percentage = 0
        if percentage > 0:
            self.percentage = percentage
            self.work.undo = self.__exit__
            host, port = self.node.address if not isinstance(self.node.address, str) else (self.node.address, 0)
            self.work.note(put_back={"host": host, "port": port, "run_id": self.node.info("server").get("run_id"), "value": percentage})
            try:
                reply = self.node.connection.pipeline([("CONFIG", "SET", PERCENTAGE, 0)])[0]
            except BaseException:
                self.__exit__()
                raise
            if isinstance(reply, ErrorReply):
                self.percentage = None
                self.work.note(put_back=None)
                self.teller.warn("automatic rewrites go on: %s answers CONFIG SET with: %s" % (self.node.name, reply))
        return self

    def __exit__(self, *_):
        with undisturbed():
            if self.percentage is not None:
                self._put_back()

    def _put_back(self):
        problem = put_back(self.node, self.percentage)
        if problem:
            self.teller.warn("%s of %s is still 0 (%s). Put it back: tessera-cli CONFIG SET %s %d"
                             % (PERCENTAGE, self.node.name, problem, PERCENTAGE, self.percentage))
        else:
            self.work.note(put_back=None)
        self.percentage = None


def put_back(node, percentage, tries=5):
    """Over a new connection: the old one may stand in the middle of something. None, or why not."""
    problem = None
    for _ in range(tries):
        try:
            node.reconnect()
            node.call("CONFIG", "SET", PERCENTAGE, percentage)
            return None
        except Failure as failure:
            problem = str(failure)
            time.sleep(0.2)
    return problem


def need_aof(data):
    """Before anything is asked of any node."""
    if not data.appendonly:
        raise Failure(USAGE, "%s has no append only file (appendonly no): use --type rdb, or turn it on: CONFIG SET appendonly yes"
                      % data.node.name)
    if data.appenddirname is None:
        raise Failure(USAGE, "%s is older than Redis 7 and keeps its append only file in one piece: use --type rdb" % data.node.name)


class AofFiles:
    """The files of an append only file, open, as one manifest names them."""

    def __init__(self, data, wait_s, work, teller):
        self.data, self.sources, self.manifest = data, [], None
        self.wait_s = wait_s
        with PausedRewrites(data.node, work, teller):
            self._take(data.node)

    def _take(self, node):
        wait = Wait(self.wait_s, "%s does not end the rewrite of its append only file" % node.name)
        for _ in range(MANIFEST_TRIES):
            while not self._at_rest(node):
                wait.go()
            first = self._written(node)
            if self._open():
                last = node.info("all")
                self._count(first, last)
                return
        raise Failure(FAILED, "the manifest %s changed each time it was read" % self.data.manifest_path)

    @staticmethod
    def _at_rest(node):
        info = node.info("persistence")
        if info.get("aof_enabled") != "1":
            raise Failure(SERVER, "%s does not write its append only file (aof_enabled:0): its log says why" % node.name)
        return info["aof_rewrite_in_progress"] == "0" and info["aof_rewrite_scheduled"] == "0"

    @staticmethod
    def _written(node):
        """What the server says, a moment before its files are opened: what it answered until then is in them."""
        for _ in range(50):
            info = node.info("all")
            if info.get("aof_buffer_length", "0") == "0":
                break
            time.sleep(0.01)
        time.sleep(SETTLE_S)
        return info

    def _open(self):
        path = self.data.manifest_path
        try:
            text = read_text(path)
            self.manifest = Manifest(text, path)
            folder = os.path.dirname(path)
            for name in self.manifest.files:
                self.sources.append(Source(os.path.join(folder, name)))
            if text == read_text(path) and self.sources:
                return True
        except FileNotFoundError as error:
            if not os.path.exists(path):
                raise Failure(DISK, "%s writes an append only file, but there is no %s: this is the folder of another machine or "
                                    "container. Name the right one: --data-dir" % (self.data.node.name, error.filename)) from None
        except OSError as error:
            raise disk_failure(error, error.filename or path) from None
        self.close()
        return False

    def close(self):
        for source in self.sources:
            source.close()
        self.sources = []

    def _count(self, first, last):
        """Keys as the server counted them before and after; exact when nobody did anything between, nor was anything written."""
        before, after = keyspace_of(first), keyspace_of(last)
        still = ("aof_buffer_length", "aof_current_size")
        # INFO itself is one command; it has been counted when it is done.
        commands = int(last["total_commands_processed"]) - int(first["total_commands_processed"]) - 1
        self.about = {"keys": after, "keys_before": before, "commands_between": max(commands, 0),
                      "exact": commands <= 0 and all(first.get(word) == last.get(word) for word in still) and before == after,
                      "manifest": os.path.join(self.data.appenddirname, os.path.basename(self.data.manifest_path)),
                      "libraries": int(last["number_of_libraries"]) if "number_of_libraries" in last else None}

    def copy(self, folder, compress, checker, passing):
        """(what the metadata says of it, its files)"""
        into = os.path.join(folder, self.data.appenddirname)
        os.mkdir(into, 0o700)
        files, ending = [], ".gz" if compress else ""
        for source in self.sources:
            name = os.path.basename(source.path)
            to = os.path.join(into, name)
            if source is self.sources[-1] and checker and name in self.manifest.increments and source.bytes:
                found, cut = copy_increment(source, to, compress, checker, passing)
                self.about["bytes_cut"] = cut
            else:
                found = write_file(source.pieces(), to + ending, compress, passing)
            relative = os.path.join(self.data.appenddirname, name)
            files.append(dict({"path": relative + ending, "content": relative, "part": "aof", "gzip": bool(compress)}, **found))
        # Where the end was not looked at it may lie within a command, which a server that loads it cuts off.
        self.about["end_checked"] = bool(checker)
        relative = self.about["manifest"]
        found = write_file([self.manifest.text().encode()], os.path.join(folder, relative), False)
        files.append(dict({"path": relative, "content": relative, "part": "aof", "gzip": False}, **found))
        return self.about, files


def read_text(path):
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


def copy_increment(source, to, compress, checker, passing):
    """The increment that is being written to: up to its last whole command (transaction). (sums, bytes cut off)"""
    raw, final = to + ".raw", to + (".gz" if compress else "")
    found = write_file(source.pieces(), raw, False, passing)
    good = good_bytes(raw, checker)
    if not compress and good == source.bytes:
        os.rename(raw, final)
        return found, 0
    copy = Source(raw)
    try:
        copy.bytes = good
        found = write_file(copy.pieces(), final, compress, passing)
    finally:
        copy.close()
    os.unlink(raw)
    return found, source.bytes - good


def good_bytes(path, checker):
    """How far an increment is good. What stands behind must be the beginning of something good, else it is damaged."""
    size = os.path.getsize(path)
    done = subprocess.run([checker, path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode == 0:
        return whole_lines(path, size)
    found = re.search(rb"ok_up_to=(\d+)", done.stdout)
    if not found:
        raise Failure(DAMAGED, "%s is damaged, says tessera-check-aof: %s" % (os.path.basename(path), last_lines(done.stdout)))
    good = int(found.group(1))
    with open(path, "rb") as file:
        file.seek(good)
        whole = is_beginning(file)
    if not whole:
        raise Failure(DAMAGED, "the server's %s is damaged at offset %d, says tessera-check-aof: %s"
                      % (os.path.basename(path), good, last_lines(done.stdout)))
    return good


def whole_lines(path, size):
    """The checkers let a line with a time be cut off at the end; what is appended behind it would be lost in that line."""
    with open(path, "rb") as file:
        file.seek(max(size - 1024, 0))
        tail = file.read()
    return size if tail.endswith(b"\r\n") else size - len(tail) + tail.rfind(b"\n") + 1


def is_beginning(file):
    """Whether the rest of the file is commands, the last of which its end cuts off."""

    def number(kind):
        line = file.readline(64)
        if not line.endswith(b"\r\n"):
            return None if re.fullmatch(kind + rb"\d{0,20}\r?|", line) else -1
        return int(line[1:-2]) if re.fullmatch(kind + rb"\d+\r\n", line) else -1

    while True:
        at = file.tell()
        if file.read(1) == b"#":
            if not file.readline(1024).endswith(b"\n"):
                return file.read(1) == b""
            continue
        file.seek(at)
        count = number(rb"\*")
        for _ in range(max(count or 0, 0)):
            length = number(rb"\$")
            if length is None or length < 0:
                return length is None
            data = file.read(length + 2)
            if len(data) < length + 2:
                return True
            if not data.endswith(b"\r\n"):
                return False
        if count is None or count < 0:
            return count is None
