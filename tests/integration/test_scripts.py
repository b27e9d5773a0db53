"""Scripts and functions over the wire: what must hold on one shard and on several, in standalone and cluster mode.
Shared semantics hold for redis-server 7.0 too."""
import hashlib
import os
import random
import select
import signal
import subprocess
import threading

import pytest

from tests.support.resp import Closed, ReplyError, encode
from tests.support.server import ORACLE, Server, eventually, redis_under_test

NO_SCRIPT = ReplyError("NOSCRIPT No matching script. Please use EVAL.")
BUSY = ReplyError("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.")
LOOP = "while true do end"


def sha(text):
    return hashlib.sha1(text.encode()).hexdigest()


@pytest.fixture
def control(standalone):
    with standalone.connect() as connection:
        connection.call("FLUSHALL")
        connection.call("SCRIPT", "FLUSH")
        connection.call("FUNCTION", "FLUSH")
        yield connection


def test_keys_and_arguments(control):
    assert control.call("EVAL", "return {KEYS, ARGV}", 2, "a", "b", "c") == [[b"a", b"b"], [b"c"]]
    assert control.call("EVAL", "return redis.call('set', KEYS[1], ARGV[1])", 1, "k", "v") == "OK"
    assert control.call("GET", "k") == b"v"
    assert control.call("EVAL", "return 1", "x") == ReplyError("ERR value is not an integer or out of range")
    assert control.call("EVAL", "return 1", 2, "x") == ReplyError("ERR Number of keys can't be greater than number of args")
    assert control.call("EVAL", "return 1", -1) == ReplyError("ERR Number of keys can't be negative")


def test_a_script_is_known_to_every_connection(standalone, control):
    text = "return redis.call('incr', KEYS[1])"
    assert control.call("EVALSHA", sha(text), 1, "n") == NO_SCRIPT
    assert control.call("SCRIPT", "LOAD", text) == sha(text).encode()
    connections = [standalone.connect() for _ in range(8)]
    for i, connection in enumerate(connections):
        for key in range(8):
            assert connection.call("EVALSHA", sha(text).upper(), 1, "n%d" % key) == i + 1
    assert control.call("SCRIPT", "EXISTS", sha(text), sha("other")) == [1, 0]
    assert control.call("SCRIPT", "FLUSH") == "OK"
    for connection in connections:
        assert connection.call("EVALSHA", sha(text), 1, "n") == NO_SCRIPT
        connection.close()


def test_undeclared_keys_of_all_shards(control):
    keys = ["k%d" % i for i in range(64)]
    assert control.call("EVAL", "for i = 0, 63 do redis.call('set', 'k' .. i, i) end return redis.call('dbsize')", 0) == 64
    assert control.call("MGET", *keys) == [str(i).encode() for i in range(64)]
    assert control.call("EVAL", "local s = 0 for i = 0, 63 do s = s + redis.call('get', 'k' .. i) end return s", 1, "k5") == 2016
    assert control.call("EVAL", "redis.call('flushall') return redis.call('dbsize')", 1, "k5") == 0


def test_the_sum_is_right_in_every_script(standalone, control):
    accounts = ["account:%d" % i for i in range(16)]
    control.call("MSET", *[word for account in accounts for word in (account, 100)])
    declared = ("local a, b = KEYS[1], KEYS[2] redis.call('decrby', a, ARGV[1]) redis.call('incrby', b, ARGV[1]) return 1")
    undeclared = ("local a, b = ARGV[2], ARGV[3] redis.call('decrby', a, ARGV[1]) redis.call('incrby', b, ARGV[1]) return 1")
    total = "local s = 0 for i = 0, 15 do s = s + redis.call('get', 'account:' .. i) end return s"
    wrong = []

    def work(seed):
        rng = random.Random(seed)
        with standalone.connect() as connection:
            for _ in range(60):
                a, b = rng.sample(accounts, 2)
                kind = rng.randrange(3)
                if kind == 0:
                    connection.call("EVAL", declared, 2, a, b, rng.randrange(50))
                elif kind == 1:
                    connection.call("EVAL", undeclared, 0, rng.randrange(50), a, b)
                else:
                    got = connection.call("EVAL", total, 0)
                    if got != 1600:
                        wrong.append(got)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [] and control.call("EVAL", total, 0) == 1600


