"""Users over the wire: AUTH, requirepass, what a user may do, changes that reach open connections.

Runs against redis-server as well; where both are at hand, the same random rules and calls are compared.
"""
import os
import random
import subprocess

import pytest

from tests.support.resp import Closed, ReplyError, encode
from tests.support.seed import new_seed
from tests.support.server import ORACLE, Server, free_port, redis_under_test, server_under_test

WRONGPASS = ReplyError("WRONGPASS invalid username-password pair or user is disabled.")
NOAUTH = ReplyError("NOAUTH Authentication required.")


@pytest.fixture
def server(start):
    return start(shards=4)


def denied_command(name):
    return ReplyError("NOPERM this user has no permissions to run the '%s' command" % name)


DENIED_KEY = ReplyError("NOPERM this user has no permissions to access one of the keys used as arguments")


def test_nobody_needs_a_password_by_default(server):
    with server.connect() as connection:
        assert connection.call("ACL", "WHOAMI") == b"default"
        assert connection.call("ACL", "LIST") == [b"user default on nopass ~* &* +@all"]
        assert connection.call("AUTH", "x") == ReplyError(
            "ERR AUTH <password> called without any password configured for the default user. Are you sure your "
            "configuration is correct?")
        assert connection.call("AUTH", "default", "anything") == "OK"
        assert connection.call("AUTH", "nobody", "x") == WRONGPASS
        assert connection.call("AUTH", "a", "b", "c") == ReplyError("ERR syntax error")


def test_requirepass_at_start(start):
    server = start("--requirepass", "secret")
    with server.connect() as connection:
        assert connection.call("GET", "a") == NOAUTH
        assert connection.call("ACL", "WHOAMI") == NOAUTH
        assert connection.call("AUTH", "wrong") == WRONGPASS
        assert connection.call("GET", "a") == NOAUTH
        assert connection.call("AUTH", "secret") == "OK"
        assert connection.call("GET", "a") is None
        assert connection.call("CONFIG", "GET", "requirepass") == [b"requirepass", b"secret"]
    with server.connect() as connection:
        hello = connection.call("HELLO", 3, "AUTH", "default", "secret")
        assert hello[b"proto"] == 3
        assert connection.call("ACL", "WHOAMI") == b"default"


def test_requirepass_changed_later(server):
    with server.connect() as old, server.connect() as fresh:
        assert old.call("CONFIG", "SET", "requirepass", "one") == "OK"
        assert old.call("ACL", "WHOAMI") == b"default"  # who is in stays in
        with server.connect() as late:
            assert late.call("PING") == NOAUTH
            assert late.call("AUTH", "one") == "OK"
        assert fresh.call("CONFIG", "SET", "requirepass", "") == "OK"
    with server.connect() as connection:
        assert connection.call("PING") == "PONG"


def test_users_from_the_configuration(start):
    server = start(config="user amy on >pw +get ~a*\nuser default on nopass ~* &* +@all -flushall\n")
    assert server.call("FLUSHALL") == denied_command("flushall")
    with server.connect() as connection:
        assert connection.call("AUTH", "amy", "pw") == "OK"
        assert connection.call("GET", "a1") is None
        assert connection.call("GET", "b1") == DENIED_KEY
        assert connection.call("SET", "a1", "x") == denied_command("set")


def test_access_by_key_and_flag(server):
    assert server.call("ACL", "SETUSER", "u", "on", "nopass", "+@all", "%R~r*", "%W~w*", "~b*") == "OK"
    with server.connect() as connection:
        assert connection.call("AUTH", "u", "x") == "OK"
        assert connection.call("GET", "r1") is None
        assert connection.call("GET", "w1") == DENIED_KEY
        assert connection.call("SET", "w1", "x") == "OK"
        assert connection.call("SET", "w1", "x", "GET") == DENIED_KEY
        assert connection.call("SET", "b1", "x", "GET") is None
        assert connection.call("SET", "r1", "x") == DENIED_KEY
        assert connection.call("MGET", "r1", "b1", "w1") == DENIED_KEY
        assert connection.call("COPY", "r1", "w1") == 0
        assert connection.call("COPY", "w1", "b1") == DENIED_KEY
        assert connection.call("BITFIELD", "r1", "GET", "u8", 0) == [0]
        assert connection.call("BITFIELD", "r1", "SET", "u8", 0, 1) == DENIED_KEY


