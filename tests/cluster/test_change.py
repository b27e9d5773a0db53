"""add-node and del-node: both command lines on the same nodes, one after the other."""
import pytest

from tests.cluster.support import Forwarder, both, equal, make_cluster, needs, node_binary, ours, settle, theirs
from tests.support.server import Server, eventually

LIBRARY = "#!lua name=lib\nredis.register_function('f', function() return 1 end)"


@pytest.fixture
def three(fresh):
    make_cluster(fresh[:3])
    return fresh[:3]


def each_adds(cluster, new, *options, before=None, term="dumb", code=0):
    """Each command line adds `new`, from the same state. Returns ours."""
    results = []
    for cli in (theirs, ours):
        if before:
            before()
        results.append(cli("--cluster", "add-node", new.address, cluster[0].address, *options, term=term))
        if results[-1].code == 0:
            settle(cluster + [new])
            remove(cluster, new)
    equal(results[1], results[0])
    assert results[1].code == code, results[1]
    return results[1]


def remove(cluster, new):
    done = theirs("--cluster", "del-node", cluster[0].address, new.id())
    assert done.code == 0, done
    eventually(lambda: new.knows() == 1 and all(node.knows() == len(cluster) for node in cluster), 20, "it is gone")
    new.call("FLUSHALL")
    new.call("FUNCTION", "FLUSH")
    for node in cluster:  # a node that was forgotten is not taken in again for a minute: new ids every time
        assert node.is_ok()
    new.call("CLUSTER", "RESET", "HARD")


def test_add_master(three, fresh):
    new = fresh[3]
    results = []
    for cli in (theirs, ours):
        results.append(cli("--cluster", "add-node", new.address, three[0].address))
        settle(three + [new])
        remove(three, new)
    equal(results[1], results[0])
    assert results[1].code == 0 and "[OK] New node added correctly." in results[1].out


def test_functions_go_along(three, fresh):
    needs(fresh[0], "FUNCTION", "DUMP")
    new = fresh[3]
    for node in three:
        assert node.call("FUNCTION", "LOAD", LIBRARY) == b"lib"
    added = ours("--cluster", "add-node", new.address, three[0].address)
    assert added.code == 0 and ">>> Send FUNCTION RESTORE to" in added.out
    assert new.call("FUNCTION", "LIST")[0][1] == b"lib"
    settle(three + [new])


def test_functions_in_the_way(three, fresh):
    needs(fresh[0], "FUNCTION", "DUMP")
    new = fresh[3]
    new.call("FUNCTION", "LOAD", LIBRARY)
    for term in ("dumb", "xterm"):
        assert both("--cluster", "add-node", new.address, three[0].address, term=term).code == 1
    assert new.knows() == 1


def test_functions_that_are_not_known(three, fresh):
    """The node that is asked gives none."""
    needs(fresh[0], "FUNCTION", "DUMP")
    new = fresh[3]
    words = ["--cluster", "add-node", new.address, three[0].address]
    assert three[0].call("ACL", "SETUSER", "default", "-function") == "OK"
    try:
        mine = ours(*words)
        assert mine.code == 0 and ">>> Failed retrieving Functions from the cluster, skip this step" in mine.out
    finally:
        three[0].call("ACL", "SETUSER", "default", "+function")
    settle(three + [new])


def test_a_new_node_without_function(three, nodes):
    needs(three[0], "FUNCTION", "DUMP")
    old = nodes(2, "--rename-command", "FUNCTION", "")
    assert "unknown command" in str(old[0].call("FUNCTION", "LIST"))
    mine = ours("--cluster", "add-node", old[0].address, three[0].address)
    assert mine.code == 0 and "nothing to restore" in mine.out, mine
    settle(three + [old[0]])
    for node in three:
        node.call("FUNCTION", "LOAD", LIBRARY)
    refused = ours("--cluster", "add-node", old[1].address, three[0].address)
    assert refused.code == 1 and "does not know FUNCTION" in refused.out
    assert old[1].knows() == 1


@pytest.mark.parametrize("options", [[], ["master"]], ids=["lightest", "named"])
def test_add_replica(three, fresh, options):
    needs(fresh[0], "CLUSTER", "REPLICATE")
    new = fresh[3]
    if options:
        options = ["--cluster-master-id", three[2].id().upper()]
    mine = each_adds(three, new, "--cluster-slave", *options, term="xterm")
    assert "as replica of" in mine.out
    if options:
        assert three[2].address in mine.out


def test_the_lightest_master(fresh):
    needs(fresh[0], "CLUSTER", "REPLICATE")
    these, new = fresh[:5], fresh[5]
    make_cluster(these[:3])
    for replica, master in ((these[3], 0), (these[4], 1)):
        assert ours("--cluster", "add-node", replica.address, these[1].address, "--cluster-slave", "--cluster-master-id",
                    these[master].id()).code == 0
    settle(these)
    mine = ours("--cluster", "add-node", new.address, these[0].address, "--cluster-slave")
    assert mine.code == 0 and "Automatically selected master %s" % these[2].address in mine.out
    settle(these + [new])