def test_a_busy_script_is_told_of_and_killed(standalone, control):
    control.call("CONFIG", "SET", "busy-reply-threshold", 50)
    with standalone.connect() as runner, standalone.connect() as other:
        runner.send(encode("EVAL", LOOP, 1, "k"))
        eventually(lambda: other.call("SCRIPT", "KILL") == "OK", what="the script is busy")
        error = runner.read()
        assert isinstance(error, ReplyError) and str(error).startswith("ERR Script killed by user with SCRIPT KILL...")
        assert runner.call("PING") == "PONG" and other.call("GET", "k") is None
        assert other.call("SCRIPT", "KILL") == ReplyError("NOTBUSY No scripts in execution right now.")
    control.call("CONFIG", "SET", "busy-reply-threshold", 5000)


def test_others_are_told_busy():
    with Server(shards=1) as server:
        with server.connect() as runner, server.connect() as other:
            other.call("CONFIG", "SET", "busy-reply-threshold", 50)
            runner.send(encode("EVAL", LOOP, 0))
            eventually(lambda: other.call("GET", "k") == BUSY, what="the script is busy")
            with server.connect() as third:
                assert third.call("PING") == BUSY
                assert third.call("EVAL", "return 1", 0) == BUSY
                assert third.call("SHUTDOWN") == BUSY and third.call("SHUTDOWN", "SAVE") == BUSY
                assert third.call("SHUTDOWN", "ABORT") == ReplyError("ERR No shutdown in progress.")
                assert third.call("SCRIPT", "KILL") == "OK"
            assert isinstance(runner.read(), ReplyError)
            assert other.call("SET", "k", "v") == "OK"


@pytest.mark.parametrize("how", ["keys", "strays", "grows"])
def test_clients_of_parked_shards_are_told_busy(how):
    """Whichever shard serves a client: it is told, and it can end the script."""
    script = {"keys": LOOP, "strays": "for i = 1, 64 do redis.call('get', 'k' .. i) end " + LOOP,
              # It takes the others when it is busy already.
              "grows": "local n = 0 while true do n = n + 1 if n % 100000 == 0 then redis.call('get', 'k' .. n) end end"}[how]
    keys = ["k%d" % i for i in range(64)] if how == "keys" else []
    with Server("--busy-reply-threshold", "50", shards=4) as server, server.connect() as runner:
        others = [server.connect() for _ in range(16)]
        watcher, waiter, leaver = server.connect(), server.connect(), server.connect()
        assert watcher.call("WATCH", *["k%d" % i for i in range(16)]) == "OK"
        assert leaver.call("WATCH", *["k%d" % i for i in range(16)]) == "OK"
        waiter.send(encode("BLPOP", *["list%d" % i for i in range(16)], 0))
        eventually(lambda: b"blocked_clients:1" in runner.call("INFO", "clients"))
        # What is queued before, and asks for watched keys at shards that are busy when it comes there.
        queued = [server.connect() for _ in range(4)]
        for i, client in enumerate(queued):
            client.pipeline([("WATCH", "k%d" % i, "k%d" % (i + 9)), ("MULTI",), ("GET", "k%d" % i)])
        for _ in range(3):
            runner.send(encode("EVAL", script, len(keys), *keys))
            for other in others:
                eventually(lambda: other.call("GET", "k1") == BUSY, what="a client is told")
            late = server.connect()
            eventually(lambda: late.call("PING") == BUSY, what="its shard is taken")
            assert late.call("HELLO", 3)
            late.send(encode("SET", "k1", 1) + encode("GET", "k2") + encode("MULTI") + encode("GET", "k3") + encode("EXEC"))
            assert [late.read() for _ in range(4)] == [BUSY, BUSY, "OK", BUSY]
            assert str(late.read()).startswith("EXECABORT")
            late.close()
            leaver.close()
            if queued:
                queued[0].send(encode("EXEC"))
                queued.pop().close()
            assert others.pop().call("SCRIPT", "KILL") == "OK"
            assert "Script killed by user" in str(runner.read())
            for other in others:
                assert other.call("GET", "k1") is None
        reply = queued[0].read()
        assert reply == [None] or str(reply).startswith("EXECABORT")
        assert watcher.pipeline([("MULTI",), ("PING",), ("EXEC",)]) == ["OK", "QUEUED", ["PONG"]]
        assert runner.call("RPUSH", "list3", "x") == 1
        assert waiter.read() == [b"list3", b"x"]
        for client in others + queued + [watcher, waiter]:
            client.close()
        eventually(lambda: len(runner.call("CLIENT", "LIST").splitlines()) == 1)


