"""Clients whose writes have an order, so that what a server holds can be told to be what it held at one moment.

A client sends numbered operations of many kinds on keys of its own; `Sequence` knows what its keys hold after each of
them. What is found must be the state after the first n, for one n: nothing of what came later, nothing missing.
Invariant: an operation's words hold the life and the number, so that what an older life wrote cannot be taken for it.
"""
import random
import time

from tests.support.resp import Closed, ReplyError, encode

KEYS, COLLECTIONS, FIELDS = 30, 4, 15
SCRIPT = "redis.call('SET', KEYS[1], ARGV[1]); return redis.call('RPUSH', KEYS[2], ARGV[1])"


class Sequence:
    """What one client sends. `tag`: its keys lie in one slot, and it sends several at once."""

    def __init__(self, name, tag, seed):
        self.prefix = "{%s}" % name if tag else name
        self.tag = tag
        self.rng = random.Random("%s %s" % (seed, name))
        self.state = {}  # at the beginning of this life
        self.life = 0
        self.begin_life(0, {})

    def begin_life(self, life, state):
        self.life, self.state = life, state
        self.operations, self.sent_at, self.answered_at = [], [], []
        self.failure = None

    def key(self, kind, i):
        return "%s:%s:%d" % (self.prefix, kind, i)

    def all_keys(self):
        yield self.key("seq", 0), "GET"
        yield self.key("count", 0), "GET"
        for i in range(KEYS):
            yield self.key("str", i), "GET"
        for i in range(COLLECTIONS):
            yield self.key("list", i), "LRANGE"
            yield self.key("hash", i), "HGETALL"
            yield self.key("zset", i), "ZRANGE"

    def next_operation(self):
        """Commands; several are a transaction. (words, ...)"""
        rng, n = self.rng, len(self.operations) + 1
        value = "%d:%d" % (self.life, n)
        string, at = self.key("str", rng.randrange(KEYS)), rng.randrange(COLLECTIONS)
        seq = ("SET", self.key("seq", 0), value)
        kind = rng.randrange(12)
        if kind <= 1:
            return (seq,)
        if kind == 2:
            return (("SET", string, value),)
        if kind == 3:
            return (("RPUSH", self.key("list", at), value, value),)
        if kind == 4:
            return (("HSET", self.key("hash", at), "f%d" % rng.randrange(FIELDS), value),)
        if kind == 5:
            return (("ZADD", self.key("zset", at), n, "m%d" % rng.randrange(FIELDS)),)
        if kind == 6:
            return (("DEL", rng.choice([string, self.key("list", at), self.key("hash", at)])),)
        if kind == 7:
            return (("LTRIM", self.key("list", at), -12, -1),)
        if kind == 8:
            return (("INCR", self.key("count", 0)),)
        if kind == 9:
            return (("EVAL", SCRIPT, 2, string, self.key("list", at), value),)
        return (seq, ("SET", string, value), ("RPUSH", self.key("list", at), value),
                ("HSET", self.key("hash", at), "f0", value))

    # ---- the model

    def apply(self, state, operation):
        for words in operation:
            name, key = words[0], words[1]
            if name == "SET":
                state[key] = words[2]
            elif name == "RPUSH":
                state[key] = state.get(key, []) + list(words[2:])
            elif name == "HSET":
                state[key] = dict(state.get(key, {}), **{words[2]: words[3]})
            elif name == "ZADD":
                state[key] = dict(state.get(key, {}), **{words[3]: words[2]})
            elif name == "DEL":
                state.pop(key, None)
            elif name == "LTRIM":
                if key in state:
                    state[key] = state[key][-12:]
            elif name == "INCR":
                state[key] = str(int(state.get(key, "0")) + 1)
            else:
                state[words[3]] = words[5]
                state[words[4]] = state.get(words[4], []) + [words[5]]

    def read_back(self, connection):
        state = {}
        keys = list(self.all_keys())
        tail = {"GET": (), "LRANGE": (0, -1), "HGETALL": (), "ZRANGE": (0, -1, "WITHSCORES")}
        replies = connection.pipeline([(command, key) + tail[command] for key, command in keys])
        for (key, command), reply in zip(keys, replies):
            if isinstance(reply, ReplyError):
                raise AssertionError("%s: %s" % (key, reply))
            if not reply:
                continue
            if command == "GET":
                state[key] = reply.decode()
            else:
                words = [word.decode() for word in reply]
                if command == "LRANGE":
                    state[key] = words
                elif command == "HGETALL":
                    state[key] = dict(zip(words[::2], words[1::2]))
                else:
                    state[key] = {m: int(s) for m, s in zip(words[::2], words[1::2])}
        return state

    def moments(self, found):
        """(first, last) n with the state after n operations being what was found."""
        state = {key: value for key, value in self.state.items()}
        matching = [0] if state == found else []
        wanted_seq = found.get(self.key("seq", 0))
        for i, operation in enumerate(self.operations):
            self.apply(state, operation)
            if state.get(self.key("seq", 0)) == wanted_seq and state == found:
                matching.append(i + 1)
        if not matching:
            raise AssertionError(self.explain(found))
        return matching[0], matching[-1]

    def explain(self, found):
        seq = found.get(self.key("seq", 0))
        lines = ["%s holds nothing it ever held; life %d, %d sent, %d answered, its sequence says %s" % (
            self.prefix, self.life, len(self.operations), len(self.answered_at), seq)]
        state = dict(self.state)
        for i, operation in enumerate(self.operations):
            if state.get(self.key("seq", 0)) == seq:
                break
            self.apply(state, operation)
        for key in sorted(set(state) | set(found)):
            if state.get(key) != found.get(key):
                lines.append("  %s: %r instead of %r" % (key, found.get(key), state.get(key)))
                lines += ["    %d: %s" % (i + 1, operation) for i, operation in enumerate(self.operations)
                          if any(key in words for words in operation)][-60:]
        return "\n".join(lines)

    def state_after(self, n):
        state = dict(self.state)
        for operation in self.operations[:n]:
            self.apply(state, operation)
        return state

    # ---- the load

    def run(self, server, over):
        try:
            with server.connect() as connection:
                while not over.is_set():
                    self.send_some(connection)
        except (OSError, Closed):
            pass
        except Exception as error:  # pylint: disable=broad-except
            self.failure = error

    def send_some(self, connection):
        count = self.rng.choice([1, 4, 30]) if self.tag else 1
        batch, data = [], []
        for _ in range(count):
            operation = self.next_operation()
            self.operations.append(operation)
            batch.append(operation)
            commands = operation if len(operation) == 1 else (("MULTI",),) + operation + (("EXEC",),)
            data.append(b"".join(encode(*words) for words in commands))
        now = time.monotonic()
        self.sent_at += [now] * count
        connection.send(b"".join(data))
        for operation in batch:
            replies = [connection.read() for _ in range(1 if len(operation) == 1 else len(operation) + 2)]
            for reply in replies + (replies[-1] if isinstance(replies[-1], list) else []):
                if isinstance(reply, ReplyError):
                    raise AssertionError("%s: %s" % (operation, reply))
            self.answered_at.append(time.monotonic())


def check_one_moment(sequences, found):
    """`found`: (first, last) of each. What was sent after an answer is not there without what was answered."""
    for one, (first, _) in zip(sequences, found):
        if first == 0:
            continue
        sent = one.sent_at[first - 1]
        for other, (_, last) in zip(sequences, found):
            answered = sum(1 for at in other.answered_at if at < sent)
            assert answered <= last, "%s has its operation %d, but of %s, which had %d answered before, only %d are there" % (
                one.prefix, first, other.prefix, answered, last)
