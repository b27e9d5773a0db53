"""A random stream of writes of all types, numbered, so that what a file holds can be told to be what was there after the
first n of them.

One connection sends it, so that its order is known. In front of each operation a marker is set (in a database of its
own): a file with marker n holds n - 1 operations, or n. Invariant: what an operation does depends on the operations
before it alone: no clock, no chance; keys with times are of families of their own: small ones that are set and deleted only
("due"), and copies of large values ("dying"), which nobody looks at: that they go is what counts.
"""
import hashlib
import random
import time

from tests.support.resp import Closed, ReplyError, encode

MARKER_DB, DATABASES = 15, 4
KEYS, LARGE, DYING = 120, 5, 4
LARGE_KINDS = ["hash", "zset", "list", "set", "stream", "string"]
LARGE_BYTES = 256 * 1024  # what is larger is saved in slices whoever changes it
GROUPS, CONSUMERS = 2, 3
FAR_MS = 4102444800000
SCRIPT = "redis.call('SET', KEYS[1], ARGV[1]); redis.call('RPUSH', KEYS[2], ARGV[1]); redis.call('PEXPIREAT', KEYS[1], ARGV[2])"


class WriteStream:
    """`field_times`: hashes whose fields end, which redis-server 7.0.15 does not know. `flushes_all`: FLUSHALL now and
    then, which ends a BGSAVE."""

    def __init__(self, seed, field_times=False, flushes_all=True):
        self.rng = random.Random("%s stream" % seed)
        self.field_times, self.flushes_all = field_times, flushes_all
        self.db = 0
        self.operations = []  # (database, commands); number n stands at n - 1
        self.due = {}  # (database, name) of keys with times: (number, time in ms), as far as the stream knows
        self.failure = None

    # ---- what is written

    def key(self, kind):
        return "%s:%d" % (kind, self.rng.randrange(KEYS))

    def large(self, kind):
        return "large:%s:%d" % (kind, self.rng.randrange(LARGE))

    def beginning(self):
        """Pairs as in `operations`: values large enough to be saved in slices, and small ones."""
        for db in range(DATABASES):
            for i in range(KEYS // 2):
                yield db, [("SET", "string:%d" % i, "v" * self.rng.choice([5, 50, 30000]))]
            for i in range(2 if db < 2 else 0):
                yield from ((db, [words]) for words in self.build("hash", i))
                yield from ((db, [words]) for words in self.build("zset", i))
                yield from ((db, [words]) for words in self.build("list", i))
                yield from ((db, [words]) for words in self.build("set", i))
                yield from ((db, [words]) for words in self.build("stream", i))
                yield from ((db, [words]) for words in self.build("string", i))

    def build(self, kind, i, parts=9):
        key = "large:%s:%d" % (kind, i)
        for part in range(parts):
            members = range(part * 1000, part * 1000 + 1000)
            if kind == "hash":
                yield ("HSET", key, *[w for m in members for w in ("f%d" % m, "value %d of a field" % m)])
            elif kind == "zset":
                yield ("ZADD", key, *[w for m in members for w in (m, "a member %d" % m)])
            elif kind == "list":
                yield ("RPUSH", key, *["element %d of a list, which is a bit longer" % m for m in members])
            elif kind == "set":
                yield ("SADD", key, *["member %d of a set, which is a bit longer" % m for m in members])
            elif kind == "string":
                yield ("APPEND", key, "0123456789" * 10000)
            else:
                for m in members[::10]:
                    yield ("XADD", key, "%d-1" % (m + 1), "field", "value %d " % m * 40)
                if part == 0:
                    for group in range(GROUPS):
                        yield ("XGROUP", "CREATE", key, "group:%d" % group, "0")

    def next_operation(self):
        rng, n = self.rng, len(self.operations) + 1
        if rng.random() < 0.1:
            self.db = rng.randrange(DATABASES)
        chance = rng.random()
        if chance < 0.004:
            return [("FLUSHDB",) if rng.random() < 0.5 else ("FLUSHDB", "ASYNC")]
        if chance < 0.0045 and self.flushes_all:
            return [("FLUSHALL",)]
        if chance < 0.01:
            return list(self.build(rng.choice(LARGE_KINDS), rng.randrange(LARGE)))
        if chance < 0.015:
            name = "dying:%d" % rng.randrange(DYING)
            at_ms = int(time.time() * 1000) + rng.choice([1, 10, 50, 200])
            return [("MULTI",), ("COPY", self.large(rng.choice(LARGE_KINDS)), name, "REPLACE"), ("PEXPIREAT", name, at_ms), ("EXEC",)]
        if chance < 0.1:
            return [("MULTI",)] + [self.command(n) for _ in range(rng.randrange(1, 5))] + [("EXEC",)]
        return [self.command(n)]

    def command(self, n):
        rng, key, large = self.rng, self.key, self.large
        word, db = "w%d" % n, rng.randrange(DATABASES)
        kind = rng.choice(["string", "list", "set", "hash", "zset", "stream", "string", "large", "large", "any", "any", "time"])
        if kind == "time":
            name = key("due")
            at_ms = int(time.time() * 1000) + rng.choice([1, 5, 30, 100, 3000, 60000])
            return rng.choice([("SET", name, word, "PXAT", at_ms), ("SET", name, word, "PXAT", at_ms), ("DEL", name)])
        if kind == "large":
            return rng.choice([
                ("HSET", large("hash"), "f%d" % rng.randrange(9000), word), ("HDEL", large("hash"), "f%d" % rng.randrange(9000)),
                ("ZADD", large("zset"), n, "a member %d" % rng.randrange(9000)), ("ZREMRANGEBYRANK", large("zset"), 5, 9),
                ("LSET", large("list"), rng.randrange(9000), word), ("RPUSH", large("list"), word), ("LPOP", large("list")),
                ("LINSERT", large("list"), "BEFORE", "element 70 of a list, which is a bit longer", word), ("LTRIM", large("list"), 0, 8000),
                ("SADD", large("set"), word), ("SREM", large("set"), "member %d of a set, which is a bit longer" % rng.randrange(9000)),
                ("XADD", large("stream"), "%d-1" % (1000000 + n), "a", word), ("XTRIM", large("stream"), "MAXLEN", 800),
                self.of_group(), self.of_group(), self.of_group(), self.of_group(),
                ("SETRANGE", large("string"), rng.randrange(1000000), word), ("APPEND", large("string"), word),
                ("SETBIT", large("string"), rng.randrange(8000000), 1),
                ("PEXPIREAT", large("hash"), FAR_MS + n), ("PERSIST", large("hash"))] + (
                    [("HPEXPIREAT", large("hash"), FAR_MS + n, "FIELDS", 1, "f%d" % rng.randrange(9000))] * 3
                    if self.field_times else []))
        if kind == "any":
            kinds = ["string", "list", "set", "hash", "zset", "stream"]
            of = rng.choice(kinds)
            name, other = (key(of), key(of)) if rng.random() < 0.7 else (large(of), large(of))
            return rng.choice([
                ("DEL", name), ("UNLINK", name, other), ("RENAME", name, other), ("RENAMENX", name, other), ("MOVE", name, db),
                ("COPY", name, other, "REPLACE"), ("COPY", name, other, "DB", db, "REPLACE"), ("SWAPDB", self.db, db),
                ("PEXPIREAT", name, FAR_MS + n), ("PERSIST", name), ("SORT", key("list"), "ALPHA", "STORE", key("list")),
                ("EVAL", SCRIPT, 2, key("string"), key("list"), word, FAR_MS + n), ("RESTORE", name, 0, "junk")])
        small = {
            "string": [("SET", key("string"), word * rng.choice([1, 30, 4000])), ("APPEND", key("string"), word),
                       ("MSET", key("string"), word, key("string"), word, key("string"), word), ("GETDEL", key("string")),
                       ("INCRBY", key("counter"), n), ("SETRANGE", key("string"), rng.randrange(100), word),
                       ("GETEX", key("string"), "PXAT", FAR_MS + n), ("PFADD", key("hll"), word),
                       ("BITOP", "OR", key("string"), key("string"), key("string")), ("SET", key("string"), word, "PXAT", FAR_MS)],
            "list": [("RPUSH", key("list"), word, n), ("LPUSH", key("list"), word * 30), ("LTRIM", key("list"), 0, 20),
                     ("LMOVE", key("list"), key("list"), "LEFT", "RIGHT"), ("LREM", key("list"), 1, n - 1)],
            "set": [("SADD", key("set"), word, n, n + 1), ("SREM", key("set"), n - 1), ("SMOVE", key("set"), key("set"), n),
                    ("SUNIONSTORE", key("set"), key("set"), key("set")), ("SDIFFSTORE", key("set"), key("set"), key("set"))],
            "hash": [("HSET", key("hash"), "f%d" % rng.randrange(200), word), ("HDEL", key("hash"), "f%d" % rng.randrange(200)),
                     ("HINCRBY", key("hash"), "n", n), ("HSET", key("hash"), word, word * 20)],
            "zset": [("ZADD", key("zset"), n, "m%d" % rng.randrange(200)), ("ZINCRBY", key("zset"), n, "m1"),
                     ("ZUNIONSTORE", key("zset"), 2, key("zset"), key("zset")), ("ZREMRANGEBYRANK", key("zset"), 0, 1),
                     ("GEOADD", key("zset"), 13.5, 38.25, "m%d" % rng.randrange(200))],
            "stream": [("XADD", key("stream"), "%d-1" % n, "a", word), ("XTRIM", key("stream"), "MAXLEN", 20),
                       ("XGROUP", "CREATE", key("stream"), "group", "0", "MKSTREAM"), ("XDEL", key("stream"), "%d-1" % (n - 40))],
        }
        return rng.choice(small[kind])

    def of_group(self):
        rng, key = self.rng, self.large("stream")
        group, consumer = "group:%d" % rng.randrange(GROUPS), "consumer:%d" % rng.randrange(CONSUMERS)
        an_id = "%d-1" % (rng.randrange(900) * 10 + 1)
        return rng.choice([
            ("XREADGROUP", "GROUP", group, consumer, "COUNT", rng.choice([1, 20, 200]), "STREAMS", key, ">"),
            ("XREADGROUP", "GROUP", group, consumer, "COUNT", 20, "STREAMS", key, ">"),
            ("XACK", key, group, an_id), ("XACK", key, group, *["%d-1" % (m * 10 + 1) for m in range(rng.randrange(900))][-50:]),
            ("XCLAIM", key, group, consumer, 0, an_id), ("XAUTOCLAIM", key, group, consumer, 0, an_id, "COUNT", 5),
            ("XDEL", key, an_id), ("XGROUP", "CREATECONSUMER", key, group, consumer), ("XGROUP", "DELCONSUMER", key, group, consumer),
            ("XGROUP", "SETID", key, group, an_id), ("XGROUP", "DESTROY", key, group), ("XGROUP", "CREATE", key, group, "0"),
            ("XGROUP", "CREATE", key, group, "0")])

    # ---- sending it

    def commands(self, number):
        """Of the operation, with its marker in front."""
        db, operation = self.operations[number - 1]
        return [("SELECT", MARKER_DB), ("SET", "marker", number), ("SELECT", db)] + list(operation)

    def fill(self, connection):
        self.operations = list(self.beginning())
        for first in range(1, len(self.operations) + 1, 100):
            numbers = range(first, min(first + 100, len(self.operations) + 1))
            self._check(connection.pipeline([words for n in numbers for words in self.commands(n)]))

    def send_some(self, connection):
        first = len(self.operations) + 1
        for _ in range(self.rng.choice([1, 5, 40])):
            operation = self.next_operation()
            self.operations.append((self.db, operation))
        data = [words for n in range(first, len(self.operations) + 1) for words in self.commands(n)]
        self._check(connection.pipeline(data))

    def _check(self, replies):
        for reply in replies:
            if isinstance(reply, ReplyError) and str(reply).startswith(("MISCONF", "OOM", "LOADING")):
                raise AssertionError("a write was refused: %s" % reply)

    def run(self, server, over, pause_s=0.0):
        """On a thread, until `over` is set. `pause_s`: between batches, for tests that want a slower stream."""
        try:
            with server.connect() as connection:
                while not over.is_set():
                    self.send_some(connection)
                    over.wait(pause_s)
        except (OSError, Closed):
            pass
        except Exception as error:  # pylint: disable=broad-except
            self.failure = error


class Replay:
    """The same commands in another server, one after the other."""

    def __init__(self, stream, connection):
        self.stream, self.connection = stream, connection
        self.number, self.left = 0, []  # the operation that was begun last, and what is left of it

    def to_marker(self, number):
        """Everything in front of operation `number`."""
        assert number > self.number, "no way back from %d to %d" % (self.number, number)
        self._send(self.left)
        for first in range(self.number + 1, number, 200):
            last = min(number, first + 200)
            self._send([words for n in range(first, last) for words in self.stream.commands(n)])
        commands = self.stream.commands(number)
        self._send(commands[:3])
        self.number, self.left = number, commands[3:]

    def step(self):
        """The next command, or transaction, of the operation; False: there is none."""
        if not self.left:
            return False
        size = len(self.left) if self.left[0] == ("MULTI",) else 1
        self._send(self.left[:size])
        self.left = self.left[size:]
        return True

    def _send(self, commands):
        self.connection.send(b"".join(encode(*words) for words in commands))
        for _ in commands:
            self.connection.read()

    def digest(self):
        digest = digest_without_times(self.connection)
        self.connection.call("SELECT", self.stream.operations[self.number - 1][0])
        return digest


def due_keys():
    return ["due:%d" % i for i in range(KEYS)]


def check_due(connection, stream, number):
    """Keys with times, in a server that loaded a file with marker `number`: what has not ended is there."""
    states = []
    for last in (number - 1, number):
        state = {db: {} for db in range(DATABASES)}
        for db, operation in stream.operations[:last]:
            for words in operation:
                if words[0] == "FLUSHDB":
                    state[db] = {}
                elif words[0] == "FLUSHALL":
                    state = {each: {} for each in state}
                elif words[0] == "SWAPDB":
                    state[words[1]], state[words[2]] = state[words[2]], state[words[1]]
                elif len(words) > 1 and str(words[1]).startswith("due:"):
                    if words[0] == "SET":
                        state[db][words[1]] = (words[2], words[4])
                    else:
                        state[db].pop(words[1], None)
        states.append(state)
    found = {}
    for db in range(DATABASES):
        connection.call("SELECT", db)
        names = due_keys()
        before_ms = int(time.time() * 1000)  # a key is there for all of its last millisecond
        values = connection.call("MGET", *names)
        after_ms = time.time() * 1000
        found[db] = (before_ms, after_ms, dict(zip(names, values)))

    def fits(state):
        for db, (before_ms, after_ms, values) in found.items():
            for name, value in values.items():
                wanted, at_ms = state[db].get(name, (None, None))
                if value is None and wanted is not None and at_ms > after_ms:
                    return "%d %s ends at %d and is not there" % (db, name, at_ms)
                if value is not None and (wanted is None or value.decode() != wanted or at_ms < before_ms):
                    return "%d %s is %r instead of %r, which ends at %s, after %d" % (db, name, value, wanted, at_ms, before_ms)
        return None

    problems = [fits(state) for state in states]
    assert None in problems, problems


def groups_of(connection):
    """Of all streams, without what tells time: groups are in no digest."""
    names = ["large:stream:%d" % i for i in range(LARGE)] + ["stream:%d" % i for i in range(KEYS)]
    found = []
    for db in range(DATABASES):
        connection.call("SELECT", db)
        for name, groups in zip(names, connection.pipeline([("XINFO", "GROUPS", name) for name in names])):
            if isinstance(groups, ReplyError) or not groups:
                continue
            for group in groups:
                facts = dict(zip(group[::2], group[1::2]))
                pending, consumers = connection.pipeline([("XPENDING", name, facts[b"name"], "-", "+", 100000),
                                                          ("XINFO", "CONSUMERS", name, facts[b"name"])])
                found.append((db, name, sorted(facts.items()), [(entry[0], entry[1], entry[3]) for entry in pending],
                              [(each[1], each[3]) for each in consumers]))
    return found


def digest_without_times(connection):
    """Of everything but the marker and keys with times."""
    for db in range(DATABASES):
        connection.call("SELECT", db)
        connection.call("DEL", *due_keys(), *["dying:%d" % i for i in range(DYING)])
    groups = groups_of(connection)
    connection.call("SELECT", MARKER_DB)
    connection.call("DEL", "marker")
    digest = connection.call("DEBUG", "DIGEST")
    return "%s groups %s" % (digest, hashlib.sha1(repr(groups).encode()).hexdigest()) if groups else digest


def what_happened(operations):
    """How often each command was about large values, by kind, and about all of a database: pairs as in `operations`."""
    counts = {}
    for _, commands in operations:
        for words in commands:
            kinds = {str(word).split(":")[1] for word in words[1:4] if str(word).startswith("large:")}
            name = "EXPIRES" if str(words[-1]) == "REPLACE" and str(words[2]).startswith("dying:") else words[0]
            for kind in kinds or ({"all"} if name in ("FLUSHALL", "FLUSHDB", "SWAPDB") else ()):
                counts[name, kind] = counts.get((name, kind), 0) + 1
    return counts
