"""DEBUG's subcommands that change something, beside redis-server where it has them. Replies alone: test_server_commands.py."""
import os
import random
import re
import shutil

import pytest

from tests.support.resp import Closed, ReplyError
from tests.support.seed import new_seed
from tests.support.server import ORACLE, SANITIZED, eventually, server_under_test

DEBUG = ("--enable-debug-command", "yes")


def error_of(connection, *words):
    reply = connection.call(*words)
    return str(reply) if isinstance(reply, ReplyError) else ""


def reachable(server):
    try:
        return server.call("PING") == "PONG"
    except (OSError, Closed, ReplyError):
        return False


# ---- the process

@pytest.mark.skipif(SANITIZED, reason="leaks are looked for when the process ends, which it does not")
@pytest.mark.parametrize("binary", [None, ORACLE], ids=["ours", "redis"])
@pytest.mark.parametrize("words", [("RESTART",), ("RESTART", 50), ("CRASH-AND-RECOVER",), ("CRASH-AND-RECOVER", 50)])
def test_the_process_begins_anew(start, words, binary):
    """With the same command line, from the folder it was started in: the file is named relative to that."""
    server = start(*DEBUG, "--save", "3600 1000000", binary=binary, shards=2, config="timeout 100\n")
    crashes = words[0] != "RESTART"
    with server.connect() as client:
        run_id = server.info("server")["run_id"]
        assert client.call("SET", "k", "v") == "OK"
        assert client.call("CONFIG", "SET", "timeout", 200) == "OK"
        with pytest.raises((Closed, ConnectionError)):
            client.call("DEBUG", *words)
    eventually(lambda: has_begun_anew(server, run_id))
    assert server.running() and int(server.info("server")["process_id"]) == server.pid
    eventually(lambda: server.info("persistence")["loading"] == "0")
    assert server.call("GET", "k") == (None if crashes else b"v")
    assert server.call("CONFIG", "GET", "timeout")[1] == (b"100" if crashes else b"200")


def has_begun_anew(server, run_id):
    try:
        return reachable(server) and server.info("server")["run_id"] != run_id
    except (Closed, ConnectionError):  # the old process was ending
        return False


@pytest.mark.skipif(SANITIZED, reason="as above")
@pytest.mark.tessera_only
@pytest.mark.parametrize("cluster", ["yes", "no"])
def test_the_process_begins_anew_with_its_files(start, cluster):
    """Its locks are free by then, and its descriptors closed."""
    server = start(*DEBUG, "--appendonly", "yes", "--cluster-enabled", cluster, shards=2)
    if cluster == "yes":
        server.make_cluster_of_one()
    for count, word in enumerate(["RESTART", "CRASH-AND-RECOVER"] * 2, 1):
        with server.connect() as client:
            run_id = server.info("server")["run_id"]
            assert client.call("INCR", "k") == count and client.call("WAITAOF", 1, 0, 0)[0] == 1
            with pytest.raises((Closed, ConnectionError)):
                client.call("DEBUG", word)
        eventually(lambda: has_begun_anew(server, run_id))
        eventually(lambda: server.info("persistence")["loading"] == "0" and server.call("GET", "k") == str(count).encode())
    inherited = [fd for fd in os.listdir("/proc/%d/fd" % server.pid) if int(fd) > 2 and not closes(server.pid, fd)]
    assert inherited == [], inherited


def closes(pid, fd):
    """Whether it closes when a program begins."""
    try:
        with open("/proc/%d/fdinfo/%s" % (pid, fd)) as file:
            return int(re.search(r"flags:\s*(\d+)", file.read()).group(1), 8) & os.O_CLOEXEC != 0
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("binary", [None, ORACLE], ids=["ours", "redis"])
def test_no_restart_without_a_program(start, binary, tmp_path):
    program = tmp_path / os.path.basename(binary or server_under_test())
    shutil.copy2(binary or server_under_test(), program)
    server = start(*DEBUG, binary=str(program))
    program.unlink()
    with server.connect() as client:
        for word in "RESTART", "CRASH-AND-RECOVER":
            assert error_of(client, "DEBUG", word) == "ERR failed to restart the server. Check server logs."
        assert client.call("PING") == "PONG"
    assert server.log().count("Can't restart: this process has no permissions to execute") == 2


# ---- the append only file