LONG = ("local t = redis.call('time') local till = t[1] * 1000000 + t[2] + 1000000 "
        "repeat %s local n = redis.call('time') until n[1] * 1000000 + n[2] > till return KEYS[1]")


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "exec"])
@pytest.mark.parametrize("cluster", ["no", "yes"])
def test_what_stands_behind_a_busy_script_is_its_own(cluster, inside):
    """Sent in the same write; meanwhile others are told BUSY."""
    with Server("--busy-reply-threshold", "50", "--cluster-enabled", cluster, shards=2 if cluster == "yes" else 1) as server:
        if cluster == "yes":
            server.make_cluster_of_one()
        others = [server.connect() for _ in range(8)]
        with server.connect() as client:
            script = [("EVAL", LONG % "", 1, "{t}k")]
            if inside:
                script = [("MULTI",)] + script + [("EXEC",)]
            behind = [("SET", "{t}a", "AAAA"), ("APPEND", "{t}b", "BBBB"), ("GET", "{t}a"), ("SET", "{t}big", "c" * 40000)]
            client.send(b"".join(encode(*words) for words in script + behind))
            told = []

            def is_over():
                before = len(told)
                for other in others:
                    told.extend(reply for reply in other.pipeline([
                        ("SET", "{t}victim", "secret", "EX", 100), ("DEL", "{t}zzzz", "{t}q"), ("MGET", "{t}u", "{t}v"),
                        ("SET", "{t}victim", "s" * 40000)]) if reply == BUSY)
                return before > 0 and len(told) == before
            eventually(is_over, what="others are told BUSY until the script is over")
            got = [client.read() for _ in script + behind]
            assert got[-4:] == ["OK", 4, b"AAAA", "OK"]
            assert b"{t}k" in (got[-5] if inside else [got[-5]])
            assert client.call("GET", "{t}b") == b"BBBB" and client.call("GET", "{t}big") == b"c" * 40000
            logged = [entry[3] for entry in client.call("SLOWLOG", "GET", -1)]
            assert any(words[0] == b"EVAL" and words[-1] == b"{t}k" for words in logged), logged
        for other in others:
            other.close()


@pytest.mark.tessera_only
def test_a_node_ends_while_scripts_take_further_shards():
    script = "for j = 1, 60 do redis.call('incr', 'q' .. j) end return 1"
    for _ in range(6):
        with Server("--busy-reply-threshold", "5", shards=4) as server:
            stopped = threading.Event()

            def run(client, key):
                try:
                    while not stopped.is_set():
                        client.pipeline([("EVAL", script, 1, key)] * 20)
                except (Closed, OSError):
                    pass
            clients = [server.connect() for _ in range(10)]
            threads = [threading.Thread(target=run, args=(client, "k%d" % i)) for i, client in enumerate(clients)]
            for thread in threads:
                thread.start()
            with server.connect() as control:
                eventually(lambda: int(control.call("GET", "q60") or 0) > 50, what="scripts run")
            os.kill(server.pid, signal.SIGTERM)
            assert server.wait_exit(20) == 0
            stopped.set()
            for thread in threads:
                thread.join()
            for client in clients:
                client.close()