def test_changes_reach_open_connections(server):
    assert server.call("ACL", "SETUSER", "u", "on", "nopass", "+@all", "~*") == "OK"
    connections = [server.connect() for _ in range(8)]  # on every thread
    try:
        for connection in connections:
            assert connection.call("AUTH", "u", "x") == "OK"
            assert connection.call("GET", "a") is None
        # Once SETUSER has answered, no connection may do what was taken away.
        assert server.call("ACL", "SETUSER", "u", "-get") == "OK"
        for connection in connections:
            assert connection.call("GET", "a") == denied_command("get")
        assert server.call("ACL", "DELUSER", "u", "nobody") == 1
        for connection in connections:
            assert connection.closed_by_peer(20), "an idle connection of a deleted user is closed"
    finally:
        for connection in connections:
            connection.close()


def test_a_user_that_deletes_itself_is_told(server):
    assert server.call("ACL", "SETUSER", "u", "on", "nopass", "+@all", "~*") == "OK"
    with server.connect() as connection:
        assert connection.call("AUTH", "u", "x") == "OK"
        assert connection.call("ACL", "DELUSER", "u") == 1
    assert server.call("ACL", "USERS") == [b"default"]


@pytest.mark.parametrize("binary,shards", [(ORACLE, None), (None, 1), (None, 2)])
def test_nothing_is_said_behind_the_end_of_a_client(start, binary, shards):
    """Who deletes its own user, or kills itself, gets that reply and the end, whatever it has sent behind it."""
    server = start(binary=binary, shards=shards)
    login = encode("ACL", "SETUSER", "u", "on", "nopass", "+@all", "~*") + encode("AUTH", "u", "x")
    # By its address: a connection that has just been closed may be known to its shard for a moment yet.
    kill, cut = b"<kill>", encode("SET", "k", 2)
    for sent, got, k, l in (
            (login + encode("ACL", "DELUSER", "u") + encode("PING") + cut, b"+OK\r\n+OK\r\n:1\r\n", None, None),
            (encode("SET", "k", 1) + kill + encode("PING") + cut, b"+OK\r\n:1\r\n", b"1", None),
            # In a transaction: the rest of it runs, but its array is left as it is.
            (encode("MULTI") + encode("GET", "k") + kill + encode("SET", "l", 3) + encode("CLIENT", "ID") + encode("MGET", "k", "l") +
             encode("EXEC") + cut, b"+OK\r\n" + b"+QUEUED\r\n" * 5 + b"*5\r\n$1\r\n1\r\n:1\r\n", b"1", b"3"),
            (encode("MULTI") + encode("SET", "l", 4) + kill + encode("EXEC") + cut,
             b"+OK\r\n" + b"+QUEUED\r\n" * 2 + b"*2\r\n+OK\r\n:1\r\n", b"1", b"4")):
        with server.connect() as connection:
            mine = encode("CLIENT", "KILL", "ADDR", "%s:%d" % connection.socket.getsockname()[:2], "SKIPME", "no")
            connection.send(sent.replace(kill, mine))
            assert connection.closed_by_peer() and connection.buffer == got
        with server.connect() as connection:
            assert connection.call("MGET", "k", "l") == [k, l]


def test_all_or_nothing(server):
    assert server.call("ACL", "SETUSER", "u", "on", "+foo") == ReplyError(
        "ERR Error in ACL SETUSER modifier '+foo': Unknown command or category name in ACL")
    assert server.call("ACL", "USERS") == [b"default"]
    assert server.call("ACL", "DELUSER", "default") == ReplyError("ERR The 'default' user cannot be removed")
    assert server.call("ACL", "GETUSER", "u") is None
    assert server.call("ACL", "CAT", "foo") == ReplyError("ERR Unknown category 'foo'")


