"""The append only file: what three servers wrote is loaded, what we write redis-server loads, and nothing that was
acknowledged is lost."""
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading

import pytest

from tests.persistence.test_load_files import check_key
from tests.support.resp import Closed, ReplyError
from tests.support.seed import new_seed
from tests.support.server import ORACLE, ROOT, SANITIZED, Server, bin_dir, eventually, free_port

DATA = os.path.join(ROOT, "tests", "data", "aof")
EXPECTED = os.path.join(ROOT, "tests", "data", "rdb")
SERVERS = ["redis-7.0.15", "redis-8.0.6", "valkey-9.1.2"]
MANIFEST = os.path.join("appendonlydir", "appendonly.aof.manifest")


class Folder:
    """A data folder that outlives the servers that use it."""

    def __init__(self, origin=None):
        self.path = tempfile.mkdtemp(prefix="tessera-aof-")
        if origin is not None:
            shutil.copytree(os.path.join(DATA, origin), os.path.join(self.path, "appendonlydir"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)

    def start(self, *args, shards=2, binary=None, wait=True):
        return Server("--dir", self.path, "--appendonly", "yes", "--enable-debug-command", "yes", *args,
                      shards=None if binary else shards, binary=binary, wait=wait)

    def file(self, name):
        return os.path.join(self.path, "appendonlydir", name)

    def increments(self):
        with open(os.path.join(self.path, MANIFEST)) as file:
            return [line.split()[1] for line in file if " type i" in line]

    def last(self):
        return self.file(self.increments()[-1])


def end(server):
    """In order, as an operator would."""
    server.process.send_signal(signal.SIGTERM)
    assert server.wait_exit() == 0, server.log()


def refused(connection, *words):
    """The error that the command is answered by; nothing when it is not."""
    reply = connection.call(*words)
    return str(reply) if isinstance(reply, ReplyError) else ""


def run_tool(program, *args, answer=b""):
    done = subprocess.run([program, *args], input=answer, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    return done.returncode, done.stdout.decode("latin-1")


@pytest.mark.parametrize("shards", [1, 4])
@pytest.mark.parametrize("origin", SERVERS)
def test_files_of_other_servers(origin, shards):
    with open(os.path.join(EXPECTED, origin + ".json")) as file:
        expected = json.load(file)
    with Folder(origin) as folder:
        with folder.start(shards=shards) as server, server.connect() as connection:
            counts = {}
            for name, wanted in expected.items():
                if name == "functions":
                    continue
                db, key = name.split(":", 1)
                counts[db] = counts.get(db, 0) + 1
                connection.call("SELECT", db)
                check_key(connection, name, key.encode("latin-1"), wanted)
            for db, count in counts.items():
                connection.call("SELECT", db)
                assert connection.call("DBSIZE") == count
            assert len(connection.call("FUNCTION", "LIST")) == len(expected.get("functions", [])), server.log()
            assert server.info("persistence")["aof_enabled"] == "1"
            if origin == SERVERS[0]:
                with Folder(origin) as other, other.start(binary=ORACLE) as oracle:
                    assert connection.call("DEBUG", "DIGEST") == oracle.call("DEBUG", "DIGEST")


def write_some(connection, seed, rounds=300):
    """Changes of all types, in several databases, some of several effects."""
    rng = random.Random(seed)
    for i in range(rounds):
        if rng.random() < 0.1:
            connection.call("SELECT", rng.randrange(4))
        key = "k%d" % rng.randrange(40)
        word = "w%d" % rng.randrange(30)
        commands = [
            ("SET", "s" + key, word * rng.randrange(1, 50)), ("SET", "s" + key, i, "PX", 10000000),
            ("APPEND", "s" + key, word), ("INCRBY", "n" + key, rng.randrange(100)), ("DEL", "s" + key, "h" + key),
            ("MSET", "s" + key, i, "s" + word, i, "sx", i), ("LPUSH", "l" + key, word, i), ("RPOP", "l" + key),
            ("RPOPLPUSH", "l" + key, "l" + word), ("LMPOP", 2, "l" + key, "l" + word, "LEFT", "COUNT", 2),
            ("SADD", "t" + key, word, i), ("SPOP", "t" + key, 2), ("SMOVE", "t" + key, "t" + word, i),
            ("HSET", "h" + key, word, i, "f", word), ("HINCRBYFLOAT", "h" + key, "x", "1.5"), ("HDEL", "h" + key, word),
            ("ZADD", "z" + key, i, word, 1.5, "a"), ("ZPOPMIN", "z" + key), ("ZUNIONSTORE", "z" + word, 2, "z" + key, "z" + word),
            ("XADD", "x" + key, "*", word, i), ("XTRIM", "x" + key, "MAXLEN", 5), ("EXPIRE", "l" + key, 100000),
            ("RENAME", "s" + key, "s" + word), ("SETRANGE", "s" + key, 10, word), ("PFADD", "p" + key, word),
            ("EVAL", "redis.call('SET', KEYS[1], ARGV[1]); return redis.call('SADD', KEYS[2], ARGV[1])", 2, "s" + key, "t" + key, word),
        ]
        try:
            connection.call(*rng.choice(commands))
        except ReplyError:
            pass
        if rng.random() < 0.05:
            connection.call("MULTI")
            for _ in range(3):
                connection.call("SET", "m%d" % rng.randrange(30), i)
            connection.call("EXEC")


@pytest.mark.parametrize("shards", [1, 4])
@pytest.mark.parametrize("args", [(), ("--appendfsync", "always"), ("--aof-use-rdb-preamble", "no", "--aof-timestamp-enabled", "yes"),
                                  ("--appendfsync", "no")], ids=lambda a: "-".join(a[:2]) or "default")
def test_what_we_write_redis_loads(args, shards):
    seed = new_seed(30)
    print("seed", seed)
    with Folder() as folder:
        with folder.start(*args, shards=shards) as server, server.connect() as connection:
            write_some(connection, seed)
            digest = connection.call("DEBUG", "DIGEST")
            end(server)
        code, out = run_tool("/usr/bin/redis-check-aof", os.path.join(folder.path, MANIFEST))
        assert code == 0 and "All AOF files and manifest are valid" in out, out
        assert run_tool(os.path.join(bin_dir(), "tessera-check-aof"), os.path.join(folder.path, MANIFEST)) == (code, out)
        with folder.start(*args, shards=3) as server, server.connect() as connection:
            assert connection.call("DEBUG", "DIGEST") == digest
            write_some(connection, seed + 1, 100)
            digest = connection.call("DEBUG", "DIGEST")
            end(server)
        with folder.start(binary=ORACLE) as oracle:
            assert oracle.call("DEBUG", "DIGEST") == digest, oracle.log()
            oracle.call("SET", "redis", "was here")
            digest = oracle.call("DEBUG", "DIGEST")
            end(oracle)
        with folder.start(*args, shards=shards) as server:
            assert server.call("DEBUG", "DIGEST") == digest


@pytest.mark.parametrize("policy", ["always", "everysec"])
def test_kill_loses_nothing_that_was_acknowledged(policy):
    """`everysec` may lose what the disk has not; a process that is killed still has it in the kernel's memory, but for
    the last milliseconds."""
    clients = 6
    with Folder() as folder:
        server = folder.start("--appendfsync", policy, shards=4)
        acknowledged = [0] * clients

        def client(number):
            try:
                with server.connect() as connection:
                    for i in range(1, 1000000):
                        assert connection.call("SET", "counter:%d" % number, i) == "OK"
                        connection.call("RPUSH", "list:%d" % number, i)
                        acknowledged[number] = i
            except (OSError, Closed, AssertionError):
                pass

        with server:
            threads = [threading.Thread(target=client, args=(i,)) for i in range(clients)]
            for thread in threads:
                thread.start()
            eventually(lambda: min(acknowledged) > 50, 60)
            os.kill(server.pid, signal.SIGKILL)
            server.wait_exit()
            for thread in threads:
                thread.join()
        with folder.start(shards=4) as server, server.connect() as connection:
            for number in range(clients):
                found = int(connection.call("GET", "counter:%d" % number) or 0)
                length = connection.call("LLEN", "list:%d" % number)
                if policy == "always":
                    assert found >= acknowledged[number] and length >= acknowledged[number]
                # One order: what came later is not there without what came before.
                assert length in (found, found - 1)


def test_truncated_files():
    """Cut anywhere in its last bytes, in and out of transactions: a prefix is loaded and the file cut, or it is refused."""
    with Folder() as folder:
        with folder.start() as server, server.connect() as connection:
            for i in range(20):
                connection.call("SET", "plain", i)
                connection.call("MULTI")
                connection.call("SET", "a", i)
                connection.call("SET", "b", i)
                connection.call("EXEC")
            end(server)
        with open(folder.last(), "rb") as file:
            whole = file.read()
        steps = list(range(1, 40)) + list(range(40, min(4096, len(whole) - 60), 97))
        for cut in steps:
            with open(folder.last(), "wb") as file:
                file.write(whole[:-cut])
            with folder.start(shards=2) as server, server.connect() as connection:
                a, b, plain = connection.call("MGET", "a", "b", "plain")
                assert a == b
                assert int(plain or -1) - int(a or -1) in (0, 1)
            code, out = run_tool("/usr/bin/redis-check-aof", os.path.join(folder.path, MANIFEST))
            assert code == 0, out
        with open(folder.last(), "wb") as file:
            file.write(whole[:-3])
        with folder.start("--aof-load-truncated", "no", wait=False) as server:
            assert server.wait_exit() == 1
            assert "Unexpected end of file reading the append only file appendonly.aof.1.incr.aof" in server.log()
        with open(folder.last(), "wb") as file:
            at = whole.rindex(b"*3")
            file.write(whole[:at] + b"!" + whole[at + 1:])
        with folder.start(wait=False) as server:
            assert server.wait_exit() == 1
            assert "Bad file format reading the append only file" in server.log()


def test_a_torn_file_before_an_empty_one():
    """As a failed change of the manifest leaves them when power fails: the empty one was named, the other went on."""
    with Folder() as folder:
        with folder.start() as server, server.connect() as connection:
            connection.call("SET", "a", 1)
            end(server)
        with open(folder.last(), "ab") as file:
            file.write(b"*3\r\n$3\r\nSET\r\n$1\r\nb")
        with open(os.path.join(folder.path, MANIFEST), "a") as file:
            file.write("file appendonly.aof.2.incr.aof seq 2 type i\n")
        open(folder.last(), "w").close()
        for i in range(2):
            with folder.start() as server, server.connect() as connection:
                assert connection.call("MGET", "a", "c") == [b"1", b"2" if i else None]
                connection.call("SET", "c", 2)
                end(server)


def test_an_old_single_file_moves_into_the_folder():
    with Folder(SERVERS[0]) as folder:
        shutil.move(folder.file("appendonly.aof.1.incr.aof"), os.path.join(folder.path, "appendonly.aof"))
        shutil.rmtree(os.path.join(folder.path, "appendonlydir"))
        with folder.start() as server, server.connect() as connection:
            assert "Successfully migrated an old-style AOF file" in server.log()
            digest = connection.call("DEBUG", "DIGEST")
            connection.call("SET", "more", 1)
            changed = connection.call("DEBUG", "DIGEST")
            end(server)
        with open(os.path.join(folder.path, MANIFEST)) as file:
            assert file.read() == ("file appendonly.aof seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n")
        with Folder(SERVERS[0]) as other, other.start(binary=ORACLE) as oracle:
            assert oracle.call("DEBUG", "DIGEST") == digest
        with folder.start(binary=ORACLE) as oracle:
            assert oracle.call("DEBUG", "DIGEST") == changed


def test_a_second_process_is_refused():
    with Folder() as folder, folder.start():
        with folder.start(wait=False) as second:
            assert second.wait_exit() == 1
            assert "in use by another process" in second.log()


def test_damaged_manifests_are_refused():
    for text, said in [("", "Found an empty AOF manifest"), ("file x seq 1 type b\nfile y seq 2 type b\n", "duplicate base"),
                       ("file x seq 1 type q\n", "Unknown AOF file type"), ("file x seq 1\n", "Invalid AOF manifest file format"),
                       ("file a/b seq 1 type b\n", "just a filename"), ("file nowhere seq 1 type i\n", "nowhere")]:
        with Folder() as folder:
            os.mkdir(os.path.join(folder.path, "appendonlydir"))
            with open(os.path.join(folder.path, MANIFEST), "w") as file:
                file.write(text)
            with folder.start(wait=False) as server:
                assert server.wait_exit() == 1
                assert said in server.log(), server.log()


def test_on_and_off_at_run_time():
    with Folder() as folder:
        with Server("--dir", folder.path, "--enable-debug-command", "yes", shards=2) as server, server.connect() as connection:
            assert server.info("persistence")["aof_enabled"] == "0"
            assert refused(connection, "WAITAOF", 1, 0, 0) == (
                "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.")
            assert connection.call("CONFIG", "SET", "appendonly", "yes") == "OK"
            eventually(lambda: server.info("persistence")["aof_rewrite_in_progress"] == "0" and os.path.exists(
                os.path.join(folder.path, MANIFEST)), 20)
            connection.call("SET", "a", 1)
            assert connection.call("WAITAOF", 1, 0, 0) == [1, 0]
            assert connection.call("CONFIG", "SET", "appendfsync", "always") == "OK"
            connection.call("SET", "b", 2)
            assert connection.call("CONFIG", "SET", "appendonly", "no") == "OK"
            eventually(lambda: server.info("persistence")["aof_enabled"] == "0", 20)
            connection.call("SET", "c", 3)
        with folder.start() as server, server.connect() as connection:
            assert connection.call("MGET", "a", "b", "c") == [b"1", b"2", None]


def is_rewriting(server):
    return server.info("persistence")["aof_rewrite_in_progress"] == "1"


def base_of(folder):
    with open(os.path.join(folder.path, MANIFEST)) as file:
        return [line.split()[1] for line in file if line.split()[5] == "b"]


BASES = pytest.mark.parametrize("preamble", ["yes", "no"])


class Writers:
    """Clients that write until they are stopped."""

    def __init__(self, server, seed):
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(server, seed + i)) for i in range(2)]

    def run(self, server, seed):
        with server.connect() as connection:
            while not self.over.is_set():
                write_some(connection, seed, 50)
                seed += 2

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()


