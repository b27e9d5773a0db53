"""Shared by all pytest folders: the root on the path, servers as fixtures, --long."""
import contextlib
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tests.support.server import Server, redis_under_test  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="also what takes minutes or gigabytes")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: only with --long")
    config.addinivalue_line("markers", "tessera_only: not for a redis-server under test")


def pytest_collection_modifyitems(config, items):
    for item in items:
        if item.get_closest_marker("long") and not config.getoption("--long"):
            item.add_marker(pytest.mark.skip(reason="long set"))
        if item.get_closest_marker("tessera_only") and redis_under_test():
            item.add_marker(pytest.mark.skip(reason="redis-server is tested"))


@pytest.fixture
def start():
    """start(*args, **options) -> Server; all are stopped when the test ends."""
    servers = []

    def make(*args, **options):
        server = Server(*args, **options)
        servers.append(server)
        return server

    yield make
    with contextlib.ExitStack() as all_of_them:
        for server in servers:
            all_of_them.callback(server.stop)


@pytest.fixture(scope="module", params=[1, 4], ids=["shards1", "shards4"])
def standalone(request):
    with Server(shards=request.param) as server:
        yield server


def cluster_of_one(shards):
    # A node that met nobody does not know its address; ioredis drops nodes without one.
    return Server("--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1", shards=shards)


@pytest.fixture(scope="module", params=[1, 4], ids=["shards1", "shards4"])
def cluster(request):
    with cluster_of_one(request.param) as server:
        yield server.make_cluster_of_one()


@pytest.fixture(scope="module", params=[("standalone", 1), ("standalone", 4), ("cluster", 1), ("cluster", 4)],
                ids=["standalone1", "standalone4", "cluster1", "cluster4"])
def either(request):
    """Standalone and cluster of one, one shard and four."""
    mode, shards = request.param
    with Server(shards=shards) if mode == "standalone" else cluster_of_one(shards) as server:
        yield server if mode == "standalone" else server.make_cluster_of_one()
