"""What nodes of one cluster say of it: ours and stock ones, field by field, in RESP2 and RESP3, while addresses change."""
import re
import socket

import pytest

from tests.cluster.support import Forwarder, make_cluster, settle
from tests.cluster.test_bus import OURS, Member
from tests.support.resp import Connection
from tests.support.server import ORACLE, eventually, is_redis

pytestmark = pytest.mark.skipif(is_redis(OURS), reason="compares ours with stock ones")


class Typed(Connection):
    """Replies with their types: (type, value)."""

    def read(self):
        line = self._line()
        kind, rest = line[:1].decode(), line[1:]
        if kind in "$=!":
            count = int(rest)
            return (kind, None if count < 0 else self._exactly(count + 2)[:-2])
        if kind in "*~>":
            return (kind, None if int(rest) < 0 else [self.read() for _ in range(int(rest))])
        if kind == "%":
            return (kind, [(self.read(), self.read()) for _ in range(int(rest))])
        return (kind, rest)


def ask(node, protocol, *words):
    with Typed(node.port) as connection:
        connection.call("HELLO", protocol)
        return connection.call(*words)


@pytest.fixture(scope="module")
def mixed():
    """Two of ours, two stock ones, and a replica of a stock one."""
    nodes = [Member(binary) for binary in (OURS, ORACLE, OURS, ORACLE)]
    try:
        make_cluster(nodes)
        replica = Member(ORACLE)
        nodes.append(replica)
        assert replica.call("CLUSTER", "MEET", "127.0.0.1", nodes[0].port) == "OK"
        eventually(lambda: all(node.knows() == 5 for node in nodes), 30, "the replica is known")
        eventually(lambda: replica.call("CLUSTER", "REPLICATE", nodes[1].id()) == "OK", 30, "it follows")
        for i in range(200):
            nodes[1].call("SET", "key:%d" % i, "v")  # so that there are offsets
        eventually(lambda: len(nodes[0].call("CLUSTER", "SLOTS")[1]) == 4, 30, "the replica has data")
        settle(nodes)
        yield nodes
    finally:
        for node in nodes:
            node.stop()


def lines_of(node):
    """CLUSTER NODES without who says it and when who was asked."""
    result = set()
    for words in node.nodes():
        assert re.match(r"\d+$", words[4]) and re.match(r"\d+$", words[5])
        result.add(tuple(words[:2] + [words[2].replace("myself,", "")] + words[3:4] + words[6:]))
    return result


def offsets_away(tree):
    """Of SHARDS: each node tells its own offset and what it last heard of the others'."""
    kind, value = tree
    if kind == "%":
        return (kind, [(offsets_away(key), (":", b"n") if key[1] == b"replication-offset" else offsets_away(each)) for key, each in value])
    if kind == "*":
        items, last = [], None
        for each in value:
            items.append((":", b"n") if last == b"replication-offset" else offsets_away(each))
            last = each[1] if each[0] == "$" else None
        return (kind, items)
    return tree


def shards_of(node, protocol):
    """The order of shards and of a shard's replicas is a hash table's."""
    kind, shards = ask(node, protocol, "CLUSTER", "SHARDS")
    return kind, sorted(map(repr, map(offsets_away, shards)))


def all_equal(nodes, what):
    values = [what(node) for node in nodes]
    return all(value == values[0] for value in values)


def views(node):
    return [lines_of(node)] + [ask(node, protocol, "CLUSTER", "SLOTS") for protocol in (2, 3)] + [shards_of(node, protocol) for protocol in (2, 3)]


def agree(nodes, what):
    """Until all say the same, for what they say comes to them by gossip."""
    try:
        eventually(lambda: all_equal(nodes, views), 30, what)
    except AssertionError:
        for parts in zip(*[views(node) for node in nodes]):
            if any(part != parts[0] for part in parts):
                print("\n".join("%s: %s" % (node.binary, part) for node, part in zip(nodes, parts)))
        raise


def test_nodes_slots_shards(mixed):
    agree(mixed, "all say the same")
    names = {kind for kind, _ in [ask(mixed[0], 3, "CLUSTER", "NODES"), ask(mixed[1], 3, "CLUSTER", "NODES")]}
    assert names == {ask(mixed[1], 3, "CLUSTER", "INFO")[0]}, "all three are verbatim"
    assert ask(mixed[0], 2, "CLUSTER", "NODES")[0] == ask(mixed[1], 2, "CLUSTER", "NODES")[0] == "$"


def test_info(mixed):
    changes = ("cluster_my_epoch", "cluster_stats_messages")
    infos = [node.cluster_info() for node in mixed]
    for info in infos:
        assert {key: value for key, value in info.items() if not key.startswith(changes)} == \
            {key: value for key, value in infos[1].items() if not key.startswith(changes)}
        assert [key for key in info if not key.startswith("cluster_stats_messages_")] == \
            [key for key in infos[1] if not key.startswith("cluster_stats_messages_")]
        kinds = [key for key in info if key.startswith("cluster_stats_messages_")]
        order = ["ping", "pong", "meet", "fail", "publish", "auth-req", "auth-ack", "update", "mfstart", "module", "publishshard"]
        for way in ("sent", "received"):
            said = [key[len("cluster_stats_messages_"):-len(way) - 1] for key in kinds if key.endswith("_" + way)][:-1]
            assert said == [kind for kind in order if kind in said]
            assert int(info["cluster_stats_messages_" + way]) == sum(int(info["cluster_stats_messages_%s_%s" % (kind, way)]) for kind in said)
    own = {words[0]: words[6] for words in mixed[0].nodes()}
    for node, info in zip(mixed, infos):
        assert info["cluster_my_epoch"] == own[node.id()]


