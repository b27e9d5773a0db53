"""Servers for pytest: each on a free port, in a folder of its own, ended by its pid.

Which server is tested: TESSERA_SERVER, else $TESSERA_BIN/tessera-server, else build/bin/tessera-server.
Waiting is always polling with a deadline (see eventually()).
"""
import ctypes
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ORACLE = os.environ.get("TESSERA_ORACLE", "/usr/bin/redis-server")
PR_SET_PDEATHSIG = 1
# Set by tests/sanitize/run.py: servers end in order then, so that leaks are looked for.
SANITIZED = os.environ.get("TESSERA_SANITIZED") == "1"
_libc = ctypes.CDLL(None, use_errno=True)


def bin_dir():
    return os.environ.get("TESSERA_BIN", os.path.join(ROOT, "build", "bin"))


def server_under_test():
    return os.environ.get("TESSERA_SERVER") or os.path.join(bin_dir(), "tessera-server")


def is_redis(path):
    return os.path.basename(path).startswith("redis-")


def redis_under_test():
    return is_redis(server_under_test())


def free_port():
    """A TCP port nobody listens on, with port + 10000 free too; below the kernel's ephemeral range."""
    while True:
        port = random.SystemRandom().randrange(12000, 22000)
        try:
            for candidate in (port, port + 10000):
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", candidate))
            return port
        except OSError:
            continue


def eventually(condition, timeout=20, what="condition", interval=0.01):
    """Polls until condition() is true and returns its value; fails after `timeout` seconds."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("not within %s s: %s" % (timeout, what))
        time.sleep(interval)


def die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


REPORT = re.compile(r"(ERROR|WARNING): \w+Sanitizer|: runtime error: ")


class ServerDied(Exception):
    pass


class Server:
    """A running server. `args` are words behind --port and --dir; `config` is the text of a configuration file."""

    def __init__(self, *args, binary=None, shards=None, config=None, port=None, defaults=True, wait=True, env=None):
        self.binary = os.path.abspath(binary or server_under_test())
        assert os.access(self.binary, os.X_OK), "no such program: " + self.binary
        self.dir = tempfile.mkdtemp(prefix="tessera-test-")
        self.port = port or free_port()
        self.process = None
        words = [self.binary]
        if config is not None:
            self.config_path = os.path.join(self.dir, "server.conf")
            with open(self.config_path, "w") as file:
                file.write(config)
            words.append(self.config_path)
        if defaults:
            words += ["--port", str(self.port), "--dir", self.dir, "--save", "", "--appendonly", "no"]
        if shards is not None and not is_redis(self.binary):
            words += ["--shards", str(shards)]
        words += [str(arg) for arg in args]
        self.words = words
        self._log = open(os.path.join(self.dir, "log"), "ab")
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
                                        cwd=self.dir, preexec_fn=die_with_parent, env=env)
        self.pid = self.process.pid
        if wait:
            try:
                self.wait_ready()
            except BaseException:
                self.stop()
                raise

    def log(self):
        with open(os.path.join(self.dir, "log"), "rb") as file:
            return file.read().decode("utf-8", "replace")

    def running(self):
        return self.process.poll() is None

    def wait_ready(self, timeout=30):
        def ready():
            if not self.running():
                raise ServerDied("the server ended with code %s:\n%s" % (self.process.returncode, self.log()))
            return "eady to accept connections" in self.log()
        eventually(ready, timeout, "the server is ready; its log:\n" + self.log())

    def wait_exit(self, timeout=30):
        return self.process.wait(timeout)

    def stop(self):
        failure = None
        if self.process is not None and self.process.poll() is None:
            if SANITIZED and not is_redis(self.binary):
                failure = self._end_in_order()
            else:
                self.process.kill()
            self.process.wait(30)
        if failure is None and REPORT.search(self.log()):
            failure = "a sanitizer's report in the log"
        text = self.log() if failure else ""
        self._log.close()
        shutil.rmtree(self.dir, ignore_errors=True)
        assert failure is None, failure + "\n" + text[-20000:]

    def _end_in_order(self):
        self.process.terminate()
        try:
            code = self.process.wait(90)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "no end within 90 s of SIGTERM"
        return None if code == 0 else "SIGTERM ended it with code %d" % code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def connect(self, **options):
        from tests.support.resp import Connection
        return Connection(self.port, **options)

    def call(self, *args, **options):
        with self.connect(**options) as connection:
            return connection.call(*args)

    def info(self, section="everything"):
        fields = {}
        for line in self.call("INFO", section).decode().split("\r\n"):
            name, colon, value = line.partition(":")
            if colon and not line.startswith("#"):
                fields[name] = value
        return fields

    def rss_bytes(self):
        """Resident memory; 0 in a sanitizer's build, where shadow and quarantine say nothing about the server: bounds hold then."""
        if SANITIZED:
            return 0
        with open("/proc/%d/statm" % self.pid) as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def make_cluster_of_one(self):
        """All slots to this node; waits until it serves."""
        assert self.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383) == "OK"
        eventually(lambda: b"cluster_state:ok" in self.call("CLUSTER", "INFO"), 30, "cluster_state:ok")
        return self