@BASES
@pytest.mark.parametrize("shards", [1, 4])
def test_turned_on_and_rewritten_with_keys_under_writes(preamble, shards):
    seed = new_seed(30)
    print("seed", seed)
    with Folder() as folder:
        args = ("--aof-use-rdb-preamble", preamble, "--auto-aof-rewrite-percentage", "0")
        with Server("--dir", folder.path, "--enable-debug-command", "yes", *args, shards=shards) as server, \
                server.connect() as connection:
            write_some(connection, seed, 1000)
            connection.call("SELECT", 0)
            connection.call("FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() return 7 end)")
            connection.call("RPUSH", "large", *["element %d" % i for i in range(60000)])
            connection.call("HSET", "wide", *[word for i in range(20000) for word in ("field %d" % i, i)])
            connection.call("SET", "long", b"x" * 3000000)
            with Writers(server, seed):
                assert connection.call("CONFIG", "SET", "appendonly", "yes") == "OK"
                eventually(lambda: not is_rewriting(server) and os.path.exists(os.path.join(folder.path, MANIFEST)), 60)
                bases = [base_of(folder)]
                for _ in range(3):
                    assert connection.call("BGREWRITEAOF") == "Background append only file rewriting started"
                    eventually(lambda: not is_rewriting(server), 60)
                    bases.append(base_of(folder))
            ending = "rdb" if preamble == "yes" else "aof"
            assert bases == [["appendonly.aof.%d.base.%s" % (i, ending)] for i in range(1, 5)]
            info = server.info("persistence")
            assert (info["aof_last_bgrewrite_status"], info["aof_rewrites"]) == ("ok", "4")
            eventually(lambda: sorted(os.listdir(folder.file(""))) == sorted(
                [bases[-1][0], folder.increments()[-1], "appendonly.aof.manifest", "appendonly.aof.lock"]), 20)
            digest = connection.call("DEBUG", "DIGEST")
            end(server)
        assert [name for name in os.listdir(folder.path) if name.startswith("temp-")] == []
        code, out = run_tool("/usr/bin/redis-check-aof", os.path.join(folder.path, MANIFEST))
        assert code == 0 and "All AOF files and manifest are valid" in out, out
        for options in ({"binary": ORACLE}, {"shards": 3}):
            with folder.start(*args, **options) as server:
                assert server.call("DEBUG", "DIGEST") == digest, server.log()
                assert server.call("FCALL", "f", 0) == 7


