"""MULTI, EXEC, DISCARD, WATCH: texts and order of checks, what is watched, shards, the connection's own commands inside.
What is not marked holds for redis-server 7.0 too."""
import random

import pytest

from tests.support.resp import Closed, ReplyError
from tests.support.server import eventually

ABORT = ReplyError("EXECABORT Transaction discarded because of previous errors.")


def because(reason):
    return ReplyError("EXECABORT Transaction discarded because of: " + reason)


@pytest.fixture
def client(standalone):
    with standalone.connect() as connection:
        connection.call("FLUSHALL")
        yield connection


@pytest.fixture
def other(standalone):
    with standalone.connect() as connection:
        yield connection


def run(connection, *commands):
    """The reply of EXEC to these."""
    assert connection.call("MULTI") == "OK"
    for command in commands:
        assert connection.call(*command) == "QUEUED", command
    return connection.call("EXEC")


def test_texts(client):
    call = client.call
    assert call("EXEC") == ReplyError("ERR EXEC without MULTI")
    assert call("DISCARD") == ReplyError("ERR DISCARD without MULTI")
    assert call("EXEC", "x") == because("wrong number of arguments for 'exec' command")
    assert call("UNWATCH") == "OK"
    assert call("MULTI") == "OK"
    assert call("MULTI") == ReplyError("ERR MULTI calls can not be nested")
    assert call("WATCH", "a") == ReplyError("ERR WATCH inside MULTI is not allowed")
    assert call("EXEC") == []  # neither spoils it
    for bad in [("GET",), ("nosuch",), ("CLIENT", "nosuch"), ("MULTI", "x"), ("SYNC",)]:
        assert call("MULTI") == "OK"
        assert isinstance(call(*bad), ReplyError), bad
        assert call("SET", "a", 1) == "QUEUED"
        assert call("EXEC") == ABORT, bad
    assert call("MULTI") == "OK"
    assert call("SHUTDOWN", "NOSAVE") == ReplyError("ERR Command not allowed inside a transaction")
    assert call("DISCARD") == "OK"
    assert call("GET", "a") is None


def test_an_error_in_the_middle_stops_nothing(client):
    assert run(client, ("SET", "a", 1), ("LPUSH", "a", "x"), ("GET", "a"), ("SADD", "s", 1, 2)) == [
        "OK", ReplyError("WRONGTYPE Operation against a key holding the wrong kind of value"), b"1", 2]


def test_pipelined_in_one_write(client):
    replies = client.pipeline([("SET", "a", 0), ("MULTI",)] + [("INCR", "a")] * 5 + [("EXEC",), ("GET", "a"), ("MULTI",), ("GET", "b"),
                                                                                    ("DISCARD",), ("GET", "a")])
    assert replies == ["OK", "OK"] + ["QUEUED"] * 5 + [[1, 2, 3, 4, 5], b"5", "OK", "QUEUED", "OK", b"5"]


def test_many_keys_on_all_shards(client):
    keys = ["key:%d" % i for i in range(200)]
    assert run(client, *[("SET", key, key) for key in keys]) == ["OK"] * 200
    assert run(client, *[("GET", key) for key in keys]) == [key.encode() for key in keys]
    assert run(client, ("MGET", *keys), ("DEL", *keys), ("EXISTS", *keys)) == [[key.encode() for key in keys], 200, 0]


def test_commands_of_the_connection_inside(client):
    assert run(client, ("SELECT", 20), ("SELECT", 1), ("SET", "foo", "b"), ("PING",), ("ECHO", "x"), ("CLIENT", "SETNAME", "me"), ("DBSIZE",)) == [
        ReplyError("ERR DB index is out of range"), "OK", "OK", "PONG", b"x", "OK", 1]
    assert client.call("GET", "foo") == b"b"
    assert client.call("CLIENT", "GETNAME") == b"me"
    replies = run(client, ("HELLO", 3), ("CONFIG", "GET", "maxmemory"), ("HELLO", 2), ("CONFIG", "GET", "maxmemory"))
    assert replies[1] == {b"maxmemory": b"0"} and replies[3] == [b"maxmemory", b"0"]
    assert client.call("FLUSHALL") == "OK" and client.call("SELECT", 0) == "OK"


