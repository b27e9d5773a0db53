"""Commands of connections and of the server beside redis-server, reply by reply, byte for byte; DEBUG EFFECTS."""
import shlex
import time

import pytest

from tests.support.resp import Closed, Connection, encode
from tests.support.server import ORACLE, SANITIZED, Server, eventually, is_redis


class RawConnection(Connection):
    """Gives the bytes of replies instead of what they mean."""
    taken = b""

    def raw(self, *args):
        self.taken = b""
        self.send(encode(*args))
        self.read()
        return self.taken

    def _line(self):
        line = super()._line()
        self.taken += line + b"\r\n"
        return line

    def _exactly(self, n):
        data = super()._exactly(n)
        self.taken += data
        return data


@pytest.fixture(scope="module", params=[1, 4], ids=["shards1", "shards4"])
def pair(request):
    with Server("--enable-debug-command", "yes", shards=request.param) as ours, \
            Server("--enable-debug-command", "yes", binary=ORACLE) as theirs:
        yield ours, theirs


BASIC = r'''
ping
ping x
ping x y
PING ""
echo hi
echo
select abc
select 99
select -1
select 99999999999
select 15
select 0
select 1 2
hello 4
hello a
hello 1
hello 3 auth a
hello 3 setname "a b"
hello 3 foo
hello 2 auth a b c
hello 2 auth a b setname "a b"
hello 2 setname
hello 5 foo
client getname
client setname nm
client getname
hello 2 setname other foo
client getname
client setname ""
client getname
client setname "a b"
client setname
reset
auth x
auth default x
auth x y
auth x y z
auth
readonly
readwrite
asking
role
time x
module list
module foo
module load x
module load
module loadex x
module unload x
module help
'''

CLIENT = r'''
client list id abc
client list id 1 abc
client list type foo
client list type
client list id
client list foo
client list id 999999
client list type master
client list type replica
client list type slave
client list type pubsub
client list foo bar
client kill 1.2.3.4:5
client kill type
client kill type foo
client kill type master
client kill id abc
client kill id 0
client kill id -4
client kill id 99999
client kill user foo
client kill user default addr 1:1
client kill skipme maybe
client kill skipme no skipme
client kill foo bar
client kill addr 1:1
client kill laddr 1:1 type pubsub
client kill 1 2 3
client kill id 1 skipme
client kill user
client kill
client pause abc
client pause -1
client pause 1 foo
client pause 0 all x
client pause 10 foo x
client pause
client pause 1.5
client pause 99999999999999999999
client pause 20 write
client unpause
client unpause x
client reply foo
client reply
client reply on
client reply on x
client no-evict foo
client no-evict on
client no-evict off
client no-evict
client getredir
client foo
client
client help x
client id x
'''

SERVER = r'''
swapdb a b
swapdb 0 b
swapdb 0 99
swapdb 0 0
swapdb 99999999999 1
swapdb 1
flushall foo
flushall async sync
flushall async
flushdb sync
flushdb x
set foo bar
dbsize
select 1
dbsize
swapdb 0 1
dbsize
get foo
flushdb
select 0
dbsize
memory help
memory usage nokey
memory usage nokey samples
memory usage nokey samples -1
memory usage nokey samples a
memory usage a b c
memory usage nokey samples 3
memory usage
memory foo
memory purge
shutdown foo
shutdown abort
shutdown save nosave
shutdown nosave save
shutdown abort save
shutdown now force abort
shutdown abort abort
config foo
config get
config get maxmemory
config get nosuch
config set a
config set a b
config set maxmemory 0 foo
config set maxmemory 0 maxmemory 0
config set maxmemory abc
config set maxmemory 100mb
config get maxmemory
config set maxmemory 0 hz abc
config get maxmemory
config set maxmemory 0
config get maxmemory
config help
config resetstat
config resetstat x
config rewrite
config rewrite x
latency histogram
latency histogram nosuch
latency help
latency latest
latency history x
latency reset
latency reset a b
latency graph x
latency foo
lolwut version a
lolwut version 5 a
'''

