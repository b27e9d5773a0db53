"""tessera-benchmark on a cluster: several nodes, slots that move meanwhile, its other ways to connect and to go on."""
import os
import re
import signal
import subprocess

import pytest

from tests.cluster.support import make_cluster, needs, run, settle, theirs
from tests.support.server import ORACLE, Server, bin_dir, die_with_parent, eventually

ORACLE_BENCHMARK = os.environ.get("TESSERA_ORACLE_BENCHMARK", "/usr/bin/redis-benchmark")


def program():
    return os.path.join(bin_dir(), "tessera-benchmark")


def start_benchmark(*args):
    return subprocess.Popen([program()] + [str(arg) for arg in args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            preexec_fn=die_with_parent)


def calls(node, command):
    stats = node.info("commandstats").get("cmdstat_" + command, "calls=0")
    return int(re.match("calls=(\\d+)", stats).group(1))


def clients(node):
    return int(node.info("clients")["connected_clients"])


@pytest.fixture
def three(fresh):
    make_cluster(fresh[:3])
    for node in fresh[:3]:
        node.call("CONFIG", "RESETSTAT")
    return fresh[:3]


@pytest.mark.parametrize("options", [[], ["--threads", "3"], ["-P", "16"], ["-k", "0"], ["-r", "100000", "-P", "5"]], ids=" ".join)
def test_every_node_gets_its_part(three, options):
    done = run(program(), "--cluster", "-p", three[1].port, "-n", 3000, "-c", 12, "-t", "set,get", *options)
    assert done.code == 0 and done.err == "", done
    assert "Cluster has 3 master nodes:" in done.out
    parts = [calls(node, "set") for node in three]
    assert sum(parts) == 3000 and min(parts) > 300, parts
    assert all("errorstat_MOVED" not in node.info("errorstats") for node in three)


def test_the_nodes_are_listed_as_redis_benchmark_does(three):
    def head(text):
        lines = re.search("(?s)Cluster has.*?\n\n", text).group(0).split("\n")
        return lines[0], sorted(re.sub("^Master \\d+", "Master", line) for line in lines[1:])
    mine, other = (run(each, "--cluster", "-p", three[0].port, "-n", 30, "-c", 3, "-t", "ping_mbulk") for each in (program(), ORACLE_BENCHMARK))
    assert head(mine.out) == head(other.out)


@pytest.mark.parametrize("options", [[], ["--threads", "2"], ["-P", "8"], ["-k", "0"]], ids=" ".join)
def test_slots_that_move(three, options):
    needs(three[0], "CLUSTER", "SETSLOT")
    total = 500000 if "-P" in options else 100000
    going = start_benchmark("--cluster", "-p", three[0].port, "-n", total, "-c", 10, "-t", "set", "-r", 1000, *options)
    try:
        eventually(lambda: calls(three[0], "set") > 200, 20, "it runs")
        moved = theirs("--cluster", "reshard", three[0].address, "--cluster-from", three[0].id(), "--cluster-to", three[1].id(),
                       "--cluster-slots", 50, "--cluster-yes")
        assert moved.code == 0, moved
        out, err = (text.decode() for text in going.communicate(timeout=120))
    finally:
        going.kill()
        going.wait()
    assert going.returncode == 0, out + err
    # None: it was over before a slot moved, and nothing is tested.
    assert "redirected and sent again" in err, out + err
    assert "%d requests completed" % total in out
    # Every request was served, once.
    refused = sum(int(re.match("count=(\\d+)", value).group(1)) for node in three
                  for name, value in node.info("errorstats").items() if name in ("errorstat_MOVED", "errorstat_ASK"))
    rejected = sum(int(re.search("rejected_calls=(\\d+)", node.info("commandstats")["cmdstat_set"]).group(1)) for node in three)
    assert refused == rejected > 0
    assert sum(calls(node, "set") for node in three) == total


def test_a_node_that_joins_gets_clients_and_one_that_leaves_loses_them(three, fresh):
    needs(three[0], "CLUSTER", "SETSLOT")
    new, old = fresh[3], three[0]
    going = start_benchmark("--cluster", "-p", three[1].port, "-n", 100000000, "-c", 12, "-t", "set", "-r", 100)
    try:
        eventually(lambda: calls(old, "set") > 200, 20, "it runs")
        assert theirs("--cluster", "add-node", new.address, three[1].address).code == 0
        settle(three + [new])
        moved = theirs("--cluster", "reshard", three[1].address, "--cluster-from", old.id(), "--cluster-to", new.id(),
                       "--cluster-slots", 5461, "--cluster-pipeline", 100, "--cluster-yes")
        assert moved.code == 0, moved
        eventually(lambda: calls(new, "set") > 200, 20, "the new node is loaded")
        before = calls(old, "set")
        eventually(lambda: clients(old) <= 2, 20, "the old one is left")
        assert going.poll() is None
        assert calls(old, "set") <= before + 1000
    finally:
        going.kill()
        going.communicate()


def test_a_cluster_that_is_down_and_comes_back(three):
    going = start_benchmark("--cluster", "-p", three[0].port, "-n", 100000000, "-c", 6, "-t", "set", "-r", 100)
    try:
        eventually(lambda: calls(three[0], "set") > 200, 20, "it runs")
        assert three[2].call("CLUSTER", "DELSLOTS", 16383) == "OK"
        eventually(lambda: not three[2].is_ok(), 20, "it is down")
        looked = sum(calls(node, "cluster|nodes") for node in three)
        eventually(lambda: sum(calls(node, "cluster|nodes") for node in three) >= looked + 3, 30, "it looks how the cluster is")
        assert going.poll() is None
        assert three[2].call("CLUSTER", "ADDSLOTS", 16383) == "OK"
        eventually(three[2].is_ok, 20, "it is up")
        before = calls(three[2], "set")
        eventually(lambda: calls(three[2], "set") > before + 500, 20, "it goes on")
    finally:
        going.kill()
        _, err = going.communicate()
    assert b"CLUSTERDOWN" in err


def test_a_key_of_ones_own_that_is_elsewhere_ends_it(three):
    done = run(program(), "--cluster", "-p", three[0].port, "-n", 100, "-c", 3, "set", "no-tag", "x")
    assert done.code == 1 and "Error from server" in done.err and "MOVED" in done.err


def test_errors_end_it(three):
    for words in (["set", "key:{tag}"], ["nosuch", "{tag}"]):
        done = run(program(), "--cluster", "-p", three[0].port, "-n", 100, "-c", 3, *words)
        assert done.code == 1 and "Error from server 127.0.0.1:" in done.err, done


def test_not_a_cluster():
    with Server(binary=ORACLE) as plain:
        done = run(program(), "--cluster", "-p", plain.port, "-n", 10)
        assert done.code == 1 and "Failed to fetch cluster configuration" in done.err


def test_loop(three):
    going = start_benchmark("--cluster", "-p", three[0].port, "-n", 300, "-c", 3, "-t", "set", "-l", "-q")
    try:
        eventually(lambda: sum(calls(node, "set") for node in three) > 1500, 30, "it goes on and on")
        assert going.poll() is None
    finally:
        going.send_signal(signal.SIGINT)
        out, _ = going.communicate(timeout=20)
    assert out.count(b"SET: ") >= 4


def test_idle(three):
    before = [clients(node) for node in three]
    going = start_benchmark("--cluster", "-p", three[0].port, "-c", 30, "-I")
    try:
        eventually(lambda: [clients(node) for node in three] == [count + 10 for count in before], 20, "thirty idle connections")
        assert going.poll() is None
        assert sum(calls(node, "set") + calls(node, "ping") for node in three) == 0
    finally:
        going.send_signal(signal.SIGINT)
        out, _ = going.communicate(timeout=20)
    assert b"Creating 30 idle connections and waiting forever (Ctrl+C when done)" in out


def test_unix_socket():
    with Server("--unixsocket", "s", binary=ORACLE) as server:
        path = os.path.join(server.dir, "s")
        for options in ([], ["--threads", "2"], ["-P", "4"], ["-k", "0"]):
            server.call("CONFIG", "RESETSTAT")
            done = run(program(), "-s", path, "-n", 1000, "-c", 5, "-t", "set", *options)
            assert done.code == 0 and calls(server, "set") == 1000, done
        before = clients(server)
        going = start_benchmark("-s", path, "-c", 7, "-I")
        try:
            eventually(lambda: clients(server) == before + 7, 20, "idle connections")
            assert server.call("CLIENT", "LIST").count(b" flags=U ") == 7
        finally:
            going.kill()
            going.communicate()
    done = run(program(), "-s", path, "-n", 10)
    assert done.code == 1 and "Could not connect" in done.err


def test_unix_socket_of_a_cluster_node(nodes):
    these = nodes(3, "--unixsocket", "s")
    make_cluster(these)
    done = run(program(), "--cluster", "-s", os.path.join(these[0].dir, "s"), "-n", 900, "-c", 3, "-t", "set")
    assert done.code == 0 and sum(calls(node, "set") for node in these) == 900, done