def fill(client, rng):
    for i in range(300):
        kind = rng.randrange(6)
        key = "k:%d" % rng.randrange(100)
        words = [("SET", key, i), ("HSET", "h" + key, "f%d" % i, i), ("RPUSH", "l" + key, i, "x"), ("SADD", "s" + key, i, "m"),
                 ("ZADD", "z" + key, i, "m%d" % i), ("XADD", "x" + key, "*", "f", i)][kind]
        client.call(*words)
        if rng.random() < 0.1:
            client.call("SELECT", rng.randrange(4))
        if rng.random() < 0.1:
            client.call("PEXPIRE", key, 100000000)
        if rng.random() < 0.1:
            client.call("DEL", key, "h" + key)
    client.call("SELECT", 0)
    for words in ("MULTI",), ("SET", "t1", 1), ("SET", "t2", 2), ("SET", "t3", 3), ("EXEC",):
        client.call(*words)


@pytest.mark.parametrize("binary,shards", [(None, 1), (None, 4), (ORACLE, None)], ids=["ours1", "ours4", "redis"])
def test_the_log_is_loaded_again(start, binary, shards):
    seed = new_seed()
    server = start(*DEBUG, "--appendonly", "yes", binary=binary, shards=shards)
    with server.connect() as client:
        fill(client, random.Random(seed))
        client.call("FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() return 7 end)")
        for _ in range(3):
            before = client.call("DEBUG", "DIGEST")
            assert client.call("DEBUG", "LOADAOF") == "OK"
            assert client.call("DEBUG", "DIGEST") == before, seed
            # What comes now goes on in the same file.
            assert client.call("INCR", "again") and client.call("SELECT", 3) == "OK" and client.call("INCR", "there")
            assert client.call("SELECT", 0) == "OK"
        assert client.call("FCALL", "f", 0) == 7
        before = client.call("DEBUG", "DIGEST")
        with pytest.raises((Closed, ConnectionError)):
            client.call("SHUTDOWN", "NOSAVE")
    server.wait_exit()
    second = start(*DEBUG, "--appendonly", "yes", "--dir", server.dir, binary=binary, shards=shards)
    assert second.call("DEBUG", "DIGEST") == before, seed


@pytest.mark.tessera_only
def test_others_wait_while_the_log_is_loaded(start):
    """Nobody sees half of it, and what others send meanwhile is done afterwards."""
    server = start(*DEBUG, "--appendonly", "yes", shards=4)
    with server.connect() as client, server.connect() as other:
        for first in range(0, 20000, 1000):
            client.send(b"".join(b"SET k:%d v\r\n" % i for i in range(first, first + 1000)))
            assert all(client.read() == "OK" for _ in range(1000))
        client.send(b"DEBUG LOADAOF\r\nDBSIZE\r\n")
        other.send(b"DBSIZE\r\nSET k:1 w\r\nDBSIZE\r\n" * 50)
        assert client.read() == "OK" and client.read() == 20000
        for _ in range(50):
            assert [other.read() for _ in range(3)] == [20000, "OK", 20000]
        assert client.call("GET", "k:1") == b"w"


@pytest.mark.tessera_only
def test_a_log_that_cannot_be_loaded_ends_the_server(start):
    server = start(*DEBUG, "--appendonly", "yes", shards=2)
    with server.connect() as client:
        assert client.call("SET", "a", 1) == "OK"
        folder = os.path.join(server.dir, "appendonlydir")
        increment = next(name for name in os.listdir(folder) if name.endswith(".incr.aof"))
        eventually(lambda: os.path.getsize(os.path.join(folder, increment)) > 0)
        with open(os.path.join(folder, increment), "r+b") as file:
            file.write(b"#ABCDEFG")
            file.seek(0)
            file.write(b"?")
        assert error_of(client, "DEBUG", "LOADAOF") == "ERR Error trying to load the AOF files, check server logs."
    assert server.wait_exit() == 1, server.log()


@pytest.mark.tessera_only
def test_there_is_no_log_to_load(start):
    server = start(*DEBUG, shards=2)
    with server.connect() as client:
        assert client.call("SET", "a", 1) == "OK"
        assert error_of(client, "DEBUG", "LOADAOF") == "ERR Error trying to load the AOF files, check server logs."
        assert client.call("GET", "a") == b"1"
        # One that was turned off and is still there.
        assert client.call("CONFIG", "SET", "appendonly", "yes") == "OK"
        eventually(lambda: server.info("persistence")["aof_rewrite_in_progress"] == "0" and
                   os.path.exists(os.path.join(server.dir, "appendonlydir", "appendonly.aof.manifest")))
        assert client.call("SET", "b", 2) == "OK"
        assert client.call("CONFIG", "SET", "appendonly", "no") == "OK"
        assert client.call("SET", "c", 3) == "OK"
        assert client.call("DEBUG", "LOADAOF") == "OK"
        assert client.call("MGET", "a", "b", "c") == [b"1", b"2", None]
        assert client.call("SET", "d", 4) == "OK" and server.info("persistence")["aof_enabled"] == "0"


