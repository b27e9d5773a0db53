"""tools/health: what it says of servers in each state, by exit code."""
import json
import os

import pytest

from tests.operations.support import cluster_node, tool
from tests.support.server import ORACLE, Server, eventually

WELL, WARNING, CRITICAL, UNKNOWN = range(4)


def checks_of(*words, expect, env=None):
    told = json.loads(tool("health", "--json", *words, expect=expect, env=env).out)
    assert told["code"] == expect
    return {check["name"]: check for check in told["checks"]}


@pytest.mark.parametrize("binary", [None, ORACLE], ids=["tessera", "redis"])
def test_a_server_that_is_well_and_its_limits(binary):
    with Server("--appendonly", "yes", "--maxmemory", "1gb", binary=binary) as server:
        done = tool("health", "-p", server.port)
        assert done.out.startswith("OK - 127.0.0.1:%d: 6 checks | ping=" % server.port) and ";80;95" in done.out
        assert set(checks_of("-p", server.port, expect=WELL)) == {"ping", "loading", "rdb", "aof", "memory", "clients"}
        assert checks_of("-p", server.port, "--memory", "0,99", expect=WARNING)["memory"]["state"] == "WARNING"
        assert checks_of("-p", server.port, "--memory", "0,0", expect=CRITICAL)["memory"]["state"] == "CRITICAL"
        assert checks_of("-p", server.port, "--clients", "0,", expect=WARNING)["clients"]["state"] == "WARNING"
        assert checks_of("-p", server.port, "--ping", ",0", expect=CRITICAL)["ping"]["state"] == "CRITICAL"
        assert checks_of("-p", server.port, "--save-age", "0,", expect=WARNING)["rdb_age"]["state"] == "WARNING"
        server.call("CONFIG", "SET", "requirepass", "secret")
        assert "NOAUTH" in checks_of("-p", server.port, expect=UNKNOWN)["ping"]["text"]
        assert checks_of("-p", server.port, expect=UNKNOWN, env={"REDISCLI_AUTH": "wrong"})["connection"]["state"] == "UNKNOWN"
        checks_of("-p", server.port, expect=WELL, env={"REDISCLI_AUTH": "secret"})
    assert tool("health", "-p", server.port, expect=CRITICAL).out.startswith("CRITICAL - ")
    for words in (("--memory", "1"), ("--memory", "9,1"), ("-p", "0"), ("--nonsense",)):
        tool("health", *words, expect=UNKNOWN)


def test_a_snapshot_that_cannot_be_saved():
    with Server() as server:
        os.mkdir(os.path.join(server.dir, "dump.rdb"))
        server.call("SET", "a", 1)
        server.call("BGSAVE")
        eventually(lambda: server.info("persistence")["rdb_last_bgsave_status"] == "err")
        assert checks_of("-p", server.port, expect=CRITICAL)["rdb"]["state"] == "CRITICAL"


def test_a_cluster():
    with cluster_node() as node:
        found = checks_of("-p", node.port, expect=CRITICAL)
        assert found["cluster"]["state"] == "CRITICAL" and "16384 of 16384 slots have no owner" in found["slots"]["text"]
        node.make_cluster_of_one()
        found = checks_of("-p", node.port, expect=WELL)
        assert found["cluster"]["state"] == found["slots"]["state"] == "OK"


def test_judgements():
    from ops import checks
    assert checks.loading({"loading": "1", "loading_loaded_perc": "12.5"}).state == checks.WARNING
    broken = {"aof_enabled": "1", "aof_last_write_status": "err", "aof_last_bgrewrite_status": "err"}
    assert [check.state for check in checks.append_only(broken)] == [checks.CRITICAL, checks.WARNING]
    assert checks.append_only({"aof_enabled": "0"}) == []
    up = {"role": "slave", "master_link_status": "up"}
    assert checks.replica(up)[0].state == checks.WELL and checks.replica({"role": "master"}) == []
    assert checks.replica(dict(up, master_link_status="down"))[0].state == checks.CRITICAL
    slots = {"cluster_state": "ok", "cluster_slots_assigned": "16384"}
    assert [check.state for check in checks.cluster(dict(slots, cluster_slots_pfail="10"))] == [checks.WELL, checks.WARNING]
    assert [check.state for check in checks.cluster(dict(slots, cluster_slots_fail="10"))] == [checks.WELL, checks.CRITICAL]
    assert checks.worst([checks.Check("a", checks.UNKNOWN, ""), checks.Check("b", checks.WARNING, "")]) == checks.WARNING
    assert checks.limited("a", 5, "%", (5, None), "").state == checks.WARNING
    assert checks.Check("a", 0, "", 1.5, "%", 80, None).perf() == "a=1.5%;80"
