"""The bus between processes: our nodes and stock ones in one cluster, failures, restarts, the configuration file."""
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

from tests.cluster.support import Node, make_cluster, settle, theirs
from tests.support.resp import ReplyError
from tests.support.server import ORACLE, Server, eventually, is_redis, server_under_test

pytestmark = pytest.mark.skipif(is_redis(server_under_test()), reason="is about our nodes beside stock ones")
SLOT_COUNT = 16384


class Member(Node):
    """A node of either kind, in a folder that may be another's."""

    def __init__(self, binary, *args, folder=None, port=None, shards=2, timeout_ms=3000):
        words = list(args) + ["--cluster-enabled", "yes", "--cluster-node-timeout", str(timeout_ms)]
        if not is_redis(binary):
            words += ["--shards", str(shards)]
        self.host = "127.0.0.1"
        self.folder = folder or tempfile.mkdtemp(prefix="tessera-test-node-")
        self.keep = folder is not None
        Server.__init__(self, *words, "--dir", self.folder, binary=binary, port=port)

    def stop(self):
        Server.stop(self)
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def end(self):
        """In order; the folder stays."""
        self.process.terminate()
        assert self.wait_exit() == 0

    def again(self, binary=None):
        """The node of the same folder and port."""
        return Member(binary or self.binary, folder=self.folder, port=self.port)

    def line_of(self, node_id):
        return next((words for words in self.nodes() if words[0] == node_id), None)

    def flags_of(self, node_id):
        words = self.line_of(node_id)
        return set(words[2].split(",")) if words else set()


@pytest.fixture
def members():
    started = []

    def make(*binaries, args=(), **options):
        these = []
        for binary in binaries:
            these.append(Member(binary, *args, **options))
            started.append(these[-1])
        return these

    make.track = started.append
    yield make
    for node in started:
        node.stop()


OURS = server_under_test()


def is_linked(nodes):
    """Every node has a link to and one from every other."""
    for node in nodes:
        rows = node.call("CLUSTER", "LINKS")
        ends = {(bytes(row[1]), bytes(row[3])) for row in rows}
        wanted = {(way, other.id().encode()) for other in nodes if other is not node for way in (b"to", b"from")}
        if ends != wanted:
            return False
        if any(words[7] != "connected" for words in node.nodes()):
            return False
    return True


def test_three_of_ours_and_three_stock(members):
    nodes = members(OURS, OURS, OURS, ORACLE, ORACLE, ORACLE)
    make_cluster(nodes)
    eventually(lambda: is_linked(nodes), 30, "all links are up")
    # Whom they send a client to, and what they answer about slots.
    views = {tuple(sorted((row[0], row[1], bytes(row[2][0]), row[2][1]) for row in node.call("CLUSTER", "SLOTS"))) for node in nodes}
    assert len(views) == 1, views
    for i in range(200):
        replies = {str(node.call("GET", "key:%d" % i)) for node in nodes}
        moved = {reply for reply in replies if reply.startswith("MOVED")}
        assert len(moved) == 1 and len(replies - moved) == 1, replies
        slot, address = re.match(r"MOVED (\d+) (\S+)$", moved.pop()).groups()
        assert int(slot) == nodes[0].call("CLUSTER", "KEYSLOT", "key:%d" % i)
        assert address in {node.address for node in nodes}
    # One of each kind dies and comes back.
    for victim in (nodes[5], nodes[2]):
        name, others = victim.id(), [node for node in nodes if node is not victim]
        victim.die()
        eventually(lambda: all("fail" in node.flags_of(name) for node in others), 30, "all say FAIL")
        eventually(lambda: all(not node.is_ok() for node in others), 30, "the cluster is down")
        nodes[nodes.index(victim)] = reborn = victim.again()
        members.track(reborn)
        assert reborn.id() == name
        settle(nodes)
    eventually(lambda: is_linked(nodes), 30, "all links are up again")


def test_silent_node_fails_and_recovers(members):
    """SIGSTOP: connections stay open, nothing is refused; only silence tells."""
    nodes = members(OURS, OURS, OURS, OURS)
    make_cluster(nodes)
    victim, others = nodes[3], nodes[:3]
    name = victim.id()
    os.kill(victim.pid, signal.SIGSTOP)
    try:
        eventually(lambda: all("fail" in node.flags_of(name) for node in others), 30, "all say FAIL")
    finally:
        os.kill(victim.pid, signal.SIGCONT)
    settle(nodes)