def test_links(mixed):
    for protocol, kind in ((2, "*"), (3, "%")):
        fields = []
        for node in mixed:
            outer, rows = ask(node, protocol, "CLUSTER", "LINKS")
            assert outer == "*" and len(rows) == 8  # to and from each of four
            shapes, ends = set(), set()
            for row_kind, row in rows:
                flat = [part for pair in row for part in pair] if protocol == 3 else row
                assert row_kind == kind
                shapes.add(tuple((part[0], part[1] if i % 2 == 0 else None) for i, part in enumerate(flat)))
                ends.add((flat[1][1], flat[3][1]))
                assert int(flat[5][1]) > 10 ** 12 and flat[7][1] in (b"r", b"rw")
            assert ends == {(way, other.id().encode()) for other in mixed if other is not node for way in (b"to", b"from")}
            fields.append(shapes)
        assert all(shapes == fields[0] and len(shapes) == 1 for shapes in fields)


@pytest.mark.parametrize("kind", ["ip", "hostname", "unknown-endpoint"])
def test_endpoints(mixed, kind):
    """Some nodes have names, some have not; all are asked for the same kind of endpoint."""
    try:
        for i, node in enumerate(mixed):
            if i in (0, 1, 4):
                assert node.call("CONFIG", "SET", "cluster-announce-hostname", "host-%d.example" % i) == "OK"
            assert node.call("CONFIG", "SET", "cluster-preferred-endpoint-type", kind) == "OK"
        eventually(lambda: all(sum("host-" in words[1] for words in node.nodes()) == 3 for node in mixed), 30, "names are known")
        agree(mixed, "all say the same with names")
        for key in ("a", "b", "c", "d", "e"):
            moved = {str(node.call("GET", key)) for node in mixed} - {"None"}
            assert len(moved) == 1, moved
    finally:
        for node in mixed:
            node.call("CONFIG", "SET", "cluster-announce-hostname", "", "cluster-preferred-endpoint-type", "ip")
        eventually(lambda: all(not any("host-" in words[1] for words in node.nodes()) for node in mixed), 30, "names are gone")


@pytest.mark.parametrize("index", [0, 1])
def test_announced_addresses_change_at_run_time(mixed, index):
    """Ours is told to announce something else, then a stock node; the others follow, and itself."""
    node = mixed[index]
    with socket.socket() as probe:
        probe.bind(("127.0.0.3", 0))
        bus_port = probe.getsockname()[1]
    with Forwarder("127.0.0.3", bus_port, to_port=node.port + 10000):
        try:
            assert node.call("CONFIG", "SET", "cluster-announce-ip", "127.0.0.3", "cluster-announce-port", node.port + 1,
                             "cluster-announce-bus-port", bus_port) == "OK"
            wanted = "127.0.0.3:%d@%d" % (node.port + 1, bus_port)
            eventually(lambda: all(each.line_of(node.id())[1] == wanted for each in mixed), 30, "the new address is known")
            settle(mixed)
            agree(mixed, "all say the same of it")
            eventually(lambda: all(words[7] == "connected" for each in mixed for words in each.nodes()), 30, "links by the new address")
        finally:
            node.call("CONFIG", "SET", "cluster-announce-ip", "", "cluster-announce-port", 0, "cluster-announce-bus-port", 0)
    back = "127.0.0.1:%d@%d" % (node.port, node.port + 10000)
    eventually(lambda: all(each.line_of(node.id())[1] == back for each in mixed), 40, "the old address is known again")
    settle(mixed)
    agree(mixed, "all say the same as before")


def test_handshake_with_nobody(mixed):
    """A node that does not answer has no role; nothing of it is in SHARDS and SLOTS."""
    shards = [len(node.call("CLUSTER", "SHARDS")) for node in mixed[:2]]
    with Forwarder("127.0.0.4", 0, deaf=True) as nobody:
        for node in mixed[:2]:
            assert node.call("CLUSTER", "MEET", "127.0.0.4", 7000, nobody.port) == "OK"

            def handshake():
                return [words for words in node.nodes() if "handshake" in words[2]]
            eventually(handshake, 10, "it is met")
            words = handshake()[0]
            assert words[2] == "handshake" and words[1] == "127.0.0.4:7000@%d" % nobody.port and words[3] == "-"
            assert words[5:7] == ["0", "0"] and len(words) == 8
            assert int(node.cluster_info()["cluster_known_nodes"]) == 6
        assert [len(node.call("CLUSTER", "SHARDS")) for node in mixed[:2]] == shards
        eventually(lambda: all(node.knows() == 5 for node in mixed), 30, "it is given up")


def test_names_for_people(mixed):
    """They are for logs."""
    node = mixed[0]
    assert "ERR" in str(node.call("CONFIG", "SET", "cluster-announce-human-nodename", "first of all"))
    assert node.call("CONFIG", "SET", "cluster-announce-human-nodename", "first-of-all") == "OK"
    try:
        agree(mixed, "clients are not told of it")
    finally:
        node.call("CONFIG", "SET", "cluster-announce-human-nodename", "")