@BASES
def test_a_rewrite_while_the_file_is_off(preamble):
    """The folder gets a base alone, as with redis-server."""
    with Folder() as folder:
        args = ("--aof-use-rdb-preamble", preamble)
        with Server("--dir", folder.path, *args, shards=2) as server, server.connect() as connection:
            connection.call("MSET", "a", 1, "b", 2)
            for i in (1, 2):
                assert connection.call("BGREWRITEAOF") == "Background append only file rewriting started"
                eventually(lambda: not is_rewriting(server), 20)
                assert base_of(folder) == ["appendonly.aof.%d.base.%s" % (i, "rdb" if preamble == "yes" else "aof")]
                assert folder.increments() == []
            assert connection.call("CONFIG", "SET", "appendonly", "yes") == "OK"
            eventually(lambda: not is_rewriting(server) and len(folder.increments()) == 1, 20)
            connection.call("SET", "c", 3)
            assert connection.call("WAITAOF", 1, 0, 0) == [1, 0]
        for options in ({"binary": ORACLE}, {"shards": 3}):
            with folder.start(*args, **options) as server, server.connect() as connection:
                assert connection.call("MGET", "a", "b", "c") == [b"1", b"2", b"3"]


def test_on_off_on_at_once():
    """Whatever is under way when it is turned off or on again, the last word counts."""
    with Folder() as folder:
        with Server("--dir", folder.path, shards=3) as server, server.connect() as connection:
            for i in range(500):
                connection.call("SET", "k%d" % i, "v" * 1000)
            for i in range(20):
                connection.call("BGREWRITEAOF")
                for value in ("yes", "no", "yes"):
                    assert connection.call("CONFIG", "SET", "appendonly", value) == "OK"
                connection.call("SET", "last", i)
                if i % 3 == 0:
                    assert connection.call("WAITAOF", 1, 0, 0) == [1, 0]
                if i % 2 == 0:
                    assert connection.call("CONFIG", "SET", "appendonly", "no") == "OK"
            assert connection.call("WAITAOF", 1, 0, 0) == [1, 0]
            assert connection.call("DBSIZE") == 501
        assert [name for name in os.listdir(folder.path) if name.startswith("temp-")] == []
        with folder.start(binary=ORACLE) as server, server.connect() as connection:
            assert connection.call("DBSIZE") == 501 and connection.call("GET", "last") == b"19"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
