"""CLUSTERSCAN walks all keys of a cluster; a client only follows its cursor and MOVED."""
import re

import pytest

from tests.cluster.support import make_cluster
from tests.cluster.test_bus import OURS, members  # noqa: F401 (a fixture)
from tests.support.resp import ReplyError
from tests.support.server import is_redis

pytestmark = pytest.mark.skipif(is_redis(OURS), reason="a command of newer servers")


def walk(nodes, *options):
    by_port = {node.port: node.connect() for node in nodes}
    connection, cursor, found, calls = by_port[nodes[0].port], b"0", [], 0
    try:
        while True:
            reply = connection.call("CLUSTERSCAN", cursor, *options)
            calls += 1
            if isinstance(reply, ReplyError):
                moved = re.match(r"MOVED \d+ \S+:(\d+)$", str(reply))
                assert moved, reply
                connection = by_port[int(moved.group(1))]
                continue
            cursor, keys = reply
            found += keys
            if cursor == b"0":
                return found, calls
            assert re.match(rb"\w+-\{\w{3}\}-\d+$", cursor), cursor
    finally:
        for each in by_port.values():
            each.close()


def test_every_key_is_found(members):  # noqa: F811
    nodes = members(OURS, OURS, OURS)
    make_cluster(nodes)
    wanted = {b"key:%d" % i for i in range(3000)} | {b"{one}:%d" % i for i in range(500)}
    by_port = {node.port: node.connect() for node in nodes}
    for key in wanted:
        reply = nodes[0] and by_port[nodes[0].port].call("SET", key, "v")
        moved = re.match(r"MOVED \d+ \S+:(\d+)$", str(reply))
        if moved:
            assert by_port[int(moved.group(1))].call("SET", key, "v") == "OK"
    found, _ = walk(nodes)
    assert sorted(found) == sorted(wanted)  # nothing moves: no key comes twice
    found, _ = walk(nodes, "COUNT", 1000, "MATCH", "{one}:*", "TYPE", "string")
    assert sorted(found) == sorted(key for key in wanted if key.startswith(b"{one}"))
    assert walk(nodes, "TYPE", "hash")[0] == []
    slot = nodes[0].call("CLUSTER", "KEYSLOT", "{one}:1")
    found, _ = walk(nodes, "SLOT", slot)
    assert {key for key in wanted if key.startswith(b"{one}")} <= set(found)
    assert all(nodes[0].call("CLUSTER", "KEYSLOT", key) == slot for key in found)
    for each in by_port.values():
        each.close()


def test_errors(members):  # noqa: F811
    node, = members(OURS)
    node.make_cluster_of_one()
    begin, keys = node.call("CLUSTERSCAN", "0")
    assert keys == [] and begin.startswith(b"0-{") and begin.endswith(b"}-0")
    assert node.call("CLUSTER", "KEYSLOT", begin) == 0
    assert node.call("CLUSTERSCAN", "x") == ReplyError("ERR invalid cursor")
    assert node.call("CLUSTERSCAN", "0", "COUNT", "0") == ReplyError("ERR syntax error")
    assert node.call("CLUSTERSCAN", "0", "COUNT") == ReplyError("ERR syntax error")
    assert node.call("CLUSTERSCAN", "0", "SLOT", "16384") == ReplyError("ERR Invalid or out of range slot")
    assert node.call("CLUSTERSCAN", "0", "SLOT", "x") == ReplyError("ERR value is not an integer or out of range")
    assert node.call("CLUSTERSCAN", "abcdef" + begin.decode()[1:-1] + "777") is not None  # of another life: begins anew