DEBUG = r'''
debug object nokey
set foo bar
set n 12345
set neg -7
set z 5
set big 99999999999
debug digest
debug digest-value foo n neg nokey
select 3
set foo bar
debug digest
select 0
debug digest
debug sleep 0.01
debug sleep abc
debug set-active-expire 0
debug set-active-expire 1
debug set-active-expire abc
debug set-active-expire 1
debug set-active-expire
debug populate 300
debug populate 300 p
debug populate 30 q 20
debug populate 30 r 3
debug populate abc
debug populate 3 q abc
debug populate -1
debug populate 1 2 3 4
debug digest
get key:0
get q:1
get r:1
dbsize
debug jmap
debug foo
debug quicklist-packed-threshold 100
debug quicklist-packed-threshold abc
debug quicklist-packed-threshold 100b
debug quicklist-packed-threshold 5gb
debug quicklist-packed-threshold 4gb
debug quicklist-packed-threshold 4095mb
debug quicklist-packed-threshold 0
debug aof-flush-sleep 100
debug aof-flush-sleep abc
debug aof-flush-sleep
debug set-skip-checksum-validation 1
debug set-skip-checksum-validation abc
debug set-skip-checksum-validation
debug set-disable-deny-scripts 1
debug set-disable-deny-scripts 0
debug set-disable-deny-scripts
debug replicate x
debug replicate
debug drop-cluster-packet-filter 3
debug drop-cluster-packet-filter -1
debug drop-cluster-packet-filter abc
debug drop-cluster-packet-filter
debug clusterlink kill to abc
debug clusterlink foo to abc
debug mallctl foo
debug mallctl
debug mallctl epoch abc
debug mallctl-str foo
debug mallctl-str
debug restart abc
debug crash-and-recover abc
debug change-repl-id
debug protocol string
debug protocol integer
debug protocol double
debug protocol bignum
debug protocol null
debug protocol array
debug protocol set
debug protocol map
debug protocol attrib
debug protocol verbatim
debug protocol true
debug protocol false
debug protocol foo
debug protocol
debug htstats 99
debug htstats a
debug htstats-key foo
debug htstats-key nokey
debug htstats
debug error MYERR
debug error "A B"
debug log hi
debug listpack foo
debug listpack nokey
debug quicklist foo
debug sdslen n
debug sdslen nokey
debug leak abc
debug pause-cron 1
debug pause-cron 0
debug replybuffer peak-reset-time never
debug replybuffer peak-reset-time abc
debug replybuffer resizing 0
debug replybuffer foo 0
debug client-eviction
debug object
debug sleep
debug digest a
debug help a
debug digest-value
debug
flushall
debug digest
'''


@pytest.mark.parametrize("proto", [2, 3])
@pytest.mark.parametrize("lines", [BASIC, CLIENT, SERVER, DEBUG], ids=["basic", "client", "server", "debug"])
def test_beside_redis_server(pair, lines, proto):
    ours, theirs = pair
    for server in pair:
        assert server.call("FLUSHALL") == "OK"
        assert server.call("CONFIG", "RESETSTAT") == "OK"
    different = []
    with RawConnection(ours.port) as a, RawConnection(theirs.port) as b:
        for line in lines.strip().split("\n"):
            if SANITIZED and line.startswith(("debug leak", "debug mallctl")):
                continue  # a leak is a sanitizer's report, and jemalloc is not there
            words = shlex.split(line)
            if proto == 3 and words[0] not in ("hello", "reset"):
                a.call("HELLO", 3), b.call("HELLO", 3)
            if line.startswith("latency histogram") and len(words) == 2:
                for each in (a, b):
                    each.call("CONFIG", "RESETSTAT")  # counts itself only after it has run
            mine, other = a.raw(*words), b.raw(*words)
            if line.startswith("latency histogram"):
                mine, other = mine[:1], other[:1]
            if mine != other:
                different.append((line, mine, other))
    assert different == []


def test_push_of_debug_protocol(pair):
    for server in pair:
        with server.connect() as connection:
            assert str(connection.call("DEBUG", "PROTOCOL", "PUSH")) == "ERR RESP2 is not supported by this command"
            connection.call("HELLO", 3)
            connection.send(encode("DEBUG", "PROTOCOL", "PUSH"))
            assert connection.read() == [b"server-cpu-usage", 42]
            assert connection.read() == b"Some real reply following the push reply"


