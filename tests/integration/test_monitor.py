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
