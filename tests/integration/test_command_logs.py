"""SLOWLOG and COMMANDLOG: beside redis-server where it has them, and over several shards."""
import pytest

from tests.support.resp import Connection
from tests.support.server import ORACLE, Server, redis_under_test

pytestmark = pytest.mark.skipif(redis_under_test(), reason="compares with redis-server itself")


@pytest.fixture(scope="module", params=[1, 4], ids=["shards1", "shards4"])
def pair(request):
    with Server("--enable-debug-command", "yes", shards=request.param) as ours, \
            Server("--enable-debug-command", "yes", binary=ORACLE) as theirs:
        yield ours, theirs


def logged(server, commands, parameters=(("slowlog-log-slower-than", "0"),)):
    """What SLOWLOG GET tells of these commands, oldest first, without numbers and times."""
    with Connection(server.port) as client:
        for name, value in (("slowlog-log-slower-than", "-1"), ("slowlog-max-len", "128")) + tuple(parameters):
            assert client.call("config", "set", name, value) == "OK"
        client.call("client", "setname", "somebody")
        client.call("slowlog", "reset")
        for command in commands:
            client.call(*command)
        client.call("config", "set", "slowlog-log-slower-than", "-1")
        entries = client.call("slowlog", "get", "-1")
        address = client.call("client", "info").split(b" addr=")[1].split(b" ")[0]
        numbers = [entry[0] for entry in entries]
        assert numbers == sorted(numbers, reverse=True)
        for entry in entries:
            by_script = entry[4] == b"?:0"  # a script called it
            assert len(entry) == 6 and entry[2] >= 0
            assert by_script or (entry[4] == address and entry[5] == b"somebody")
            if by_script:
                entry[3].insert(0, b"by script, as " + entry[5])
        # It begins with the reset.
        return [entry[3] for entry in reversed(entries)]


COMMANDS = [
    ("set", "a", "x" * 129), ("set", "a", "x" * 128), ("get", "a"), ("get", "nothing"), ("incr", "a"),
    ("sadd", "s") + tuple(str(i) for i in range(29)), ("sadd", "s") + tuple(str(i) for i in range(30)),
    ("sadd", "s") + tuple(str(i) for i in range(31)), ("mset", "a", "1", "b", "2", "c", "3"),
    ("mget", "a", "b", "c", "d", "e"), ("dbsize",), ("scan", "0"), ("flushall",), ("ping",), ("echo", "x"),
    ("nosuch", "a"), ("get",), ("auth", "secret"), ("auth", "somebody", "secret"),
    ("hello", "2", "setname", "somebody"), ("hello", "2", "auth", "default", "secret", "setname", "somebody"),
    ("hello", "2", "setname", "somebody"),
    ("config", "set", "masterauth", "secret", "maxclients", "100"), ("config", "set", "masteruser", "me"),
    ("config", "get", "maxclients"), ("acl", "setuser", "bob", "on", ">secret"), ("acl", "getuser", "bob"),
    ("acl", "deluser", "bob"), ("blpop", "nothing", "0.01"), ("slowlog", "len"), ("debug", "sleep", "0"),
    ("slowlog", "get", "1", "2"), ("slowlog", "get", "-2"), ("command", "count"),
]


def test_what_is_logged(pair):
    ours, theirs = pair
    assert logged(ours, COMMANDS) == logged(theirs, COMMANDS)


def test_what_scripts_call(pair):
    """redis-server tells of it before the script itself, with an address that is nobody's."""
    commands = [
        ("eval", "redis.call('set', KEYS[1], 'x') return redis.call('get', KEYS[1])", "1", "a"),
        ("eval", "return redis.pcall('incr', KEYS[1])", "1", "a"), ("eval", "return redis.pcall('nosuch')", "0"),
        ("eval", "return redis.call('ping')", "0"), ("eval", "return redis.call('dbsize')", "0"),
        ("eval", "return redis.call('config', 'get', 'port')", "0"), ("multi",), ("set", "b", "1"),
        ("eval", "return redis.call('incrby', KEYS[1], ARGV[1])", "1", "b", "5"), ("exec",),
    ]
    ours, theirs = (logged(server, commands) for server in pair)
    assert ours == theirs
    assert sum(words[0].startswith(b"by script") for words in ours) == 6


