"""A server of our own that loads a copy of a backup, to be asked what is in it.

It listens on a Unix socket in a folder that only we can enter, saves nothing, and ends with this tool, however that ends.
Invariant: files of a backup are never written to: the increment that a server appends to is a copy, others are links or copies.
"""
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from ops.common import DAMAGED, DISK, FAILED, Failure, disk_failure, undisturbed
from ops.files import need_space, pressed_pieces, stored_pieces, sum_of, write_file
from ops.node import Node
from ops.resp import Connection

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Here:
    """The login of a scratch server: no password, nobody else can reach it."""
    timeout_s = 600.0

    def __init__(self, address):
        self.address = address

    def connect(self, address=None):
        return Connection(address or self.address, self.timeout_s)


def last_increment(node):
    """Content name of the file that a server would append to."""
    names = [file["content"] for file in node["files"] if file["part"] == "aof" and file["content"] != node["aof"]["manifest"]]
    return names[-1] if names else None


def unpack(backup, node, part, folder, teller, may_link=True):
    """The part's files of the node as a server wants them; their content must have the sums it was written with."""
    files = [file for file in node["files"] if file["part"] == part]
    need_space(folder, sum(file["content_bytes"] for file in files if file["gzip"] or not may_link), "unpacking the backup")
    kept = last_increment(node) if part == "aof" else None
    for file in files:
        origin, to = os.path.join(backup.path, file["path"]), os.path.join(folder, file["content"])
        os.makedirs(os.path.dirname(to), mode=0o700, exist_ok=True)
        teller.passing("unpacking %s" % file["content"])
        if not file["gzip"] and may_link and file["content"] != kept:
            try:
                os.link(origin, to, follow_symlinks=False)
                continue
            except OSError:
                pass
        try:
            pieces = pressed_pieces(origin) if file["gzip"] else stored_pieces(origin)
            found = write_file(pieces, to, False)
        except OSError as error:
            raise disk_failure(error, origin) from None
        if found["content_sha256"] != file["content_sha256"]:
            raise Failure(DAMAGED, "%s: the SHA-256 of its content is not what the metadata says" % origin)


def place_for_socket(folder):
    """A folder only we can enter: within the scratch folder, or where its path is too long or its disk knows no sockets, in /tmp."""
    problem = None
    for base in (folder, "/tmp"):
        place = tempfile.mkdtemp(prefix="s-" if base == folder else "tessera-scratch-", dir=base)
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.bind(os.path.join(place, "s"))
            os.unlink(os.path.join(place, "s"))
            return place
        except OSError as error:
            problem = error
            shutil.rmtree(place, ignore_errors=True)
    raise Failure(DISK, "no Unix socket can be made in %s nor /tmp: %s" % (folder, problem))


class Scratch:
    """A running server over a folder that holds one part of a node's backup."""

    def __init__(self, program, folder, node, part, wait_s, teller):
        self.program, self.folder, self.wait_s, self.teller = program, folder, wait_s, teller
        self.part, self.process = part, None
        self.databases = int(node.get("databases") or 16)
        self.names = node
        self.socket_folder = None

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        with undisturbed():
            if self.process is not None and self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            if self.socket_folder:
                shutil.rmtree(self.socket_folder, ignore_errors=True)

    def _words(self, path):
        node = self.names
        words = [self.program, "--port", "0", "--unixsocket", path, "--unixsocketperm", "700", "--dir", self.folder, "--save", "",
                 "--daemonize", "no", "--databases", str(self.databases), "--dbfilename", node["dbfilename"], "--maxmemory", "0"]
        if self.part == "aof":
            words += ["--appendonly", "yes", "--appendfilename", node["appendfilename"], "--appenddirname", node["appenddirname"],
                      "--auto-aof-rewrite-percentage", "0", "--appendfsync", "no",
                      "--aof-load-truncated", "no" if node["aof"]["end_checked"] else "yes"]
        else:
            words += ["--appendonly", "no"]
        return words

    def _start(self):
        self.socket_folder = place_for_socket(self.folder)
        path = os.path.join(self.socket_folder, "s")
        self.log_path = os.path.join(self.socket_folder, "log")
        with open(self.log_path, "wb") as log, undisturbed():
            try:
                self.process = subprocess.Popen(self._words(path), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                                                start_new_session=True,
                                                preexec_fn=lambda: _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
            except OSError as error:
                raise disk_failure(error, self.program) from None
        self.node = self._wait_loaded(path)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def _wait_loaded(self, path):
        end, pause_s, node = time.monotonic() + self.wait_s, 0.01, None
        while True:
            if self.process.poll() is not None:
                lines = [line for line in self.log().splitlines() if line][-8:]
                text = "\n  ".join(lines)
                full = "No space left" in text
                raise Failure(DISK if full else DAMAGED, "a scratch server (%s) does not load it; the end of its log:\n  %s"
                              % (self.program, text))
            try:
                node = node or Node(Here(path))
                info = node.info("persistence")
                if info["loading"] == "0":
                    return node
                self.teller.passing("loading: %s %%" % info.get("loading_loaded_perc", "?"))
            except Failure:
                node = None
            if time.monotonic() > end:
                raise Failure(FAILED, "a scratch server does not load it within %g s (--wait says how long)" % self.wait_s)
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, 0.3)


def check_sums(backup, node, teller):
    """Every file of the node as the metadata says, before anything is made of it."""
    for file in node["files"]:
        path = os.path.join(backup.path, file["path"])
        teller.passing("SHA-256 of %s" % file["path"])
        try:
            if os.path.islink(path):
                raise Failure(DAMAGED, "%s is a symbolic link; a backup has none" % path)
            digest, count = sum_of(path)
        except FileNotFoundError:
            raise Failure(DAMAGED, "%s is missing" % path) from None
        except OSError as error:
            raise disk_failure(error, path) from None
        if count != file["bytes"]:
            raise Failure(DAMAGED, "%s has %d bytes; the metadata says %d" % (path, count, file["bytes"]))
        if digest != file["sha256"]:
            raise Failure(DAMAGED, "%s: its SHA-256 is %s; the metadata says %s" % (path, digest, file["sha256"]))
