"""Whoever reaches the bus port of a node of ours and is no node: random bytes, mutated captures, wrong lengths, one byte
a second, floods of MEET and of connections. The node lives, its memory stays bounded, what it knows does not change, and
it answers its clients and its peers meanwhile. TESSERA_FUZZ_SECONDS: for how long."""
import json
import os
import random
import socket
import struct
import time

import pytest

from tests.cluster.support import Node
from tests.support.seed import new_seed
from tests.support.server import ROOT, Server, eventually, redis_under_test

pytestmark = pytest.mark.skipif(redis_under_test(), reason="is about our nodes")
SECONDS = float(os.environ.get("TESSERA_FUZZ_SECONDS", "8"))
SANITIZED = os.environ.get("TESSERA_SANITIZED") == "1"
SLACK = 5 if SANITIZED else 1
KEPT_BYTES = 256 << 20 if SANITIZED else 0  # what the address sanitizer keeps of freed memory before it gives any back
CAPTURES = [bytes.fromhex(json.loads(line)["hex"])
            for line in open(os.path.join(ROOT, "tests", "data", "bus-messages.jsonl"), encoding="ascii")]
MEET = next(capture for capture in CAPTURES if capture[12:14] == b"\0\2")


class OurNode(Node):
    """Of ours, whatever the other tests of this folder run."""

    def __init__(self):
        # Long enough for a machine that is busy with other things: here only what strangers do may change something.
        Server.__init__(self, "--cluster-enabled", "yes", "--cluster-node-timeout", "8000", "--shards", "2")
        self.host = "127.0.0.1"


@pytest.fixture
def pair():
    nodes = []
    try:
        for _ in range(2):
            nodes.append(OurNode())
        for place, node in enumerate(nodes):
            node.call("CLUSTER", "ADDSLOTSRANGE", place * 8192, place * 8192 + 8191)
            node.call("CLUSTER", "SET-CONFIG-EPOCH", place + 1)
        nodes[0].call("CLUSTER", "MEET", "127.0.0.1", nodes[1].port)
        for node in nodes:
            eventually(lambda n=node: n.cluster_info()["cluster_state"] == "ok"
                       and n.cluster_info()["cluster_known_nodes"] == "2", 30, "a cluster of two")
        # What they know of each other is complete, and changes no more by itself.
        eventually(lambda: len({tuple((words[0], words[1], words[2].replace("myself,", ""), words[6], tuple(words[8:]))
                                      for words in sorted(node.nodes())) for node in nodes}) == 1, 30, "both know the same")
        yield nodes
    finally:
        for node in nodes:
            node.stop()


def rss_bytes(node):
    for line in open("/proc/%d/status" % node.pid):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


def dial(node):
    link = socket.create_connection(("127.0.0.1", node.port + 10000), timeout=5)
    link.setblocking(False)
    return link


def say(link, data):
    try:
        return link.send(data)
    except BlockingIOError:
        return 0
    except OSError:
        return -1


def is_closed(link):
    try:
        return link.recv(65536) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def facts(node):
    """What no stranger may change: who owns what, by which epochs, and who is there."""
    lines = []
    for line in node.call("CLUSTER", "NODES").decode().split("\n"):
        words = line.split(" ")
        if len(words) > 7 and "handshake" not in words[2]:
            lines.append((words[0], words[1], words[2], words[3], words[6], tuple(words[8:])))
    info = node.cluster_info()
    return sorted(lines), info["cluster_current_epoch"], info["cluster_state"]


def is_well(nodes, before):
    for node, known in zip(nodes, before):
        assert facts(node) == known
        assert node.call("PING") in (b"PONG", "PONG")