@pytest.mark.tessera_only
def test_writes_to_the_log_are_delayed(start):
    server = start(*DEBUG, "--appendonly", "yes", "--appendfsync", "always")
    with server.connect() as client:
        assert client.call("DEBUG", "AOF-FLUSH-SLEEP", "600000000") == "OK"
        client.send(b"SET a 1\r\n")
        with server.connect() as other:
            # It has been done, and is acknowledged when it is in the file.
            eventually(lambda: "calls=1," in server.info("commandstats").get("cmdstat_set", ""))
            folder = os.path.join(server.dir, "appendonlydir")
            assert [os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder) if name.endswith(".incr.aof")] == [0]
            assert other.call("PING") == "PONG"
    server.process.kill()
    server.wait_exit()


# ---- checks that are turned off

@pytest.mark.parametrize("binary", [None, ORACLE], ids=["ours", "redis"])
def test_checksums_are_skipped(start, binary):
    server = start(*DEBUG, binary=binary, shards=2)
    with server.connect() as client:
        client.call("SET", "a", "some text that is not compressed")
        payload = client.call("DUMP", "a")
        bad = payload[:-1] + bytes([payload[-1] ^ 1])
        assert client.call("SAVE") == "OK"
        path = os.path.join(server.dir, "dump.rdb")
        with open(path, "r+b") as file:
            file.seek(-1, os.SEEK_END)
            last = file.read(1)
            file.seek(-1, os.SEEK_END)
            file.write(bytes([last[0] ^ 1]))
        assert error_of(client, "RESTORE", "b", 0, bad) == "ERR DUMP payload version or checksum are wrong"
        assert client.call("DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", 1) == "OK"
        assert client.call("RESTORE", "b", 0, bad) == "OK"
        assert client.call("DEBUG", "RELOAD", "NOSAVE") == "OK"
        assert client.call("GET", "a") == b"some text that is not compressed" and client.call("EXISTS", "b") == 0
        assert client.call("DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", 0) == "OK"
        assert error_of(client, "RESTORE", "b", 0, bad) == "ERR DUMP payload version or checksum are wrong"


@pytest.mark.parametrize("binary", [None, ORACLE], ids=["ours", "redis"])
def test_scripts_may_call_everything(start, binary):
    server = start(*DEBUG, binary=binary)
    script = "return redis.call('client', 'getname')", "return redis.call('debug', 'protocol', 'integer')"
    refused = "ERR This Redis command is not allowed from script"
    with server.connect() as client:
        for text in script:
            assert error_of(client, "EVAL", text, 0).startswith(refused), text
        assert client.call("DEBUG", "SET-DISABLE-DENY-SCRIPTS", 1) == "OK"
        assert client.call("EVAL", script[1], 0) == 12345
        assert client.call("DEBUG", "SET-DISABLE-DENY-SCRIPTS", 0) == "OK"
        assert error_of(client, "EVAL", script[1], 0).startswith(refused)


# ---- looks at values

def some_values(client, rng):
    """One of each kind and size, the same for both servers."""
    text = lambda: bytes(rng.choice(b"abcdefgh ") for _ in range(rng.choice((1, 5, 30, 100))))
    client.call("SET", "int", 12345)
    client.call("SET", "text", b"ab" * 400)
    for size in 3, 40, 700:
        for i in range(size):
            one, two = text(), text()
            client.call("RPUSH", "list%d" % size, one)
            client.call("SADD", "set%d" % size, one)
            client.call("SADD", "ints%d" % size, rng.randrange(1 << rng.choice((8, 20, 40))))
            client.call("HSET", "hash%d" % size, one, two)
            client.call("ZADD", "zset%d" % size, rng.choice((i, i / 7)), one)
            client.call("XADD", "stream%d" % size, "%d-0" % (i + 1), "f", one, "g", two)
        client.call("XGROUP", "CREATE", "stream%d" % size, "group", "1-0")
    return ["int", "text"] + [kind + str(size) for size in (3, 40, 700) for kind in ("list", "set", "ints", "hash", "zset", "stream")]


