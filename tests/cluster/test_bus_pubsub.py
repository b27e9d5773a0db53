"""Messages over the bus: PUBLISH to every node, SPUBLISH within a shard, ours and stock ones in one cluster."""
import pytest

from tests.cluster.support import make_cluster
from tests.cluster.test_bus import Member
from tests.support.resp import ReplyError
from tests.support.server import ORACLE, eventually, is_redis, server_under_test

pytestmark = pytest.mark.skipif(is_redis(server_under_test()), reason="is about our nodes beside stock ones")
OURS = server_under_test()


@pytest.fixture(scope="module")
def three():
    """Two of ours and a stock one, all primaries."""
    nodes = []
    try:
        for binary in (OURS, OURS, ORACLE):
            nodes.append(Member(binary))
        make_cluster(nodes)
        yield nodes
    finally:
        for node in nodes:
            node.stop()


def messages_of(node, kind):
    for line in node.call("CLUSTER", "INFO").decode().split("\r\n"):
        if line.startswith("cluster_stats_messages_%s:" % kind):
            return int(line.split(":")[1])
    return 0


def test_publish_reaches_every_node(three):
    subscribers = [node.connect() for node in three]
    for s in subscribers:
        assert s.call("SUBSCRIBE", "news") == [b"subscribe", b"news", 1]
        assert s.call("PSUBSCRIBE", "n*") == [b"psubscribe", b"n*", 2]
    for number, node in enumerate(three):
        text = b"from %d" % number
        with node.connect() as publisher:
            assert publisher.call("PUBLISH", "news", text) == 2  # counts its own clients
        for s in subscribers:
            assert s.read() == [b"message", b"news", text]
            assert s.read() == [b"pmessage", b"n*", b"news", text]
    large = b"x" * 300000
    with three[0].connect() as publisher:
        publisher.call("PUBLISH", "news", large)
    for s in subscribers:
        assert s.read() == [b"message", b"news", large]
        s.close()


def test_messages_of_one_publisher_keep_their_order(three):
    subscribers = [node.connect() for node in three]
    for s in subscribers:
        s.call("SUBSCRIBE", "order")
    with three[0].connect() as publisher:
        publisher.pipeline([("PUBLISH", "order", i) for i in range(500)])
    for s in subscribers:
        assert [int(s.read()[2]) for _ in range(500)] == list(range(500))
        s.close()


def test_shard_channels_stay_in_their_shard(three):
    with three[0].connect() as owner:
        name = next("c%d" % i for i in range(100000)
                    if not isinstance(owner.call("SSUBSCRIBE", "c%d" % i), ReplyError))
        moved = three[1].call("SSUBSCRIBE", name)
        assert isinstance(moved, ReplyError) and str(moved).startswith("MOVED ")
        moved = three[1].call("SPUBLISH", name, "x")
        assert isinstance(moved, ReplyError) and str(moved).startswith("MOVED ")
        before = [messages_of(node, "publishshard_received") for node in three]
        assert three[0].call("SPUBLISH", name, "m") == 1
        assert owner.read() == [b"smessage", name.encode(), b"m"]
        assert [messages_of(node, "publishshard_received") for node in three] == before  # nobody else is of this shard


def test_our_nodes_spare_the_long_header(three):
    """16 bytes instead of 2,256 between those that understand it; the stock node gets whole messages."""
    before = [messages_of(node, "publish_received") for node in three]
    with three[0].connect() as publisher:
        publisher.pipeline([("PUBLISH", "nobody", "x")] * 100)
    eventually(lambda: [messages_of(node, "publish_received") for node in three[1:]] == [n + 100 for n in before[1:]],
               what="both others have received them")