def test_debug_object_tells_of_a_lists_nodes(pair):
    fields = []
    for connection in pair:
        connection.call("RPUSH", "nodes", *range(5000))
        fields.append([word.split(":")[0] for word in connection.call("DEBUG", "OBJECT", "nodes").split(" ")[2:]])
        connection.call("DEL", "nodes")
    assert fields[0] == fields[1] and "ql_avg_node" in fields[0]


def test_debug_object_names_what_redis_names(pair):
    texts = []
    for server in pair:
        with server.connect() as connection:
            connection.call("SET", "short", "bar"), connection.call("SET", "n", "123456"), connection.call("SET", "one", "1")
            texts.append([connection.call("DEBUG", "OBJECT", key).partition(" ")[2].partition(" ")[2].split(" lru:")[0]
                          for key in ("short", "n", "one")])
    assert texts[0] == texts[1]
    assert "refcount:1 encoding:embstr serializedlength:4" in texts[0][0]


def test_debug_is_refused_unless_allowed(start):
    text = ('ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a '
            "local connection, otherwise you need to set this option in the configuration file, and then restart the server.")
    server = start()
    assert str(server.call("DEBUG", "SLEEP", "0")) == text
    local = start("--enable-debug-command", "local")
    assert local.call("DEBUG", "SLEEP", "0") == "OK"


def test_pause_all_holds_every_command_of_others(pair):
    for server in pair:
        with server.connect() as pauser, server.connect() as other:
            other.call("PING")
            began = time.monotonic()
            assert pauser.call("CLIENT", "PAUSE", 300, "ALL") == "OK"
            assert other.call("PING") == "PONG"
            assert time.monotonic() - began >= 0.29


def test_a_second_pause_never_weakens_the_first(pair):
    for server in pair:
        with server.connect() as pauser, server.connect() as other:
            began = time.monotonic()
            assert pauser.call("CLIENT", "PAUSE", 400, "WRITE") == "OK"
            assert pauser.call("CLIENT", "PAUSE", 10, "WRITE") == "OK"
            assert other.call("SET", "held", "1") == "OK"
            assert time.monotonic() - began >= 0.39
            assert pauser.call("CLIENT", "PAUSE", 60000, "WRITE") == "OK"
            other.send(encode("SET", "held", "2"))
            assert pauser.call("GET", "held") == b"1"
            assert pauser.call("CLIENT", "UNPAUSE") == "OK"
            assert other.read() == "OK"


@pytest.mark.tessera_only
def test_filters_of_client_list_and_kill(start):
    server = start(shards=4)
    clients = [server.connect() for _ in range(8)]
    for i, client in enumerate(clients):
        client.call("CLIENT", "SETNAME", "n%d" % i)
        client.call("CLIENT", "SETINFO", "LIB-NAME", "lib%d" % (i % 2))
    clients[1].call("CLIENT", "NO-TOUCH", "ON")
    clients[2].call("CLIENT", "CAPA", "REDIRECT", "whatever")
    clients[3].call("SELECT", 4)
    with server.connect() as admin:
        def names(*filters):
            text = admin.call("CLIENT", "LIST", *filters)
            assert isinstance(text, bytes), text
            fields = [dict(word.partition("=")[::2] for word in line.split(" ")) for line in text.decode().splitlines()]
            return sorted(row["name"] for row in fields)

        assert names("NAME", "n3") == ["n3"]
        assert names("NOT-NAME", "n3", "SKIPME", "yes") == ["n0", "n1", "n2", "n4", "n5", "n6", "n7"]
        assert names("LIB-NAME", "lib1") == ["n1", "n3", "n5", "n7"]
        assert names("NOT-LIB-NAME", "lib1", "SKIPME", "YES") == ["n0", "n2", "n4", "n6"]
        assert names("FLAGS", "T") == ["n1"]
        assert names("NOT-FLAGS", "T", "LIB-NAME", "lib1") == ["n3", "n5", "n7"]
        assert names("CAPA", "r") == ["n2"]
        assert names("DB", "4") == ["n3"]
        assert names("NOT-DB", "4", "LIB-NAME", "lib1") == ["n1", "n5", "n7"]
        assert names("IP", "127.0.0.1", "NAME", "n1") == ["n1"]
        assert names("IP", "10.0.0.1") == []
        assert names("MAXAGE", "1000") == names("IDLE", "1000") == []
        assert names("USER", "default", "NAME", "n1") == ["n1"]
        assert names("NOT-USER", "default") == names("NOT-TYPE", "normal") == []
        ids = [client.call("CLIENT", "ID") for client in clients]
        assert names("ID", ids[4], ids[6], "LIB-NAME", "lib0") == ["n4", "n6"]
        assert names("NOT-ID", *ids[:6], "NOT-NAME", "") == ["n6", "n7"]
        assert [int(line.split()[0][3:]) for line in admin.call("CLIENT", "LIST", "ID", ids[5], ids[2], ids[5]).decode().splitlines()] \
            == [ids[5], ids[2], ids[5]]
        for words, text in ((("MAXAGE", "0"), "ERR maxage should be greater than 0"),
                            (("IDLE", "x"), "ERR idle is not an integer or out of range"),
                            (("FLAGS", "?"), "ERR Unknown flags found in the provided filter: ?"),
                            (("USER", "nobody"), "ERR No such user 'nobody'"),
                            (("NOT-SKIPME", "yes"), "ERR syntax error")):
            assert str(admin.call("CLIENT", "LIST", *words)) == text
            assert str(admin.call("CLIENT", "KILL", *words)) == text
        assert admin.call("CLIENT", "KILL", "LIB-NAME", "lib1") == 4
        assert clients[1].closed_by_peer() and clients[7].closed_by_peer()
        assert names("NOT-NAME", "") == ["n0", "n2", "n4", "n6"]
        assert admin.call("CLIENT", "KILL", "ID", ids[0], ids[2], ids[1]) == 2