@pytest.mark.parametrize("compress", ["yes", "no"])
def test_length_in_a_file(start, compress):
    seed = new_seed()
    # Small sets have a form of their own since 7.2, which 7.0's files do not; strings are the same.
    args = DEBUG + ("--rdbcompression", compress, "--list-max-listpack-size", "-2")
    ours, theirs = start(*args, shards=2), start(*args, binary=ORACLE)
    with ours.connect() as mine, theirs.connect() as other:
        names = some_values(mine, random.Random(seed))
        assert some_values(other, random.Random(seed)) == names
        for name in names:
            lengths = [int(re.search(r"serializedlength:(\d+)", str(client.call("DEBUG", "OBJECT", name))).group(1))
                       for client in (mine, other)]
            # What the compressor finds depends on what its table held before: some bytes, now and then.
            assert abs(lengths[0] - lengths[1]) <= (lengths[1] // 100 if compress == "yes" else 0), (name, lengths, seed)
        assert "serializedlength" not in str(mine.call("DEBUG", "OBJECT", "list700", "FAST"))


@pytest.mark.tessera_only
def test_structures_are_printed(start):
    server = start(*DEBUG, shards=2)
    with server.connect() as client:
        client.call("HSET", "h", "field", "a value", "n", 12345)
        client.call("RPUSH", "l", *range(20000))
        client.call("RPUSH", "l", "x" * 20000)
        assert client.call("DEBUG", "LISTPACK", "h") == "Listpack structure printed on stdout"
        assert client.call("DEBUG", "QUICKLIST", "l") == "Quicklist structure printed on stdout"
        assert client.call("DEBUG", "QUICKLIST", "l", 1) == "Quicklist structure printed on stdout"
    log = server.log()
    assert re.search(r'listpack of \d+ bytes, 4 elements\n  0: at 6, \d+ bytes, string of 5 "field"\n', log)
    assert "integer 12345" in log
    assert re.search(r"quicklist of 20001 elements in \d+ nodes, max listpack size -2, compress depth 0\n  node 0: listpack, ", log)
    assert re.search(r": plain, 1 elements, 20000 bytes\n", log) and '"' + "x" * 20000 + '"' in log


@pytest.mark.parametrize("binary", [None, ORACLE], ids=["ours", "redis"])
@pytest.mark.parametrize("shards", [1, 4])
def test_large_elements_of_lists(start, binary, shards):
    """Beyond the threshold each has a node of its own."""
    server = start(*DEBUG, "--list-max-listpack-size", "100", binary=binary, shards=shards)
    nodes = lambda key: int(re.search(r"ql_nodes:(\d+)", str(client.call("DEBUG", "OBJECT", key))).group(1))
    with server.connect() as client:
        assert client.call("DEBUG", "QUICKLIST-PACKED-THRESHOLD", "100b") == "OK"
        client.call("RPUSH", "a", *["x"] * 150, *["y" * 150] * 4)
        # Small ones: two nodes of a hundred and fifty.
        assert nodes("a") == 2 + 4
        assert client.call("DEBUG", "QUICKLIST-PACKED-THRESHOLD", "0") == "OK"
        client.call("RPUSH", "b", *["x"] * 150, *["y" * 150] * 4)
        assert nodes("b") == 3 or nodes("b") == 2


@pytest.mark.tessera_only
def test_words_that_only_newer_servers_know(start):
    server = start(*DEBUG)
    with server.connect() as client:
        client.call("SET", "a", 1)
        assert "number of elements: 1" in str(client.call("DEBUG", "HTSTATS", 0, "FULL")) and error_of(client, "DEBUG", "HTSTATS", 0, "x")
        for words in ("DICT-RESIZING", 0), ("DICT-RESIZING", 1), ("CLIENT-ENFORCE-REPLY-LIST", 1), ("CLIENT-ENFORCE-REPLY-LIST", 0):
            assert client.call("DEBUG", *words) == "OK"


# ---- the allocator

@pytest.mark.tessera_only
def test_values_of_the_allocator(start):
    ours, theirs = start(*DEBUG), start(*DEBUG, binary=ORACLE)
    if not ours.info("memory")["mem_allocator"].startswith("jemalloc"):
        pytest.skip("another allocator")
    with ours.connect() as mine, theirs.connect() as other:
        for words in (["MALLCTL", "foo"], ["MALLCTL", "arenas.dirty_decay_ms"], ["MALLCTL", "arenas.dirty_decay_ms", 5000],
                      ["MALLCTL", "arenas.dirty_decay_ms"], ["MALLCTL", "epoch", "abc"], ["MALLCTL-STR", "foo"],
                      ["MALLCTL-STR", "version"], ["MALLCTL-STR", "version", "x"], ["MALLCTL-STR", "arena.0.dss", "primary"],
                      ["MALLCTL-STR", "arena.0.dss"], ["MALLCTL", "opt.narenas", 5]):
            replies = [client.call("DEBUG", *words) for client in (mine, other)]
            assert str(replies[0]) == str(replies[1]), words
        # redis-server ends here, or does not know the size.
        assert error_of(mine, "DEBUG", "MALLCTL-STR", "stats.allocated") == "ERR Invalid argument"
        assert mine.call("DEBUG", "MALLCTL", "arenas.narenas") > 0 and mine.call("DEBUG", "MALLCTL", "background_thread") in (0, 1)
        assert mine.call("DEBUG", "MALLCTL", "thread.allocated") > 0