def test_commands_of_all_shards_inside(client):
    for i in range(50):
        client.call("SET", "key:%d" % i, i)
    size, keys, (cursor, found), one, flushed, after = run(
        client, ("DBSIZE",), ("KEYS", "key:1*"), ("SCAN", 0, "COUNT", 1000), ("RANDOMKEY",), ("FLUSHALL",), ("DBSIZE",))
    assert size == 50 and len(keys) == 11 and cursor == b"0" and len(found) == 50 and one.startswith(b"key:")
    assert (flushed, after) == ("OK", 0)
    client.call("SET", "a", "x")
    assert run(client, ("SWAPDB", 0, 1), ("GET", "a"), ("SELECT", 1), ("GET", "a"), ("FLUSHDB",)) == ["OK", None, "OK", b"x", "OK"]


def test_commands_of_other_threads_inside(client):
    replies = run(client, ("SET", "a", 1), ("CONFIG", "SET", "maxmemory", 1), ("INCR", "a"), ("CLIENT", "LIST"), ("CONFIG", "SET", "maxmemory", 0),
                  ("GET", "a"))
    assert replies[:3] == ["OK", "OK", 2] and replies[4:] == ["OK", b"2"]
    line = next(line for line in replies[3].decode().splitlines() if " multi=6 " in line)
    assert " flags=x " in line and " cmd=exec " in line


def test_blocking_commands_do_not_wait(client):
    assert run(client, ("BLPOP", "q", 0), ("BLMOVE", "q", "p", "LEFT", "LEFT", 0), ("XREAD", "BLOCK", 0, "STREAMS", "s", 1),
               ("BZPOPMIN", "z", 0)) == [None, None, None, None]


def test_waiters_are_served_after_it(client, other):
    other.send(b"*3\r\n$5\r\nBLPOP\r\n$1\r\nq\r\n$1\r\n0\r\n")
    eventually(lambda: b"flags=b" in client.call("CLIENT", "LIST"))
    assert run(client, ("RPUSH", "q", "a", "b"), ("LPOP", "q"), ("LRANGE", "q", 0, -1)) == [2, b"a", [b"b"]]
    assert other.read() == [b"q", b"b"]


def test_quit_and_reset_run_at_once(standalone, client):
    with standalone.connect() as leaving:
        assert leaving.call("MULTI") == "OK" and leaving.call("SET", "a", 1) == "QUEUED"
        assert leaving.call("QUIT") == "OK"
        assert leaving.closed_by_peer()
    assert client.call("MULTI") == "OK" and client.call("SET", "a", 1) == "QUEUED"
    assert client.call("RESET") == "RESET"
    assert client.call("EXEC") == ReplyError("ERR EXEC without MULTI")
    assert client.call("GET", "a") is None


def test_client_reply(client):
    assert client.call("MULTI") == "OK"
    assert client.call("CLIENT", "REPLY", "OFF") == "QUEUED"
    client.send(b"EXEC\r\nPING\r\nCLIENT REPLY ON\r\n")
    assert client._line() == b"*1"
    assert client.read() == "OK"


def test_memory(client):
    client.call("SET", "a", 1)
    client.call("CONFIG", "SET", "maxmemory", 1)
    oom = "OOM command not allowed when used memory > 'maxmemory'."
    try:
        assert client.call("MULTI") == "OK"
        assert client.call("GET", "a") == ReplyError(oom)  # whatever it is, it would take memory
        assert client.call("EXEC") == ABORT
        client.call("CONFIG", "SET", "maxmemory", 0)
        assert client.call("MULTI") == "OK" and client.call("SET", "a", 2) == "QUEUED"
        with_limit = client.call
        assert with_limit("CONFIG", "SET", "maxmemory", 0) == "QUEUED"
        assert client.call("EXEC") == ["OK", "OK"]
    finally:
        client.call("CONFIG", "SET", "maxmemory", 0)


def test_memory_at_exec(client, other):
    assert client.call("MULTI") == "OK" and client.call("SET", "a", 2) == "QUEUED"
    other.call("CONFIG", "SET", "maxmemory", 1)
    try:
        assert client.call("EXEC") == because("OOM command not allowed when used memory > 'maxmemory'.")
        assert client.call("EXEC") == ReplyError("ERR EXEC without MULTI")
    finally:
        other.call("CONFIG", "SET", "maxmemory", 0)


