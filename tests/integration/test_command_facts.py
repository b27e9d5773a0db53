"""COMMAND DOCS, ACL CAT and COMMAND GETKEYS of every implemented command: against the recorded rows, and beside redis-server."""
import json
import os
import random

import pytest

from tests.support.resp import ReplyError, encode
from tests.support.seed import new_seed
from tests.support.server import ORACLE, ROOT, Server, redis_under_test

FACTS = os.path.join(ROOT, "tests", "data", "commands-valkey-9.1.2.json")


def text(value):
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list):
        return [text(item) for item in value]
    if isinstance(value, dict):
        return {text(key): text(item) for key, item in value.items()}
    return value


@pytest.fixture(scope="module")
def server():
    with Server(shards=2) as made:
        yield made


@pytest.fixture(scope="module")
def facts():
    """Full name -> recorded row, of commands and subcommands."""
    with open(FACTS) as file:
        rows = json.load(file)
    found = {}
    for row in rows:
        for each in [row] + row.get("subcommands", []):
            found[each["name"]] = each
    return found


def docs_of(server):
    with server.connect() as connection:
        connection.call("HELLO", 3)
        top = text(connection.call("COMMAND", "DOCS"))
    found = dict(top)
    for doc in top.values():
        found.update(doc.get("subcommands", {}))
    return found


# Options of Redis 8 beside the recorded ones, by name.
ADDED = {"set": {"ifne-value", "ifdeq-digest", "ifdne-digest"}, "xadd": {"condition"}, "xtrim": {"condition"}}


def without(arguments, names):
    kept = []
    for argument in arguments:
        if argument["name"] in names:
            continue
        inner = argument.get("arguments")
        kept.append({**argument, "arguments": without(inner, names)} if inner else argument)
    return kept


@pytest.mark.tessera_only
def test_arguments_equal_the_facts(server, facts):
    """Whole structure: names, types, tokens, key specifications, flags, nesting, order."""
    wrong, compared = [], 0
    for name, doc in docs_of(server).items():
        fact = facts.get(name)
        if fact is None:
            continue  # of Redis 8
        compared += 1
        for key, ours, theirs in (("arguments", without(doc.get("arguments", []), ADDED.get(name, ())), fact.get("arguments", [])),
                                  ("since", doc["since"], fact["since"]), ("group", doc["group"], fact["group"])):
            if ours != theirs:
                wrong.append("%s: %s is\n    %s, not\n    %s" % (name, key, ours, theirs))
        if not doc.get("summary"):
            wrong.append(name + ": no summary")
    assert compared > 100
    assert wrong == [], "\n".join(wrong)


@pytest.mark.tessera_only
def test_subcommands_are_those_of_the_facts(server, facts):
    docs = docs_of(server)
    unknown = [name for name in docs if "|" in name and name not in facts]
    assert unknown == []


@pytest.mark.tessera_only
def test_acl_cat_lists_what_rows_say(server, facts):
    implemented = set(docs_of(server))
    for category in text(server.call("ACL", "CAT")):
        ours = set(text(server.call("ACL", "CAT", category)))
        theirs = {name for name, row in facts.items() if "@" + category in row["acl"] and name in implemented}
        assert ours & set(facts) == theirs, category


# Words that mean something to one command or another, so that random calls come near to valid ones.
WORDS = ["a", "b", "c", "0", "1", "2", "3", "-1", "get", "set", "store", "keys", "streams", "count", "limit", "by", "u8", "overflow",
         "sat", "incrby", "", "left", "match", "ex", "nx", "with"]

# Rows follow Valkey 9.1, which changed these after 7.0: arity, or flags of the destination. And of several
# STOREs the last one counts, which 7.0 does not tell.
CHANGED = {"zrank", "zrevrank", "sinterstore", "sunionstore", "sdiffstore", "georadius", "georadiusbymember"}


