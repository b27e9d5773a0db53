"""CLIENT and its subcommands, connection state, MONITOR's absence of harm."""
import contextlib
import os
import re
import signal
import threading
import time

import pytest

from tests.support.resp import Closed, ReplyError, encode
from tests.support.server import eventually


@pytest.fixture(scope="module", params=[1, 4], ids=["shards1", "shards4"])
def server(request):
    from tests.support.server import Server
    with Server("--enable-debug-command", "yes", shards=request.param) as made:
        yield made


class Task(threading.Thread):
    """A function beside the test; result() fails as it did."""

    def __init__(self, run, *args):
        super().__init__(daemon=True)
        self.work, self.args, self.failure = run, args, None
        self.start()

    def run(self):
        try:
            self.work(*self.args)
        except BaseException as failure:
            self.failure = failure

    def result(self):
        self.join(60)
        assert not self.is_alive()
        if self.failure is not None:
            raise self.failure


def rows(text):
    found = []
    for line in text.decode().strip("\n").split("\n"):
        if line:
            found.append(dict(part.partition("=")[::2] for part in line.split(" ")))
    return found


def test_info_fields(server):
    with server.connect() as connection:
        connection.call("CLIENT", "SETNAME", "me")
        connection.call("SELECT", 3)
        row = rows(connection.call("CLIENT", "INFO"))[0]
        names = ("id addr laddr fd name age idle flags db sub psub ssub multi qbuf qbuf-free argv-mem multi-mem rbs rbp obl oll omem "
                 "tot-mem events cmd user redir resp").split()
        assert [name for name in names if name not in row] == []
        assert (row["name"], row["db"], row["flags"], row["cmd"], row["user"], row["resp"]) == ("me", "3", "N", "client|info", "default", "2")
        port = connection.socket.getsockname()[1]
        assert row["addr"] == "127.0.0.1:%d" % port and row["laddr"] == "127.0.0.1:%d" % server.port
        assert int(row["id"]) == connection.call("CLIENT", "ID")


def test_idle_and_peak_of_replies(server):
    """Who is sent something is not idle; the peak is that of the last seconds. redis-server says the same."""
    with server.connect() as listener, server.connect() as client:
        ident = listener.call("CLIENT", "ID")
        seen = lambda: rows(client.call("CLIENT", "LIST", "ID", ident))[0]
        listener.call("SUBSCRIBE", "ch")
        eventually(lambda: int(seen()["idle"]) >= 1)

        def told():
            client.call("PUBLISH", "ch", "x")
            listener.read()
            return seen()
        eventually(lambda: told()["idle"] == "0")
        # Its last message: three elements.
        assert told()["rbp"] == str(len(encode("message", "ch", "x")))
        eventually(lambda: seen()["rbp"] == "0", 30)


def test_ids_grow_over_all_threads(server):
    ids = []
    for _ in range(20):
        with server.connect() as connection:
            ids.append(connection.call("CLIENT", "ID"))
    assert ids == sorted(set(ids))


def test_list_sees_every_thread(server):
    connections = [server.connect() for _ in range(20)]
    try:
        for i, connection in enumerate(connections):
            assert connection.call("CLIENT", "SETNAME", "c%d" % i) == "OK"
        names = [row["name"] for row in rows(server.call("CLIENT", "LIST"))]
        assert sorted(n for n in names if n.startswith("c")) == sorted("c%d" % i for i in range(20))
        wanted = [connections[i].call("CLIENT", "ID") for i in (3, 7)]
        by_id = rows(connections[0].call("CLIENT", "LIST", "ID", *wanted))
        assert sorted(row["name"] for row in by_id) == ["c3", "c7"]
        assert len(rows(connections[0].call("CLIENT", "LIST", "TYPE", "normal"))) >= 20
        assert connections[0].call("CLIENT", "LIST", "TYPE", "pubsub") == b""
    finally:
        for connection in connections:
            connection.close()


