"""Money is neither made nor lost, in whatever way it changes hands, and whoever counts it.

Accounts lie on all shards. Clients move money by MULTI, by scripts that declare their keys and by such that do not, by functions,
and by WATCH; others read all accounts in one go: every sum is right. The second test moves elements between lists instead, with
clients that wait for them, gathers, and scripts of all kinds beside it: nothing stands still, and no element is lost or doubled.
TESSERA_SEED repeats the choices; the long forms take TESSERA_SOAK_SECONDS (60 and 600 when it is not set).
"""
import os
import random
import threading
import time

import pytest

from tests.conftest import cluster_of_one
from tests.support.resp import Closed, ReplyError
from tests.support.seed import new_seed
from tests.support.server import SANITIZED, Server, eventually

SEED = new_seed(30)
CLIENTS = 15 if SANITIZED else 50
AT_FIRST = 1000

TRANSFER = """local a, b = KEYS[1] or ARGV[2], KEYS[2] or ARGV[3]
local n = tonumber(ARGV[1])
if tonumber(redis.call('GET', a)) < n then return 0 end
redis.call('DECRBY', a, n)
redis.call('INCRBY', b, n)
return 1"""
# The same to a key that only the script's data names.
TRANSFER_ON = """local n = tonumber(ARGV[1])
local to = redis.call('GET', KEYS[1] .. ':to')
redis.call('DECRBY', KEYS[1], n)
redis.call('INCRBY', to, n)
return 1"""
SUM = """local sum = 0
for _, list in ipairs({KEYS, ARGV}) do
  for _, key in ipairs(list) do sum = sum + tonumber(redis.call('GET', key)) end
end
return sum"""
LIBRARY = """#!lua name=bank
redis.register_function('transfer', function(KEYS, ARGV)
%s
end)
redis.register_function{function_name = 'total', flags = {'no-writes'}, callback = function(KEYS, ARGV)
%s
end}""" % (TRANSFER, SUM)


def run(connection, *commands):
    """The reply of EXEC to these."""
    assert connection.call("MULTI") == "OK"
    for command in commands:
        assert connection.call(*command) == "QUEUED", command
    return connection.call("EXEC")


def fine(reply):
    """No error, nor one inside."""
    if isinstance(reply, ReplyError):
        raise reply
    for part in reply if isinstance(reply, list) else ():
        fine(part)