@pytest.mark.tessera_only
def test_getkeys_beside_redis_server(server, facts):
    seed = new_seed(32)
    print("seed", seed)
    chance = random.Random(seed)
    names = sorted(set(docs_of(server)) & set(facts))
    with Server(binary=ORACLE) as oracle, oracle.connect() as theirs, server.connect() as ours:
        known = {text(row[0]): row for row in theirs.call("COMMAND")}
        for row in list(known.values()):
            known.update((text(sub[0]), sub) for sub in row[9])
        compared = 0
        for name in names:
            if name not in known or name in CHANGED or known[name][1] != facts[name]["arity"]:
                continue
            for _ in range(40):
                call = ["COMMAND", chance.choice(["GETKEYS", "GETKEYSANDFLAGS"])] + name.split("|")
                call += [chance.choice(WORDS) for _ in range(chance.choice([0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8]))]
                if len(call) < 4:
                    continue  # Valkey 9.1 lets GETKEYS look at a lone name
                if name == "sort" and ("store", "store") in zip(call, call[1:]):
                    continue  # redis-server takes the destination "store" for another STORE; SORT itself writes to it
                one, other = ours.call(*call), theirs.call(*call)
                if call[1] == "GETKEYSANDFLAGS" and isinstance(one, list) and isinstance(other, list):
                    one, other = ([[key, sorted(flags)] for key, flags in reply] for reply in (one, other))
                assert one == other, call
                compared += 1
    assert compared > 2000


def test_unknown_names_and_wrong_numbers(server):
    """Texts of errors before any handler runs."""
    long = "x" * 200
    calls = [
        (["foo", "a", "b"], "ERR unknown command 'foo', with args beginning with: 'a' 'b' "),
        (["foo"], "ERR unknown command 'foo', with args beginning with: "),
        (["foo", long], "ERR unknown command 'foo', with args beginning with: '%s' " % long[:128]),
        ([long], "ERR unknown command '%s', with args beginning with: " % long[:128]),
        (["foo", "a\nb"], "ERR unknown command 'foo', with args beginning with: 'a b' "),
        (["client|list"], "ERR unknown command 'client|list', with args beginning with: "),
        (["clieNt", "fOo"], "ERR unknown subcommand 'fOo'. Try CLIENT HELP."),
        (["CLIENT"], "ERR wrong number of arguments for 'client' command"),
        (["CLIENT", "KILL"], "ERR wrong number of arguments for 'client|kill' command"),
        (["GET"], "ERR wrong number of arguments for 'get' command"),
        (["GET", "a", "b"], "ERR wrong number of arguments for 'get' command"),
        (["COMMAND", "LIST", "FILTERBY", "x"], "ERR syntax error"),
        (["COMMAND", "GETKEYS", "foo", "a"], "ERR Invalid command specified"),
        (["COMMAND", "GETKEYS", "ping", "a"], "ERR The command has no key arguments"),
        (["COMMAND", "GETKEYS", "get", "a", "b"], "ERR Invalid number of arguments specified for command"),
    ]
    for call, expected in calls:
        assert server.call(*call) == ReplyError(expected), call


def test_renamed_commands(start):
    server = start("--rename-command", "GET", "fetch", "--rename-command", "DEL", "") if redis_under_test() else start(
        config="rename-command GET fetch\nrename-command DEL \"\"\n")
    assert server.call("SET", "a", "1") == "OK"
    assert server.call("FETCH", "a") == b"1"
    assert server.call("GET", "a") == ReplyError("ERR unknown command 'GET', with args beginning with: 'a' ")
    assert server.call("DEL", "a") == ReplyError("ERR unknown command 'DEL', with args beginning with: 'a' ")
    assert server.call("FETCH") == ReplyError("ERR wrong number of arguments for 'get' command")
    assert server.call("COMMAND", "INFO", "get", "del") == [None, None]
    assert server.call("COMMAND", "INFO", "fetch")[0][0] == b"get"


@pytest.mark.parametrize("proto, null", [(2, b"*2\r\n$-1\r\n$-1\r\n"), (3, b"*2\r\n_\r\n_\r\n")])
def test_command_info_of_what_does_not_exist(server, proto, null):
    with Server(binary=ORACLE) as oracle:
        for each in (server, oracle):
            with each.connect() as connection:
                connection.call("HELLO", proto)
                connection.send(encode("COMMAND", "INFO", "nosuch", "get|x"))
                while len(connection.buffer) < len(null):
                    connection.buffer += connection.socket.recv(100)
                assert connection.buffer == null