@pytest.mark.tessera_only
@pytest.mark.parametrize("last", [("EXEC",), ("EXEC", "too", "many"), ("DISCARD",), ("UNWATCH",), ("RESET",), ("QUIT",)], ids=" ".join)
def test_watchers_of_shards_that_a_script_writes_to(last):
    """They are told, or leave, while the script that has their shards changes keys."""
    keys = ["k%d" % i for i in range(64)]
    with Server("--busy-reply-threshold", "50", shards=4) as server, server.connect() as runner:
        watchers = [server.connect() for _ in range(24)]
        for i, watcher in enumerate(watchers):
            watcher.call("WATCH", *["w%d:%d" % (i, j) for j in range(100)], *keys[:8])
            if last[0] != "UNWATCH":
                watcher.pipeline([("MULTI",), ("GET", "x")])
        runner.send(encode("EVAL", LONG % "for i = 1, #KEYS do redis.call('incr', KEYS[i]) end", len(keys), *keys))
        eventually(lambda: "Slow script detected" in server.log(), what="the script is busy")
        for watcher in watchers:
            watcher.send(encode(*last))
        for watcher in watchers:
            reply = str(watcher.read())
            # Nil: on a machine that is busy itself it came when the script was over, and the keys have changed.
            assert reply.startswith("EXECABORT") or reply == "None" if last[0] == "EXEC" else reply in ("OK", "RESET")
            watcher.close()
        assert runner.read() == keys[0].encode()
        # Nothing of theirs is left at the keys.
        eventually(lambda: int(server.info("clients")["watching_clients"]) == 0)
        eventually(lambda: int(server.info("clients").get("total_watched_keys", 0)) == 0)


@pytest.mark.tessera_only
def test_what_needs_a_busy_shard_is_told():
    """Whoever asks, and though its own shard has nothing to do."""
    with Server("--busy-reply-threshold", "50", shards=4) as server:
        clients = [server.connect() for _ in range(16)]
        with server.connect() as runner:
            runner.send(encode("EVAL", LOOP, 1, "k1"))
            eventually(lambda: "Slow script detected" in server.log(), what="the script is busy")
            for client in clients:
                for words in (("DBSIZE",), ("KEYS", "*"), ("SCAN", 0), ("RANDOMKEY",), ("CLIENT", "LIST"), ("FLUSHALL",), ("EVAL", "return 1", 0),
                              ("EVAL", "return 1", 1, "k2"), ("CONFIG", "SET", "maxmemory", 0), ("CLIENT", "UNPAUSE"), ("SAVE",),
                              ("MSET", *[word for i in range(64) for word in ("m%d" % i, 1)]), ("MGET", *["m%d" % i for i in range(64)])):
                    assert client.call(*words) == BUSY, words
                assert [str(reply).split(" ")[0] for reply in client.pipeline([("MULTI",), ("DBSIZE",), ("EXEC",)])][-1] in ("EXECABORT", "BUSY")
                client.call("DISCARD")
                # One by one for shards that alternate: each is run or told, the busy one's are told.
                written = ["p%d" % i for i in range(24)]
                replies = client.pipeline([("SET", key, 1) for key in written] + [("GET", "k1"), ("SET", "k1", 1), ("GET", "k1")])
                assert all(reply in ("OK", BUSY) for reply in replies[:24]) and BUSY in replies[:24]
                assert replies[24:] == [BUSY] * 3
            assert clients[0].call("SCRIPT", "KILL") == "OK"
            assert "killed" in str(runner.read())
            for client in clients:
                assert client.call("EXISTS", "k1") == 0
                client.close()