class Bank:
    """Accounts in groups within which money moves: all of them, or, in a cluster, those of one slot."""

    def __init__(self, server, cluster):
        self.server, self.cluster = server, cluster
        if cluster:
            self.groups = [["{%s}account:%d" % (tag, i) for i in range(6)] for tag in ("a", "b", "c", "d", "e", "f")]
        else:
            self.groups = [["account:%d" % i for i in range(24)]]
        with server.connect() as client:
            assert client.call("FUNCTION", "LOAD", "REPLACE", LIBRARY) == b"bank"
            for group in self.groups:
                for i, account in enumerate(group):
                    client.call("SET", account, AT_FIRST)
                    client.call("SET", account + ":to", group[(i + 7) % len(group)])

    def by_multi(self, client, rng, group):
        a, b = rng.sample(group, 2)
        n = rng.randrange(1, 50)
        assert len(run(client, ("DECRBY", a, n), ("INCRBY", b, n))) == 2

    def by_script(self, client, rng, group):
        assert client.call("EVAL", TRANSFER, 2, *rng.sample(group, 2), rng.randrange(1, 50)) in (0, 1)

    def by_script_that_declares_nothing(self, client, rng, group):
        assert client.call("EVAL", TRANSFER, 0, rng.randrange(1, 50), *rng.sample(group, 2)) in (0, 1)

    def by_script_that_declares_half(self, client, rng, group):
        assert client.call("EVAL", TRANSFER_ON, 1, rng.choice(group), rng.randrange(1, 50)) == 1

    def by_function(self, client, rng, group):
        assert client.call("FCALL", "transfer", 2, *rng.sample(group, 2), rng.randrange(1, 50)) in (0, 1)

    def by_script_in_multi(self, client, rng, group):
        a, b, c = rng.sample(group, 3)
        n = rng.randrange(1, 50)
        assert len(run(client, ("INCRBY", c, n), ("EVAL", TRANSFER, 2, a, b, n), ("EVAL", TRANSFER, 0, n, b, c), ("DECRBY", c, n))) == 4

    def by_watch(self, client, rng, group):
        a, b = rng.sample(group, 2)
        for _ in range(20):  # by then somebody else has had the better of it: later
            client.call("WATCH", a, b)
            have, there = int(client.call("GET", a)), int(client.call("GET", b))
            n = rng.randrange(1, 50)
            if run(client, ("SET", a, have - n), ("SET", b, there + n)) is not None:
                return

    def read_by_multi(self, client, rng, group):
        return sum(int(value) for value in run(client, *[("GET", account) for account in group]))

    def read_at_once(self, client, rng, group):
        return sum(int(value) for value in run(client, ("PING",), ("MGET", *group))[1])

    def read_by_mget(self, client, rng, group):
        return sum(int(value) for value in client.call("MGET", *group))

    def read_by_script(self, client, rng, group):
        return client.call("EVAL", SUM, len(group), *group)

    def read_by_script_that_declares_nothing(self, client, rng, group):
        return client.call("EVAL_RO", SUM, 0, *group)

    def read_by_function(self, client, rng, group):
        return client.call("FCALL_RO", "total", 3, *group)

    def read_under_watch(self, client, rng, group):
        """One command at a time: the sum holds if EXEC runs."""
        client.call("WATCH", *group)
        values = [int(client.call("GET", account)) for account in group]
        return None if run(client, ("PING",)) is None else sum(values)

    MOVES = (by_multi, by_script, by_script_that_declares_nothing, by_script_that_declares_half, by_function, by_script_in_multi, by_watch)
    READS = (read_by_multi, read_at_once, read_by_mget, read_by_script, read_by_script_that_declares_nothing, read_by_function,
             read_under_watch)

    def check(self, seed, more):
        """`more(round)` says whether a client goes on."""
        failures, wrong, reads = [], [], [0] * CLIENTS

        def work(number):
            rng = random.Random(seed * 1000 + number)
            done = 0
            try:
                with self.server.connect(timeout=120) as client:
                    while more(done) and not failures:
                        done += 1
                        group = rng.choice(self.groups)
                        if number % 3 != 0:
                            rng.choice(self.MOVES)(self, client, rng, group)
                            continue
                        read = rng.choice(self.READS)
                        total = read(self, client, rng, group)
                        if isinstance(total, ReplyError):
                            raise total
                        if total is None:
                            continue
                        reads[number] += 1
                        if total != AT_FIRST * len(group):
                            wrong.append((read.__name__, total))
            except Exception as problem:  # noqa: BLE001: told below
                failures.append((number, repr(problem)))

        threads = [threading.Thread(target=work, args=(i,)) for i in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures and not wrong, (failures[:5], wrong[:5])
        with self.server.connect() as client:
            for group in self.groups:
                assert self.read_by_mget(client, None, group) == AT_FIRST * len(group)
        return sum(reads)


@pytest.mark.parametrize("mode,shards", [("standalone", 1), ("standalone", 4), ("cluster", 4)])
def test_money(mode, shards):
    print("seed", SEED)
    rounds = 10 if SANITIZED else 40
    with Server(shards=shards) if mode == "standalone" else cluster_of_one(shards).make_cluster_of_one() as server:
        assert Bank(server, mode == "cluster").check(SEED, lambda done: done < rounds) > 0
        if mode == "cluster":
            assert server.info("tessera")["tessera_transactions_gathered"] == "0"


@pytest.mark.long
@pytest.mark.parametrize("mode", ["standalone", "cluster"])
def test_money_for_long(mode):
    print("seed", SEED)
    with Server(shards=4) if mode == "standalone" else cluster_of_one(4).make_cluster_of_one() as server:
        end = time.monotonic() + int(os.environ.get("TESSERA_SOAK_SECONDS", "60"))
        print("reads", Bank(server, mode == "cluster").check(SEED, lambda _: time.monotonic() < end), server.info("tessera"))


# ---- nothing stands still

LISTS = ["list:%d" % i for i in range(16)]
ELEMENTS = 64
MOVE = """local n = 0
for i = 1, #KEYS - 1 do if redis.call('LMOVE', KEYS[i], KEYS[i + 1], 'LEFT', 'RIGHT') then n = n + 1 end end
for i = 1, #ARGV - 1 do if redis.call('LMOVE', ARGV[i], ARGV[i + 1], 'RIGHT', 'LEFT') then n = n + 1 end end
return n"""
COUNT = """local n = 0
for _, key in ipairs(ARGV) do n = n + redis.call('LLEN', key) end
return n"""
LONG = "local n = 0 for i = 1, %d do n = n + i end return redis.call('LLEN', ARGV[1])"


class Lists:
    """What clients do to lists, and beside them in other databases. Every method is one client's next step."""

    def __init__(self, server, seed):
        self.server, self.seed = server, seed
        with server.connect() as client:
            for i in range(ELEMENTS):
                client.call("RPUSH", LISTS[i % len(LISTS)], "element:%d" % i)

    def waits(self, client, rng):
        source, target = rng.sample(LISTS, 2)
        fine(rng.choice((
            lambda: client.call("BLMOVE", source, target, "LEFT", "RIGHT", "0.2"),
            lambda: client.call("BRPOPLPUSH", source, target, "1"),
            lambda: client.call("BLPOP", "never:1", "never:2", "0.05"),
            lambda: client.call("BZPOPMIN", "nothing", "0.05"),
        ))())

    def waits_for_what_is_made(self, client, rng):
        """Others push into `made`, whose elements are not counted."""
        fine(client.call("BLMPOP", "0.2", 2, "made:1", "made:2", "LEFT", "COUNT", 2))

    def makes(self, client, rng):
        fine(rng.choice((
            lambda: client.call("RPUSH", "made:%d" % rng.randrange(1, 3), 1, 2),
            lambda: run(client, ("RPUSH", "made:1", 1), ("RPUSH", "made:2", 2), ("LPOP", "made:1")),
            lambda: client.call("EVAL", "redis.call('RPUSH', 'made:1', 1) return redis.call('RPUSH', 'made:2', 1)", 0),
            lambda: client.call("DEL", "made:1", "made:2"),
        ))())

    def moves(self, client, rng):
        keys = rng.sample(LISTS, 3)
        fine(rng.choice((
            lambda: client.call("LMOVE", keys[0], keys[1], "LEFT", "LEFT"),
            lambda: run(client, ("LMOVE", keys[0], keys[1], "LEFT", "RIGHT"), ("BLMOVE", keys[1], keys[2], "LEFT", "RIGHT", 0)),
            lambda: client.call("EVAL", MOVE, 3, *keys),
            lambda: client.call("EVAL", MOVE, 0, *keys),
            lambda: client.call("EVAL", MOVE, 1, *keys),
            lambda: run(client, ("EVAL", MOVE, 2, *keys), ("EVAL", MOVE, 0, *keys)),
        ))())

    def counts(self, client, rng):
        kind = rng.randrange(3)
        if kind == 0:
            number = sum(run(client, *[("LLEN", key) for key in LISTS]))
        elif kind == 1:
            number = client.call("EVAL", COUNT, 0, *LISTS)
        else:
            number = sum(len(elements) for elements in run(client, *[("LRANGE", key, 0, -1) for key in LISTS]))
        assert number == ELEMENTS, (kind, number)

    def plays(self, client, rng):
        """Gathers and fan-outs of other databases."""
        db, key, other = rng.randrange(1, 4), "k%d" % rng.randrange(50), "k%d" % rng.randrange(50)
        fine(rng.choice((
            lambda: run(client, ("SELECT", db), ("FLUSHDB",), ("SELECT", 0)),
            lambda: client.call("SWAPDB", db, 1 + db % 3),
            lambda: run(client, ("SELECT", db), ("MSET", key, 1, other, 2), ("RENAME", key, other), ("DBSIZE",), ("SELECT", 0)),
            lambda: client.call("COPY", LISTS[0], other, "DB", db, "REPLACE"),
            lambda: client.call("SUNIONSTORE", "sets", "s1", "s2", "s3"),
            lambda: client.call("SCAN", 0, "COUNT", 100),
            lambda: client.call("KEYS", "list:*"),
            lambda: client.call("EVAL", LONG % rng.choice((1000, 300000)), 0, rng.choice(LISTS)),
            lambda: client.call("CLIENT", "LIST", "TYPE", "normal"),
            lambda: client.call("CONFIG", "SET", "maxmemory", 0),
            lambda: run(client, ("CONFIG", "GET", "maxmemory"), ("LLEN", LISTS[1]), ("CLIENT", "LIST"), ("LLEN", LISTS[2])),
            lambda: client.call("CLIENT", "PAUSE", 5, rng.choice(("WRITE", "ALL"))),
            lambda: client.call("PUBLISH", "news", "x"),
        ))())

    def leaves(self, client, rng):
        """Connections that end in the middle of waiting, of a transaction, of a script."""
        with self.server.connect() as gone:
            source, target = rng.sample(LISTS, 2)
            rng.choice((
                lambda: gone.send(b"BLMOVE %s never LEFT RIGHT 0\r\n" % source.encode().replace(b"list", b"empty")),
                lambda: gone.send(b"MULTI\r\nLMOVE %s %s LEFT RIGHT\r\nLLEN %s\r\nEXEC\r\n" % (
                    source.encode(), target.encode(), target.encode())),
                lambda: gone.send(b"WATCH %s %s\r\nMULTI\r\nLLEN %s\r\n" % (source.encode(), target.encode(), source.encode())),
            ))()
        client.call("PING")

    STEPS = (waits, waits, waits_for_what_is_made, makes, moves, moves, counts, plays, plays, leaves)

    def check(self, more):
        failures, steps = [], [0] * CLIENTS

        def work(number):
            rng = random.Random(self.seed * 1000 + number)
            step = self.STEPS[number % len(self.STEPS)]
            try:
                # Nothing takes minutes here but what stands still.
                with self.server.connect(timeout=120) as client:
                    while more(steps[number]) and not failures:
                        step(self, client, rng)
                        steps[number] += 1
            except Closed:
                failures.append((step.__name__, "the connection ended"))
            except Exception as problem:  # noqa: BLE001: told below
                failures.append((step.__name__, repr(problem)))

        threads = [threading.Thread(target=work, args=(i,)) for i in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures, failures[:5]
        with self.server.connect() as client:
            found = sorted(element for elements in run(client, *[("LRANGE", key, 0, -1) for key in LISTS]) for element in elements)
            assert found == sorted(b"element:%d" % i for i in range(ELEMENTS))
            eventually(lambda: self.server.info("clients")["blocked_clients"] == "0")
        return sum(steps)


@pytest.mark.parametrize("shards", [1, 4])
def test_lists(shards):
    print("seed", SEED)
    rounds = 8 if SANITIZED else 25
    with Server(shards=shards) as server:
        Lists(server, SEED).check(lambda done: done < rounds)


@pytest.mark.long
def test_lists_for_long():
    print("seed", SEED)
    with Server(shards=4) as server:
        end = time.monotonic() + int(os.environ.get("TESSERA_SOAK_SECONDS", "600"))
        print("steps", Lists(server, SEED).check(lambda _: time.monotonic() < end), server.info("tessera"))
