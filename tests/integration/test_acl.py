"""Users over the wire: AUTH, requirepass, what a user may do, changes that reach open connections.

Runs against redis-server as well; where both are at hand, the same random rules and calls are compared.
"""
import random

import pytest

from tests.support.resp import ReplyError
from tests.support.server import ORACLE, Server

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


RULES = ("+get -get +set -set +mget +@all -@all allcommands nocommands +client -client +client|list -client|list +config|get -config|set "
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
    """Words that name single commands: categories hold other commands there."""
    seed = random.SystemRandom().randrange(1 << 32)
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
