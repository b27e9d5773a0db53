"""ioredis and node-redis, standalone and cluster, node-redis in RESP2 and RESP3; BullMQ and redlock on top of ioredis."""
import json
import os
import shutil
import subprocess

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))


@pytest.fixture(scope="session")
def node():
    program = shutil.which("node")
    assert program, "node is missing: run tools/deps"
    with open(os.path.join(HERE, "package.json")) as file:
        wanted = json.load(file)["dependencies"]
    if not all(os.path.isdir(os.path.join(HERE, "node_modules", name)) for name in wanted):
        npm = shutil.which("npm")
        assert npm, "npm is missing: run tools/deps"
        subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=HERE, check=True, timeout=300)
    return program


def run(node, script, *args):
    done = subprocess.run([node, os.path.join(HERE, "node", script)] + [str(a) for a in args], cwd=HERE,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=180, universal_newlines=True)
    assert done.returncode == 0 and "DONE" in done.stdout, done.stdout[-4000:]


def test_ioredis(node, standalone):
    run(node, "ioredis.js", standalone.port, "standalone")


def test_ioredis_cluster(node, cluster):
    run(node, "ioredis.js", cluster.port, "cluster")


@pytest.mark.parametrize("resp", [2, 3])
def test_node_redis(node, standalone, resp):
    run(node, "node_redis.js", standalone.port, "standalone", resp)


@pytest.mark.parametrize("resp", [2, 3])
def test_node_redis_cluster(node, cluster, resp):
    run(node, "node_redis.js", cluster.port, "cluster", resp)


@pytest.mark.parametrize("which", ["ioredis", "2", "3"])
def test_pubsub(node, standalone, which):
    run(node, "pubsub.js", standalone.port, which)


def test_bullmq(node, standalone):
    run(node, "bullmq.js", standalone.port, "standalone")


def test_bullmq_cluster(node, cluster):
    """All keys of a queue have one hash tag: neither a script nor a transaction of it takes the token."""
    before = cluster.info("tessera")["tessera_gathers_run"]
    run(node, "bullmq.js", cluster.port, "cluster")
    assert cluster.info("tessera")["tessera_gathers_run"] == before


def test_redlock(node, standalone):
    run(node, "redlock.js", standalone.port, "standalone")


def test_redlock_cluster(node, cluster):
    run(node, "redlock.js", cluster.port, "cluster")