@pytest.mark.tessera_only
@pytest.mark.parametrize("shards", [2, 4])
def test_who_waits_when_a_script_turns_out_slow_is_told(shards):
    """What came before the threshold and has not had its turn is told as well, and does not run afterwards."""
    many = ["m%d" % i for i in range(32)]
    sets = [("SET", "s%d" % i, 1) for i in range(64)]
    exec_ = [("MULTI",)] + [("INCR", key) for key in many[::4]] + [("EXEC",)]
    waits = {
        "EVAL": [("EVAL", "return redis.call('set', 'e', 1)", 0)],
        "EVAL of keys": [("EVAL", "return redis.call('mset', KEYS[1], 1, KEYS[2], 2)", 2, "m1", "m2")],
        "MSET": [("MSET", *[word for key in many for word in (key, 1)])],
        "RENAME": [("RENAME", "from", "there%d" % i) for i in range(0, 800, 37)],
        "LMOVE": [("LMOVE", "list", "list%d" % i, "LEFT", "LEFT") for i in range(0, 800, 37)],
        "FLUSHALL": [("FLUSHALL",)],
        "EXEC": exec_,
        "WATCH": [("WATCH", *many[8:16])],
        "SET": sets,
        "SET, GET": [each for words in sets for each in (words, ("GET", words[1]))],
    }
    with Server("--busy-reply-threshold", "1000", shards=shards) as server, server.connect() as runner, server.connect() as control:
        control.pipeline([("SET", "from", 1), ("RPUSH", "list", 1, 2, 3)])
        clients = {name: [server.connect() for _ in range(6)] for name in waits}
        for client in clients["WATCH"]:
            client.pipeline(waits["WATCH"])
        waits["WATCH"] = exec_
        runner.send(encode("EVAL", "redis.log(redis.LOG_WARNING, 'it has begun') " + LOOP, 1, "k1"))
        eventually(lambda: "it has begun" in server.log(), what="the script runs")
        for name, commands in waits.items():
            for client in clients[name]:
                client.send(b"".join(encode(*words) for words in commands))
        for name, commands in waits.items():
            for client in clients[name]:
                replies = [client.read() for _ in commands]
                if commands is exec_:
                    assert str(replies[-1]).startswith("EXECABORT"), (name, replies)
                elif name in ("EVAL", "EVAL of keys", "MSET", "FLUSHALL"):
                    assert replies == [BUSY] * len(replies), (name, replies)
                else:
                    # Single commands of shards that are free have run.
                    assert BUSY in replies, (name, replies)
        assert control.call("SCRIPT", "KILL") == "OK"
        assert "killed" in str(runner.read())
        # Nothing of it runs when its turn comes: what has begun behind it is over.
        for name in ("EVAL", "WATCH", "EXEC"):
            for client in clients[name]:
                assert client.call("MSET", *[word for i in range(16) for word in ("after%d" % i, 1)]) == "OK"
        assert control.call("EXISTS", "e", *many) == 0 and control.call("EXISTS", "after1") == 1
        assert clients["WATCH"][0].pipeline(exec_)[-1] == [1] * 8
        for group in clients.values():
            for client in group:
                client.close()
        eventually(lambda: int(server.info("clients").get("total_watched_keys", 0)) == 0)


@pytest.mark.parametrize("shards", [1, 2])
def test_the_end_waits_for_a_script_that_wrote(shards):
    """Only SHUTDOWN NOSAVE ends it."""
    with Server("--busy-reply-threshold", "50", shards=shards) as server:
        with server.connect() as runner, server.connect() as other:
            runner.send(encode("EVAL", "redis.call('set', KEYS[1], 1) " + LOOP, 1, "k"))
            eventually(lambda: "Slow script detected" in server.log(), what="the script is busy")
            # Of several shards one that is parked does not answer: a connection that another one serves does.
            for _ in range(20):
                with server.connect() as asks:
                    asks.socket.settimeout(0.5)
                    try:
                        assert asks.call("SHUTDOWN", "SAVE") == BUSY
                        break
                    except TimeoutError:
                        assert shards > 1
            else:
                raise AssertionError("nobody answers")
            assert server.process.poll() is None
            other.socket.settimeout(0.5)
            for _ in range(20):
                with server.connect() as asks:
                    asks.send(encode("SHUTDOWN", "NOSAVE"))
                    try:
                        server.process.wait(1)
                        break
                    except subprocess.TimeoutExpired:
                        assert shards > 1
            assert server.process.wait(20) == 0


