"""Clients of a cluster of three nodes, and through the restart of one: redis-py, ioredis, redis-cli -c, tessera-cli -c."""
import os
import re
import shutil
import subprocess
import tempfile

import pytest
import redis
from redis.cluster import RedisCluster

from tests.clients.test_node import HERE, node  # noqa: F401 (a fixture)
from tests.support.server import Server, bin_dir, eventually, free_port

REDIS_CLI = "/usr/bin/redis-cli"


class Three:
    def __init__(self):
        self.folders = [tempfile.mkdtemp(prefix="tessera-test-three-") for _ in range(3)]
        self.ports = []
        self.nodes = []
        for folder in self.folders:
            self.ports.append(free_port())
            self.nodes.append(self.start(folder, self.ports[-1]))
        done = subprocess.run([REDIS_CLI, "--cluster", "create"] + ["127.0.0.1:%d" % port for port in self.ports] + ["--cluster-yes"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        assert done.returncode == 0, done.stdout
        self.wait_healthy()

    @staticmethod
    def start(folder, port):
        return Server("--cluster-enabled", "yes", "--cluster-node-timeout", "5000", "--dir", folder, port=port, shards=2)

    def wait_healthy(self):
        eventually(lambda: all(b"cluster_state:ok" in node.call("CLUSTER", "INFO") for node in self.nodes), 40, "cluster_state:ok")

    def restart(self, index):
        """In order, as an operator does."""
        self.nodes[index].process.terminate()
        assert self.nodes[index].wait_exit() == 0
        self.nodes[index].stop()
        self.nodes[index] = self.start(self.folders[index], self.ports[index])
        self.wait_healthy()

    def stop(self):
        for each in self.nodes:
            each.stop()
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def three():
    cluster = Three()
    try:
        yield cluster
    finally:
        cluster.stop()


def command_line(program, port, text):
    done = subprocess.run([program, "-c", "-p", str(port)], input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


@pytest.mark.parametrize("name", ["redis-cli", "tessera-cli"])
def test_command_lines_follow_redirections(three, name):
    program = REDIS_CLI if name == "redis-cli" else os.path.join(bin_dir(), name)
    sets = command_line(program, three.ports[0], "".join("SET %s:%d %d\n" % (name, i, i) for i in range(1000)))
    assert len(re.findall("(?m)^OK$", sets)) == 1000, sets[-500:]
    gets = command_line(program, three.ports[1], "".join("GET %s:%d\n" % (name, i) for i in range(1000)))
    assert re.findall(r"(?m)^(?:\")?(\d+)(?:\")?$", gets) == [str(i) for i in range(1000)], gets[-500:]


def test_redis_py_through_a_restart(three):
    client = RedisCluster(host="127.0.0.1", port=three.ports[0])
    for i in range(1000):
        assert client.set("py:%d" % i, i)
    assert [client.get("py:%d" % i) for i in range(1000)] == [b"%d" % i for i in range(1000)]
    ids = [each.call("CLUSTER", "MYID") for each in three.nodes]
    three.restart(1)
    assert [each.call("CLUSTER", "MYID") for each in three.nodes] == ids

    def works():
        try:
            return all(client.set("py2:%d" % i, i) for i in range(1000))
        except (redis.exceptions.RedisError, OSError):
            return False
    eventually(works, 40, "redis-py has found its way back")
    assert [client.get("py2:%d" % i) for i in range(1000)] == [b"%d" % i for i in range(1000)]
    client.close()


def test_ioredis_through_a_restart(three, node):  # noqa: F811
    script = subprocess.Popen([node, os.path.join(HERE, "node", "ioredis_restart.js")] + [str(port) for port in three.ports], cwd=HERE,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    try:
        line = script.stdout.readline()
        assert "READY" in line, line + script.stdout.read()
        three.restart(2)
        rest, _ = script.communicate("over\n", timeout=120)
        assert script.returncode == 0 and "DONE" in rest, rest[-4000:]
        assert int(re.search(r"written (\d+)", rest).group(1)) > 0
    finally:
        script.kill()
        script.wait(30)
