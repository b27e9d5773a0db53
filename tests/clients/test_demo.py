"""tools/demo, with programs that are built: up, used by both command lines, up already, half of it gone, down, up again with its keys."""
import ctypes
import os
import re
import shutil
import socket
import subprocess

import pytest

from tests.support.server import ROOT, bin_dir, eventually, free_port, redis_under_test

pytestmark = pytest.mark.skipif(redis_under_test(), reason="is about our demo")
DEMO = os.path.join(ROOT, "tools", "demo")


def three_ports():
    """The first of three in a row that nobody listens on, nor on those of their buses."""
    while True:
        first = free_port()
        try:
            for port in (first + 1, first + 2, first + 10001, first + 10002):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue


class Demo:
    def __init__(self, folder):
        self.folder, self.first = folder, three_ports()
        self.env = dict(os.environ, TESSERA_DEMO_PORT=str(self.first), TESSERA_DEMO_DATA=folder, TESSERA_BIN=os.path.abspath(bin_dir()))

    def run(self, *words, **changes):
        done = subprocess.run([DEMO] + list(words), env=dict(self.env, **changes), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, timeout=180)
        return done.returncode, done.stdout.decode()

    def pid(self, port):
        with open(os.path.join(self.folder, str(port), "node.pid")) as file:
            return int(file.read())


@pytest.fixture
def demo(tmp_path):
    each = Demo(str(tmp_path / "demo"))
    try:
        yield each
    finally:
        each.run("stop")
        shutil.rmtree(each.folder, ignore_errors=True)


def command_line(program, port, lines):
    done = subprocess.run([program, "-c", "-p", str(port)], input="".join(line + "\n" for line in lines).encode(), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def test_the_demo(demo):
    assert demo.run("status") == (1, "The demo is not running.\n")
    code, text = demo.run()
    assert code == 0 and "[OK] All 16384 slots covered." in text and "The demo is up: 127.0.0.1:%d " % demo.first in text, text
    programs = [os.path.join(bin_dir(), "tessera-cli"), "/usr/bin/redis-cli"]
    for program in programs:
        name = os.path.basename(program)
        sets = command_line(program, demo.first, ["SET %s:%d %d" % (name, i, i) for i in range(1000)])
        assert len(re.findall("(?m)^OK$", sets)) == 1000, sets[-500:]
        gets = command_line(program, demo.first + 1, ["GET %s:%d" % (name, i) for i in range(1000)])
        assert re.findall(r"(?m)^\"?(\d+)\"?$", gets) == [str(i) for i in range(1000)], gets[-500:]
    # It is up already.
    code, text = demo.run()
    assert code == 0 and "The demo is already up" in text, text
    # One of it is gone: said, and started again.
    os.kill(demo.pid(demo.first + 2), 9)
    gone = "127.0.0.1:%d does not run." % (demo.first + 2)
    eventually(lambda: gone in demo.run("status")[1], 20, "it is gone")
    assert demo.run("status")[0] == 1
    code, text = demo.run()
    assert code == 0 and "The demo is up" in text, text
    # Ended in order, keys are there again.
    command_line(programs[0], demo.first, ["SET kept:%d %d" % (i, i) for i in range(50)])
    assert demo.run("stop") == (0, "The demo is stopped.\n")
    assert demo.run("stop") == (0, "The demo is not running.\n")
    code, text = demo.run("start")
    assert code == 0, text
    text = command_line(programs[0], demo.first, ["GET kept:%d" % i for i in range(50)])
    assert len(re.findall(r"(?m)^\"?\d+\"?$", text)) == 50, text
    code, text = demo.run("status")
    assert code == 0 and text.count(" is up (pid ") == 3, text


@pytest.fixture
def nobody_reaps():
    """Orphans come to us, who do not ask how they ended, as they come to the first process of a container."""
    prctl, subreaper = ctypes.CDLL(None, use_errno=True).prctl, 36
    assert prctl(subreaper, 1, 0, 0, 0) == 0
    orphans = []
    try:
        yield orphans
    finally:
        assert prctl(subreaper, 0, 0, 0, 0) == 0
        for pid in orphans:
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                pass


def test_where_nobody_asks_how_processes_ended(nobody_reaps, demo):
    demo.folder = demo.env["TESSERA_DEMO_DATA"] = os.path.relpath(demo.folder)  # a relative name does as well
    code, text = demo.run()
    assert code == 0, text
    nobody_reaps += [demo.pid(demo.first + i) for i in range(3)]
    os.kill(nobody_reaps[1], 9)
    gone = "127.0.0.1:%d does not run." % (demo.first + 1)
    eventually(lambda: gone in demo.run("status")[1], 20, "it is gone")
    code, text = demo.run()
    assert code == 0 and "The demo is up" in text, text
    nobody_reaps.append(demo.pid(demo.first + 1))
    assert demo.run("stop") == (0, "The demo is stopped.\n")
    assert demo.run("status") == (1, "The demo is not running.\n")


def test_a_port_that_is_taken(demo):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", demo.first + 10001))
        taken.listen()
        code, text = demo.run()
    assert code == 1 and "something else listens on port %d" % (demo.first + 10001) in text, text
    assert demo.run("status")[0] == 1


def test_words_it_does_not_know(demo):
    code, text = demo.run("restart")
    assert code == 2 and "TESSERA_DEMO_PORT" in text and "set -euo" not in text, text