def test_a_script_that_wrote_is_not_killed(standalone, control):
    control.call("CONFIG", "SET", "busy-reply-threshold", 50)
    with standalone.connect() as runner:
        # It ends by itself when the key is set elsewhere: it cannot be, so it looks at the clock.
        text = "redis.call('set', KEYS[1], 1) local n = 0 while n < 3e7 do n = n + 1 end return n"
        runner.send(encode("EVAL", text, 1, "k"))
        unkillable = "UNKILLABLE Sorry the script already executed write commands against the dataset."
        seen = []

        def look():
            answer = control.call("SCRIPT", "KILL")
            seen.append(str(answer))
            return str(answer).startswith(unkillable) or len(seen) > 400
        eventually(look, what="the script is busy")
        assert runner.read() == 30000000
    control.call("CONFIG", "SET", "busy-reply-threshold", 5000)


def test_libraries_are_the_same_everywhere(standalone, control):
    library = "#!lua name=lib\nredis.register_function('double', function(k, a) return a[1] * 2 end)"
    assert control.call("FUNCTION", "LOAD", library) == b"lib"
    connections = [standalone.connect() for _ in range(8)]
    for connection in connections:
        for key in range(8):
            assert connection.call("FCALL", "double", 1, "k%d" % key, 21) == 42
    payload = control.call("FUNCTION", "DUMP")
    assert control.call("FUNCTION", "DELETE", "lib") == "OK"
    for connection in connections:
        assert connection.call("FCALL", "double", 1, "k", 21) == ReplyError("ERR Function not found")
    assert control.call("FUNCTION", "RESTORE", payload) == "OK"
    for connection in connections:
        assert connection.call("FCALL", "double", 1, "k", 21) == 42
        connection.close()


@pytest.mark.skipif(redis_under_test(), reason="redis-server has one shard")
@pytest.mark.parametrize("shards", [1, 4])
def test_cluster_mode(shards):
    with Server("--cluster-enabled", "yes", shards=shards) as server:
        node = server.make_cluster_of_one()
        with node.connect() as connection:
            assert connection.call("EVAL", "return redis.call('set', KEYS[1], 1)", 1, "{a}1") == "OK"
            assert connection.call("EVAL", "return 1", 2, "a", "b") == ReplyError(
                "CROSSSLOT Keys in request don't hash to the same slot")
            # Keys of other slots of this node: a script without shebang may read them, and begins again for it. One that
            # has written cannot; from then on it is known to stray.
            reads = "local n = 0 for i = 1, 20 do n = n + redis.call('exists', 'key:' .. i) end return n"
            assert connection.call("EVAL", reads, 1, "{a}1") == 0
            writes = "local s = 0 for i = 1, 20 do s = s + redis.call('incr', 'key:' .. i) end return s"
            connection.call("EVAL", writes, 1, "{a}1")
            before = sum(int(connection.call("GET", "key:%d" % i) or 0) for i in range(1, 21))
            assert connection.call("EVAL", writes, 1, "{a}1") == before + 20


SPIN = "for i = 1, 5e7 do end "


