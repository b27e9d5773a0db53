"""Three instances of an application, one of them killed: members, heartbeats, shared state, counters, a lock, a queue, a leader."""
import pytest
import redis

from tests.clients.test_job_queues import Worker
from tests.support.server import SANITIZED, eventually

JOBS = 60 if SANITIZED else 300
NAMES = ["a", "b", "c"]


@pytest.mark.parametrize("heartbeat", [2, pytest.param(10, marks=pytest.mark.long)])
def test_three_instances(standalone, tmp_path, heartbeat):
    client = redis.Redis(port=standalone.port, decode_responses=True)
    client.flushall()
    workers = {}
    try:
        for name in NAMES:
            workers[name] = Worker(standalone.port, tmp_path, "/usr/bin/python3", "instance.py", standalone.port, name, heartbeat)
        eventually(lambda: client.smembers("members") == set(NAMES), 60, "all are members")
        first = eventually(lambda: client.get("leader"), 60, "one leads")
        others = set(NAMES) - {first}
        client.set("left", JOBS)
        client.rpush("work", *range(1, JOBS + 1))
        eventually(lambda: client.scard("booked") > JOBS // 3, 100, "there is some way to go")
        workers[first].process.kill()
        eventually(lambda: client.smembers("members") == others, 60 + 3 * heartbeat, "the dead one is no member")
        eventually(lambda: client.get("leader") in others, 60, "another one leads")
        assert client.exists("alive:" + first, "state:" + first, "taken:" + first) == 0
        eventually(lambda: client.get("left") == "0", 100, "all jobs are done")
        assert client.get("sum") == str(JOBS * (JOBS + 1) // 2) and client.scard("booked") == JOBS <= int(client.get("begun"))
        assert client.exists("work", *["taken:" + name for name in NAMES]) == 0
        for name in others:
            eventually(lambda: client.exists("alive:" + name) and client.hget("state:" + name, "name") == name, 60, name + " lives")
        client.set("stop", 1)
        for name in others:
            assert workers[name].process.wait(60) == 0
        assert client.exists("lock") == 0
    finally:
        for worker in workers.values():
            worker.__exit__(None)
        client.close()