@pytest.mark.parametrize("policy", ["always", "everysec"])
def test_full_disk(policy):
    """Writes are refused, reads go on; with room again all goes on by itself, and nothing acknowledged is lost."""
    with Folder() as folder:
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder.path]).returncode != 0:
            pytest.skip("no tmpfs here")
        try:
            with folder.start("--appendfsync", policy) as server, server.connect() as connection:
                kept = 0
                blocker = server.connect()
                try:
                    while kept < 2000 and blocker.call("SET", "key:%d" % kept, "x" * 4000) == "OK":
                        kept += 1
                except Closed:
                    pass  # `always`: whether that one is durable is not known
                assert kept < 2000
                eventually(lambda: server.info("persistence")["aof_last_write_status"] == "err", 20)
                full = "MISCONF Errors writing to the AOF file: No space left on device"
                assert refused(connection, "SET", "more", 1) == full
                assert refused(connection, "PING") == full
                if policy == "everysec":  # else it waits for the disk, since it may have written
                    assert refused(connection, "EVAL", "return redis.call('SET', KEYS[1], 1)", 1, "more").startswith("MISCONF")
                connection.call("MULTI")
                assert refused(connection, "SET", "more", 1) == full
                assert refused(connection, "EXEC").startswith("EXECABORT")
                assert len(connection.call("GET", "key:0")) == 4000
                assert subprocess.run(["mount", "-o", "remount,size=64m", folder.path]).returncode == 0
                eventually(lambda: server.info("persistence")["aof_last_write_status"] == "ok", 20)
                assert connection.call("SET", "more", 1) == "OK"
                assert "Redis can write again" in server.log()
                end(server)
            with folder.start() as server, server.connect() as connection:
                assert connection.call("EXISTS", *["key:%d" % i for i in range(kept)], "more") == kept + 1
        finally:
            subprocess.run(["umount", "-l", folder.path])