def test_debug_drops_messages_of_a_type(members):
    """What is published elsewhere does not come, and comes again; the links stay, unless that is wanted otherwise."""
    nodes = members(OURS, ORACLE, OURS, args=("--enable-debug-command", "yes"))
    make_cluster(nodes)
    eventually(lambda: is_linked(nodes), 30, "all links are up")
    publish = 4  # the type of its messages
    received = lambda node: int(node.cluster_info().get("cluster_stats_messages_publish_received", 0))
    for deaf in nodes[0], nodes[1]:  # ours as stock
        with deaf.connect() as client, nodes[2].connect() as other:
            assert client.call("SUBSCRIBE", "c")[2] == 1
            before = received(deaf)
            assert deaf.call("DEBUG", "DROP-CLUSTER-PACKET-FILTER", publish) == "OK"
            other.call("PUBLISH", "c", "lost")
            eventually(lambda: received(deaf) == before + 1, 30, "it has come")
            assert deaf.call("DEBUG", "DROP-CLUSTER-PACKET-FILTER", -1) == "OK"
            other.call("PUBLISH", "c", "seen")
            assert client.read()[2] == b"seen"
    links = {bytes(row[3]): row[5] for row in nodes[0].call("CLUSTER", "LINKS") if bytes(row[1]) == b"from"}
    assert nodes[0].call("DEBUG", "CLOSE-CLUSTER-LINK-ON-PACKET-DROP", 1) == "OK"
    assert nodes[0].call("DEBUG", "DROP-CLUSTER-PACKET-FILTER", publish) == "OK"
    name = nodes[2].id().encode()
    nodes[2].call("PUBLISH", "c", "lost")
    eventually(lambda: any(bytes(row[1]) == b"from" and bytes(row[3]) == name and row[5] != links[name]
                           for row in nodes[0].call("CLUSTER", "LINKS")), 30, "another link")
    assert nodes[0].call("DEBUG", "DROP-CLUSTER-PACKET-FILTER", -1) == "OK"


def link_times(node, way, name):
    return {row[5] for row in node.call("CLUSTER", "LINKS") if bytes(row[1]) == way and bytes(row[3]).decode() == name}


@pytest.mark.parametrize("binary", [OURS, ORACLE], ids=["ours", "stock"])
def test_debug_kills_links(members, binary):
    nodes = members(binary, OURS, OURS, args=("--enable-debug-command", "yes"))
    make_cluster(nodes)
    eventually(lambda: is_linked(nodes), 30, "all links are up")
    first, name = nodes[0], nodes[1].id()
    stats = first.call("MEMORY", "STATS")
    assert dict(zip(stats[::2], stats[1::2]))[b"cluster.links"] > 0
    for direction, ways in ("to", [b"to"]), ("from", [b"from"]), ("ALL", [b"to", b"from"]):
        before = {way: link_times(first, way, name) for way in ways}
        assert first.call("DEBUG", "CLUSTERLINK", "KILL", direction, name) == "OK"
        # Others take their place.
        eventually(lambda: all(link_times(first, way, name) and not link_times(first, way, name) & before[way] for way in ways), 30,
                   "new links %s" % direction)
        eventually(lambda: is_linked(nodes), 30, "all links are up again")
    assert str(first.call("DEBUG", "CLUSTERLINK", "KILL", "to", "x")) == "ERR Unknown node x"
    assert str(first.call("DEBUG", "CLUSTERLINK", "KILL", "x", name)) == "ERR Unknown direction x"


def test_minority_stops_writing(members):
    nodes = members(OURS, OURS, OURS)
    make_cluster(nodes)
    alone = nodes[0]
    slot_key = next("k%d" % i for i in range(1000) if not isinstance(alone.call("GET", "k%d" % i), ReplyError))
    assert alone.call("SET", slot_key, "v") == "OK"
    for node in nodes[1:]:
        os.kill(node.pid, signal.SIGSTOP)
    try:
        eventually(lambda: str(alone.call("SET", slot_key, "w")).startswith("CLUSTERDOWN"), 30, "no writes in a minority")
        eventually(lambda: str(alone.call("GET", slot_key)).startswith("CLUSTERDOWN"), 30, "the cluster is down")
    finally:
        for node in nodes[1:]:
            os.kill(node.pid, signal.SIGCONT)
    settle(nodes)
    assert alone.call("SET", slot_key, "x") == "OK"