def test_pause(client, other):
    assert client.call("MULTI") == "OK"
    other.call("CLIENT", "PAUSE", 100000, "WRITE")
    assert client.call("GET", "a") == "QUEUED"
    assert client.call("EXEC") == [None]
    assert client.call("MULTI") == "OK"
    client.send(b"SET a 1\r\nEXEC\r\nGET a\r\n")
    assert other.call("GET", "a") is None
    assert other.call("CLIENT", "UNPAUSE") == "OK"
    assert [client.read() for _ in range(3)] == ["QUEUED", ["OK"], b"1"]


def test_pause_between_queue_and_exec(client, other):
    assert client.call("MULTI") == "OK" and client.call("SET", "a", 1) == "QUEUED"
    other.call("CLIENT", "PAUSE", 100000, "WRITE")
    client.send(b"EXEC\r\n")
    assert other.call("GET", "a") is None
    other.call("CLIENT", "UNPAUSE")
    assert client.read() == ["OK"]


def test_users_change_between_queue_and_exec(standalone, client):
    client.call("ACL", "SETUSER", "bob", "on", ">pw", "~*", "+@all")
    client.call("ACL", "LOG", "RESET")
    with standalone.connect() as bob:
        assert bob.call("AUTH", "bob", "pw") == "OK"
        assert bob.call("MULTI") == "OK"
        for command in [("SET", "a", 1), ("GET", "a"), ("SET", "b", 1)]:
            assert bob.call(*command) == "QUEUED"
        client.call("ACL", "SETUSER", "bob", "resetkeys", "~a", "-get")
        changed = "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. " \
                  "This command is no longer allowed for the following reason: "
        assert bob.call("EXEC") == ["OK", ReplyError(changed + "no permission to execute the command or subcommand"),
                                    ReplyError(changed + "no permission to touch the specified keys")]
        assert bob.call("MULTI") == "OK"
        assert str(bob.call("GET", "a")).startswith("NOPERM")
        assert bob.call("EXEC") == ABORT
    eventually(lambda: len(client.call("ACL", "LOG")) == 2)
    entries = [dict(zip(entry[::2], entry[1::2])) for entry in client.call("ACL", "LOG")]
    assert [(entry[b"count"], entry[b"reason"], entry[b"context"], entry[b"object"]) for entry in entries] == [
        (2, b"command", b"multi", b"get"), (1, b"key", b"multi", b"b")]
    assert b" multi=3 " in entries[1][b"client-info"] and b" flags=x " in entries[1][b"client-info"]
    client.call("ACL", "DELUSER", "bob")


# ---- beside scripts and pushes

def test_scripts_inside(client):
    keys = ["s:%d" % i for i in range(20)]
    script = "for i = 1, 20 do redis.call('SET', KEYS[i], i) end return redis.call('GET', KEYS[20])"
    replies = run(client, ("SET", "s:19", "x"), ("EVAL", script, 20, *keys), ("GET", "s:0"), ("EVAL", "return redis.call('DBSIZE')", 0),
                  ("EVAL", "return redis.call('nosuch')", 0), ("EVAL", "return {1, false, 'x'}", 0), ("SCRIPT", "EXISTS", "x"), ("INCR", "s:0"))
    assert replies[:4] == ["OK", b"20", b"1", 20] and isinstance(replies[4], ReplyError) and replies[5:] == [[1, None, b"x"], [0], 2]
    assert client.call("MGET", *keys) == [b"2"] + [b"%d" % i for i in range(2, 21)]


def test_scripts_inside_meet_keys_of_other_shards(client):
    script = "local n = 0 for i = 1, 50 do n = n + redis.call('INCR', 'u:' .. i) end return n"
    assert run(client, ("SET", "u:1", 10), ("EVAL", script, 0), ("EVAL", script, 0), ("GET", "u:50")) == ["OK", 60, 110, b"2"]


def test_functions_inside(client):
    library = """#!lua name=inside
redis.register_function('all', function(keys, args)
  for i, key in ipairs(args) do redis.call('SET', key, i) end return redis.call('MGET', unpack(args)) end)"""
    keys = ["f:%d" % i for i in range(1, 9)]
    assert run(client, ("FUNCTION", "LOAD", "REPLACE", library), ("FCALL", "all", 0, *keys), ("FCALL", "all", 1, keys[0], *keys[1:]), ("GET", keys[7]),
               ("FCALL", "none", 0), ("FCALL_RO", "all", 0, "a")) == [
        b"inside", [b"%d" % i for i in range(1, 9)], [b"%d" % i for i in range(1, 8)], b"7", ReplyError("ERR Function not found"),
        ReplyError("ERR Can not execute a script with write flag using *_ro command.")]