def damaged_files():
    yield "empty", b""
    ping = b"*1\r\n$4\r\nPING\r\n"
    yield "whole", ping * 3
    yield "tail", ping + b"XX"
    yield "line end", b"*1\r\n$4\r\nPINGxx"
    yield "half a number", ping + b"*1\r"
    yield "half a word", ping + b"*2\r\n$4\r\nPI"
    yield "letters", b"*a\r\n"
    yield "negative", b"*1\r\n$-1\r\n"
    yield "prefix", b"*1\r\n+1\r\n"
    yield "open", b"*1\r\n$5\r\nMULTI\r\n" + ping
    yield "exec", ping + b"*1\r\n$4\r\nEXEC\r\n" + ping
    yield "nested", b"*1\r\n$5\r\nMULTI\r\n" * 2
    yield "times", b"#TS:100\r\n" + ping + b"#TS:200\r\n" + ping
    yield "bad time", ping + b"#TS:x\r\n" + ping


@pytest.mark.parametrize("args", [(), ("--fix",), ("--truncate-to-timestamp", "150"), ("--truncate-to-timestamp", "50")],
                         ids=lambda a: "".join(a) or "plain")
@pytest.mark.parametrize("name,data", list(damaged_files()), ids=lambda x: x if isinstance(x, str) else "")
def test_checker_says_what_redis_check_aof_says(name, data, args):
    results = []
    for program in ("/usr/bin/redis-check-aof", os.path.join(bin_dir(), "tessera-check-aof")):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "file.aof")
            with open(path, "wb") as file:
                file.write(data)
            done = subprocess.run([program, *args, "file.aof"], cwd=folder, input=b"y\n", stdout=subprocess.PIPE, timeout=60)
            with open(path, "rb") as file:
                results.append((done.returncode, done.stdout.decode("latin-1"), file.read()))
    assert results[0] == results[1]