def test_refusals_are_logged(server):
    assert server.call("ACL", "SETUSER", "u", "on", ">pw", "+get", "~a") == "OK"
    with server.connect() as connection:
        assert connection.call("AUTH", "u", "bad") == WRONGPASS
        assert connection.call("AUTH", "x") != WRONGPASS  # says that none is needed: no refusal
        assert connection.call("AUTH", "u", "pw") == "OK"
        for _ in range(3):
            assert connection.call("SET", "a", "x") == denied_command("set")
        assert connection.call("GET", "b") == DENIED_KEY
    with server.connect() as connection:
        log = [dict(zip(entry[::2], entry[1::2])) for entry in connection.call("ACL", "LOG")]
        seen = [(e[b"reason"], e[b"context"], e[b"object"], e[b"username"], e[b"count"]) for e in log]
        assert seen == [(b"key", b"toplevel", b"b", b"u", 1), (b"command", b"toplevel", b"set", b"u", 3),
                        (b"auth", b"toplevel", b"AUTH", b"u", 1)]
        assert b"user=u " in log[0][b"client-info"] and b"cmd=get " in log[0][b"client-info"]
        assert all(0 <= float(e[b"age-seconds"]) < 3600 for e in log)
        assert len(connection.call("ACL", "LOG", 2)) == 2
        assert connection.call("ACL", "LOG", "RESET") == "OK"
        assert connection.call("ACL", "LOG") == []


def test_genpass(server):
    first, second = server.call("ACL", "GENPASS"), server.call("ACL", "GENPASS")
    assert len(first) == 64 and first != second and int(first, 16)
    assert len(server.call("ACL", "GENPASS", 5)) == 2


RULES = ("+get -get +set -set +mget +@all -@all allcommands nocommands +client|list -client|list +config|get -config|set "
         "+config +select|1 -select +object +object|encoding -object|freq ~a ~b ~a* ~* %R~a %W~b %R~* %W~c &a &b* &* resetkeys "
         "resetchannels allkeys allchannels +copy +bitfield +rename +append +strlen +getset +getdel +type +exists on off nopass >x <x "
         "resetpass reset clearselectors sanitize-payload skip-sanitize-payload +foo foo %X~a +client|foo +memory|usage -memory "
         "+mset").split()
SELECTORS = ["+get", "~a", "(+get", "~b)", "(+set", "%W~a)", "(~*", "+@all)", "(+mget", "~a", "~b*)", "()", "(", ")"]
CALLS = ["get a", "get b", "get c", "set a x", "set a x get", "set b x", "set b x get", "mget a b", "mget b1 b2", "client list",
         "client id", "config get x", "config set x y", "select 1", "select 2", "object encoding a", "object freq a", "copy a b",
         "copy b a", "bitfield a get u8 0", "bitfield b get u8 0", "bitfield b set u8 0 1", "bitfield a set u8 0 1", "rename a b",
         "rename b a", "append b x", "append a x", "strlen a", "strlen b", "getset a x", "getdel a", "type a", "exists a b", "auth x",
         "memory usage a", "mset a 1 b 2", "nope x", "get"]


