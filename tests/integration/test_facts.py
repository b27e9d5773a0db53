"""INFO's fields and COMMAND's rows against what other servers were observed to say (tests/data)."""
import json
import os
import re

import pytest

from tests.support.resp import ReplyError
from tests.support.server import ROOT, redis_under_test

DATA = os.path.join(ROOT, "tests", "data")

# Shape of a value: digits, a float, a percentage, bytes for people, words.
SHAPES = [("int", r"-?\d+"), ("float", r"-?\d+\.\d+"), ("percent", r"-?\d+\.\d+%"), ("human", r"\d+(\.\d+)?[BKMGTP]")]


def read_info(name):
    """[(section, field, value)] of a recorded INFO."""
    section, found = "", []
    with open(os.path.join(DATA, name)) as file:
        for line in file.read().split("\n"):
            if line.startswith("# "):
                section = line[2:]
            elif ":" in line:
                field, _, value = line.partition(":")
                found.append((section, field, value))
    return found


def shapes(value):
    return {name for name, pattern in SHAPES if re.fullmatch(pattern, value)} or {"text"}


@pytest.fixture(scope="module", params=["standalone", "cluster"])
def server(request):
    from tests.support.server import Server
    args = ["--cluster-enabled", "yes"] if request.param == "cluster" else []
    with Server(*args) as made:
        yield made


def sections_of(text):
    section, found = "", {}
    for line in text.decode().split("\r\n"):
        if line.startswith("# "):
            section = line[2:]
            found[section] = {}
        elif ":" in line:
            field, _, value = line.partition(":")
            found[section][field] = value
    return found


@pytest.mark.tessera_only
@pytest.mark.parametrize("recorded", ["info-redis-7.0.15.txt", "info-valkey-9.1.2.txt"])
def test_info_has_every_field(server, recorded):
    ours = sections_of(server.call("INFO", "everything"))
    fields = {field: value for section in ours.values() for field, value in section.items()}
    missing, wrong = [], []
    for section, field, value in read_info(recorded):
        # What ran, what is loaded and where it listens differs from server to server.
        if section in ("Commandstats", "Latencystats", "Errorstats", "Keyspace", "Modules", "Scripting Engines"):
            continue
        if field.startswith("valkey_"):
            assert field not in fields, field
            continue
        if field in ("server_mode",):
            continue  # its name in Valkey; ours is redis_mode
        if field not in fields:
            missing.append("%s (%s)" % (field, section))
        elif value and shapes(value) & {"int", "float", "percent"} and not shapes(value) & shapes(fields[field]):
            wrong.append("%s: %s, recorded %s" % (field, fields[field], value))
    assert not missing, "missing: " + ", ".join(missing)
    assert wrong == []


@pytest.mark.tessera_only
def test_info_says_who_we_are(server):
    fields = server.info("server")
    assert fields["redis_version"] == "7.2.4" and fields["server_name"] == "tessera"
    assert re.fullmatch(r"\d+\.\d+\.\d+", fields["tessera_version"])
    assert int(fields["process_id"]) == server.pid and int(fields["tcp_port"]) == server.port
    assert re.fullmatch("[0-9a-f]{40}", fields["run_id"])


def test_info_sections(server):
    everything = sections_of(server.call("INFO", "everything"))
    for section in ("Server", "Clients", "Memory", "Persistence", "Stats", "Replication", "CPU", "Commandstats", "Errorstats", "Cluster",
                    "Keyspace"):
        assert section in everything, section
    assert list(sections_of(server.call("INFO", "cpu"))) == ["CPU"]
    assert list(sections_of(server.call("INFO", "CPU", "cluster"))) == ["CPU", "Cluster"]
    assert server.call("INFO", "nosuchsection") in (b"", b"\r\n")
    default = sections_of(server.call("INFO"))
    assert "Commandstats" not in default and "Server" in default


def test_counters_move(server):
    before = server.info()
    with server.connect() as connection:
        for _ in range(50):
            connection.call("PING")
        assert isinstance(connection.call("NOSUCH"), ReplyError)
        connection.call("GET")
    after = server.info()
    assert int(after["total_commands_processed"]) - int(before["total_commands_processed"]) >= 50
    assert int(after["total_connections_received"]) > int(before["total_connections_received"])
    assert int(after["total_error_replies"]) - int(before["total_error_replies"]) >= 2
    assert int(after["total_net_input_bytes"]) > int(before["total_net_input_bytes"])
    assert "errorstat_ERR" in after
    calls = dict(part.split("=") for part in after["cmdstat_ping"].split(","))
    assert int(calls["calls"]) >= 50 and set(calls) == {"calls", "usec", "usec_per_call", "rejected_calls", "failed_calls"}
    assert int(dict(part.split("=") for part in after["cmdstat_get"].split(","))["rejected_calls"]) >= 1


def facts():
    """Full name -> row, of every command and subcommand recorded."""
    with open(os.path.join(DATA, "commands-valkey-9.1.2.json")) as file:
        rows = json.load(file)
    found = {}
    for row in rows:
        found[row["name"]] = row
        for sub in row.get("subcommands", []):
            found[sub["name"]] = sub
    return found


def implemented(server):
    found = {}

    def add(row):
        found[row[0].decode()] = row
        for sub in row[9]:
            add(sub)
    for row in server.call("COMMAND"):
        add(row)
    return found


