"""Our nodes in one cluster with Redis 7.0, Redis 8 and Valkey 8, for minutes: links, slots, epochs, failures, redirections, places exchanged."""
import time

import pytest

from tests.cluster import peers
from tests.cluster.support import make_cluster, settle
from tests.cluster.test_bus import OURS, is_linked, members  # noqa: F401 (a fixture)
from tests.support.server import ORACLE, eventually, is_redis

pytestmark = [pytest.mark.long, pytest.mark.skipif(is_redis(OURS), reason="is about our nodes beside stock ones")]
WATCHED_S = 300


@pytest.fixture(scope="module", params=["oracle", "redis-server", "valkey-server"])
def peer(request, tmp_path_factory):
    if request.param == "oracle":
        return ORACLE
    root, why = peers.make()
    if root is None:
        pytest.skip(why)
    return peers.wrapper(root, request.param, str(tmp_path_factory.mktemp("peers")))


def test_one_cluster_for_five_minutes(members, peer):  # noqa: F811
    nodes = members(OURS, OURS, OURS, peer, peer, peer)
    make_cluster(nodes)
    eventually(lambda: is_linked(nodes), 30, "all links are up")
    end = time.monotonic() + WATCHED_S

    def watched():
        assert is_linked(nodes)
        for node in nodes:
            assert node.is_ok()
            assert not any("fail" in words[2] for words in node.nodes())
        return time.monotonic() > end
    eventually(watched, WATCHED_S + 60, "five minutes are over", interval=1)
    for victim in (nodes[5], nodes[2]):
        name, others = victim.id(), [node for node in nodes if node is not victim]
        victim.die()
        eventually(lambda: all("fail" in node.flags_of(name) for node in others), 30, "all say FAIL")
        nodes[nodes.index(victim)] = reborn = victim.again()
        members.track(reborn)
        assert reborn.id() == name
        settle(nodes)


def test_place_is_taken_over(members, peer):  # noqa: F811
    nodes = members(peer, peer, peer)
    make_cluster(nodes)
    before = {tuple(words[:1] + words[8:]) for words in nodes[0].nodes()}
    for binary in (OURS, peer):
        for i, old in enumerate(nodes):
            name = old.id()
            old.end()
            nodes[i] = old.again(binary)
            members.track(nodes[i])
            assert nodes[i].id() == name
            settle(nodes)
        assert {tuple(words[:1] + words[8:]) for words in nodes[1].nodes()} == before
