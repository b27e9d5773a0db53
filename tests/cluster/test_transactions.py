"""Transactions where slots are elsewhere, and where one leaves between what was watched or queued and EXEC: ours as the stock node."""
import pytest

from tests.cluster.support import make_cluster, settle
from tests.cluster.test_bus import OURS, Member
from tests.support.resp import ReplyError
from tests.support.server import ORACLE, eventually, is_redis

ABORT = ReplyError("EXECABORT Transaction discarded because of previous errors.")


@pytest.fixture(params=[1, 4], ids=["shards1", "shards4"])
def two(request):
    """The tested one, and a stock one that takes slots from it; the third is there since redis-cli wants three."""
    nodes = [Member(OURS, shards=request.param), Member(ORACLE), Member(ORACLE)]
    try:
        make_cluster(nodes)
        settle(nodes)
        yield nodes[:2]
    finally:
        for node in nodes:
            node.stop()


def names_of(node, count):
    """Keys of different slots that are the node's."""
    with node.connect() as client:
        mine = []
        for i in range(10000):
            if not isinstance(client.call("GET", "key:%d" % i), ReplyError):
                mine.append("key:%d" % i)
            if len(mine) == count:
                return mine
    raise AssertionError("hardly any slot is the node's")


def take(node, other, slot, key):
    """`other` says that the slot is its own; until the node believes it."""
    assert other.call("CLUSTER", "SETSLOT", slot, "IMPORTING", node.id()) == "OK"
    assert other.call("CLUSTER", "SETSLOT", slot, "NODE", other.id()) == "OK"
    eventually(lambda: "MOVED" in str(node.call("TYPE", key)), 30, "the slot has moved")


def test_slots_that_are_elsewhere_or_leave(two):
    node, other = two
    mine, strangers = names_of(node, 4), names_of(other, 1)
    with node.connect() as client:
        call = client.call
        slots = [call("CLUSTER", "KEYSLOT", key) for key in mine + strangers]
        moved = ["MOVED %d 127.0.0.1:%d" % (slot, other.port) for slot in slots]
        # Elsewhere from the start.
        assert call("WATCH", strangers[0]) == ReplyError(moved[4])
        assert call("MULTI") == "OK"
        assert call("SET", strangers[0], 1) == ReplyError(moved[4])
        assert call("SET", mine[0], 1) == "QUEUED"
        assert call("EXEC") == ABORT and call("GET", mine[0]) is None
        # Gone between the queue and EXEC.
        assert call("MULTI") == "OK" and call("SET", mine[0], 1) == "QUEUED"
        take(node, other, slots[0], mine[0])
        assert call("EXEC") == ReplyError(moved[0])
        assert call("EXEC") == ReplyError("ERR EXEC without MULTI")
        # What was watched went with its slot, which redis-server 7.0 does not see.
        assert call("SET", mine[1], 1) == "OK" and call("WATCH", mine[1], mine[1]) == "OK"
        take(node, other, slots[1], mine[1])
        assert call("MULTI") == "OK" and call("SET", mine[2], 1) == "QUEUED"
        assert call("EXEC") == (["OK"] if is_redis(OURS) else None)
        # So did what was not there: it may be by now.
        assert call("WATCH", mine[3]) == "OK"
        take(node, other, slots[3], mine[3])
        assert call("MULTI") == "OK" and call("SET", mine[2], 1) == "QUEUED"
        assert call("EXEC") == (["OK"] if is_redis(OURS) else None)
        # A queue that is spoilt says so, whatever left.
        assert call("MULTI") == "OK" and call("SET", mine[2], 1) == "QUEUED" and call("GET") is not None
        assert call("EXEC") == ABORT
        assert call("MULTI") == "OK" and call("SET", mine[2], 2) == "QUEUED" and call("EXEC") == ["OK"]