def spec_of(pairs):
    """A key specification of COMMAND as a plain value that can be compared."""
    out = {}
    for name, value in zip(pairs[::2], pairs[1::2]):
        name = name.decode()
        if name == "flags":
            out[name] = sorted(str(flag) for flag in value)
        elif isinstance(value, list):
            inner = dict(zip([n.decode() for n in value[::2]], value[1::2]))
            spec = inner["spec"]
            out[name] = [inner["type"].decode(), {k.decode(): v.decode() if isinstance(v, bytes) else v
                                                  for k, v in zip(spec[::2], spec[1::2])}]
        else:
            out[name] = value.decode() if isinstance(value, bytes) else value
    return out


@pytest.mark.tessera_only
def test_command_info_equals_the_facts(server):
    """Arity, flags, keys, categories, tips and key specifications of every implemented command."""
    recorded, wrong, compared = facts(), [], 0
    for name, row in implemented(server).items():
        fact = recorded.get(name)
        if fact is None:
            continue  # from Redis 8: pinned where it is implemented
        compared += 1
        ours = {"arity": row[1], "flags": sorted(str(f) for f in row[2]), "first_key": row[3], "last_key": row[4], "step": row[5],
                "acl": sorted(str(c) for c in row[6]), "tips": sorted(t.decode() for t in row[7])}
        theirs = {key: sorted(fact[key]) if isinstance(fact.get(key), list) else fact.get(key) for key in ours if key != "tips"}
        theirs["tips"] = sorted(fact.get("tips", []))
        for key in ours:
            if ours[key] != theirs[key]:
                wrong.append("%s: %s is %s, not %s" % (name, key, ours[key], theirs[key]))
        wrong += compare_specs(name, [spec_of(pairs) for pairs in row[8]], fact["key_specs"])
    assert compared > 100
    assert wrong == [], "\n".join(wrong)


def compare_specs(name, ours, theirs):
    if len(ours) != len(theirs):
        return ["%s: %d key specifications, not %d" % (name, len(ours), len(theirs))]
    wrong = []
    for mine, fact in zip(ours, theirs):
        fact = normal_spec(fact)
        for key in ("flags", "begin_search", "find_keys"):
            if mine.get(key) != fact.get(key):
                wrong.append("%s: %s of a key is %s, not %s" % (name, key, mine.get(key), fact.get(key)))
    return wrong


def normal_spec(fact):
    """The recorded form of a key specification, as spec_of() gives it."""
    out = {"flags": sorted(fact.get("flags", []))}
    for key in ("begin_search", "find_keys"):
        value = fact.get(key)
        if isinstance(value, dict) and "type" in value:
            out[key] = [value["type"], value.get("spec", {})]
        elif isinstance(value, dict):
            kind = next(iter(value))
            out[key] = [kind, value[kind]]
        else:
            out[key] = value
    return out


@pytest.mark.tessera_only
def test_command_docs_name_the_recorded_arguments(server):
    """Names and tokens of the documented arguments of every implemented command that has recorded ones are there."""
    recorded, wrong = facts(), []
    with server.connect() as connection:
        connection.call("HELLO", 3)
        docs = connection.call("COMMAND", "DOCS")
    flat = {}
    for name, doc in docs.items():
        flat[name.decode()] = doc
        for sub, inner in doc.get(b"subcommands", {}).items():
            flat[sub.decode()] = inner

    def tokens(args, get):
        found = set()
        for arg in args:
            if get(arg, "token"):
                found.add(get(arg, "token"))
            found |= tokens(get(arg, "arguments") or [], get)
        return found

    def of_ours(arg, key):
        value = arg.get(key.encode())
        return value.decode() if isinstance(value, bytes) else value

    for name, doc in flat.items():
        if name not in recorded:
            continue
        mine = tokens(doc.get(b"arguments", []), of_ours)
        fact = tokens(recorded[name].get("arguments", []), lambda arg, key: arg.get(key))
        if not fact <= mine:
            wrong.append("%s lacks %s" % (name, sorted(fact - mine)))
        if doc[b"group"].decode() != recorded[name]["group"]:
            wrong.append("%s is of group %s" % (name, doc[b"group"].decode()))
    assert wrong == [], "\n".join(wrong)


def test_config_get_has_every_parameter(server):
    if redis_under_test():
        recorded = ["config-redis-7.0.15.tsv"]
    else:
        recorded = ["config-redis-7.0.15.tsv", "config-valkey-9.1.2.tsv"]
    reply = server.call("CONFIG", "GET", "*")
    ours = {name.decode(): value.decode() for name, value in zip(reply[::2], reply[1::2])}
    moved = {"port", "save", "cluster-enabled", "bind", "unixsocket", "cluster-config-file"}
    for name in recorded:
        missing, wrong = [], []
        with open(os.path.join(DATA, name)) as file:
            for line in file.read().split("\n"):
                if not line.strip():
                    continue
                parameter, _, value = line.partition("\t")
                if parameter not in ours:
                    missing.append(parameter)
                elif "redis" in name and parameter not in moved and ours[parameter] != value:
                    wrong.append("%s is %r, not %r" % (parameter, ours[parameter], value))
        assert missing == [], name
        assert wrong == [], name