def mutated(rng):
    data = bytearray(rng.choice(CAPTURES))
    for _ in range(rng.randrange(6)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    if rng.random() < 0.5:  # epochs of the past and the far future
        struct.pack_into(">Q", data, 16, rng.choice([0, 1, 2 ** 62, 2 ** 64 - 1, rng.getrandbits(64)]))
    if rng.random() < 0.3:
        struct.pack_into(">H", data, 14, rng.randrange(65536))
    if rng.random() < 0.2:
        del data[rng.randrange(8, len(data)):]
    if rng.random() < 0.7:
        struct.pack_into(">I", data, 4, len(data))
    return bytes(data)


def test_random_and_mutated_messages(pair):
    seed = new_seed(32)
    print("TESSERA_SEED=%d" % seed)
    rng = random.Random(seed)
    before = [facts(node) for node in pair]
    base = rss_bytes(pair[0])
    links, end = [], time.monotonic() + SECONDS
    try:
        while time.monotonic() < end:
            if len(links) < 60:
                links.append(dial(pair[0]))
            link = rng.choice(links)
            data = rng.randbytes(rng.randrange(1, 5000)) if rng.random() < 0.2 else mutated(rng)
            # MEET is everybody's right; what comes of it is looked at below.
            if data[12:14] == b"\0\2":
                continue
            if say(link, data) < 0 or is_closed(link):
                links.remove(link)
                link.close()
            if rng.random() < 0.01:
                is_well(pair, before)
        is_well(pair, before)
        assert rss_bytes(pair[0]) < base + SLACK * (40 << 20) + KEPT_BYTES
    finally:
        for link in links:
            link.close()


def test_one_byte_a_second(pair):
    before = [facts(node) for node in pair]
    links = [dial(pair[0]) for _ in range(50)]
    try:
        place = 0
        while not all(is_closed(link) for link in links):
            assert place < 100, "a message has to come to its end"
            for link in links:
                say(link, MEET[place:place + 1])
            place += 1
            end = time.monotonic() + 1
            while time.monotonic() < end:
                is_well(pair, before)
        assert place > 5
    finally:
        for link in links:
            link.close()


def test_floods_of_meet_and_of_connections(pair):
    before = [facts(node) for node in pair]
    base = rss_bytes(pair[0])
    links, said, slowest = [], 0, 0.0
    end = time.monotonic() + SECONDS
    try:
        while time.monotonic() < end:
            for _ in range(20):
                links.append(dial(pair[0]))
            for link in links[-100:]:
                # Ever other nodes at addresses where nobody answers, from an id that changes too.
                meet = bytearray(MEET)
                meet[40:80] = b"%040x" % random.getrandbits(160)
                meet[2168:2168 + 46] = (b"127.1.%d.%d" % (random.randrange(256), random.randrange(256))).ljust(46, b"\0")
                said += max(0, say(link, bytes(meet) * 5)) // len(MEET)
            while len(links) > 900:
                links.pop(0).close()
            begin = time.monotonic()
            is_well(pair, before)
            slowest = max(slowest, time.monotonic() - begin)
        assert said > 200, "it was no flood"
        print("a look at both nodes took %.2f s at most" % slowest)
        assert rss_bytes(pair[0]) < base + SLACK * (60 << 20) + KEPT_BYTES
    finally:
        for link in links:
            link.close()
    # Those who were met and did not answer are forgotten.
    eventually(lambda: pair[0].cluster_info()["cluster_known_nodes"] == "2", 30 * SLACK, "only nodes are left")
    is_well(pair, before)


def ping_as(node, slots):
    """A PING with all that the node would say of itself."""
    epoch = next(int(line.split(" ")[6]) for line in node.call("CLUSTER", "NODES").decode().split("\n") if "myself" in line)
    message = bytearray(2256)
    struct.pack_into(">4sIHHHHQQ", message, 0, b"RCmb", len(message), 1, node.port, 0, 0,
                     int(node.cluster_info()["cluster_current_epoch"]), epoch)
    message[40:80] = node.call("CLUSTER", "MYID")
    for slot in slots:
        message[80 + slot // 8] |= 1 << slot % 8
    struct.pack_into(">HH", message, 2248, node.port + 10000, 1 + 1024)
    return bytes(message)


def test_wrong_words_of_a_known_id(pair):
    """Mutated captures that a known node seems to have said: believed, taken apart to their end, and still no crash, nothing without
    bound, and a file that a new life reads."""
    seed = int(os.environ.get("TESSERA_SEED", random.SystemRandom().getrandbits(32)))
    print("TESSERA_SEED=%d" % seed)
    rng = random.Random(seed)
    ids = [node.call("CLUSTER", "MYID") for node in pair]
    base, links, said = rss_bytes(pair[0]), [], 0
    received = int(pair[0].cluster_info()["cluster_stats_messages_received"])
    end = time.monotonic() + SECONDS
    try:
        while time.monotonic() < end:
            if len(links) < 60:
                links.append(dial(pair[0]))
            data = bytearray(mutated(rng))
            if len(data) >= 2256:
                data[40:80] = ids[1]
                if rng.random() < 0.3:  # as whose replica
                    data[2128:2168] = rng.choice(ids)
                if rng.random() < 0.3 and len(data) >= 2256 + 40:  # and what it says of whom
                    data[2256:2296] = rng.choice(ids)
            link = rng.choice(links)
            sent = say(link, data)
            said += sent == len(data)
            if sent != len(data) or is_closed(link):
                links.remove(link)
                link.close()
            if rng.random() < 0.01:
                assert pair[0].call("PING") in (b"PONG", "PONG") and pair[0].call("CLUSTER", "MYID") == ids[0]
        assert said > 200, "too little was said"
        taken = int(pair[0].cluster_info()["cluster_stats_messages_received"]) - received
        assert taken > 100, "%d of %d were understood" % (taken, said)
        assert rss_bytes(pair[0]) < base + SLACK * (60 << 20) + KEPT_BYTES
    finally:
        for link in links:
            link.close()
    assert pair[0].call("CLUSTER", "SAVECONFIG") in ("OK", b"OK")
    pair[0].die()
    again = Server("--cluster-enabled", "yes", "--shards", "2", "--dir", pair[0].dir, port=pair[0].port)
    try:
        assert again.call("CLUSTER", "MYID") == ids[0]
    finally:
        again.stop()


def test_borrowed_ids(pair):
    """Who says to be a node that is known is believed: there is no secret. What that gives is bounded all the same."""
    header = ping_as(pair[1], range(8192, 16384))
    before = [facts(node) for node in pair]
    base, links = rss_bytes(pair[0]), []
    try:
        for _ in range(55):
            for _ in range(20):
                links.append(dial(pair[0]))
                say(links[-1], header)
            assert pair[0].call("PING") in (b"PONG", "PONG")
        eventually(lambda: sum(not is_closed(link) for link in links) <= 512 + 4, 20, "the others were closed")
        # What is left of them does not read; the answers to it are bounded too.
        end = time.monotonic() + 3
        while time.monotonic() < end:
            for link in links[-20:]:
                say(link, header * 10)
        assert rss_bytes(pair[0]) < base + SLACK * (60 << 20) + KEPT_BYTES
        is_well(pair, before)
    finally:
        for link in links:
            link.close()
    eventually(lambda: all(node.cluster_info()["cluster_state"] == "ok" for node in pair), 30, "all is well")