def test_place_is_taken_over_and_given_back(members):
    nodes = members(ORACLE, ORACLE, ORACLE)
    make_cluster(nodes)
    before = {tuple(words[:1] + words[8:]) for words in nodes[0].nodes()}
    epochs = {words[0]: words[6] for words in nodes[0].nodes()}
    for i in range(50):
        assert theirs("-c", "-p", nodes[i % 3].port, "SET", "key:%d" % i, "0:%d" % i).out == "OK\n"
    for turn, binary in enumerate((OURS, ORACLE), 1):
        for i, old in enumerate(nodes):
            name = old.id()
            assert old.call("SAVE") == "OK"
            old.end()
            nodes[i] = old.again(binary)
            members.track(nodes[i])
            assert nodes[i].id() == name
            settle(nodes)
        assert {tuple(words[:1] + words[8:]) for words in nodes[1].nodes()} == before
        assert {words[0]: words[6] for words in nodes[1].nodes()} == epochs
        assert sum(node.call("DBSIZE") for node in nodes) == 50
        for i in range(50):
            assert theirs("-c", "-p", nodes[i % 3].port, "GET", "key:%d" % i).out == "%d:%d\n" % (turn - 1, i)
            assert theirs("-c", "-p", nodes[i % 3].port, "SET", "key:%d" % i, "%d:%d" % (turn, i)).out == "OK\n"