def test_scripts_do_not_call_them(client):
    for command in ("'MULTI'", "'EXEC'", "'DISCARD'", "'WATCH', 'a'", "'UNWATCH'"):
        script = "return redis.pcall(%s)" % command
        alone = client.call("EVAL", script, 0)
        assert "This Redis command is not allowed from script" in str(alone)
        assert run(client, ("SET", "a", 1), ("EVAL", script, 0), ("GET", "a")) == ["OK", alone, b"1"]


def test_a_busy_server_queues_nothing(start):
    server = start(shards=1)
    busy = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
    with server.connect() as runner, server.connect() as client, server.connect() as queued:
        call = client.call
        call("CONFIG", "SET", "busy-reply-threshold", 50)
        assert queued.call("MULTI") == "OK" and queued.call("SET", "b", 1) == "QUEUED"
        runner.send(b"EVAL 'while true do end' 0\r\n")
        eventually(lambda: str(call("GET", "k")) == busy, what="the script is busy")
        assert call("MULTI") == "OK"
        assert call("SET", "k", 1) == ReplyError(busy)
        assert call("EXEC") == because(busy)
        assert queued.call("EXEC") == because(busy) and queued.call("EXEC") == because(busy)
        assert call("WATCH", "k") == "OK" and call("MULTI") == "OK" and call("UNWATCH") == "QUEUED" and call("DISCARD") == "OK"
        assert call("SCRIPT", "KILL") == "OK"
        assert isinstance(runner.read(), ReplyError)
        assert run(client, ("MGET", "k", "b")) == [[None, None]]


def test_scripts_and_watch(client, other):
    client.call("WATCH", "w")
    other.call("EVAL", "return redis.call('SET', 'w', 1)", 0)
    assert run(client, ("PING",)) is None


def test_subscribing_inside(client, other):
    assert run(client, ("SUBSCRIBE", "a"), ("SET", "k", 1), ("PSUBSCRIBE", "p*"), ("UNSUBSCRIBE", "a"), ("SSUBSCRIBE", "s"), ("MONITOR",),
               ("PUBLISH", "nobody", "x")) == [
        [b"subscribe", b"a", 1], "OK", [b"psubscribe", b"p*", 2], [b"unsubscribe", b"a", 1],
        ReplyError("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"), ReplyError("ERR MONITOR isn't allowed for DENY BLOCKING client"), 0]
    assert other.call("PUBLISH", "pp", "hello") == 1
    assert client.read() == [b"pmessage", b"p*", b"pp", b"hello"]
    refused = "Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
    assert client.call("GET", "k") == ReplyError("ERR " + refused)
    assert client.call("EXEC") == because(refused.replace("'get'", "'exec'"))
    assert client.call("RESET") == "RESET"


def test_messages_published_inside(client, other):
    other.call("SUBSCRIBE", "news")
    assert run(client, ("PUBLISH", "news", 1), ("SET", "k", 1), ("PUBLISH", "news", 2)) == [1, "OK", 1]
    assert [other.read()[2] for _ in range(2)] == [b"1", b"2"]


def test_monitor_shows_what_ran(client, other):
    assert other.call("MONITOR") == "OK"
    run(client, ("SET", "a", 1), ("GET", "a"))
    client.call("WATCH", "a")
    client.call("SET", "a", 2)
    assert run(client, ("GET", "a")) is None
    seen = [other.read().split("] ", 1)[1] for _ in range(8)]
    assert seen == ['"MULTI"', '"SET" "a" "1"', '"GET" "a"', '"EXEC"', '"WATCH" "a"', '"SET" "a" "2"', '"MULTI"', '"EXEC"']


def invalidated(connection, keys):
    seen = set()
    while len(seen) < keys:
        message = connection.read()
        assert message[0] == b"invalidate"
        seen |= set(message[1])
    return seen


