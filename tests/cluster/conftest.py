"""Nodes by the folder's name: a pool that is started once and taken apart between tests."""
import pytest

from tests.cluster.support import Node, make_cluster, take_apart

POOL = 9


@pytest.fixture(scope="session")
def pool():
    nodes = []
    try:
        for _ in range(POOL):
            nodes.append(Node("--bind", "0.0.0.0", "--protected-mode", "no"))
        yield nodes
    finally:
        for node in nodes:
            node.stop()


@pytest.fixture
def fresh(pool):
    """Nodes that are alone and empty, with new ids."""
    take_apart(pool, hard=True)
    return pool


@pytest.fixture(scope="module")
def six(request):
    """Three primaries with a replica each, for tests that leave them as they are."""
    nodes = []
    try:
        for _ in range(6):
            nodes.append(Node())
        make_cluster(nodes, replicas=1)
        yield nodes
    finally:
        for node in nodes:
            node.stop()


@pytest.fixture
def nodes():
    """nodes(n, *args) -> n nodes of the test's own."""
    started = []

    def make(count, *args, **options):
        these = []
        for _ in range(count):
            these.append(Node(*args, **options))
            started.append(these[-1])
        return these

    yield make
    for node in started:
        node.stop()
