"""What is served while a part of the cluster is gone: ours and a stock node give the same answers, whatever the parameters say."""
import itertools
import os
import re
import signal

import pytest

from tests.cluster.support import make_cluster, settle
from tests.cluster.test_bus import OURS, key_of, members  # noqa: F401 (a fixture)
from tests.support.server import ORACLE, eventually, is_redis

pytestmark = pytest.mark.skipif(is_redis(OURS), reason="compares ours with a stock one")


def said(node, *words):
    """Without whose address it is."""
    return re.sub(r"^(MOVED) \d+ \S+$", r"\1", str(node.call(*words)))


def kind(reply):
    return reply.split(" ")[0]


def answers(node, own, other, gone, nobody):
    return [said(node, *words) for key in (own, other, gone) for words in
            (("GET", key), ("SET", key, "v"), ("EXISTS", key), ("DEL", key), ("TYPE", key))] + [said(node, "GET", nobody), said(node, "PING")]


@pytest.mark.parametrize("coverage, reads", itertools.product(["yes", "no"], repeat=2))
def test_a_node_is_gone(members, coverage, reads):  # noqa: F811
    nodes = members(OURS, ORACLE, OURS, ORACLE, OURS)
    make_cluster(nodes)
    ours, stock, victim = nodes[0], nodes[1], nodes[4]
    keys = {node: key_of(node) for node in (ours, stock, victim)}
    nobody = "nobody"
    slot = ours.call("CLUSTER", "KEYSLOT", nobody)
    for node in nodes[:4]:
        assert node.call("CONFIG", "SET", "cluster-require-full-coverage", coverage, "cluster-allow-reads-when-down", reads) == "OK"
    os.kill(victim.pid, signal.SIGSTOP)
    try:
        name = next(words[0] for words in ours.nodes() if words[1].startswith(victim.address + "@"))
        eventually(lambda: all("fail" in node.flags_of(name) for node in nodes[:4]), 30, "it is gone")
        for node in nodes[:4]:  # a slot that nobody has
            node.call("CLUSTER", "DELSLOTS", slot)
        ok = coverage == "no"
        eventually(lambda: all(node.is_ok() == ok for node in nodes[:4]), 30, "all know what that means")

        def same():
            mine = answers(ours, keys[ours], keys[stock], keys[victim], nobody)
            theirs = answers(stock, keys[stock], keys[ours], keys[victim], nobody)
            return mine == theirs and mine
        mine = eventually(same, 10, "both answer the same")
        if ok:
            assert mine[:5] == ["None", "OK", "1", "1", "none"] and set(mine[5:15]) == {"MOVED"}
        elif reads == "yes":
            assert [kind(reply) for reply in mine[:5]] == ["None", "CLUSTERDOWN", "0", "CLUSTERDOWN", "none"]
            assert [kind(reply) for reply in mine[5:15]] == ["MOVED", "CLUSTERDOWN", "MOVED", "CLUSTERDOWN", "MOVED"] * 2
        else:
            assert {kind(reply) for reply in mine[:15]} == {"CLUSTERDOWN"}
        assert mine[-2].startswith("CLUSTERDOWN Hash slot not served") and mine[-1] == "PONG"
    finally:
        os.kill(victim.pid, signal.SIGCONT)


def test_alone_with_a_majority_gone(members):  # noqa: F811
    """In a minority nothing is written and, unless told otherwise, nothing read."""
    nodes = members(OURS, ORACLE, OURS, OURS)
    make_cluster(nodes)
    ours, stock = nodes[:2]
    keys = [key_of(ours), key_of(stock)]
    for node in nodes[2:]:
        os.kill(node.pid, signal.SIGSTOP)
    try:
        eventually(lambda: not ours.is_ok() and not stock.is_ok(), 30, "both are in a minority")
        for reads in ("no", "yes"):
            for node in (ours, stock):
                node.call("CONFIG", "SET", "cluster-allow-reads-when-down", reads)
            for words, read in ((("GET",), True), (("SET", "v"), False), (("EXISTS",), True), (("DEL",), False)):
                pair = [said(node, words[0], key, *words[1:]) for node, key in zip((ours, stock), keys)]
                assert pair[0] == pair[1], (reads, words)
                assert pair[0].startswith("CLUSTERDOWN") == (not read or reads == "no"), (reads, words, pair)
    finally:
        for node in nodes[2:]:
            os.kill(node.pid, signal.SIGCONT)
    settle(nodes)
    for node, key in zip((ours, stock), keys):
        assert said(node, "GET", key) == "None" and said(node, "SET", key, "v") == "OK"