@pytest.mark.parametrize("binary,shards", [(ORACLE, None), (None, 1), (None, 2)])
def test_turning_on_fails_and_takes_the_rest_back(binary, shards):
    """CONFIG SET of several is all or nothing, also where it turns out late; what was set since stays."""
    with Server("--appenddirname", "taken", binary=binary, shards=shards) as server, server.connect() as client, server.connect() as other:
        names = ("maxmemory", "appendonly", "slowlog-max-len", "save", "timeout", "bind", "appendfsync")
        before = {name: client.call("CONFIG", "GET", name) for name in names}
        with open(os.path.join(server.dir, "taken"), "w") as file:
            file.write("x")
        for port in (free_port(), free_port()):
            reply = client.call("CONFIG", "SET", "maxmemory", "123456789", "appendonly", "yes", "slowlog-max-len", "77", "port", port,
                                "save", "77 7", "appendfsync", "always")
            assert reply == ReplyError("ERR CONFIG SET failed (possibly related to argument 'appendonly') - Unable to turn on AOF. "
                                       "Check server logs.")
            assert {name: client.call("CONFIG", "GET", name) for name in names} == before
            assert other.call("CONFIG", "GET", "port") == [b"port", b"%d" % server.port]
            with server.connect() as fresh:
                assert fresh.call("SET", "k", "v") == "OK"
            assert other.call("CONFIG", "SET", "timeout", "5") == "OK"
            before["timeout"] = [b"timeout", b"5"]
        os.remove(os.path.join(server.dir, "taken"))
        assert client.call("CONFIG", "SET", "maxmemory", "123456789", "appendonly", "yes", "slowlog-max-len", "77") == "OK"
        assert client.call("CONFIG", "GET", "slowlog-max-len") == [b"slowlog-max-len", b"77"]


def test_turning_on_fails_and_works_later():
    """As redis-server's: the error, and the parameter says what is."""
    with Server("--appenddirname", "taken") as server, server.connect() as client:
        with open(os.path.join(server.dir, "taken"), "w") as file:
            file.write("x")
        client.call("SET", "k", "v")
        reply = client.call("CONFIG", "SET", "appendonly", "yes")
        assert reply == ReplyError("ERR CONFIG SET failed (possibly related to argument 'appendonly') - Unable to turn on AOF. "
                                   "Check server logs.")
        assert client.call("CONFIG", "GET", "appendonly") == [b"appendonly", b"no"]
        os.remove(os.path.join(server.dir, "taken"))
        assert client.call("CONFIG", "SET", "appendonly", "yes") == "OK"
        eventually(lambda: server.info("persistence")["aof_enabled"] == "1" and server.info("persistence")["aof_rewrite_in_progress"] == "0")
        assert os.path.isdir(os.path.join(server.dir, "taken"))

