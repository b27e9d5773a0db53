"""CLIENT TRACKING: replies, what is invalidated and who is told; MONITOR. Shared semantics hold for redis-server 7.0 too."""
import contextlib
import random
import threading

import pytest

from tests.support.resp import Push, ReplyError, encode
from tests.support.server import eventually


class Client:
    """A connection that keeps what is pushed to it apart from replies."""

    def __init__(self, server, proto=3):
        self.connection = server.connect()
        self.pushed = []
        if proto == 3:
            self.call("HELLO", 3)

    def call(self, *args):
        self.connection.send(encode(*args))
        return self.reply()

    def reply(self):
        while True:
            reply = self.connection.read()
            if not isinstance(reply, Push):
                return reply
            self.pushed.append(list(reply))

    def taken(self):
        """Everything pushed so far. Pushes come behind the reply that they belong to, so a command is sent after it."""
        self.call("PING")
        self.call("PING")
        pushed, self.pushed = self.pushed, []
        return pushed

    def keys(self):
        keys = []
        for word, body in self.taken():
            assert word == b"invalidate"
            keys += [None] if body is None else body
        return keys

    def close(self):
        self.connection.close()


@pytest.fixture
def clients(standalone):
    made = []

    def make(proto=3):
        made.append(Client(standalone, proto))
        return made[-1]
    standalone.call("FLUSHALL")
    yield make
    for client in made:
        client.close()
    eventually(lambda: standalone.info("clients")["tracking_clients"] == "0", what="trackers are gone")


def flags(client):
    info = client.call("CLIENT", "TRACKINGINFO")
    return info if isinstance(info, dict) else dict(zip(info[::2], info[1::2]))


ERRORS = [
    ("on redirect 999", "The client ID you want redirect to does not exist"), ("foo", "syntax error"),
    ("on prefix", "syntax error"), ("on redirect", "syntax error"), ("on foo", "syntax error"),
    ("on redirect abc", "value is not an integer or out of range"), ("off redirect 0", "The client ID you want redirect to does not exist"),
    ("on prefix a", "PREFIX option requires BCAST mode to be enabled"),
    ("on optin optout", "You can't specify both OPTIN mode and OPTOUT mode"),
    ("on bcast optin", "OPTIN and OPTOUT are not compatible with BCAST"),
    ("on bcast prefix c prefix cd",
     "Prefix 'c' overlaps with another provided prefix 'cd'. Prefixes for a single client must not overlap."),
]


@pytest.mark.parametrize("words,text", ERRORS)
def test_errors(clients, words, text):
    c = clients()
    assert c.call("CLIENT", "TRACKING", *words.split()) == ReplyError("ERR " + text)
    assert flags(c) == {b"flags": [b"off"], b"redirect": -1, b"prefixes": []}