def test_tracking(client, other):
    client.call("HELLO", 3)
    assert client.call("CLIENT", "TRACKING", "ON", "OPTIN") == "OK"
    assert client.call("CLIENT", "CACHING", "YES") == "OK"
    run(client, ("GET", "k1"), ("GET", "k2"))
    client.call("GET", "k3")
    for key in ("k3", "k1", "k2"):
        other.call("SET", key, 1)
    assert invalidated(client, 2) == {b"k1", b"k2"}
    run(client, ("GET", "k4"), ("CLIENT", "CACHING", "YES"), ("GET", "k1"), ("GET", "k2"))
    client.call("GET", "k3")
    for key in ("k4", "k3", "k1", "k2"):
        other.call("SET", key, 1)
    assert invalidated(client, 2) == {b"k1", b"k2"}
    assert client.call("PING") == "PONG"


def test_tracking_is_turned_on_inside(standalone, client, other):
    client.call("HELLO", 3)
    other.call("HELLO", 3)
    ident = other.call("CLIENT", "ID")
    assert run(client, ("CLIENT", "TRACKING", "ON", "REDIRECT", ident), ("GET", "k1")) == ["OK", None]
    assert standalone.call("SET", "k1", 1) == "OK"
    assert other.read()[1] == [b"k1"]


# ---- WATCH

def set_up(connection, commands):
    for command in commands:
        connection.call(*command.split())


# What was there, what is watched, what another client does, whether EXEC runs.
WATCHED = [
    (["set a 1"], "a", ["set a 1"], False),
    (["set a 1"], "a", ["get a"], True),
    (["set a 1"], "a", ["expire a 100"], False),
    (["set a 1"], "a", ["persist a"], True),
    (["set a 1"], "a", ["set a 2 nx"], True),
    (["set a 1"], "a", ["getdel a"], False),
    (["set a 1"], "a", ["rename a b"], False),
    (["set a 1"], "b", ["rename a b"], False),
    (["set a 1"], "a", ["copy a b"], True),
    (["set a 1"], "b", ["copy a b"], False),
    (["set a 1"], "a", ["move a 1"], False),
    ([], "a", ["set a 1", "del a"], False),
    ([], "a", ["del a"], True),
    (["set a 1"], "a", ["flushall"], False),
    ([], "a", ["flushall"], True),
    (["set a 1"], "a", ["flushdb"], False),
    ([], "a", ["swapdb 0 1"], True),
    (["set a 1"], "a", ["swapdb 0 1"], False),
    (["set a 1"], "a", ["swapdb 0 0"], True),
    (["set a 1"], "a", ["swapdb 1 2"], True),
    (["select 1", "set a 1", "select 0"], "a", ["swapdb 0 1"], False),
    (["sadd a 1"], "a", ["sadd a 1"], True),
    ([], "a", ["bitfield a overflow fail set u8 0 999", "exists a"], True),
    ([], "a", ["bitfield a overflow wrap set u8 0 999"], False),
    (["pfadd a b"], "a", ["pfdebug todense a"], True),
    ([], "b", ["sunionstore b zz"], True),
    (["set b 1"], "b", ["sunionstore b zz"], False),
    (["rpush a 1"], "a", ["lmove a a left right"], False),
    (["xadd s 1-1 a b", "xgroup create s g 0"], "s", ["xreadgroup group g c streams s >"], True),
    (["xadd s 1-1 a b", "xgroup create s g 0"], "s", ["xgroup create s g2 0"], True),
    ([], "s", ["xgroup create s g 0 mkstream"], False),
    (["xadd s 1-1 a b"], "s", ["xtrim s maxlen 0"], False),
    (["xadd s 1-1 a b"], "s", ["xdel s 1-1"], False),
    (["xadd s 1-1 a b"], "s", ["xsetid s 5-5"], True),
]
OVER = ["debug set-active-expire 0", "set a 1 px 1", "debug sleep 0.01"]  # there, but its time is over
EXPIRED = [
    (OVER, "a", [], True),
    (OVER, "a", ["get a"], True),
    (OVER, "a", ["flushall"], True),
    (OVER, "a", ["swapdb 0 1"], True),
    (OVER, "a", ["swapdb 0 1", "swapdb 0 1", "get a"], True),
    (OVER, "a", ["set a 3"], False),
    (["debug set-active-expire 0", "select 1"] + OVER[1:] + ["select 0"], "a", ["swapdb 0 1"], True),
    (["debug set-active-expire 0", "select 1"] + OVER[1:] + ["select 0"], "a", ["swapdb 0 1", "get a"], True),
    (["debug set-active-expire 0", "set a 1"], "a", ["pexpire a 1", "debug sleep 0.01"], False),
    (["debug set-active-expire 1", "set a 1 px 60"], "a", ["debug sleep 0.12"], False),
    (["debug set-active-expire 0", "set a 1 px 60"], "a", ["debug sleep 0.12"], False),
]