def test_kill_by_filters(server):
    victim, other = server.connect(), server.connect()
    with server.connect() as killer:
        ident = victim.call("CLIENT", "ID")
        assert killer.call("CLIENT", "KILL", "ID", ident, "TYPE", "pubsub") == 0
        assert killer.call("CLIENT", "KILL", "ID", ident) == 1
        assert victim.closed_by_peer()
        assert killer.call("CLIENT", "KILL", "ID", ident) == 0
        address = "127.0.0.1:%d" % other.socket.getsockname()[1]
        assert killer.call("CLIENT", "KILL", "ADDR", address, "SKIPME", "yes") == 1
        assert other.closed_by_peer()
        third = server.connect()
        third.call("PING")
        assert killer.call("CLIENT", "KILL", "127.0.0.1:%d" % third.socket.getsockname()[1]) == "OK"
        assert third.closed_by_peer()
        assert killer.call("CLIENT", "KILL", "127.0.0.1:1") == ReplyError("ERR No such client")
        assert killer.call("CLIENT", "KILL", "USER", "nosuch") == ReplyError("ERR No such user 'nosuch'")
        assert killer.call("CLIENT", "KILL", "TYPE", "nosuch") == ReplyError("ERR Unknown client type 'nosuch'")
        assert killer.call("CLIENT", "KILL", "ID", "abc") == ReplyError("ERR client-id should be greater than 0")


def test_seconds_that_no_connection_can_have_lasted(server):
    with server.connect() as admin, server.connect() as other:
        other.call("PING")
        for seconds in (9223372036855, 9223372036854775807):
            assert admin.call("CLIENT", "LIST", "MAXAGE", seconds) == b""
            assert admin.call("CLIENT", "LIST", "IDLE", seconds) == b""
            assert admin.call("CLIENT", "KILL", "MAXAGE", seconds, "SKIPME", "no") == 0
        assert other.call("PING") == "PONG"


def test_kill_everybody_else_and_me(server):
    others = [server.connect() for _ in range(10)]
    with server.connect() as killer:
        for other in others:
            other.call("PING")
        assert killer.call("CLIENT", "KILL", "TYPE", "normal", "LADDR", "127.0.0.1:%d" % server.port) >= 10
        assert all(other.closed_by_peer() for other in others)
        assert killer.call("PING") == "PONG"
        # Its own connection: the reply comes, then the end.
        assert killer.call("CLIENT", "KILL", "ID", killer.call("CLIENT", "ID"), "SKIPME", "no") == 1
        assert killer.closed_by_peer()


def test_reply_modes(server):
    with server.connect() as connection:
        connection.send(encode("CLIENT", "REPLY", "OFF") + encode("SET", "k", "off") + encode("GET", "k") + encode("NOSUCH") +
                        encode("CLIENT", "REPLY", "ON") + encode("GET", "k"))
        assert connection.read() == "OK" and connection.read() == b"off"
        connection.send(encode("CLIENT", "REPLY", "SKIP") + encode("SET", "k", "skip") + encode("GET", "k"))
        assert connection.read() == b"skip"
        assert connection.call("CLIENT", "REPLY", "JUNK") == ReplyError("ERR syntax error")


def test_pause_writes_only(server):
    with server.connect() as control, server.connect() as writer, server.connect() as reader:
        writer.call("SET", "k", "before")
        assert control.call("CLIENT", "PAUSE", 60000, "WRITE") == "OK"
        writer.send(encode("SET", "k", "after"))
        for _ in range(20):
            assert reader.call("GET", "k") == b"before"
        assert control.call("CLIENT", "UNPAUSE") == "OK"
        assert writer.read() == "OK"
        assert reader.call("GET", "k") == b"after"


