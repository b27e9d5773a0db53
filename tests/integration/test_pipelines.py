"""Pipelines over several shards: every command sees what came before it, others see writes in the order they were sent."""
import random
import threading

import pytest

from tests.support.resp import Connection, encode
from tests.support.seed import new_seed
from tests.support.server import Server, eventually


@pytest.fixture(scope="module", params=[1, 2, 4], ids=["shards1", "shards2", "shards4"])
def server(request):
    with Server(shards=request.param) as made:
        yield made


class Model:
    """What redis-server would answer to a few commands."""

    def __init__(self, prefix):
        self.prefix, self.data = prefix, {}

    def step(self, rng):
        key = "%s:%d" % (self.prefix, rng.randrange(40))
        kind = rng.choice(("SET", "GET", "INCR", "APPEND", "DEL", "MGET", "MSET", "NOSUCH", "RENAME", "PING", "SELECT"))
        other = "%s:%d" % (self.prefix, rng.randrange(40))
        data = self.data
        if kind == "SET":
            data[key] = b"%d" % rng.randrange(1000)
            return (kind, key, data[key]), "OK"
        if kind == "GET":
            return (kind, key), data.get(key)
        if kind == "INCR":
            data[key] = b"%d" % (int(data.get(key, b"0")[-9:]) + 1) if len(data.get(key, b"")) < 10 else b"1"
            return ("SET", key, data[key]), "OK"
        if kind == "APPEND":
            data[key] = data.get(key, b"") + b"7"
            return (kind, key, "7"), len(data[key])
        if kind == "DEL":
            return (kind, key), int(data.pop(key, None) is not None)
        if kind == "MGET":
            return (kind, key, other), [data.get(key), data.get(other)]
        if kind == "MSET":
            data[key] = b"1"
            data[other] = b"2"
            return (kind, key, "1", other, "2"), "OK"
        if kind == "RENAME":
            if key not in data:
                return ("EXISTS", key), 0
            data[other] = data.pop(key)
            return (kind, key, other), "OK"
        if kind == "PING":
            return (kind,), "PONG"
        if kind == "SELECT":
            return (kind, 0), "OK"
        return ("STRLEN", key), len(data.get(key, b""))


def test_every_command_sees_what_came_before(server):
    seed = new_seed(32)
    print("seed", seed)
    failures = []

    def one(n):
        rng = random.Random(seed + n)
        model = Model("model%d" % n)
        with server.connect() as connection:
            for _ in range(60):
                steps = [model.step(rng) for _ in range(rng.choice((1, 2, 3, 10, 40, 300)))]
                replies = connection.pipeline([command for command, _ in steps])
                wrong = [(c, want, got) for (c, want), got in zip(steps, replies) if want != got]
                if wrong:
                    failures.append(wrong[0])
                    return
    threads = [threading.Thread(target=one, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


@pytest.mark.parametrize("length", [2, 3, 64, 700])
def test_others_see_writes_in_their_order(server, length):
    """Who sees a later write of a pipeline sees the earlier ones: a reader goes through the keys backwards."""
    keys = ["order:%d:%d" % (length, i) for i in range(length)]
    done = threading.Event()
    wrong = []

    def write():
        with server.connect() as connection:
            for number in range(1, max(3000 // length, 30)):
                assert connection.pipeline([("SET", key, number) for key in keys]) == ["OK"] * length
        done.set()

    thread = threading.Thread(target=write)
    with server.connect() as reader:
        reader.pipeline([("SET", key, 0) for key in keys])
        thread.start()
        rng = random.Random(length)
        while not done.is_set() and not wrong:
            later = rng.randrange(1, length)
            earlier = rng.randrange(later)
            number = int(reader.call("GET", keys[later]))
            before = int(reader.call("GET", keys[earlier]))
            if before < number:
                wrong.append((later, number, earlier, before))
    thread.join()
    assert done.is_set() and not wrong, wrong


def test_a_long_pipeline_is_bounded_and_run(server):
    """More than a run holds, and a client that only writes at first."""
    count = 20000
    with server.connect() as connection:
        sender = threading.Thread(target=connection.send, args=(b"".join(encode("SET", "long:%d" % i, "x" * 100) for i in range(count)),))
        sender.start()
        assert [connection.read() for _ in range(count)] == ["OK"] * count
        sender.join()
        assert connection.pipeline([("GET", "long:%d" % i) for i in range(count)]) == [b"x" * 100] * count


def test_a_pause_between_the_commands_of_a_pipeline(server):
    with server.connect() as control, server.connect() as writer:
        for n in range(20):
            writer.send(b"".join(encode("SET", "pause:%d" % i, n) for i in range(500)))
            assert control.call("CLIENT", "PAUSE", 60000, "WRITE") == "OK"
            seen = control.pipeline([("GET", "pause:%d" % i) for i in range(500)])
            now = control.pipeline([("GET", "pause:%d" % i) for i in range(500)])
            assert seen == now, "written while paused"
            assert control.call("CLIENT", "UNPAUSE") == "OK"
            assert [writer.read() for _ in range(500)] == ["OK"] * 500


def test_clients_that_leave_in_the_middle(server):
    commands = b"".join(encode("SET", "leave:%d" % i, "x" * 100) for i in range(5000))
    for _ in range(20):
        with Connection(server.port) as connection:
            connection.send(commands)
    eventually(lambda: server.info("clients")["connected_clients"] == "1", what="all have left")
    with server.connect() as connection:
        assert connection.pipeline([("SET", "leave:%d" % i, "y") for i in range(5000)]) == ["OK"] * 5000