@pytest.mark.parametrize("command", [
    ("slowlog",), ("slowlog", "get", "1", "2"), ("slowlog", "get", "-2"), ("slowlog", "get", "x"), ("slowlog", "help"),
    ("slowlog", "len", "1"), ("slowlog", "nosuch"), ("slowlog", "reset"), ("slowlog", "get", "0"), ("slowlog", "len"),
    ("slowlog", "get", "9223372036854775807"), ("slowlog", "get", "9223372036854775808")], ids=" ".join)
def test_replies(pair, command):
    replies = []
    for server in pair:
        with Connection(server.port) as client:
            client.call("config", "set", "slowlog-log-slower-than", "-1")
            client.call("slowlog", "reset")
            reply = client.call(*command)
            replies.append(str(reply) if isinstance(reply, Exception) else reply)
    assert replies[0] == replies[1]


def test_length_is_the_nodes(pair):
    ours, _ = pair
    commands = [("set", "key:%d" % i, "v") for i in range(40)]
    texts = logged(ours, commands, (("slowlog-log-slower-than", "0"), ("slowlog-max-len", "7")))
    # The newest seven of all shards.
    assert texts == [list(map(str.encode, command)) for command in commands[-7:]]
    with Connection(ours.port) as client:
        assert client.call("slowlog", "len") == 7
        assert len(client.call("slowlog", "get")) == 7
        assert client.call("config", "set", "slowlog-max-len", "0") == "OK"
        assert client.call("slowlog", "get", "-1") == [] and client.call("slowlog", "len") == 0
        client.call("config", "set", "slowlog-max-len", "128")


def test_time_of_a_slow_command(pair):
    for server in pair:
        with Connection(server.port) as client:
            client.call("config", "set", "slowlog-log-slower-than", "20000")
            client.call("slowlog", "reset")
            client.call("ping")
            client.call("debug", "sleep", "0.05")
            entries = client.call("slowlog", "get")
            assert [entry[3] for entry in entries if entry[3][0] == b"debug"] == [[b"debug", b"sleep", b"0.05"]]
            assert all(entry[2] >= 20000 for entry in entries)


def test_large_requests_and_replies(pair):
    ours, _ = pair
    with Connection(ours.port) as client:
        for kind in ("large-request", "large-reply", "slow"):
            assert client.call("commandlog", "reset", kind) == "OK"
        client.call("config", "set", "commandlog-request-larger-than", "1000")
        client.call("config", "set", "commandlog-reply-larger-than", "2000")
        client.call("set", "small", "x" * 100)
        client.call("set", "big", "x" * 3000)
        client.call("get", "small")
        client.call("get", "big")
        client.call("mget", "big", "small")
        requests = client.call("commandlog", "get", "-1", "LARGE-REQUEST")
        # *3, $3 set, $3 big and $3000 with the value, as bytes of RESP.
        assert [(entry[3][1], entry[2]) for entry in requests] == [(b"big", 4 + 9 + 9 + 7 + 3002)]
        replies = client.call("commandlog", "get", "10", "large-reply")
        assert [entry[3] for entry in replies] == [[b"mget", b"big", b"small"], [b"get", b"big"]]
        assert replies[1][2] == 7 + 3002
        assert client.call("commandlog", "len", "large-reply") == 2
        assert client.call("commandlog", "reset", "large-reply") == "OK"
        assert client.call("commandlog", "len", "large-reply") == 0
        assert client.call("commandlog", "len", "large-request") == 1
        for wrong in (("get", "1", "other"), ("len", "other"), ("reset", "other")):
            assert str(client.call("commandlog", *wrong)).startswith("ERR type should be one of")
        assert str(client.call("commandlog", "get", "-2", "slow")) == \
            "ERR count should be greater than or equal to -1"


def test_what_is_logged_of_transactions(pair):
    """WATCH, and each command of EXEC, whoever has to run it."""
    keys = ["w%d" % i for i in range(8)]
    seen = []
    for server in pair:
        with Connection(server.port) as client:
            client.call("config", "set", "slowlog-log-slower-than", "0")
            client.call("slowlog", "reset")
            client.call("watch", *keys)
            client.call("watch", *keys)
            client.pipeline([("multi",), ("set", "a", "1"), ("client", "setname", "me"), ("config", "get", "port"), ("client", "no-evict", "on"),
                             ("dbsize",), ("exec",)])
            client.call("multi")
            client.call("discard")
            seen.append([(entry[3], entry[5]) for entry in client.call("slowlog", "get", "-1")])
            client.call("config", "set", "slowlog-log-slower-than", "20000")
    assert seen[0] == seen[1] and ([b"watch"] + [key.encode() for key in keys], b"") in seen[0]