def test_requirepass_and_hello(pair):
    replies = []
    for server in pair:
        got = []
        with server.connect() as admin:
            admin.call("CONFIG", "SET", "requirepass", "pw")
            try:
                with server.connect() as connection:
                    for words in (("PING",), ("HELLO", 3), ("HELLO", 2, "SETNAME", "x"), ("CLIENT", "GETNAME"),
                                  ("HELLO", 3, "AUTH", "default", "no"), ("AUTH", "no"), ("AUTH", "pw"), ("CLIENT", "GETNAME"),
                                  ("PING",), ("RESET",), ("PING",), ("AUTH", "default", "pw"), ("PING",)):
                        got.append(str(connection.call(*words)))
            finally:
                admin.call("CONFIG", "SET", "requirepass", "")
        replies.append(got)
    assert replies[0] == replies[1]


def test_config_rewrite_is_read_by_redis(start):
    config = "# kept\nmaxclients 500\nenable-debug-command yes\n"
    server = start(config=config)
    assert server.call("CONFIG", "SET", "maxclients", 600, "timeout", 77) == "OK"
    assert server.call("CONFIG", "REWRITE") == "OK"
    with open(server.config_path) as file:
        text = file.read()
    assert text.startswith("# kept\nmaxclients 600\nenable-debug-command yes\n") and "\ntimeout 77\n" in text
    assert "\ntcp-keepalive 300\n" not in text
    assert server.call("DEBUG", "CONFIG-REWRITE-FORCE-ALL") == "OK"
    with open(server.config_path) as file:
        everything = file.read()
    assert everything.startswith(text) and "\ntcp-keepalive 300\n" in everything


def test_resetstat_sets_commandstats_to_zero(pair):
    ours, _ = pair
    with ours.connect() as connection:
        connection.pipeline([("SET", "k%d" % i, "v") for i in range(100)])
        assert b"cmdstat_set:" in connection.call("INFO", "commandstats")
        assert connection.call("CONFIG", "RESETSTAT") == "OK"
        assert b"cmdstat_set:" not in connection.call("INFO", "commandstats")


def test_latency_events(pair):
    for server in pair:
        with server.connect() as connection:
            connection.call("LATENCY", "RESET")
            assert connection.call("CONFIG", "SET", "latency-monitor-threshold", 20) == "OK"
            try:
                connection.call("DEBUG", "SLEEP", "0.05")
                latest = connection.call("LATENCY", "LATEST")
                assert [row[0] for row in latest] == [b"command"] and latest[0][2] >= 50 and latest[0][3] >= 50
                assert connection.call("LATENCY", "HISTORY", "command")[0][1] >= 50
                assert b"command" in connection.call("LATENCY", "GRAPH", "command")
                assert connection.call("LATENCY", "RESET", "command", "nosuch") == 1
                assert connection.call("LATENCY", "LATEST") == []
            finally:
                connection.call("CONFIG", "SET", "latency-monitor-threshold", 0)