@pytest.fixture(scope="module", params=[1, 4], ids=["shards1", "shards4"])
def debuggable(request):
    from tests.support.server import Server
    with Server("--enable-debug-command", "yes", shards=request.param) as server:
        yield server


@pytest.mark.parametrize("before,watched,changes,runs", WATCHED + EXPIRED,
                         ids=lambda value: ";".join(value) if isinstance(value, list) else str(value))
def test_what_counts_as_a_change(debuggable, before, watched, changes, runs):
    with debuggable.connect() as client, debuggable.connect() as other:
        other.call("FLUSHALL")
        set_up(other, before)
        assert client.call("WATCH", watched) == "OK"
        set_up(other, changes)
        assert run(client, ("PING",)) == (["PONG"] if runs else None)
        other.call("DEBUG", "SET-ACTIVE-EXPIRE", 1)


def test_own_changes_count_and_what_forgets(client):
    for forget in [("UNWATCH",), ("RESET",), ("EXEC",), ("DISCARD",)]:
        assert client.call("WATCH", "k", "k", "j") == "OK"
        assert client.call("SET", "k", 1) == "OK"
        if forget[0] in ("EXEC", "DISCARD"):
            assert client.call("MULTI") == "OK"
        assert client.call(*forget) == {"RESET": "RESET", "EXEC": None}.get(forget[0], "OK")
        assert run(client, ("PING",)) == ["PONG"]
    assert client.call("WATCH", "k") == "OK"
    assert run(client, ("SET", "k", 2), ("UNWATCH",), ("GET", "k")) == ["OK", "OK", b"2"]


def test_keys_of_many_shards_are_watched(client, other):
    keys = ["w:%d" % i for i in range(40)]
    for key in random.sample(keys, 5):
        assert client.call("WATCH", *keys) == "OK"
        assert run(client, ("SET", "x", 1)) == ["OK"]
        assert client.call("WATCH", *keys) == "OK"
        assert other.call("SET", key, 1) == "OK"
        assert run(client, ("SET", "x", 2)) is None
        assert client.call("GET", "x") == b"1"


def test_null_in_resp3(client):
    client.call("HELLO", 3)
    client.call("WATCH", "k")
    client.call("SET", "k", 1)
    client.call("MULTI")
    client.send(b"EXEC\r\n")
    assert client._line() == b"_"


def line_of(server, ident):
    text = server.call("CLIENT", "LIST", "ID", ident).decode().strip()
    return dict(word.split("=", 1) for word in text.split())


def test_what_is_told_of_it(standalone, client, other):
    ident = client.call("CLIENT", "ID")
    assert line_of(standalone, ident)["multi"] == "-1"
    client.call("MULTI")
    client.call("SET", "a", "b")
    client.call("nosuch")
    client.call("SET", "a", "b")
    fields = line_of(standalone, ident)
    assert (fields["multi"], fields["flags"]) == ("1", "x")
    client.call("DISCARD")
    client.call("WATCH", "a", "b")
    other.call("SET", "a", 1)
    assert line_of(standalone, ident)["flags"] == "d"
    client.call("UNWATCH")
    assert line_of(standalone, ident)["flags"] == "N"


@pytest.mark.tessera_only
def test_counts_of_watches(standalone, client, other):
    base = standalone.info("clients")
    client.call("WATCH", "a", "b", "c")
    assert line_of(standalone, client.call("CLIENT", "ID"))["watch"] == "3"
    now = standalone.info("clients")
    assert int(now["watching_clients"]) == int(base["watching_clients"]) + 1
    assert int(now["total_watched_keys"]) == int(base["total_watched_keys"]) + 3
    assert run(client, ("PING",)) == ["PONG"]
    assert standalone.info("clients")["total_watched_keys"] == base["total_watched_keys"]
    with standalone.connect() as third:
        third.call("WATCH", "a", "b", "c", "d")
    eventually(lambda: standalone.info("clients")["total_watched_keys"] == base["total_watched_keys"])
    eventually(lambda: standalone.info("clients")["watching_clients"] == base["watching_clients"])