def start_in(folder):
    """A server that is expected not to start: exit code and output."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    done = subprocess.run([OURS, "--port", str(port), "--cluster-port", "0" if port < 55000 else "7", "--dir", folder, "--cluster-enabled",
                           "yes", "--save", ""], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
    return done.returncode, done.stdout.decode()


def test_file_is_locked(members):
    node, = members(OURS)
    code, text = start_in(node.folder)
    assert code == 1 and "already used by a different Redis Cluster node" in text, text
    assert node.call("PING") == "PONG"


def test_damaged_file_is_refused_and_left_alone(members):
    node, = members(OURS)
    node.end()
    path = os.path.join(node.folder, "nodes.conf")
    with open(path) as file:
        good = file.read()
    for damaged in (good[:-20], good.replace("myself,master", "myself,mastr"), good.replace(" 0 0 0 ", " x 0 0 "), "garbage\n"):
        with open(path, "w") as file:
            file.write(damaged)
        code, text = start_in(node.folder)
        assert code == 1 and "corrupted cluster config file" in text, (damaged, text)
        with open(path) as file:
            assert file.read() == damaged
    with open(path, "w") as file:
        file.write(good)
    again = node.again()
    members.track(again)
    assert again.id() in good


def test_forgotten_node_stays_away(members):
    nodes = members(OURS, OURS, OURS)
    make_cluster(nodes)
    gone, stay = nodes[2], nodes[:2]
    name = gone.id()
    for node in stay:
        assert node.call("CLUSTER", "FORGET", name) == "OK"
    assert all(node.line_of(name) is None for node in stay)
    # It still pings them, and gossips; for a minute nobody listens.
    pings = int(gone.cluster_info()["cluster_stats_messages_ping_sent"])
    eventually(lambda: int(gone.cluster_info()["cluster_stats_messages_ping_sent"]) > pings + 6, 30, "it goes on pinging")
    assert all(node.line_of(name) is None for node in stay)
    assert nodes[0].call("CLUSTER", "FORGET", nodes[0].id()) == ReplyError("ERR I tried hard but I can't forget myself...")
    assert nodes[0].call("CLUSTER", "FORGET", "0" * 40) == ReplyError("ERR Unknown node " + "0" * 40)


def test_epoch_collision_ends(members):
    nodes = members(OURS, ORACLE, OURS, ORACLE)
    for i, node in enumerate(nodes):
        assert node.call("CLUSTER", "ADDSLOTSRANGE", i * SLOT_COUNT // 4, (i + 1) * SLOT_COUNT // 4 - 1) == "OK"
        assert node.call("CLUSTER", "SET-CONFIG-EPOCH", 7) == "OK"
    for node in nodes[1:]:
        assert nodes[0].call("CLUSTER", "MEET", "127.0.0.1", node.port) == "OK"
    settle(nodes)
    eventually(lambda: all(len({words[6] for words in node.nodes()}) == 4 for node in nodes), 30, "four epochs")


def test_commands_beside_stock(members):
    """Errors of a node that is alone, ours and theirs."""
    ours, stock = members(OURS, ORACLE)
    lines = """MEET a b|MEET 127.0.0.1 0|MEET 127.0.0.1 99999|MEET foo 7000|MEET 127.0.0.1 7000 0|MEET 127.0.0.1 7000 x|MEET 127.0.0.1 7000 99999
        |MEET 127.0.0.1 7000 5 6|MEET 127.0.0.1|FORGET x|RESET foo|RESET hard x|SET-CONFIG-EPOCH x|SET-CONFIG-EPOCH -1|SET-CONFIG-EPOCH 5
        |SET-CONFIG-EPOCH 6|BUMPEPOCH|SAVECONFIG x|SAVECONFIG|COUNT-FAILURE-REPORTS x|REPLICAS x|SLAVES x|LINKS|LINKS x|ADDSLOTS 1 2 3
        |ADDSLOTS 1|ADDSLOTS 4 4|ADDSLOTS x|ADDSLOTS 16384|ADDSLOTSRANGE 5 4|ADDSLOTSRANGE 5 6 7|DELSLOTS 1|DELSLOTS 1|FLUSHSLOTS|RESET|RESET SOFT
        |RESET HARD|INFO x|NODES x|SLOTS|SHARDS x|MYID x|KEYSLOT"""
    for line in lines.split("|"):
        words = ["CLUSTER"] + line.split()
        assert ours.call(*words) == stock.call(*words), line


def key_of(node):
    return next("k%d" % i for i in range(1000) if not isinstance(node.call("GET", "k%d" % i), ReplyError))


def said_after_sleep(node, key):
    """What a connection gets whose shard sleeps for longer than a lease lasts, and writes in the same turn."""
    with socket.create_connection(("127.0.0.1", node.port), timeout=30) as link:
        link.sendall(b"DEBUG SLEEP 4\r\nSET %s v\r\nGET %s\r\n" % (key.encode(), key.encode()))
        text = b""
        while text.count(b"\r\n") < 4:
            got = link.recv(1000)
            if not got:
                break
            text += got
        return text


def test_no_write_is_acknowledged_without_a_lease(members):
    nodes = members(OURS, OURS, OURS, args=["--enable-debug-command", "yes"], shards=1)
    make_cluster(nodes)
    key = key_of(nodes[0])
    assert said_after_sleep(nodes[0], key) == b"+OK\r\n+OK\r\n$1\r\nv\r\n", "others were heard meanwhile"
    for node in nodes[1:]:
        os.kill(node.pid, signal.SIGSTOP)
    try:
        # Done and not acknowledged: the connection ends.
        assert said_after_sleep(nodes[0], key) == b""
    finally:
        for node in nodes[1:]:
            os.kill(node.pid, signal.SIGCONT)
    settle(nodes)
    assert nodes[0].call("SET", key, "x") == "OK"
    # The whole node is stopped; what came meanwhile waits for the majority's word, which is there.
    with socket.create_connection(("127.0.0.1", nodes[0].port), timeout=30) as link:
        name = nodes[0].id()
        os.kill(nodes[0].pid, signal.SIGSTOP)
        link.sendall(b"SET %s y\r\n" % key.encode())
        eventually(lambda: "fail" in nodes[1].flags_of(name), 30, "it is missed")
        os.kill(nodes[0].pid, signal.SIGCONT)
        assert link.recv(100)[:12] in (b"-CLUSTERDOWN", b"+OK\r\n")
    settle(nodes)


def test_writes_go_on_through_short_stops_of_others(members):
    """One of three is missing: two are a majority, and each keeps its lease by the other."""
    nodes = members(OURS, OURS, OURS)
    make_cluster(nodes)
    alone = nodes[0]
    key = key_of(alone)
    os.kill(nodes[1].pid, signal.SIGSTOP)
    try:
        for i in range(2000):
            reply = alone.call("SET", key, i)
            if reply != "OK":
                assert not alone.is_ok(), reply
                break
    finally:
        os.kill(nodes[1].pid, signal.SIGCONT)
    settle(nodes)


@pytest.mark.parametrize("timeout_ms", [200, 400])
def test_short_node_timeouts_keep_the_lease(members, timeout_ms):
    nodes = members(OURS, OURS, OURS, timeout_ms=timeout_ms)
    make_cluster(nodes)
    settle(nodes)
    key = key_of(nodes[0])
    replies = []
    end = time.monotonic() + 5
    while time.monotonic() < end:
        replies.append(nodes[0].call("SET", key, "v"))
    # A busy machine may not run one of them for such a time; but not again and again.
    assert replies.count("OK") > 0.8 * len(replies)
