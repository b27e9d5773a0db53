"""Stock redis-cli and redis-benchmark."""
import json
import shutil
import subprocess

import pytest

from tests.support.resp import encode


def cli(server, *args, stdin=None, code=0):
    program = shutil.which("redis-cli")
    assert program, "redis-cli is missing: run tools/deps"
    done = subprocess.run([program, "-p", str(server.port)] + [str(a) for a in args], input=stdin, timeout=120,
                          stdin=None if stdin is not None else subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out = done.stdout.decode("utf-8", "replace")
    assert done.returncode == code, out
    return out


@pytest.fixture
def server(either):
    either.call("FLUSHALL")
    return either


def test_one_shot(server):
    assert cli(server, "PING") == "PONG\n"
    assert cli(server, "SET", "k", "a b") == "OK\n"
    assert cli(server, "GET", "k") == "a b\n"
    assert cli(server, "--no-raw", "GET", "k") == '"a b"\n'
    assert cli(server, "--no-raw", "GET", "nosuch") == "(nil)\n"
    assert cli(server, "--no-raw", "STRLEN", "k") == "(integer) 3\n"
    assert cli(server, "INCR", "k") == "ERR value is not an integer or out of range\n\n"
    assert cli(server, "-e", "INCR", "k", code=1).startswith("ERR value is not an integer")
    assert cli(server, "-3", "--json", "GET", "k") == '"a b"\n'
    assert cli(server, "-x", "SET", "fromstdin", stdin=b"bytes\x00\xff") == "OK\n"
    assert cli(server, "STRLEN", "fromstdin") == "7\n"
    assert cli(server, "-r", "3", "INCR", "n") == "1\n2\n3\n"


def test_commands_from_stdin(server):
    out = cli(server, stdin=b"SET a 1\nINCR a\nGET a\nNOSUCH x\nPING\n")
    assert out.split("\n")[:3] == ["OK", "2", "2"]
    assert "ERR unknown command 'NOSUCH', with args beginning with: 'x'" in out and "PONG" in out


def test_cluster_mode(cluster):
    cluster.call("FLUSHALL")
    out = cli(cluster, "-c", stdin=b"SET {a}x 1\nMSET {b}1 1 {b}2 2\nMGET {b}1 {b}2\nGET {a}x\nMGET {a}x {b}1\n")
    assert out.split("\n")[:5] == ["OK", "OK", "1", "2", "1"]
    assert "CROSSSLOT Keys in request don't hash to the same slot" in out
    assert cli(cluster, "--cluster", "check", "127.0.0.1:%d" % cluster.port).count("[OK] All 16384 slots covered.") == 1


def test_pipe_round_trip(server):
    """--pipe, then every key by --scan: 100,000 keys."""
    data = b"".join(encode("SET", "key:%d" % i, "value:%d" % i) for i in range(100000))
    out = cli(server, "--pipe", stdin=data)
    assert "errors: 0, replies: 100000" in out
    keys = cli(server, "--scan").split()
    assert len(keys) == len(set(keys)) == 100000
    assert len(cli(server, "--scan", "--pattern", "key:9999?").split()) == 10
    values = cli(server, stdin=b"".join(b"GET key:%d\n" % i for i in range(0, 100000, 97))).split()
    assert values == ["value:%d" % i for i in range(0, 100000, 97)]


def test_tools(server):
    server.call("SET", "small", "x")
    server.call("SET", "large", "x" * 10000)
    big = cli(server, "--bigkeys")
    assert 'Biggest string found "large" has 10000 bytes' in big or "'\"large\"' has 10000 bytes" in big, big
    memory = cli(server, "--memkeys")
    assert "large" in memory
    assert "Redis" in cli(server, "LOLWUT") or "Tessera" in cli(server, "LOLWUT")
    assert cli(server, "-3", "--json", "CONFIG", "GET", "maxmemory-samples").strip() == json.dumps({"maxmemory-samples": "5"}, separators=(",", ":"))
    assert "# Server" in cli(server, "INFO")


def test_databases(standalone):
    standalone.call("FLUSHALL")
    assert cli(standalone, "-n", "3", "SET", "k", "three") == "OK\n"
    assert cli(standalone, "-n", "3", "GET", "k") == "three\n"
    assert cli(standalone, "GET", "k") == "\n"
    assert cli(standalone, stdin=b"SELECT 3\nGET k\n") == "OK\nthree\n"


def benchmark(server, *args):
    program = shutil.which("redis-benchmark")
    assert program, "redis-benchmark is missing: run tools/deps"
    done = subprocess.run([program, "-p", str(server.port)] + [str(a) for a in args], timeout=180,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    assert done.returncode == 0, done.stdout
    assert "rror" not in done.stdout.replace("0 error", ""), done.stdout
    return done.stdout


def test_benchmark(server):
    """redis-benchmark --cluster refuses clusters of one node, so here it is an ordinary client of one."""
    clustered = server.info("cluster")["cluster_enabled"] == "1"
    tests = ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR"] + ([] if clustered else ["MSET (10 keys)"])
    names = "ping,set,get,incr" + ("" if clustered else ",mset")
    out = benchmark(server, "-n", "20000", "-c", "20", "-P", "16", "-r", "1000", "-t", names, "-q")
    for name in tests:
        assert name + ": " in out, out
    assert server.call("DBSIZE") > 0


def test_benchmark_threads_and_csv(server):
    out = benchmark(server, "-n", "20000", "-c", "20", "--threads", "2", "-t", "set,get", "--csv", "-d", "100")
    assert len([line for line in out.split("\n") if line.startswith('"SET"') or line.startswith('"GET"')]) == 2