def test_latency_histogram(pair):
    for server in pair:
        with server.connect() as connection:
            connection.call("CONFIG", "RESETSTAT")
            connection.pipeline([("SET", "k%d" % i, "v") for i in range(50)] + [("CLIENT", "ID")])
            connection.call("HELLO", 3)
            found = connection.call("LATENCY", "HISTOGRAM", "set", "client", "nosuch")
            assert list(found) == [b"set", b"client|id"]
            assert found[b"set"][b"calls"] == 50
            counts = list(found[b"set"][b"histogram_usec"].items())
            assert counts == sorted(counts) and counts[-1][1] == 50
            assert all(usec in (1, 2, 4, 8, 16, 33, 66, 132, 264, 528, 1056, 2113, 4227, 8454, 16908, 33816) for usec, _ in counts)


# ---- DEBUG EFFECTS

class Replica:
    """Feeds what a tapped connection brings into another server."""

    def __init__(self, tap, target):
        self.tap, self.target = tap, target
        self.tap.socket.settimeout(0.2)

    def feed_until(self, done, timeout=20):
        def step():
            try:
                data = self.tap.socket.recv(1 << 20)
                assert data, "the tap was closed"
                self.target.send(data)
            except OSError:
                pass
            return done()
        eventually(step, timeout, "the effects have arrived")


@pytest.mark.tessera_only
@pytest.mark.parametrize("shards", [1, 4])
def test_effects_make_another_server_equal(start, shards):
    source = start("--enable-debug-command", "yes", shards=shards)
    target = start("--enable-debug-command", "yes", binary=ORACLE)
    with source.connect() as tap, source.connect() as writer, target.connect() as sink:
        assert tap.call("DEBUG", "EFFECTS") == "OK"
        replica = Replica(tap, sink)
        writer.pipeline([("SET", "k%d" % i, i) for i in range(1000)])
        writer.pipeline([("INCR", "k%d" % i) for i in range(500)])
        writer.pipeline([("APPEND", "k%d" % i, "tail") for i in range(100)])
        writer.call("MSET", *[word for i in range(50) for word in ("m%d" % i, "v%d" % i)])
        writer.call("DEL", *["k%d" % i for i in range(0, 1000, 7)])
        writer.call("SELECT", 5)
        writer.call("SET", "other", "database")
        writer.call("SWAPDB", 5, 6)
        writer.call("SELECT", 0)
        writer.call("DEBUG", "POPULATE", 200)
        replica.feed_until(lambda: target.call("DEBUG", "DIGEST") == source.call("DEBUG", "DIGEST"))
        writer.call("FLUSHALL")
        writer.call("SET", "last", "one")
        replica.feed_until(lambda: target.call("DBSIZE") == 1)
        assert target.call("DEBUG", "DIGEST") == source.call("DEBUG", "DIGEST")


@pytest.mark.tessera_only
@pytest.mark.parametrize("shards", [1, 4])
def test_effects_go_to_one_and_end_with_it(start, shards):
    server = start("--enable-debug-command", "yes", shards=shards)
    with server.connect() as first, server.connect() as second:
        assert first.call("DEBUG", "EFFECTS") == "OK"
        assert "another consumer" in str(second.call("DEBUG", "EFFECTS"))
        assert second.call("SET", "a", "1") == "OK"
        assert first.read() == [b"SET", b"a", b"1"]
        first.close()
        eventually(lambda: second.call("DEBUG", "EFFECTS") == "OK", what="the tap is free again")
        with server.connect() as writer:
            assert writer.call("SET", "b", "2") == "OK"
        assert second.read() == [b"SET", b"b", b"2"]