@pytest.mark.parametrize("shards", [1, 4])
def test_scripts_and_libraries_that_go_during_a_run(start, shards):
    """They run to their end, also by functions that are not there any more; and then are gone."""
    server = start(shards=shards)
    text = SPIN + "return redis.call('incr', KEYS[1])"
    library = ("#!lua name=lib\nlocal function more(keys) return redis.call('incr', keys[1]) end\n"
               "redis.register_function('f', function(keys) " + SPIN + "return more(keys) end)")
    began = during = 0
    with server.connect() as control, server.connect() as runner:
        for turn in range(8):
            key = "k%d" % turn
            digest = control.call("SCRIPT", "LOAD", text)
            runner.send(encode("EVALSHA", digest, 1, key))
            for _ in range(20):  # turns of a loop: the script reaches its shard first
                control.call("PING")
            assert control.call("SCRIPT", "FLUSH") == "OK"
            runs = not select.select([runner.socket], [], [], 0)[0]
            reply = runner.read()
            assert reply in (1, NO_SCRIPT)  # the flush may have come first
            began += reply == 1
            during += runs and reply == 1
            assert control.call("EVALSHA", digest, 1, key) == NO_SCRIPT
        print("scripts that had begun: %d, and were flushed in their middle: %d" % (began, during))
        assert began > 0 and (during > 0 or shards == 1)  # on one shard the flush stands behind the run
        empty = control.call("FUNCTION", "DUMP")
        began = during = 0
        for turn in range(8):
            key = "f%d" % turn
            assert control.call("FUNCTION", "LOAD", library) == b"lib"
            runner.send(encode("FCALL", "f", 1, key))
            for _ in range(20):
                control.call("PING")
            assert control.call("FUNCTION", "RESTORE", empty, "FLUSH") == "OK"
            runs = not select.select([runner.socket], [], [], 0)[0]
            reply = runner.read()
            assert reply in (1, ReplyError("ERR Function not found"))
            began += reply == 1
            during += runs and reply == 1
            assert control.call("FCALL", "f", 1, key) == ReplyError("ERR Function not found")
            assert control.call("FUNCTION", "LIST") == []
        assert runner.call("EVAL", "return redis.call('incr', 'n')", 0) == 1
        print("functions that had begun: %d, and were replaced in their middle: %d" % (began, during))
        assert began > 0 and (during > 0 or shards == 1)


ANSWERS = [
    ("EVAL", "redis.setresp({})", 0), ("EVAL", "redis.setresp('x')", 0), ("EVAL", "redis.setresp('3') return 1", 0), ("EVAL", "redis.setresp(2.9) return 1", 0),
    ("EVAL", "redis.set_repl({}) return 1", 0), ("EVAL", "redis.set_repl('x') return 1", 0), ("EVAL", "redis.set_repl(4)", 0), ("EVAL", "redis.set_repl(-1)", 0),
    ("EVAL", "#!lua flags=no-writes,\nreturn 1", 0), ("EVAL", "#!lua flags=\nreturn 1", 0), ("EVAL", "#!lua flags=,\nreturn 1", 0),
    ("EVAL", "#!lua flags=no-writes,,allow-oom\nreturn 1", 0), ("EVAL", "#!lua flags=NO-WRITES\nreturn 1", 0),
    ("FUNCTION", "LOAD", "#!lua name=a\nredis.register_function{function_name='fa', callback=function() return 1 end, flags={'NO-WRITES', 'Allow-Oom'}}"),
    ("FUNCTION", "LOAD", "#!lua name=b\nredis.register_function{function_name='fb', callback=function() return 1 end, flags={'no-write'}}"),
    ("FUNCTION", "LOAD", "#!lua name=b\nredis.register_function{function_name='fb', callback=function() return 1 end, flags={''}}"),
    ("FCALL_RO", "fa", 0), ("EVAL", "return type(redis.call('lastsave'))", 0),
    ("CONFIG", "SET", "maxmemory", 1),
    ("EVAL_RO", "#!lua\nreturn 1", 0), ("EVAL", "#!lua\nreturn 1", 0), ("EVAL", "#!lua flags=no-cluster\nreturn 1", 0),
    ("EVAL_RO", "#!lua flags=allow-oom\nreturn 1", 0), ("EVAL_RO", "#!lua flags=no-writes\nreturn 1", 0), ("FCALL", "fa", 0),
    ("CONFIG", "SET", "maxmemory", 0),
]


@pytest.mark.parametrize("shards", [1, 4])
def test_answers_are_redis_servers(start, shards):
    sides = []
    for server in (start(shards=shards), start(binary=ORACLE)):
        with server.connect() as connection:
            sides.append([(words, connection.call(*words)) for words in ANSWERS])
    assert sides[0] == sides[1]