def test_modes(clients):
    c = clients()
    caching = "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled"
    assert c.call("CLIENT", "CACHING", "yes") == ReplyError(caching)
    assert c.call("CLIENT", "GETREDIR") == -1
    assert c.call("CLIENT", "TRACKING", "on", "optin") == "OK" and c.call("CLIENT", "GETREDIR") == 0
    assert c.call("CLIENT", "CACHING", "no") == ReplyError(
        "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
    assert c.call("CLIENT", "CACHING", "maybe") == ReplyError("ERR syntax error")
    assert c.call("CLIENT", "CACHING", "yes") == "OK"
    assert flags(c)[b"flags"] == [b"on", b"optin", b"caching-yes"]
    c.call("GET", "x")
    assert flags(c)[b"flags"] == [b"on", b"optin"]
    assert c.call("CLIENT", "TRACKING", "on", "optout") == ReplyError(
        "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a "
        "different mode.")
    assert c.call("CLIENT", "TRACKING", "on", "bcast") == ReplyError(
        "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a "
        "different mode.")
    assert c.call("CLIENT", "TRACKING", "off") == "OK"
    assert c.call("CLIENT", "TRACKING", "on", "bcast", "prefix", "b", "prefix", "a", "noloop") == "OK"
    assert flags(c) == {b"flags": [b"on", b"bcast", b"noloop"], b"redirect": 0, b"prefixes": [b"a", b"b"]}
    assert c.call("CLIENT", "TRACKING", "on", "bcast", "prefix", "ab") == ReplyError(
        "ERR Prefix 'ab' overlaps with an existing prefix 'a'. Prefixes for a single client must not overlap.")
    line = dict(w.split(b"=", 1) for w in c.call("CLIENT", "INFO").split())
    assert line[b"flags"] == b"tB" and line[b"redir"] == b"0"
    assert c.call("RESET") == "RESET" and flags(c)[b"flags"] == [b"off"]


def test_keys_read_and_then_changed_exactly(standalone, clients):
    """Random reads and writes: told once for every key that was read and then changed, and for nothing else."""
    rng = random.Random(11)
    reader, writer = clients(), clients(2)
    assert reader.call("CLIENT", "TRACKING", "on") == "OK"
    known, expected = set(), []
    for _ in range(1500):
        key = b"k%d" % rng.randrange(30)
        if rng.random() < 0.5:
            kind = rng.randrange(3)
            if kind == 0:
                reader.call("GET", key)
                known.add(key)
            elif kind == 1:
                more = b"k%d" % rng.randrange(30)
                reader.call("MGET", key, more)
                known |= {key, more}
            else:
                reader.call("EXISTS", key)
                known.add(key)
        else:
            kind = rng.randrange(4)
            if kind == 0:
                writer.call("SET", key, "v")
                changed = {key}
            elif kind == 1:
                changed = {key} if writer.call("DEL", key) else set()
            elif kind == 2:
                more = b"k%d" % rng.randrange(30)
                writer.call("MSET", key, "1", more, "2")
                changed = {key, more}
            else:
                changed = {key} if writer.call("EXPIRE", key, 1000) else set()
            expected += sorted(changed & known)
            known -= changed
    assert sorted(reader.keys()) == sorted(expected)
    info = standalone.info("stats")
    assert (info["tracking_total_keys"], info["tracking_total_items"]) == (str(len(known)), str(len(known)))
    assert standalone.info("clients")["tracking_clients"] == "1"


class Cache:
    """A client that applies every reply and every push to its cache in the order they come."""

    def __init__(self, server):
        self.connection, self.cached, self.waiting = server.connect(), {}, []
        self.connection.call("HELLO", 3)
        assert self.connection.call("CLIENT", "TRACKING", "on") == "OK"

    def send(self, commands):
        """`commands`: each with the keys whose values its reply is."""
        self.waiting += [keys for _, keys in commands]
        self.connection.send(b"".join(encode(*command) for command, _ in commands))

    def take_all(self):
        while self.waiting:
            reply = self.connection.read()
            if not isinstance(reply, Push):
                keys = self.waiting.pop(0)
                self.cached.update(zip(keys, reply if isinstance(reply, list) else [reply]))
                continue
            for key in list(self.cached) if reply[1] is None else reply[1]:
                self.cached.pop(key, None)

    def is_true(self, values):
        self.send([(("PING",), [])] * 2)
        self.take_all()
        return all(values[key] == value for key, value in self.cached.items())


def reads(rng, keys):
    one, two = rng.sample(keys, 2)
    return rng.choice([
        [(("MULTI",), []), (("GET", one), []), (("GET", two), []), (("EXEC",), [one, two])],
        [(("MGET", one, two), [one, two])],
        [(("GET", one), [one])],
    ])


def test_no_reply_leaves_a_cache_stale(standalone):
    """Single reads, reads over shards and transactions, pipelined, while others write: when all is quiet, what is cached is
    what the server has."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    keys = [b"k%d" % i for i in range(12)]
    standalone.call("FLUSHALL")
    with contextlib.ExitStack() as stack:
        caches = [Cache(standalone) for _ in range(6)]
        writers = [standalone.connect() for _ in range(3)]
        for cache in caches:
            stack.enter_context(cache.connection)
        for writer in writers:
            stack.enter_context(writer)
        for round_ in range(2500):
            for cache in caches:
                cache.send(reads(rng, keys) + reads(rng, keys))
            for i, writer in enumerate(writers):
                writer.send(b"".join(encode("SET", rng.choice(keys), b"%d.%d.%d" % (round_, i, j)) for j in range(4)))
            for cache in caches:
                cache.take_all()
            for writer in writers:
                assert [writer.read() for _ in range(4)] == ["OK"] * 4
        values = dict(zip(keys, writers[0].call("MGET", *keys)))
        assert all(value is not None for value in values.values())
        for cache in caches:
            eventually(lambda: cache.is_true(values), what="what is cached is what the server has")


# What happens to a stream's groups is no change of what others have read.
GROUP_COMMANDS = [
    ("xgroup create s g 0", False), ("xgroup createconsumer s g c", False), ("xreadgroup group g c streams s >", False),
    ("xack s g 1-1", False), ("xgroup setid s g 0", False), ("xautoclaim s g d 0 0", False), ("xsetid s 9-9", False),
    ("xgroup destroy s g", False), ("xadd s 10-1 a b", True), ("xtrim s maxlen 1", True), ("xdel s 10-1", True),
    ("xgroup create new g 0 mkstream", True),
]


def test_what_changed_while_nobody_tracked(clients):
    reader, writer = clients(), clients()
    reader.call("CLIENT", "TRACKING", "ON")
    for key in ("changed", "kept"):
        reader.call("GET", key)
    reader.call("CLIENT", "TRACKING", "OFF")
    writer.call("SET", "changed", 1)
    reader.call("CLIENT", "TRACKING", "ON")
    writer.call("SET", "changed", 2)
    writer.call("SET", "kept", 2)
    assert reader.keys() == [b"kept"]  # as redis-server: read before, and not changed since


def test_groups_of_streams(clients):
    c, writer = clients(), clients(2)
    assert c.call("CLIENT", "TRACKING", "on") == "OK"
    writer.call("XADD", "s", "1-1", "a", "b")
    for command, is_change in GROUP_COMMANDS:
        c.call("XLEN", "s")
        c.call("XLEN", "new")
        writer.call(*command.split())
        key = b"new" if " new " in command else b"s"
        assert c.keys() == ([key] if is_change else []), command


def test_a_client_hears_of_its_own_changes_unless_noloop(clients):
    c = clients()
    c.call("CLIENT", "TRACKING", "on")
    c.call("GET", "a")
    c.call("SET", "a", "1")
    assert c.keys() == [b"a"]
    c.call("SET", "a", "2")
    assert c.keys() == []  # not read since
    c.call("CLIENT", "TRACKING", "on", "noloop")
    c.call("GET", "a")
    c.call("SET", "a", "3")
    assert c.keys() == []
    other = clients()
    c.call("GET", "a")
    other.call("SET", "a", "4")
    assert c.keys() == [b"a"]


def test_optin_and_optout(clients):
    c, writer = clients(), clients()
    c.call("CLIENT", "TRACKING", "on", "optin")
    c.call("GET", "a")
    c.call("CLIENT", "CACHING", "yes")
    c.call("GET", "b")
    c.call("GET", "c")
    writer.call("MSET", "a", 1, "b", 1, "c", 1)
    assert c.keys() == [b"b"]
    c.call("CLIENT", "TRACKING", "off")
    c.call("CLIENT", "TRACKING", "on", "optout")
    c.call("GET", "a")
    c.call("CLIENT", "CACHING", "no")
    c.call("GET", "b")
    c.call("GET", "c")
    writer.call("MSET", "a", 1, "b", 1, "c", 1)
    assert sorted(c.keys()) == [b"a", b"c"]


def test_prefixes(clients):
    c, everything, writer = clients(), clients(), clients()
    c.call("CLIENT", "TRACKING", "on", "bcast", "prefix", "user:", "prefix", "job:")
    everything.call("CLIENT", "TRACKING", "on", "bcast")
    for key in ("user:1", "other", "job:1", "user:2", "user"):
        writer.call("SET", key, "v")
    assert sorted(c.keys()) == [b"job:1", b"user:1", b"user:2"]
    assert sorted(everything.keys()) == [b"job:1", b"other", b"user", b"user:1", b"user:2"]
    c.call("SET", "user:1", "mine")
    assert c.keys() == [b"user:1"]
    c.call("CLIENT", "TRACKING", "off")
    c.call("CLIENT", "TRACKING", "on", "bcast", "noloop", "prefix", "user:")
    c.call("SET", "user:1", "mine")
    writer.call("SET", "user:2", "theirs")
    assert c.keys() == [b"user:2"]


def test_flushes_tell_everybody(clients):
    c, broadcast, writer = clients(), clients(), clients()
    c.call("CLIENT", "TRACKING", "on")
    broadcast.call("CLIENT", "TRACKING", "on", "bcast", "prefix", "x")
    for flush in ("FLUSHDB", "FLUSHALL"):
        writer.call(flush)
        assert c.taken() == [[b"invalidate", None]] and broadcast.taken() == [[b"invalidate", None]]


def test_expired_keys_are_told(clients):
    c = clients()
    c.call("CLIENT", "TRACKING", "on")
    c.call("SET", "e", "v", "PX", 30)
    c.call("GET", "e")
    got = []
    eventually(lambda: got.extend(c.keys()) or got, what="the key has expired")
    assert got == [b"e"]


@pytest.mark.parametrize("proto", [2, 3])
def test_redirection(clients, proto):
    """To another connection, on whatever thread: RESP3 as a push, RESP2 as a message of the channel it subscribed to."""
    for _ in range(4):
        c, writer = clients(2), clients()
        target = clients(proto)
        ident = target.call("CLIENT", "ID")
        assert c.call("CLIENT", "TRACKING", "on", "redirect", ident) == "OK"
        assert c.call("CLIENT", "GETREDIR") == ident and flags(c)[b"redirect"] == ident
        if proto == 2:
            assert target.call("SUBSCRIBE", "__redis__:invalidate") == [b"subscribe", b"__redis__:invalidate", 1]
        c.call("GET", "r")
        writer.call("SET", "r", "1")
        if proto == 2:
            assert target.connection.read() == [b"message", b"__redis__:invalidate", [b"r"]]
        else:
            assert list(target.connection.read()) == [b"invalidate", [b"r"]]
        target.close()


def test_a_broken_redirection(clients):
    c, target, writer = clients(), clients(), clients()
    ident = target.call("CLIENT", "ID")
    assert c.call("CLIENT", "TRACKING", "on", "redirect", ident) == "OK"
    target.close()
    eventually(lambda: writer.call("CLIENT", "LIST", "ID", ident) in (b"", None), what="the target has gone")
    c.call("GET", "r")
    writer.call("SET", "r", "1")
    eventually(lambda: [b"tracking-redir-broken", ident] in c.taken(), what="the client is told")
    assert b"broken_redirect" in flags(c)[b"flags"]


@pytest.mark.tessera_only
def test_the_table_is_bounded(start):
    server = start("--tracking-table-max-keys", "100", shards=2)
    c = Client(server)
    c.call("CLIENT", "TRACKING", "on")
    for i in range(1000):
        c.call("GET", "k%d" % i)
    told = c.keys()
    kept = int(server.info("stats")["tracking_total_keys"])
    assert kept <= 100 and len(told) == 1000 - kept and len(set(told)) == len(told)
    c.close()


# ---- MONITOR


def lines_of(connection, count):
    return [connection.read() for _ in range(count)]


def test_monitor(standalone):
    with standalone.connect() as monitor, standalone.connect() as c:
        assert monitor.call("MONITOR") == "OK"
        c.call("SELECT", 2)
        c.call("SET", "k", b"a\"b\\c\r\n\t\x07\x08\x00\xff")
        c.call("AUTH", "secret")
        c.call("CONFIG", "GET", "port")  # an administrator's: not shown
        c.call("NOSUCH")
        c.call("GET", "k")
        name = "%s:%d" % c.socket.getsockname()
        lines = lines_of(monitor, 4)
        assert lines[0].endswith('[0 %s] "SELECT" "2"' % name) or lines[0].endswith('[2 %s] "SELECT" "2"' % name)
        assert lines[1].endswith(r'[2 %s] "SET" "k" "a\"b\\c\r\n\t\a\b\x00\xff"' % name)
        assert lines[2].endswith('[2 %s] "AUTH" "(redacted)"' % name)
        assert lines[3].endswith('[2 %s] "GET" "k"' % name)
        seconds, micros = lines[0].split(" ")[0].split(".")
        assert seconds.isdigit() and len(micros) == 6
        assert b"flags=O " in c.call("CLIENT", "LIST")
        assert monitor.call("RESET").find("RESET") >= 0  # its own line or the reply


def test_monitor_shows_scripts_and_what_they_call(standalone):
    with standalone.connect() as monitor, standalone.connect() as c:
        assert monitor.call("MONITOR") == "OK"
        source = "redis.call('set', KEYS[1], ARGV[1]) return redis.call('get', KEYS[1])"
        assert c.call("EVAL", source, 1, "k", "v") == b"v"
        name = "%s:%d" % c.socket.getsockname()
        lines = lines_of(monitor, 3)
        assert lines[0].endswith('[0 %s] "EVAL" "%s" "1" "k" "v"' % (name, source))
        assert lines[1].endswith('[0 lua] "set" "k" "v"') and lines[2].endswith('[0 lua] "get" "k"')


def test_keys_that_a_script_reads_are_tracked(clients):
    tracker, other = clients(), clients()
    other.call("MSET", "read", "1", "unread", "1")
    assert tracker.call("CLIENT", "TRACKING", "on") == "OK"
    assert tracker.call("EVAL", "return redis.call('get', KEYS[1])", 2, "read", "unread") == b"1"
    assert tracker.taken() == []
    other.call("MSET", "read", "2", "unread", "2")
    seen = []
    eventually(lambda: seen.extend(tracker.keys()) or seen == [b"read"], what="the key that was read is told of")


def test_monitor_shows_once_what_had_to_begin_anew(standalone):
    """A write whose turn came after CLIENT PAUSE was answered."""
    count = 300
    with standalone.connect() as monitor, standalone.connect() as control:
        monitor.send(encode("MONITOR"))
        assert monitor.read() == "OK"

        def write(i):
            with standalone.connect() as writer:
                for n in range(count):
                    assert writer.call("MSET", "a%d:%d" % (i, n), 1, "b%d:%d" % (i, n), 2, "c%d" % i, 3) == "OK"
        threads = [threading.Thread(target=write, args=(i,)) for i in range(3)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            assert control.call("CLIENT", "PAUSE", 60000, "WRITE") == "OK"
            assert control.call("CLIENT", "UNPAUSE") == "OK"
        for thread in threads:
            thread.join()
        control.call("SET", "the:end", 1)
        lines = []
        while not lines or b"the:end" not in lines[-1]:
            lines.append(monitor.read().encode())
        shown = [line.split(b'"')[3] for line in lines if b'"MSET"' in line]
        assert sorted(shown) == sorted(b"a%d:%d" % (i, n) for i in range(3) for n in range(count))


def test_monitor_sees_all_threads_in_one_order(standalone):
    with standalone.connect() as one, standalone.connect() as two:
        for monitor in (one, two):
            assert monitor.call("MONITOR") == "OK"
        clients = [standalone.connect() for _ in range(6)]
        for i in range(60):
            clients[i % 6].call("SET", "k%d" % i, i)
        seen = [lines_of(one, 60), lines_of(two, 60)]
        assert seen[0] == seen[1]
        assert [line.split('"')[-2] for line in seen[0]] == [str(i) for i in range(60)]
        for client in clients:
            client.close()

