"""A disk that fails, falls short or is slow, for real processes: failing_disk.c in front of the C library of a server.

    with FailingDisk() as disk, Server(..., env=disk.env()) as server:
        rule = disk.rule("sync", ".incr.aof", "fail", errno.EIO, times=1)
        eventually(lambda: disk.hits(rule) == 1)

Not with sanitizers, whose own library has to come first: `FailingDisk.works` says so.
"""
import os
import shutil
import subprocess
import tempfile

from tests.support.server import SANITIZED

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "failing_disk.c")
FOR_EVER = 1 << 30


class FailingDisk:
    works = not SANITIZED and shutil.which("cc") is not None

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="tessera-failing-")
        self.library = os.path.join(self.folder, "failing_disk.so")
        self.path = os.path.join(self.folder, "rules")
        self.rules, self.last = {}, 0
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", self.library, SOURCE, "-ldl"], check=True)
        self._write()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def env(self):
        return dict(os.environ, LD_PRELOAD=self.library, TESSERA_DISK_RULES=self.path)

    def rule(self, call, name, action, value=0, times=FOR_EVER):
        """`call`: write, sync, truncate; of files whose path has `name` in it. `action`: fail with the errno `value`;
        delay by `value` seconds; slowfail: both, EIO; short: no more than `value` bytes are written. Its number."""
        self.last += 1
        self.rules[self.last] = "%d %s %s %s %s %d\n" % (self.last, call, name, action, value, times)
        self._write()
        return self.last

    def heal(self, *numbers):
        """Takes rules away: those, or all."""
        for number in numbers or list(self.rules):
            self.rules.pop(number, None)
        self._write()

    def hits(self, number):
        try:
            with open(self.path + ".hits") as file:
                return sum(1 for line in file if line.split(" ", 1)[0] == str(number))
        except FileNotFoundError:
            return 0

    def _write(self):
        with open(self.path + ".new", "w") as file:
            file.write("".join(self.rules.values()))
        os.rename(self.path + ".new", self.path)
