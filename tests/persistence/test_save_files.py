"""Files that we write: redis-server and its checker take them, and they hold one moment whatever goes on meanwhile."""
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading

import pytest

from tests.support.resp import Closed, ReplyError, encode
from tests.support.server import ORACLE, Server, eventually

CHECKER = os.path.join(os.path.dirname(ORACLE), "redis-check-rdb")


def dump_of(server):
    return os.path.join(server.dir, "dump.rdb")


def check(file):
    done = subprocess.run([CHECKER, file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def digest_by(file, binary=None, shards=None, args=()):
    """What a server that loads the file makes of it."""
    folder = tempfile.mkdtemp(prefix="tessera-saved-")
    try:
        shutil.copy(file, os.path.join(folder, "dump.rdb"))
        with Server("--dir", folder, "--enable-debug-command", "yes", *args, binary=binary, shards=shards) as server:
            with server.connect() as connection:
                return connection.call("DEBUG", "DIGEST"), connection.call("DBSIZE")
    finally:
        shutil.rmtree(folder)


def fill(connection, seed, big=True):
    """All types, small and large, with and without times, in two databases."""
    rng = random.Random(seed)
    for db in (0, 9):
        connection.call("SELECT", db)
        for i in range(300):
            connection.call("SET", "string:%d" % i, rng.choice(["%d" % rng.randrange(-2**40, 2**40), "v" * rng.randrange(200),
                                                                rng.randbytes(rng.randrange(2000))]))
            if i % 5 == 0:
                connection.call("PEXPIREAT", "string:%d" % i, 4102444800000 + i)
        for name, n in (("small", 5), ("middle", 600), ("large", 40000 if big else 3000)):
            for kind in ("list", "set", "hash", "zset", "stream", "ints"):
                key = "%s:%s" % (kind, name)
                for begin in range(0, n, 500):
                    part = range(begin, min(n, begin + 500))
                    if kind == "list":
                        connection.call("RPUSH", key, *["element %d" % i for i in part])
                    elif kind == "set":
                        connection.call("SADD", key, *["member %d" % i for i in part])
                    elif kind == "ints":
                        connection.call("SADD", key, *[i * 3 for i in part])
                    elif kind == "hash":
                        connection.call("HSET", key, *[x for i in part for x in ("field %d" % i, "value %d" % i)])
                    elif kind == "zset":
                        connection.call("ZADD", key, *[x for i in part for x in (i / 7, "member %d" % i)])
                    else:
                        for i in part[::10]:
                            connection.call("XADD", key, "%d-1" % (i + 1), "field", "value %d" % i)
        connection.call("XGROUP", "CREATE", "stream:middle", "group", "0")
        connection.call("XREADGROUP", "GROUP", "group", "consumer", "COUNT", 7, "STREAMS", "stream:middle", ">")
    connection.call("SET", "long", "abc" * 3000000 if big else "abc" * 10000)
    connection.call("SELECT", 0)


@pytest.mark.parametrize("shards", [1, 4])
@pytest.mark.parametrize("compress", ["yes", "no"])
def test_others_read_what_we_save(shards, compress):
    with Server("--enable-debug-command", "yes", "--rdbcompression", compress, shards=shards) as server:
        with server.connect() as connection:
            fill(connection, 1)
            digest, count = connection.call("DEBUG", "DIGEST"), connection.call("DBSIZE")
            before = connection.call("LASTSAVE")
            assert connection.call("SAVE") == "OK"
            assert connection.call("LASTSAVE") >= before
            check(dump_of(server))
            assert not [n for n in os.listdir(server.dir) if n.startswith("temp-")]
            assert digest_by(dump_of(server), ORACLE) == (digest, count)
            assert digest_by(dump_of(server), shards=2) == (digest, count)
            info = server_info(connection)
            assert info["rdb_changes_since_last_save"] == "0" and info["rdb_saves"] == "1"
            assert info["rdb_last_bgsave_status"] == "ok"


def server_info(connection):
    text = connection.call("INFO", "persistence").decode()
    return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)


def test_the_same_bytes_again():
    """Whatever came in what order, over how many shards: save, load, save is the same file."""
    files = []
    folder = tempfile.mkdtemp(prefix="tessera-again-")
    try:
        for round_number, shards in enumerate((1, 3, 1)):
            with Server("--dir", folder, "--hash-seed", "fixed", shards=shards) as server:
                with server.connect() as connection:
                    if round_number == 0:
                        fill(connection, 2)
                    connection.call("SAVE")
                with open(os.path.join(folder, "dump.rdb"), "rb") as file:
                    files.append(file.read())
        assert files[0] == files[1] == files[2]
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("shards", [1, 4])
def test_one_moment_under_writes(shards):
    """Two keys of different slots change in one transaction: no file has one without the other; counters that only
    grow are all as of one moment."""
    with Server("--enable-debug-command", "yes", shards=shards) as server:
        stop = threading.Event()

        def write():
            rng = random.Random(5)
            with server.connect() as connection:
                i = 0
                while not stop.is_set():
                    i += 1
                    connection.call("MULTI")
                    connection.call("SET", "left", i)
                    connection.call("SET", "right", i)
                    connection.call("EXEC")
                    key = "key:%d" % rng.randrange(20000)
                    connection.call(*rng.choice([("SET", key, "new %d" % i), ("DEL", key), ("APPEND", key, "more"),
                                                 ("RENAME", "key:%d" % rng.randrange(20000), key), ("PEXPIRE", key, 100000),
                                                 ("SADD", "set:large", "new %d" % i), ("LPUSH", "list:large", i),
                                                 ("HSET", "hash:large", "field 5", i), ("ZADD", "zset:large", i, "n"),
                                                 ("DEL", "zset:large")]))

        with server.connect() as connection:
            fill(connection, 3)
            connection.pipeline([("SET", "key:%d" % i, "old %d" % i) for i in range(20000)])
            writer = threading.Thread(target=write)
            writer.start()
            try:
                for _ in range(6):
                    assert connection.call("SAVE") == "OK"
                    check(dump_of(server))
                    folder = tempfile.mkdtemp(prefix="tessera-moment-")
                    shutil.copy(dump_of(server), os.path.join(folder, "dump.rdb"))
                    with Server("--dir", folder, binary=ORACLE) as other, other.connect() as oracle:
                        assert oracle.call("GET", "left") == oracle.call("GET", "right")
                    shutil.rmtree(folder)
            finally:
                stop.set()
                writer.join()


def test_points_cancel_and_schedule():
    with Server("--save", "1 5", shards=2) as server, server.connect() as connection:
        for i in range(6):
            connection.call("SET", i, i)
        eventually(lambda: os.path.exists(dump_of(server)), what="a file at the save point")
        eventually(lambda: server_info(connection)["rdb_bgsave_in_progress"] == "0")
        assert "Background saving is currently not in progress or scheduled" in str(connection.call("BGSAVE", "CANCEL"))
        assert "syntax error" in str(connection.call("BGSAVE", "NOW"))
        assert connection.call("BGSAVE", "SCHEDULE") in ("Background saving started", "Background saving scheduled")
        eventually(lambda: server_info(connection)["rdb_bgsave_in_progress"] == "0")


def test_writes_are_refused_after_a_failure():
    with Server("--save", "10000 1000000", "--enable-protected-configs", "yes", shards=2) as server:
        with server.connect() as connection:
            connection.call("SET", "a", 1)
            gone = os.path.join(server.dir, "gone")
            os.mkdir(gone)
            connection.call("CONFIG", "SET", "dir", gone)
            os.rmdir(gone)
            assert connection.call("SAVE") == ReplyError("ERR")
            assert connection.call("SET", "a", 1) == "OK"
            assert connection.call("BGSAVE") == "Background saving started"
            eventually(lambda: server_info(connection)["rdb_last_bgsave_status"] == "err")
            assert "MISCONF Redis is configured to save RDB snapshots" in str(connection.call("SET", "a", 2))
            assert connection.call("GET", "a") == b"1"
            script = "return redis.call(%s, KEYS[1], 3)"
            assert "MISCONF Redis is configured to save RDB snapshots" in str(connection.call("EVAL", script % "'set'", 1, "a"))
            writes = connection.call("EVAL", "#!lua\n" + script % "'set'", 1, "a")
            assert "Writable scripts are blocked. Use 'no-writes' flag for read only scripts." in str(writes)
            assert connection.call("EVAL", "#!lua flags=no-writes\nreturn redis.call('get', KEYS[1])", 1, "a") == b"1"
            assert server_info(connection)["rdb_last_bgsave_status"] == "err"
            connection.call("CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
            eventually(lambda: connection.call("SET", "a", 2) == "OK")
            assert "Errors trying to SHUTDOWN" in str(connection.call("SHUTDOWN", "SAVE"))
            assert connection.call("SET", "a", 3) == "OK"
            os.mkdir(gone)
            assert connection.call("SAVE") == "OK"
            connection.call("CONFIG", "SET", "stop-writes-on-bgsave-error", "yes")
            assert connection.call("SET", "a", 4) == "OK"


def test_shutdown_saves():
    folder = tempfile.mkdtemp(prefix="tessera-stop-")
    try:
        for save, wanted in (("3600 1", b"1"), ("", None)):
            with Server("--dir", folder, "--save", save, shards=2) as server, server.connect() as connection:
                connection.call("FLUSHALL")
                connection.call("SET", "a", 1)
                os.kill(server.pid, signal.SIGTERM)
                assert server.process.wait(20) == 0
            if not save:
                continue
            with Server("--dir", folder, shards=1) as server, server.connect() as connection:
                assert connection.call("GET", "a") == wanted
    finally:
        shutil.rmtree(folder)


def test_several_ask_for_the_end():
    """One file answers all of them; who aborts, aborts for all, and the next one begins anew."""
    with Server("--save", "3600 1", "--enable-debug-command", "yes", shards=2) as server, server.connect() as connection:
        connection.call("DEBUG", "POPULATE", 300000)
        first, second = server.connect(), server.connect()
        for asks in (first, second):
            asks.send(encode("SHUTDOWN", "SAVE"))
        eventually(lambda: server.log().count("Saving the final RDB snapshot") == 2)
        aborted = connection.call("SHUTDOWN", "ABORT")
        if aborted == "OK":  # the file was not there yet
            for asks in (first, second):
                assert "Errors trying to SHUTDOWN" in str(asks.read())
                asks.send(encode("SHUTDOWN", "SAVE"))
        assert server.process.wait(20) == 0
        with Server("--dir", server.dir, shards=1) as again, again.connect() as other:
            assert other.call("DBSIZE") == 300000


def test_a_save_behind_a_flush_is_not_given_up():
    with Server("--enable-debug-command", "yes", "--save", "", shards=2) as server, server.connect() as connection:
        for save in ("SAVE", "BGSAVE") * 4:
            connection.call("DEBUG", "POPULATE", 50000)
            connection.call("FLUSHALL")
            connection.call("DEBUG", "POPULATE", 100000)
            saves = int(server_info(connection)["rdb_saves"])
            assert connection.call(save) in ("OK", "Background saving started")
            eventually(lambda: server_info(connection)["rdb_bgsave_in_progress"] == "0")
            assert int(server_info(connection)["rdb_saves"]) == saves + 1
        assert "given up" not in server.log()


def begin_to_stop(server, connection, ask):
    """A last file that takes a while is under way."""
    connection.call("DEBUG", "POPULATE", 1000000, "key", 100)
    before = server.log().count("Saving the final RDB snapshot")
    ask()
    eventually(lambda: server.log().count("Saving the final RDB snapshot") > before)


def test_nobody_ends_the_hold_of_writes_for_the_last_file():
    with Server("--save", "3600 1", "--enable-debug-command", "yes", shards=2) as server, server.connect() as connection:
        last, other = server.connect(), server.connect()
        begin_to_stop(server, connection, lambda: last.send(encode("SHUTDOWN", "SAVE")))
        assert b"paused_reason:shutdown_in_progress" in other.call("INFO", "clients")
        assert other.call("CLIENT", "UNPAUSE") == "OK"
        connection.send(encode("SET", "late", 1))
        assert b"paused_actions:write" in other.call("INFO", "clients")
        with pytest.raises(Closed):
            connection.read()
        assert server.process.wait(20) == 0
        with Server("--dir", server.dir, shards=1) as again, again.connect() as reader:
            assert reader.call("DBSIZE") == 1000000


@pytest.mark.parametrize("how", ["SIGINT", "FORCE"])
def test_after_an_aborted_end_all_is_as_before(how):
    with Server("--save", "3600 1", "--enable-debug-command", "yes", shards=2) as server, server.connect() as connection:
        last, other = server.connect(), server.connect()
        ask = (lambda: os.kill(server.pid, signal.SIGINT)) if how == "SIGINT" else (lambda: last.send(encode("SHUTDOWN", "SAVE", "FORCE")))
        begin_to_stop(server, connection, ask)
        assert other.call("SHUTDOWN", "ABORT") == "OK"
        eventually(lambda: "Shutdown manually aborted" in server.log())
        assert connection.call("SET", "late", 1) == "OK"
        os.kill(server.pid, signal.SIGINT)
        assert server.process.wait(20) == 0
        assert "You insist" not in server.log()
        with Server("--dir", server.dir, shards=1) as again, again.connect() as reader:
            assert reader.call("GET", "late") == b"1"


@pytest.mark.parametrize("shards", [1, 3])
def test_reload(shards):
    with Server("--enable-debug-command", "yes", shards=shards) as server, server.connect() as connection:
        fill(connection, 4, big=False)
        connection.call("HSET", "times", "a", 1, "b", 2)
        digest, count = connection.call("DEBUG", "DIGEST"), connection.call("DBSIZE")
        assert connection.call("DEBUG", "RELOAD") == "OK"
        assert (connection.call("DEBUG", "DIGEST"), connection.call("DBSIZE")) == (digest, count)
        connection.call("SET", "later", 1)
        assert "check server logs" in str(connection.call("DEBUG", "RELOAD", "NOSAVE", "NOFLUSH"))
        assert connection.call("DEBUG", "RELOAD", "NOSAVE", "NOFLUSH", "MERGE") == "OK"
        assert connection.call("GET", "later") == b"1"
        assert connection.call("DEBUG", "RELOAD", "NOSAVE") == "OK"
        assert connection.call("DEBUG", "DIGEST") == digest
        assert "only supports" in str(connection.call("DEBUG", "RELOAD", "WRONG"))


@pytest.mark.parametrize("shards", [1, 3])
def test_a_reload_is_a_change_of_all_keys(shards):
    with Server("--enable-debug-command", "yes", shards=shards) as server, server.connect() as connection, \
            server.connect() as other:
        other.call("MSET", "a", 1, "b", 2)
        assert connection.call("WATCH", "a") == "OK"
        assert other.call("DEBUG", "RELOAD") == "OK"
        assert [connection.call(*words) for words in (["MULTI"], ["PING"], ["EXEC"])] == ["OK", "QUEUED", None]
        connection.call("HELLO", 3)
        connection.call("CLIENT", "TRACKING", "on")
        connection.call("GET", "b")
        assert other.call("DEBUG", "RELOAD") == "OK"
        assert connection.read() == [b"invalidate", None]


def test_times_of_fields_need_another_version():
    with Server(shards=2) as server, server.connect() as connection:
        connection.call("HSET", "h", "a", 1, "b", 2)
        connection.call("SAVE")
        assert open(dump_of(server), "rb").read(9) == b"REDIS0010"
        connection.call("HPEXPIREAT", "h", 4102444800000, "FIELDS", 1, "a")
        connection.call("SAVE")
        assert open(dump_of(server), "rb").read(9) == b"REDIS0012"
        connection.call("DEL", "h")
        connection.call("SAVE")
        assert open(dump_of(server), "rb").read(9) == b"REDIS0010"


def test_flushall_gives_the_old_file_up():
    with Server("--save", "10000 1000000", shards=2) as server, server.connect() as connection:
        connection.call("SET", "a", 1)
        assert connection.call("SAVE") == "OK"
        size = os.path.getsize(dump_of(server))
        connection.call("FLUSHALL")
        eventually(lambda: os.path.getsize(dump_of(server)) < size, what="a file without keys")


@pytest.mark.parametrize("shards", [1, 4])
def test_what_comes_behind_the_answer_is_not_in_the_file(shards):
    """BGSAVE is answered when its moment has come."""
    with Server("--enable-debug-command", "yes", shards=shards) as server, server.connect() as client:
        client.call("DEBUG", "POPULATE", 20000)
        for i in range(20):
            assert client.call("SET", "victim", i) == "OK"
            assert client.call("BGSAVE") == "Background saving started"
            assert client.call("DEL", "victim") == 1
            eventually(lambda: server.info("persistence")["rdb_bgsave_in_progress"] == "0")
            with open(os.path.join(server.dir, "dump.rdb"), "rb") as file:
                assert b"\x06victim" in file.read(), i



def replies_of_saves_and_rewrites(binary):
    """What is answered, and what INFO says, while the one and the other is under way."""
    said = []
    with Server(binary=binary, shards=2) as server, server.connect() as client:
        def ask(*words):
            said.append((words, str(client.call(*words))))

        def over():
            info = server_info(client)
            return all(info[name] == "0" for name in ("rdb_bgsave_in_progress", "aof_rewrite_in_progress", "aof_rewrite_scheduled"))

        client.pipeline([("SET", "k%d" % i, "v" * 50) for i in range(300)])
        client.call("CONFIG", "SET", "rdb-key-save-delay", 5000)
        for words in (("BGSAVE",), ("BGREWRITEAOF",), ("BGREWRITEAOF",), ("BGSAVE",), ("BGSAVE", "SCHEDULE")):
            ask(*words)
        info = server_info(client)
        said.append([info[name] for name in ("rdb_bgsave_in_progress", "aof_rewrite_in_progress", "aof_rewrite_scheduled")])
        eventually(over, 30)
        for words in (("BGREWRITEAOF",), ("BGREWRITEAOF",), ("BGSAVE",), ("BGSAVE", "SCHEDULE")):
            ask(*words)
        info = server_info(client)
        said.append([info[name] for name in ("rdb_bgsave_in_progress", "aof_rewrite_in_progress", "aof_rewrite_scheduled")])
        saves = int(info["rdb_saves"]) if "rdb_saves" in info else 0
        client.call("CONFIG", "SET", "rdb-key-save-delay", 0)
        eventually(lambda: over() and int(server_info(client).get("rdb_saves", 1)) > saves, 30, "what was scheduled is done")
        eventually(over, 30)
        for words in (("MULTI",), ("BGSAVE",), ("BGREWRITEAOF",), ("EXEC",)):
            ask(*words)
        eventually(over, 30)
    return said


def test_answers_while_something_is_written():
    ours, others = replies_of_saves_and_rewrites(None), replies_of_saves_and_rewrites(ORACLE)
    for mine, other in zip(ours, others):
        assert mine == other
    assert len(ours) == len(others)


def test_writes_go_on_when_no_points_are_left():
    with Server("--save", "10000 1000000", "--enable-protected-configs", "yes", shards=2) as server, server.connect() as client:
        for parameter, value in (("save", ""), ("stop-writes-on-bgsave-error", "no")):
            gone = os.path.join(server.dir, "gone")
            os.mkdir(gone)
            client.call("CONFIG", "SET", "dir", gone)
            os.rmdir(gone)
            client.call("CONFIG", "SET", "save", "10000 1000000")
            assert "Background saving" in client.call("BGSAVE")
            eventually(lambda: server_info(client)["rdb_last_bgsave_status"] == "err")
            assert "MISCONF" in str(client.call("SET", "a", 1))
            assert client.call("CONFIG", "SET", parameter, value) == "OK"
            assert client.call("SET", "a", 1) == "OK"
            client.call("CONFIG", "SET", "dir", server.dir)
            assert client.call("SAVE") == "OK"


@pytest.mark.parametrize("what", ["a folder", "a loop"])
@pytest.mark.parametrize("name", ["dump.rdb", "appendonlydir/appendonly.aof.manifest"])
def test_what_cannot_be_read_is_not_taken_for_missing(name, what):
    folder = tempfile.mkdtemp(prefix="tessera-loop-")
    try:
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if what == "a folder":
            os.mkdir(path)
        else:
            os.symlink(os.path.basename(path), path)
        log = "no" if name == "dump.rdb" else "yes"
        with Server("--dir", folder, "--appendonly", log, shards=2, wait=False) as server:
            assert server.wait_exit() == 1
            assert name in server.log()
            assert ("directory" if what == "a folder" else "symbolic links") in server.log()
    finally:
        shutil.rmtree(folder)


def test_the_moment_is_counted_and_copies_are_bounded():
    """How long shards stood for a cut; what was copied for writes before their keys were saved: no more than what these keys
    held."""
    keys, size = 3000, 1000
    with Server("--rdbcompression", "no", shards=4) as server, server.connect() as client:
        client.pipeline([("SET", "key:%d" % i, "v" * size) for i in range(keys)])
        before = server.info("tessera")
        client.call("CONFIG", "SET", "rdb-key-save-delay", 300)
        assert client.call("BGSAVE") == "Background saving started"

        def counted():
            """By each shard that stood, when it goes on: that may be behind the answer."""
            info = server.info("tessera")
            return info if int(info["tessera_parked_count"]) - int(before["tessera_parked_count"]) >= 4 - 1 else None

        after = eventually(counted)
        assert int(after["tessera_parked_us"]) >= int(before["tessera_parked_us"])
        assert int(after["tessera_longest_parked_us"]) <= int(after["tessera_parked_us"])
        written = 0
        for i in range(500):
            client.call("APPEND", "key:%d" % i, "more")
            written += 1
        copied = int(server_info(client)["current_cow_size"])
        client.call("CONFIG", "SET", "rdb-key-save-delay", 0)
        eventually(lambda: server_info(client)["rdb_bgsave_in_progress"] == "0")
        last = int(server_info(client)["rdb_last_cow_size"])
        assert copied <= last <= written * (size + 100), "one key each"
        # The second write to a key copies nothing.
        client.call("CONFIG", "SET", "rdb-key-save-delay", 300)
        assert client.call("BGSAVE") == "Background saving started"
        for _ in range(300):
            client.call("APPEND", "key:5", "more")
        client.call("CONFIG", "SET", "rdb-key-save-delay", 0)
        eventually(lambda: server_info(client)["rdb_bgsave_in_progress"] == "0")
        assert int(server_info(client)["rdb_last_cow_size"]) <= size + 5000


@pytest.mark.long
def test_the_moment_of_many_keys_is_short():
    """Of 4 million keys, which the moment of a cut does not look at: a shard stands for less than a millisecond."""
    with Server("--enable-debug-command", "yes", shards=2) as server, server.connect() as client:
        client.call("DEBUG", "POPULATE", 4000000, "key", 100)
        stood = []
        for _ in range(9):
            before = server.info("tessera")
            assert client.call("BGSAVE") == "Background saving started"

            def counted():
                info = server.info("tessera")
                return info if int(info["tessera_parked_count"]) > int(before["tessera_parked_count"]) else None

            after = eventually(counted)
            stood.append((int(after["tessera_parked_us"]) - int(before["tessera_parked_us"])) /
                         (int(after["tessera_parked_count"]) - int(before["tessera_parked_count"])))
            client.call("BGSAVE", "CANCEL")
            eventually(lambda: server_info(client)["rdb_bgsave_in_progress"] == "0", 60)
        print("a shard stood for", sorted(stood), "us")
        # Walls of single milliseconds are the scheduler's on a busy machine: one round without it is enough.
        assert min(stood) < 1000


def test_a_write_to_a_long_string_copies_one_piece():
    """Of each string that is not saved yet: what it shares with the cut is not copied."""
    piece, count = 256 * 1024, 30
    with Server("--rdbcompression", "no", shards=2) as server, server.connect() as client:
        for i in range(count):
            client.call("SET", "long:%d" % i, "y" * 3000000)
        client.call("CONFIG", "SET", "rdb-key-save-delay", 100000)
        assert client.call("BGSAVE") == "Background saving started"
        before = server.rss_bytes()
        for i in range(count):
            client.call("SETRANGE", "long:%d" % i, 5, "z")
        grown = server.rss_bytes() - before
        assert server_info(client)["rdb_bgsave_in_progress"] == "1"
        assert int(server_info(client)["current_cow_size"]) > 0
        assert grown <= count * piece + 8 * 1024 * 1024
        client.call("CONFIG", "SET", "rdb-key-save-delay", 0)
        eventually(lambda: server_info(client)["rdb_bgsave_in_progress"] == "0")
        assert server_info(client)["rdb_last_bgsave_status"] == "ok"
