"""MONITOR's lines beside redis-server's: which commands, in which database."""
import re

import pytest

from tests.support.resp import encode
from tests.support.server import ORACLE

COMMANDS = ["SELECT 3", "GET a", "MULTI", "SELECT 4", "GET b", "EXEC", "GET c", "SWAPDB 3 4", "SELECT 99", "SELECT abc", "GET d",
            "SELECT 1 2", "SELECT 2", "RESET", "GET e", "SET end 1"]
SCRIPT = "redis.call('select', 7) redis.call('get', 'x') redis.call('select', 99)"


def lines_of(server):
    with server.connect() as monitor, server.connect() as client:
        assert monitor.call("MONITOR") == "OK"
        client.send(encode("EVAL", SCRIPT, 0))
        client.read()
        for command in COMMANDS:
            client.send(encode(*command.split()))
            client.read()
        lines = []
        while not lines or '"end"' not in lines[-1]:
            lines.append(re.sub(r"^\d+\.\d+ \[(\d+) ([^\]]*)\]", lambda m: m.group(1) + (" lua" if m.group(2) == "lua" else ""), str(monitor.read())))
    return lines


@pytest.mark.parametrize("shards", [1, 4])
def test_databases_of_lines(start, shards):
    assert lines_of(start(shards=shards)) == lines_of(start(binary=ORACLE))


KEPT_OUT = ["GET a", "SET a", "SET a b", "EXISTS a", "MULTI", "GET a", "EXEC", "MULTI", "PING", "EXEC", "KEYS *", "DBSIZE", "PUBLISH a b", "EVAL return 0",
            "EVAL_RO return 0", "FCALL f 0", "FLUSHALL", "INFO nothing", "WATCH a", "SCAN 0", "OBJECT FREQ a", "UNWATCH", "SUBSCRIBE c", "GET x", "RESET", "GET a"]


def replies_while_monitoring(server):
    with server.connect() as monitor:
        assert monitor.call("MONITOR") == "OK"
        replies = []
        for command in KEPT_OUT:
            monitor.send(encode(*command.split()))
            reply = monitor.read()
            while isinstance(reply, str) and re.match(r"\d+\.\d+ \[", reply):  # a line of the command before
                reply = monitor.read()
            replies.append((command, reply))
        return replies


@pytest.mark.parametrize("shards", [1, 4])
def test_who_monitors_is_kept_from_the_keyspace(start, shards):
    assert replies_while_monitoring(start(shards=shards)) == replies_while_monitoring(start(binary=ORACLE))
