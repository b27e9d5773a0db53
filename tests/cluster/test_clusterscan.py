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
            assert re.match(rb"\w+-\{\w{1,3}\}-\d+$", cursor), cursor
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


def test_slots_one_after_the_other(members):  # noqa: F811
    """Slots of a shard fill a page together; a slot of others ends it."""
    one, two = members(OURS, OURS, shards=1)
    make_cluster([one, two, members(OURS)[0]])
    one.call("SET", "{4ZG}:key", "v")  # slot 50
    one.call("SET", "{0or}:key", "v")  # slot 100
    cursor, keys = one.call("CLUSTERSCAN", "0-{4ZG}-0")
    assert sorted(keys) == [b"{0or}:key", b"{4ZG}:key"]
    assert re.match(rb"0-\{\w+\}-0$", cursor) and one.call("CLUSTER", "KEYSLOT", cursor) == 5461
    cursor, keys = one.call("CLUSTERSCAN", "0-{4ZG}-0", "COUNT", 1)
    assert keys == [b"{4ZG}:key"]
    assert one.call("CLUSTERSCAN", cursor)[1] == [b"{0or}:key"]


def test_a_pattern_of_one_slot_leads_there(members):  # noqa: F811
    node, = members(OURS)
    node.make_cluster_of_one()
    for i in range(100):
        node.call("SET", "{5L5}-%d" % i, "v")
        node.call("SET", "other:%d" % i, "v")
    cursor, keys = node.call("CLUSTERSCAN", "0", "MATCH", "{5L5}-*")
    assert cursor == b"0-{5L5}-0" and keys == []
    found = []
    while cursor != b"0":
        assert b"-{5L5}-" in cursor
        cursor, keys = node.call("CLUSTERSCAN", cursor, "MATCH", "{5L5}-*", "COUNT", 20)
        found += keys
    assert sorted(found) == sorted(b"{5L5}-%d" % i for i in range(100))
    assert node.call("CLUSTERSCAN", "0-{06S}-0", "MATCH", "{Qi}-*") == [b"0-{Qi}-0", []]
    assert node.call("CLUSTERSCAN", "0-{Qi}-0", "MATCH", "{06S}-*") == [b"0", []]
    assert node.call("CLUSTERSCAN", "0", "SLOT", 0, "MATCH", "{Qi}-*") == [b"0", []]
    assert node.call("CLUSTERSCAN", "0-{06S}-0", "SLOT", 0, "MATCH", "{Qi}-*") == [b"0", []]
    # Where there is no fingerprint, the position says nothing.
    assert len(node.call("CLUSTERSCAN", "0-{5L5}-09393399393", "SLOT", 2, "COUNT", 1000)[1]) == 100


def test_errors(members):  # noqa: F811
    node, = members(OURS)
    node.make_cluster_of_one()
    begin, keys = node.call("CLUSTERSCAN", "0")
    assert keys == [] and begin == b"0-{06S}-0"
    assert node.call("CLUSTER", "KEYSLOT", begin) == 0
    for bad in ("x", "invalid", "abc-def-ghi", "0-", "0-{0}", "0-{}-0", "-{06S}-0", "0-{06S}-x"):
        assert node.call("CLUSTERSCAN", bad) == ReplyError("ERR Invalid cursor"), bad
    for words in (("0", "COUNT", "0"), ("0", "COUNT", "-1"), ("0", "COUNT"), (begin, "UNKNOWN"), (begin, "COUNT", "10", "BAD")):
        assert node.call("CLUSTERSCAN", *words) == ReplyError("ERR syntax error"), words
    assert node.call("CLUSTERSCAN", "0", "COUNT", "x") == ReplyError("ERR value is not an integer or out of range")
    assert node.call("CLUSTERSCAN", "0", "TYPE", "nothing") == ReplyError("ERR unknown type name 'nothing'")
    assert node.call("CLUSTERSCAN", "0", "SLOT", "16384") == ReplyError("ERR Invalid or out of range slot")
    assert node.call("CLUSTERSCAN", "0", "SLOT", "x") == ReplyError("ERR value is not an integer or out of range")
    assert node.call("CLUSTERSCAN", begin, "SLOT", "1") == ReplyError("ERR Cursor slot mismatch")
    assert node.call("CLUSTERSCAN", begin, "SLOT", "0", "SLOT", "0") == ReplyError("ERR SLOT option can only be specified once")
    assert node.call("CLUSTERSCAN", "abcdef" + begin.decode()[1:-1] + "777") is not None  # of another life: begins anew