@pytest.mark.tessera_only
def test_random_rules_beside_redis_server(server):
    """Words that name single commands: categories hold other commands there, and so does CLIENT, whose weight decides
    whether a user's rules are told as those of @connection."""
    seed = new_seed(32)
    print("seed", seed)
    chance = random.Random(seed)

    def user_line(connection):
        line = [each for each in connection.call("ACL", "LIST") if each.startswith(b"user u ")]
        return sorted(line[0].replace(b"(", b"( ").replace(b")", b" )").split())

    with Server(binary=ORACLE) as oracle, oracle.connect() as theirs, server.connect() as ours:
        for _ in range(150):
            rules = [chance.choice(RULES) for _ in range(chance.randrange(10))]
            if chance.random() < 0.4:
                rules += [chance.choice(SELECTORS) for _ in range(chance.randrange(1, 4))]
            for connection in (ours, theirs):
                connection.call("ACL", "DELUSER", "u")
            reply = ours.call("ACL", "SETUSER", "u", *rules)
            assert reply == theirs.call("ACL", "SETUSER", "u", *rules), rules
            if reply != "OK":
                continue
            assert user_line(ours) == user_line(theirs), rules
            for call in CALLS:
                one, other = (connection.call("ACL", "DRYRUN", "u", *call.split(" ")) for connection in (ours, theirs))
                assert one == other, (rules, call)


# ---- the file of users

FILE = "user joe on >p ~* &* +@all\nuser default off nopass ~* &* +@all -acl\n"
NO_FILE = ReplyError(
    "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER "
    "command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users "
    "in the Redis configuration.")
SAVE_FAILED = ReplyError("ERR There was an error trying to save the ACLs. Please check the server logs for more information")


@pytest.fixture
def filed(start, tmp_path):
    """A server with an ACL file, and that file."""
    path = tmp_path / "users.acl"
    path.write_text(FILE)
    return start("--aclfile", path, shards=3), path


def joe(server):
    connection = server.connect()
    assert connection.call("AUTH", "joe", "p") == "OK"
    return connection


def start_and_fail(*words):
    done = subprocess.run([server_under_test(), "--port", str(free_port()), "--save", ""] + [str(word) for word in words],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30, universal_newlines=True)
    assert done.returncode == 1, done.stdout
    return done.stdout


def test_acl_file_is_read_at_start(filed):
    server, path = filed
    assert server.call("PING") == NOAUTH  # the default user is off
    with joe(server) as connection:
        assert connection.call("PING") == "PONG"
        assert connection.call("CONFIG", "GET", "aclfile") == [b"aclfile", str(path).encode()]
        refused = connection.call("CONFIG", "SET", "aclfile", "x")
        assert isinstance(refused, ReplyError) and "immutable" in str(refused)


@pytest.mark.parametrize("text,complaint", [
    ("user a on >secret\n\nuser b on foo +nosuch\n", ":3: Syntax error. "),
    ("user b on foo +nosuch\n", ":1: Error in applying operation '+nosuch': Unknown command or category name in ACL. "),
    ("# comment\n", ":1 should start with user keyword followed by the username. "),
    ("user a on\nuser a off\n", "WARNING: Duplicate user 'a' found on line 2. "),
    ("user a on (+get ~a\n", ":1: Unmatched parenthesis in selector definition."),
    (None, "No such file or directory")])
def test_bad_acl_file_keeps_from_starting(tmp_path, text, complaint):
    path = tmp_path / "users.acl"
    if text is not None:
        path.write_text(text)
    output = start_and_fail("--aclfile", path)
    assert complaint in output and (str(path) in output or complaint.startswith("WARNING: Dup")), output
    assert "because of ACL errors: " in output and "secret" not in output, output


def test_acl_file_and_user_lines_exclude_each_other(tmp_path):
    path, config = tmp_path / "users.acl", tmp_path / "server.conf"
    path.write_text(FILE)
    config.write_text("aclfile %s\nuser amy on\n" % path)
    done = subprocess.run([server_under_test(), str(config), "--port", str(free_port())], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=30, universal_newlines=True)
    assert done.returncode == 1, done.stdout
    if not redis_under_test():
        assert "line 2" in done.stdout and "'user'" in done.stdout and str(config) in done.stdout, done.stdout