def test_statistics(standalone, client):
    client.call("CONFIG", "RESETSTAT")
    run(client, ("SET", "a", 1), ("GET", "a"), ("LPUSH", "a", 1))
    client.call("EXEC")
    client.call("MULTI")
    client.call("SET", "a")
    client.call("EXEC")
    text = client.call("INFO", "commandstats").decode()
    stats = {line.split(":")[0]: dict(f.split("=") for f in line.split(":")[1].split(",")) for line in text.splitlines() if ":" in line}
    def counts(name):
        return tuple(int(stats["cmdstat_" + name][field]) for field in ("calls", "rejected_calls", "failed_calls"))
    assert counts("set") == (1, 1, 0) and counts("get") == (1, 0, 0) and counts("lpush") == (1, 0, 1)
    assert counts("multi") == (2, 0, 0) and counts("exec") == (3, 0, 2)


# ---- shards and messages

@pytest.mark.tessera_only
def test_one_shard_is_one_message(standalone, client):
    shards = 1 if "shards1" in str(standalone.words) else None
    for i in range(20):
        before = standalone.info("tessera")
        assert run(client, ("SET", "{t%d}a" % i, 1), ("GET", "{t%d}a" % i), ("SET", "{t%d}b" % i, 1)) == ["OK", b"1", "OK"]
        after = standalone.info("tessera")
        grew = {name: int(after[name]) - int(before[name]) for name in after if name.startswith("tessera_transactions") or name == "tessera_gathers_run"}
        assert grew["tessera_transactions_run"] == 1 and grew["tessera_transactions_gathered"] == 0 and grew["tessera_gathers_run"] == 0
        assert grew["tessera_transactions_sent"] in (0, 1)


@pytest.mark.tessera_only
def test_cluster_takes_no_token(cluster):
    with cluster.connect() as client, cluster.connect() as other:
        for i in range(30):
            key = "{c%d}" % i
            assert client.call("WATCH", key + "a") == "OK"
            if i % 2:
                other.call("SET", key + "a", "other")
            assert run(client, ("SET", key + "a", 1), ("RPUSH", key + "l", 1, 2), ("MGET", key + "a", key + "l")) == (
                None if i % 2 else ["OK", 2, [b"1", None]])
    fields = cluster.info("tessera")
    assert fields["tessera_transactions_gathered"] == "0" and int(fields["tessera_transactions_run"]) >= 15


def test_cluster_slots(cluster):
    with cluster.connect() as client:
        cross = ReplyError("CROSSSLOT Keys in request don't hash to the same slot")
        assert client.call("WATCH", "a", "b") == cross
        assert client.call("MULTI") == "OK"
        assert client.call("MGET", "a", "b") == cross
        assert client.call("EXEC") == ABORT
        assert client.call("MULTI") == "OK"
        assert client.call("SET", "a", 1) == "QUEUED" and client.call("SET", "b", 1) == "QUEUED"
        assert client.call("EXEC") == cross
        assert client.call("EXEC") == ReplyError("ERR EXEC without MULTI")


# ---- many clients at once: test_atomicity.py has most of it

def test_clients_that_leave_in_the_middle(standalone, client):
    for i in range(60):
        with standalone.connect() as leaving:
            leaving.call("WATCH", "a", "b%d" % i)
            leaving.send(b"MULTI\r\nSET a 1\r\nSET b 2\r\nSET c 3\r\nCLIENT LIST\r\nINCR n\r\nEXEC\r\n"[:20 + i])
    assert client.call("PING") == "PONG"
    assert run(client, ("SET", "a", 1), ("GET", "b")) is not None


@pytest.mark.tessera_only  # redis-server 7.0 lets it grow
def test_what_is_queued_is_bounded(start):
    server = start("--client-query-buffer-limit", "1mb")
    with server.connect() as client:
        client.call("MULTI")
        with pytest.raises((Closed, BrokenPipeError, ConnectionResetError)):
            for _ in range(100):
                assert client.call("SET", "a", "x" * 100000) == "QUEUED"
    assert server.call("GET", "a") is None