def test_refused(three, fresh):
    new = fresh[3]
    entry = three[0].address
    with Server(binary=node_binary()) as plain:
        for words in ((new.address, "127.0.0.1:1"), ("127.0.0.1:1", entry), ("127.0.0.1:%d" % plain.port, entry),
                      (three[1].address, entry), (new.address, entry, "--cluster-slave", "--cluster-master-id", "abc"),
                      (new.address, "127.0.0.1:%d" % plain.port)):
            for term in ("dumb", "xterm"):
                assert both("--cluster", "add-node", *words, term=term).code == 1
    new.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    eventually(new.is_ok, 20, "it serves")
    new.call("SET", "a", "b")
    assert "contains some key" in both("--cluster", "add-node", new.address, entry).out
    three[1].call("CLUSTER", "DELSLOTS", 7000)
    assert "Not all 16384" in both("--cluster", "add-node", fresh[4].address, entry).out
    assert fresh[4].knows() == 1


def test_add_by_name(three, fresh):
    mine = ours("--cluster", "add-node", "localhost:%d" % fresh[3].port, "localhost:%d" % three[0].port)
    assert mine.code == 0, mine
    # When it says so, it is so: nobody has to wait.
    for node in three + [fresh[3]]:
        assert node.knows() == 4 and not any("handshake" in line[2] for line in node.nodes())
    settle(three + [fresh[3]])


def test_a_replica_is_one_when_it_is_said(three, fresh):
    needs(fresh[0], "CLUSTER", "REPLICATE")
    mine = ours("--cluster", "add-node", fresh[3].address, three[0].address, "--cluster-slave")
    assert mine.code == 0, mine
    for node in three + [fresh[3]]:
        assert node.is_ok() and [line[2] for line in node.nodes() if line[0] == fresh[3].id()][0].endswith("slave")


def test_a_new_node_whose_bus_is_closed(three, nodes):
    far = "127.0.0.9"
    new = nodes(1, "--bind", "127.0.0.1")[0]
    with Forwarder(far, new.port):
        mine = ours("--cluster", "add-node", new.on(far), three[0].address)
    assert mine.code == 1 and "its cluster bus port %d cannot be reached" % (new.port + 10000) in mine.out
    assert new.knows() == 1 and three[0].knows() == 3


def test_a_node_that_cannot_join(three, nodes):
    """Its bus takes connections and says nothing: who does not know whom is told when the time is over."""
    far = "127.0.0.9"
    new = nodes(1, "--bind", "127.0.0.1", "--cluster-announce-ip", far)[0]
    with Forwarder(far, new.port), Forwarder(far, new.port + 10000, deaf=True):
        mine = ours("--cluster", "add-node", new.on(far), three[0].address, "--wait", 2)
        assert mine.code == 1 and "have not agreed within 2 seconds" in mine.out, mine
        assert "%s does not know %s" % (three[1].address, new.on(far)) in mine.out
        assert "New node added" not in mine.out


def test_a_cluster_with_an_open_slot(three, fresh):
    """Nothing is added."""
    needs(fresh[0], "CLUSTER", "SETSLOT")
    new = fresh[3]
    three[0].call("CLUSTER", "SETSLOT", 0, "MIGRATING", three[1].id())
    refused = both("--cluster", "add-node", new.address, three[0].address)
    assert refused.code == 1 and "slots in migrating state 0" in refused.out
    assert new.knows() == 1


def test_delete_refused(three):
    for words in (["abc"], [three[1].id()], [three[0].id().upper()]):
        for term in ("dumb", "xterm"):
            assert both("--cluster", "del-node", three[0].address, *words, term=term).code == 1


def test_delete(three, fresh):
    needs(fresh[0], "CLUSTER", "REPLICATE")
    new, results = fresh[3], []
    for cli in (theirs, ours):
        assert theirs("--cluster", "add-node", new.address, three[0].address, "--cluster-slave").code == 0
        settle(three + [new])
        gone = new.id()
        results.append(cli("--cluster", "del-node", three[1].address, gone))
        results[-1].out = results[-1].out.replace(gone, "(id)")
        eventually(lambda: new.knows() == 1 and all(node.knows() == 3 for node in three), 20, "it is gone")
        new.call("FLUSHALL")
        new.call("CLUSTER", "RESET", "HARD")
    equal(results[1], results[0])
    assert results[1].code == 0 and all(node.is_ok() for node in three)


def test_delete_a_master_with_a_replica(three, fresh):
    needs(fresh[0], "CLUSTER", "REPLICATE")
    master, replica = fresh[3], fresh[4]
    results = []
    for cli in (theirs, ours):
        assert theirs("--cluster", "add-node", master.address, three[0].address).code == 0
        settle(three + [master])
        assert theirs("--cluster", "add-node", replica.address, three[0].address, "--cluster-slave", "--cluster-master-id",
                      master.id()).code == 0
        settle(three + [master, replica])
        gone = master.id()
        results.append(cli("--cluster", "del-node", three[0].address, gone, term="xterm"))
        assert results[-1].code == 0
        results[-1].out = results[-1].out.replace(gone, "(id)")
        settle(three + [replica])
        new_master = next(line[3] for line in three[0].nodes() if line[0] == replica.id())
        assert new_master in [node.id() for node in three]
        results[-1].out = results[-1].out.replace(next(node for node in three if node.id() == new_master).address, "(one of three)")
        remove(three, replica)
        master.call("CLUSTER", "RESET", "HARD")
    equal(results[1], results[0])


def test_delete_the_dead(nodes):
    these = nodes(4)
    make_cluster(these[:3])
    assert ours("--cluster", "add-node", these[3].address, these[0].address).code == 0
    settle(these)
    gone = these[3].id()
    these[3].die()
    assert both("--cluster", "del-node", these[0].address, gone).code == 1
