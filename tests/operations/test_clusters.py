"""A cluster's backup, and where it goes: into its own folders, clusters of other sizes, one server."""
import contextlib
import os

import pytest

from tests.operations.support import (REFUSED, SERVER, USAGE, add_library, cluster_node, cluster_of, end, fill, hidden, key_values,
                                      libraries, metadata, taken, tool)
from tests.support.server import ORACLE, Server, eventually

KEYS = 6 * 150


def start_cluster(stack, count, binary=None, folders=None):
    return cluster_of([stack.enter_context(cluster_node(binary=binary, folder=folders and folders[i])) for i in range(count)])


def deal_keys(servers, seed):
    """Each key to its owner, by way of one server that has them all."""
    from ops.node import slot_of
    share = -(-16384 // len(servers))
    with Server() as one, contextlib.ExitStack() as stack:
        origin = stack.enter_context(one.connect())
        fill(origin, seed, databases=(0,), keys=150)
        links = [stack.enter_context(server.connect()) for server in servers]
        keys = origin.call("KEYS", "*")
        assert len(keys) == KEYS
        for key in keys:
            when = max(origin.call("PEXPIRETIME", key), 0)
            link = links[slot_of(key) // share]
            assert link.call("RESTORE", key, when, origin.call("DUMP", key), "ABSTTL") == "OK"
        for link in links:
            add_library(link)
        add_library(links[0], "only_on_one")


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """(nodes' folders, backup of both kinds, what it has). The nodes are stopped."""
    folders = [str(tmp_path_factory.mktemp("node")) for _ in range(3)]
    backups = tmp_path_factory.mktemp("backups")
    with contextlib.ExitStack() as stack:
        nodes = start_cluster(stack, 3, folders=folders)
        deal_keys(nodes, 5)
        values = key_values(*nodes)
        path = taken(tool("backup", "-p", nodes[1].port, "--cluster", "--backup-dir", backups, "--verify", "--compress"))
        told = metadata(path)
        ids = [node.call("CLUSTER", "MYID").decode() for node in nodes]
        addresses = [node.port for node in nodes]
        for node in nodes:
            end(node)
    assert told["kind"] == "cluster" and sorted(node["node_id"] for node in told["nodes"]) == sorted(ids)
    assert sorted(node["slots"] for node in told["nodes"]) == [[[0, 5461]], [[5462, 10923]], [[10924, 16383]]]
    assert sum(node["rdb"]["keys"]["0"]["keys"] for node in told["nodes"]) == KEYS == len(values)
    assert not hidden(str(backups))
    return folders, path, values, dict(zip(addresses, ids))


@pytest.mark.parametrize("count,binary", [(2, None), (4, None), (2, ORACLE)], ids=["two", "four", "two-of-redis"])
def test_into_a_cluster_of_another_size(three, count, binary):
    _, path, values, _ = three
    with contextlib.ExitStack() as stack:
        nodes = start_cluster(stack, count, binary)
        done = tool("restore", path, "-p", nodes[-1].port, "--force")
        assert "%d keys restored, 0 kept as they were, 0 had reached their time; 2 libraries" % KEYS in done.out
        assert key_values(*nodes) == values
        for node in nodes:
            assert node.call("DBSIZE") > 0
            with node.connect() as connection:
                assert libraries(connection) == [b"lib", b"only_on_one"]
        assert "give it an empty one" in tool("restore", path, "-p", nodes[0].port, "--force", expect=REFUSED).err
        if binary:
            slots_that_wander(nodes, path, values)


def slots_that_wander(nodes, path, values):
    """MOVED: the tool believes in owners of before; ASK: slots are on their way. With redis-servers, which can do both."""
    from ops import deal, node as ops_node, scratch, store
    from ops.common import Teller, find_program
    ids = [node.call("CLUSTER", "MYID") for node in nodes]
    for node in nodes:
        node.call("FLUSHALL")
    asked = range(0, 3000)
    with nodes[0].connect() as giver, nodes[1].connect() as taker:
        taker.pipeline([("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[0]) for slot in asked])
        giver.pipeline([("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[1]) for slot in asked])

    class Options:
        socket = host = user = password_file = None
        port, askpass, timeout = nodes[0].port, False, 30.0

    targets = deal.Targets(ops_node.Login(Options))
    wrong = ("127.0.0.1", nodes[0].port)
    targets.owners = {slot: wrong for slot in targets.owners}
    quiet = Teller("test", True)
    dealer = deal.Dealer(targets, "fail", 10.0, quiet)
    backup = store.Backup(path)
    for entry in backup.nodes:
        with store.Work(os.path.dirname(path), store.SCRATCH, "test") as work:
            scratch.unpack(backup, entry, "rdb", work.path, quiet)
            with scratch.Scratch(find_program("tessera-server"), work.path, entry, "rdb", 60, quiet) as server:
                dealer.keys(server, KEYS)
    assert dealer.restored == KEYS
    assert any(ops_node.slot_of(key) in asked for key in nodes[1].call("KEYS", "*"))
    for node in nodes:
        with node.connect() as connection:
            connection.pipeline([("CLUSTER", "SETSLOT", slot, "NODE", ids[1]) for slot in asked])
    assert key_values(*nodes) == values
    assert set(targets.owners.values()) == {wrong, ("127.0.0.1", nodes[1].port)}


def test_into_one_server(three):
    _, path, values, _ = three
    with Server("--enable-debug-command", "yes", shards=2) as server:
        tool("restore", path, "-p", server.port, "--force")
        assert key_values(server) == values


def test_into_its_own_folders(three, tmp_path):
    """All nodes at once by a pattern; one by its name. They are the cluster that they were."""
    folders, path, values, ids = three
    for port, folder in zip(ids, folders):
        os.symlink(folder, tmp_path / str(port))
    assert "has 3 nodes; say which" in tool("restore", path, "--data-dir", folders[0], "--force", expect=USAGE).err
    assert "the same folder" in tool("restore", path, "--data-dir", str(tmp_path / "{host}"), "--force", expect=USAGE).err
    done = tool("restore", path, "--data-dir", str(tmp_path / "{port}"), "--force")
    assert done.err.count(": restored from ") == 3
    for (port, identity), folder in list(zip(ids.items(), folders))[:2]:
        tool("restore", path, "--data-dir", folder, "--node", identity if port == min(ids) else "127.0.0.1:%d" % port, "--force")
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(cluster_node(folder=folder)) for folder in folders]
        assert [node.call("CLUSTER", "MYID").decode() for node in nodes] == list(ids.values())
        eventually(lambda: all(b"cluster_state:ok" in node.call("CLUSTER", "INFO") for node in nodes), 30, "the cluster is up")
        assert key_values(*nodes) == values


def test_a_cluster_that_is_not_whole(tmp_path):
    with contextlib.ExitStack() as stack:
        nodes = start_cluster(stack, 2)
        words = ("backup", "-p", nodes[0].port, "--cluster", "--backup-dir", tmp_path)
        nodes[1].process.kill()
        eventually(lambda: b" master,fail " in nodes[0].call("CLUSTER", "NODES") or b",fail " in nodes[0].call("CLUSTER", "NODES")
                   or b" master,fail" in nodes[0].call("CLUSTER", "NODES"), 30, "the node is known to be down")
        code = tool(*words, expect=SERVER).err
        assert "is down" in code or "cannot connect" in code
        assert os.listdir(tmp_path) == []
    with cluster_node() as node:
        assert "knows no primary" in tool("backup", "-p", node.port, "--cluster", "--backup-dir", tmp_path, expect=SERVER).err
        node.call("CLUSTER", "ADDSLOTSRANGE", 0, 100)
        assert "serves 101 of 16384 slots" in tool("backup", "-p", node.port, "--cluster", "--backup-dir", tmp_path, expect=SERVER).err
        assert os.listdir(tmp_path) == []
        # One node of a cluster alone may be saved as it is.
        assert metadata(taken(tool("backup", "-p", node.port, "--backup-dir", tmp_path)))["nodes"][0]["slots"] == [[0, 100]]