@pytest.mark.tessera_only
@pytest.mark.skipif(SANITIZED, reason="a crash is a sanitizer's report, whoever asked for it")
def test_crashes_end_the_process(start):
    for how in ("SEGFAULT", "PANIC", "ASSERT", "OOM"):
        server = start("--enable-debug-command", "yes")
        with server.connect() as connection:
            connection.send(encode("DEBUG", how))
            with pytest.raises(Closed):
                connection.read()
        assert server.wait_exit() != 0
        report = server.log()
        assert "BUG REPORT END" in report, how
        assert "last_command:debug" in report or how == "OOM", report


def test_shutdown_ends_the_process(start):
    server = start()
    with server.connect() as connection:
        connection.send(encode("SHUTDOWN", "NOSAVE"))
        with pytest.raises(Closed):
            connection.read()
    assert server.wait_exit() == 0
    assert is_redis(server.binary) or "User requested shutdown..." in server.log()


def test_resetstat_forgets_what_counts_events(pair):
    ours, _ = pair
    with ours.connect() as client:
        client.pipeline([("MULTI",), ("SET", "a", 1), ("EXEC",)])
        before = {line.split(b":")[0]: line.split(b":")[1] for line in client.call("INFO", "stats").split(b"\r\n") if b":" in line}
        assert client.call("CONFIG", "RESETSTAT") == "OK"
        after = {line.split(b":")[0]: line.split(b":")[1] for line in client.call("INFO", "stats").split(b"\r\n") if b":" in line}
        assert int(after[b"eventloop_duration_sum"]) < int(before[b"eventloop_duration_sum"])
        assert int(after[b"total_commands_processed"]) <= 2


def test_who_supervises_and_listens(start, tmp_path):
    server = start("--supervised", "auto", "--unixsocket", str(tmp_path / "s"))
    info = server.call("INFO", "server")
    assert b"process_supervised:no\r\n" in info
    assert b"listener0:name=tcp,bind=127.0.0.1" in info or b"listener0:name=tcp,bind=*" in info
    assert b"\r\nlistener1:name=unix,bind=%s\r\n" % str(tmp_path / "s").encode() in info


def errorstats(server):
    return {line.split(":")[0]: line.split(":")[1] for line in server.call("INFO", "errorstats").decode().split("\r\n") if ":" in line}


def test_codes_that_scripts_make_up(pair):
    """They end at a blank or a line break, and are words of INFO whatever they have."""
    seen = []
    for server in pair:
        server.call("CONFIG", "RESETSTAT")
        for text in (b"a\r\nb c", b"X:Y=3,z x", b"#C d", b"b\nc", b"justone"):
            server.call("EVAL", "return {err=ARGV[1]}", 0, text)
        seen.append(errorstats(server))
    assert seen[0] == seen[1] and seen[0]["errorstat_a"] == "count=1" and seen[0]["errorstat_X_Y=3,z"] == "count=1"


@pytest.mark.tessera_only
def test_made_up_codes_do_not_crowd_out_others(start):
    server = start(shards=1)
    with server.connect() as client:
        client.pipeline([("EVAL", "return {err=ARGV[1]}", 0, "MADE%d up" % i) for i in range(300)])
        client.call("LPUSH", "list", 1)
        client.call("GET", "list")
        for _ in range(7):
            client.call("GET")
        counts = errorstats(server)
        assert counts["errorstat_WRONGTYPE"] == "count=1" and counts["errorstat_ERR"] == "count=7"
        made_up = [name for name in counts if name.startswith("errorstat_MADE")]
        assert 64 <= len(made_up) and len(counts) <= 128, counts
        assert counts["errorstat_ERRORSTATS_OVERFLOW"] == "count=%d" % (300 - len(made_up))
        assert client.call("CONFIG", "RESETSTAT") == "OK"
        client.call("GET", "list")
        client.call("EVAL", "return {err=ARGV[1]}", 0, b"N\0L up")
        client.call("EVAL", "return {err=ARGV[1]}", 0, b"N\0L up")
        counts = errorstats(server)
        assert counts.pop("errorstat_WRONGTYPE") == "count=1" and list(counts.values()) == ["count=2"]


def test_lolwut_without_a_number(pair):
    """One line with the version, which is what 7.0.15 says to any version it has no picture for."""
    for server, version in zip(pair, (b"7.2.4", b"7.0.15")):
        assert server.call("LOLWUT", "VERSION") == b"Redis ver. %s\n" % version