def test_who_waits_for_the_end_of_a_pause_is_blocked(server):
    with server.connect() as control, server.connect() as writer, server.connect() as leaver:
        ids = [client.call("CLIENT", "ID") for client in (writer, leaver)]

        def flags():
            of_all = {int(row["id"]): (row["flags"], row["cmd"]) for row in rows(control.call("CLIENT", "LIST"))}
            return [of_all.get(each) for each in ids]

        def blocked():
            return int(control.call("INFO", "clients").split(b"blocked_clients:")[1].split(b"\r\n")[0])

        assert control.call("CLIENT", "PAUSE", 60000, "WRITE") == "OK"
        writer.send(encode("SET", "k", "after") + encode("GET", "k"))
        leaver.send(encode("INCR", "never"))
        eventually(lambda: flags() == [("b", "set"), ("b", "incr")])
        assert blocked() == 2
        leaver.close()
        eventually(lambda: flags() == [("b", "set"), None])
        assert blocked() == 1
        assert control.call("CLIENT", "UNPAUSE") == "OK"
        assert [writer.read(), writer.read()] == ["OK", b"after"]
        assert flags() == [("N", "get"), None] and blocked() == 0
        assert control.call("EXISTS", "never") == 0


def test_nothing_changes_once_a_pause_was_answered(server):
    """Whatever a write needs: one shard, several, all, its turn, what it had begun."""
    keys = ["paused:%d" % i for i in range(8)]
    library = "local n = 0 for _, key in ipairs(KEYS) do n = n + redis.call('INCR', key) end return n"
    forms = [[("MSET",) + tuple(word for key in keys for word in (key, 1))], [("INCR", keys[0])],
             [("MULTI",)] + [("INCR", key) for key in keys] + [("CONFIG", "RESETSTAT"), ("INCR", keys[1]), ("EXEC",)],
             [("EVAL", library, len(keys)) + tuple(keys)], [("FLUSHALL",), ("MSET", keys[0], 1, keys[1], 2)],
             [("DEL",) + tuple(keys)], [("RPOPLPUSH", "paused:list", "paused:other"), ("LPUSH", "paused:list", 1)]]
    reads = [("GET", key) for key in keys] + [("LLEN", "paused:list"), ("LLEN", "paused:other")]
    ended = []
    with server.connect() as control:
        def write(words):
            with server.connect() as writer:
                done = 0
                while not ended:
                    for reply in writer.pipeline(words):
                        assert not isinstance(reply, ReplyError), reply
                    done += 1
                assert done > 0

        writers = [Task(write, each) for each in forms]
        for _ in range(100):
            assert control.call("CLIENT", "PAUSE", 60000, "WRITE") == "OK"
            before = control.pipeline(reads)
            for _ in range(5):
                control.call("DEBUG", "DIGEST")  # behind all that waits for several shards
                assert control.pipeline(reads) == before
            assert control.call("CLIENT", "UNPAUSE") == "OK"
        ended.append(True)
        for writer in writers:
            writer.result()


@pytest.mark.parametrize("mode", ["WRITE", "ALL"])
def test_a_pause_inside_of_transactions_waits_for_nobody(server, mode):
    """Of several segments each, all of which write: none waits for the end of the others."""
    ended = []

    def run(i):
        with server.connect() as client:
            while not ended:
                assert client.pipeline([("MULTI",), ("INCR", "in:%d" % i), ("CLIENT", "PAUSE", 5, mode), ("INCR", "in:%d" % i),
                                        ("EXEC",)])[-1][1] == "OK"
    with server.connect() as control:
        players = [Task(run, i) for i in range(4)]
        eventually(lambda: all(int(control.call("GET", "in:%d" % i) or 0) >= 20 for i in range(4)), what="all go on")
        ended.append(True)
        for player in players:
            player.result()