def test_acl_load(filed):
    server, path = filed
    with joe(server) as connection, joe(server) as other:
        before = connection.call("ACL", "LIST")
        path.write_text("user joe on >p ~a* +@all\nuser amy on nosuch\n")
        assert connection.call("ACL", "LOAD") == ReplyError(
            "ERR %s:2: Syntax error. WARNING: ACL errors detected, no change to the previously active ACL rules was performed" % path)
        assert connection.call("ACL", "LIST") == before
        path.unlink()
        assert connection.call("ACL", "LOAD") == ReplyError("ERR Error loading ACLs, opening file '%s': No such file or directory" % path)
        assert connection.call("ACL", "LIST") == before
        assert connection.call("ACL", "LOAD", "x") == ReplyError("ERR wrong number of arguments for 'acl|load' command")
        path.write_text("user amy on >q ~* +@all\n")
        try:
            assert connection.call("ACL", "LOAD") == "OK"
        except Closed:
            pass  # its user left
        # On every thread before the reply: joe has gone with his connections.
        with pytest.raises(Closed):
            other.call("PING")
            other.call("PING")
    # Without a line for it the default user is a new server's.
    assert server.call("ACL", "LIST")[1] == b"user default on nopass ~* &* +@all"
    with server.connect() as amy:
        assert amy.call("AUTH", "amy", "q") == "OK" and amy.call("PING") == "PONG"


def test_acl_save(filed):
    server, path = filed
    with joe(server) as connection:
        assert connection.call("ACL", "SETUSER", "kk", "on", ">x", "%R~a", "&c", "(+get ~b)", "-@all", "+set") == "OK"
        assert connection.call("ACL", "SAVE") == "OK"
        listed = connection.call("ACL", "LIST")
        assert path.read_text() == "".join(line.decode() + "\n" for line in listed)
        assert os.listdir(path.parent) == [path.name]  # no temporary file is left
        assert connection.call("ACL", "SETUSER", "kk", "off") == "OK"
        assert connection.call("ACL", "LOAD") in ("OK",) or redis_under_test()
    with joe(server) as connection:
        assert connection.call("ACL", "LIST") == listed
        assert connection.call("ACL", "SAVE", "x") == ReplyError("ERR wrong number of arguments for 'acl|save' command")
        path.unlink()
        path.mkdir()
        assert connection.call("ACL", "SAVE") == SAVE_FAILED
        path.rmdir()
        assert connection.call("ACL", "SAVE") == "OK" and path.is_file()


def test_many_acl_saves_at_once_leave_the_last(filed):
    server, path = filed
    connections = [joe(server) for _ in range(8)]
    try:
        for round_number in range(20):
            for i, connection in enumerate(connections):
                connection.send(b"ACL SETUSER u on >p%d_%d\r\nACL SAVE\r\n" % (i, round_number))
            for connection in connections:
                assert [connection.read(), connection.read()] == ["OK", "OK"]
            # The last to set was followed by a save, so the file has what is true now.
            listed = connections[0].call("ACL", "LIST")
            assert path.read_text() == "".join(line.decode() + "\n" for line in listed)
    finally:
        for connection in connections:
            connection.close()


def test_without_an_acl_file(server):
    assert server.call("ACL", "LOAD") == NO_FILE
    assert server.call("ACL", "SAVE") == NO_FILE


def test_config_rewrite_with_an_acl_file(start, tmp_path):
    path = tmp_path / "users.acl"
    path.write_text("user default on nopass ~* &* +@all\nuser amy on\n")
    server = start(config="# first\naclfile %s\n" % path)
    with open(server.config_path, "a") as file:
        file.write("user late on\n")  # would keep it from starting
    assert server.call("CONFIG", "REWRITE") == "OK"
    with open(server.config_path) as file:
        lines = file.read().split("\n")
    assert lines[0] == "# first" and not [line for line in lines if line.startswith("user ")]
    assert [line for line in lines if line.startswith("aclfile ")]


def test_acl_help_offers_what_exists(server):
    names = {line.split()[0].lower() for line in server.call("ACL", "HELP")[1:] if not line.startswith(" ")}
    rows = server.call("COMMAND", "INFO", "acl")[0]
    there = {row[0].decode().split("|")[1] for row in rows[-1]}
    assert names == there