@pytest.mark.tessera_only
def test_an_ending_keeps_transactions_whole(start):
    """The last file has all of what EXEC answered, whatever other threads its parts needed."""
    server = start("--save", "3600 1", shards=3)
    answered = [0] * 4

    def run(i):
        with server.connect() as client, contextlib.suppress(Closed):
            while True:
                reply = client.pipeline([("MULTI",), ("INCR", "a%d" % i), ("CONFIG", "RESETSTAT"), ("INCR", "b%d" % i), ("EXEC",)])[-1]
                answered[i] = reply[-1]
    players = [Task(run, i) for i in range(4)]
    eventually(lambda: min(answered) > 50, what="all are at work")
    os.kill(server.pid, signal.SIGTERM)
    assert server.wait_exit() == 0
    for player in players:
        player.result()
    again = start("--dir", server.dir)
    for i in range(4):
        first, second = (int(again.call("GET", name % i)) for name in ("a%d", "b%d"))
        assert first == second >= answered[i]


def test_what_a_pause_of_writes_lets_through(server):
    """A script that says it reads."""
    reads = "#!lua flags=no-writes\nreturn 1"
    with server.connect() as control, server.connect() as client:
        known = control.call("SCRIPT", "LOAD", reads + " ")
        control.call("FUNCTION", "LOAD", "REPLACE", "#!lua name=paused\nredis.register_function{function_name='paused_r', "
                     "callback=function() return 1 end, flags={'no-writes'}}\nredis.register_function('paused_w', function() return 1 end)")
        assert control.call("CLIENT", "PAUSE", 60000, "WRITE") == "OK"
        for words in (("EVAL", reads, 0), ("EVALSHA", known, 0), ("FCALL", "paused_r", 0), ("EVAL_RO", "return 1", 0)):
            assert client.call(*words) == 1
        for words in (("EVAL", "return 1", 0), ("FCALL", "paused_w", 0), ("EVAL", "#!lua\nreturn 1", 0)):
            client.send(encode(*words))
            eventually(lambda: b"blocked_clients:1" in control.call("INFO", "clients"))
            assert control.call("CLIENT", "UNPAUSE") == "OK" and client.read() == 1
            assert control.call("CLIENT", "PAUSE", 60000, "WRITE") == "OK"
        assert control.call("CLIENT", "UNPAUSE") == "OK"
        for words in (("MULTI",), ("DISCARD",), ("EXEC",), ("WATCH", "k"), ("UNWATCH",)):
            began = time.monotonic()
            assert control.call("CLIENT", "PAUSE", 60, "ALL") == "OK"
            client.call(*words)
            assert time.monotonic() - began >= 0.059, words


def test_what_another_pause_held_goes_on_when_that_is_over(server):
    with server.connect() as control, server.connect() as reader, server.connect() as writer:
        control.call("DEBUG", "POPULATE", 20000)
        control.call("SET", "k", "v")
        assert control.call("CLIENT", "PAUSE", 60000, "WRITE") == "OK"
        for _ in range(5):
            control.send(encode("DEBUG", "RELOAD"))  # holds everything for a while
            assert [reader.call("GET", "k") for _ in range(50)] == [b"v"] * 50
            assert control.read() == "OK"
        writer.send(encode("SET", "k", "w"))
        eventually(lambda: b"blocked_clients:1" in control.call("INFO", "clients"))
        assert reader.call("GET", "k") == b"v" and control.call("CLIENT", "UNPAUSE") == "OK"
        assert writer.read() == "OK"


def test_pause_everything_ends_by_itself(server):
    with server.connect() as control, server.connect() as other:
        other.call("PING")
        began = time.monotonic()
        assert control.call("CLIENT", "PAUSE", 300) == "OK"
        # Everybody is held, UNPAUSE too.
        assert other.pipeline([("PING",), ("GET", "nosuch")]) == ["PONG", None]
        assert time.monotonic() - began >= 0.29
        assert control.call("CLIENT", "UNPAUSE") == "OK"
        assert control.call("CLIENT", "PAUSE", "abc") == ReplyError("ERR timeout is not an integer or out of range")
        assert control.call("CLIENT", "PAUSE", -1) == ReplyError("ERR timeout is negative")


def test_no_evict_and_no_touch(server):
    with server.connect() as connection:
        assert connection.call("CLIENT", "NO-EVICT", "on") == "OK"
        assert "e" in rows(connection.call("CLIENT", "INFO"))[0]["flags"]
        assert connection.call("CLIENT", "NO-EVICT", "off") == "OK"
        assert rows(connection.call("CLIENT", "INFO"))[0]["flags"] == "N"
        assert connection.call("CLIENT", "NO-EVICT", "maybe") == ReplyError("ERR syntax error")


@pytest.mark.tessera_only
def test_no_touch_leaves_the_access_time(server):
    with server.connect() as quiet, server.connect() as other:
        quiet.call("SET", "touched", 1)
        assert quiet.call("CLIENT", "NO-TOUCH", "on") == "OK"
        assert "T" in rows(quiet.call("CLIENT", "INFO"))[0]["flags"]
        eventually(lambda: other.call("OBJECT", "IDLETIME", "touched") >= 1, what="a second without access")
        quiet.call("GET", "touched")
        assert other.call("OBJECT", "IDLETIME", "touched") >= 1
        quiet.call("CLIENT", "NO-TOUCH", "off")
        quiet.call("GET", "touched")
        assert other.call("OBJECT", "IDLETIME", "touched") <= 1


@pytest.mark.tessera_only
def test_setinfo_and_capa(server):
    with server.connect() as connection:
        assert connection.call("CLIENT", "SETINFO", "LIB-NAME", "mylib") == "OK"
        assert connection.call("CLIENT", "SETINFO", "lib-ver", "1.2.3") == "OK"
        row = rows(connection.call("CLIENT", "INFO"))[0]
        assert (row["lib-name"], row["lib-ver"]) == ("mylib", "1.2.3")
        assert isinstance(connection.call("CLIENT", "SETINFO", "LIB-NAME", "a b"), ReplyError)
        assert isinstance(connection.call("CLIENT", "SETINFO", "JUNK", "x"), ReplyError)
        assert connection.call("CLIENT", "CAPA", "redirect") == "OK"


def test_names(server):
    with server.connect() as connection:
        assert connection.call("CLIENT", "GETNAME") is None
        assert connection.call("CLIENT", "SETNAME", "a b") == ReplyError(
            "ERR Client names cannot contain spaces, newlines or special characters.")
        assert connection.call("HELLO", 3, "SETNAME", "viahello")["proto".encode()] == 3
        assert connection.call("CLIENT", "GETNAME") == b"viahello"
        assert connection.call("RESET") == "RESET"
        assert connection.call("CLIENT", "GETNAME") is None
        assert rows(connection.call("CLIENT", "INFO"))[0]["resp"] == "2"


def test_quit_ends_after_the_reply(server):
    with server.connect() as connection:
        connection.send(encode("SET", "q", 1) + encode("QUIT") + encode("SET", "q", 2))
        assert connection.read() == "OK" and connection.read() == "OK"
        with pytest.raises(Closed):
            connection.read()
    assert server.call("GET", "q") == b"1"


def test_unknown_subcommand(server):
    assert server.call("CLIENT", "NOSUCH") == ReplyError("ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP.")
    assert server.call("CLIENT") == ReplyError("ERR wrong number of arguments for 'client' command")
    help_lines = server.call("CLIENT", "HELP")
    assert len(help_lines) > 10 and re.match(r"CLIENT <subcommand>", help_lines[0])


@pytest.mark.parametrize("words,reply", [
    (["1"], 0), (["-1"], 0), (["1", "timeout"], 0), (["1", "ERROR"], 0),
    (["a"], ReplyError("ERR value is not an integer or out of range")),
    (["99999999999999999999"], ReplyError("ERR value is not an integer or out of range")),
    (["a", "foo"], ReplyError("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
    (["1", "ERROR", "x"], ReplyError("ERR unknown subcommand or wrong number of arguments for 'UNBLOCK'. Try CLIENT HELP.")),
    ([], ReplyError("ERR wrong number of arguments for 'client|unblock' command"))])
def test_unblock_of_who_is_not_blocked(server, words, reply):
    assert server.call("CLIENT", "UNBLOCK", *words) == reply
