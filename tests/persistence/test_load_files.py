"""Files of redis-server 7.0.15, Redis 8.0.6 and Valkey 9.1.2 are loaded at the start, and hold what they should."""
import json
import os
import re
import shutil
import subprocess
import tempfile

import pytest

from tests.persistence import old_forms
from tests.support.resp import ReplyError
from tests.support.server import ORACLE, ROOT, Server, bin_dir

DATA = os.path.join(ROOT, "tests", "data", "rdb")
SERVERS = ["redis-7.0.15", "redis-8.0.6", "valkey-9.1.2"]


def text(data):
    return data.decode("latin-1")


def start(file, *args, shards=2, wait=True, binary=None):
    """A server whose dir holds a copy of `file`."""
    folder = tempfile.mkdtemp(prefix="tessera-load-")
    shutil.copy(file, os.path.join(folder, "dump.rdb"))
    try:
        return Server("--dir", folder, "--enable-debug-command", "yes", *args, shards=shards, wait=wait,
                      binary=binary), folder
    except BaseException:
        shutil.rmtree(folder)
        raise


def number(value):
    return float(value)


def check_key(connection, name, key, wanted):
    kind = wanted["type"]
    assert connection.call("TYPE", key) == kind, name
    if kind == "string":
        assert text(connection.call("GET", key)) == wanted["value"], name
    elif kind == "list":
        assert [text(x) for x in connection.call("LRANGE", key, 0, -1)] == wanted["value"], name
    elif kind == "set":
        assert sorted(text(x) for x in connection.call("SMEMBERS", key)) == sorted(wanted["value"]), name
    elif kind == "hash":
        flat = [text(x) for x in connection.call("HGETALL", key)]
        assert dict(zip(flat[::2], flat[1::2])) == wanted["value"], name
    elif kind == "zset":
        flat = [text(x) for x in connection.call("ZRANGE", key, 0, -1, "WITHSCORES")]
        pairs = sorted(zip(flat[::2], map(number, flat[1::2])))
        assert pairs == sorted((member, number(score)) for member, score in wanted["value"]), name
    else:
        check_stream(connection, name, key, wanted)
    if "expire_at_ms" in wanted:
        assert connection.call("PEXPIRETIME", key) == wanted["expire_at_ms"], name
    else:
        assert connection.call("PEXPIRETIME", key) == -1, name
    for field, when in wanted.get("field_expire_at_ms", {}).items():
        assert connection.call("HPEXPIRETIME", key, "FIELDS", 1, field) == [when], name


def check_stream(connection, name, key, wanted):
    value = wanted["value"]
    entries = [(text(i), pairs([text(x) for x in fields])) for i, fields in connection.call("XRANGE", key, "-", "+")]
    assert entries == [(i, fields) for i, fields in value["entries"]], name
    pending = []
    for group in value["groups"]:
        full = connection.call("XINFO", "STREAM", key, "FULL", "COUNT", 0)
        groups = {text(g[1]): g for g in full[full.index(b"groups") + 1]}
        found = groups[group["name"]]
        assert text(found[found.index(b"last-delivered-id") + 1]) == group["last"], name
        rows = found[found.index(b"pel") + 1] if b"pel" in found else found[found.index(b"pending") + 1]
        pending += [[group["name"], text(i), text(consumer), when, count] for i, consumer, when, count in rows]
        assert len(found[found.index(b"consumers") + 1]) == len(group["consumers"]), name
    assert pending == wanted["pending"], name
    assert text(full_id(connection, key)) == value["last_id"], name


def full_id(connection, key):
    info = connection.call("XINFO", "STREAM", key)
    return info[info.index(b"last-generated-id") + 1]


def pairs(flat):
    return dict(zip(flat[::2], flat[1::2]))


@pytest.mark.parametrize("shards", [1, 4])
@pytest.mark.parametrize("origin", SERVERS)
def test_files_of_other_servers(origin, shards):
    with open(os.path.join(DATA, origin + ".json")) as file:
        expected = json.load(file)
    server, folder = start(os.path.join(DATA, origin + ".rdb"), shards=shards)
    try:
        with server, server.connect() as connection:
            counts = {}
            for name, wanted in expected.items():
                if name == "functions":
                    continue
                db, key = name.split(":", 1)
                counts[db] = counts.get(db, 0) + 1
                connection.call("SELECT", db)
                check_key(connection, name, key.encode("latin-1"), wanted)
            for db, count in counts.items():
                connection.call("SELECT", db)
                assert connection.call("DBSIZE") == count
            assert "keys loaded: %d" % sum(counts.values()) in server.log()
            if origin == SERVERS[0]:
                other, other_folder = start(os.path.join(DATA, origin + ".rdb"), binary=ORACLE, shards=None)
                try:
                    with other, other.connect() as oracle:
                        assert connection.call("DEBUG", "DIGEST") == oracle.call("DEBUG", "DIGEST")
                finally:
                    shutil.rmtree(other_folder)
    finally:
        shutil.rmtree(folder)


def write(data):
    file = tempfile.NamedTemporaryFile(suffix=".rdb")
    file.write(data)
    file.flush()
    return file


def all_forms(version=10, magic=b"REDIS%04d"):
    parts = [b"\xfa" + old_forms.string(b"redis-ver") + old_forms.string(b"2.6.0"), b"\xfe\x00", b"\xfb\x40\xff\x00"]
    for i, (_, kind, body, _) in enumerate(old_forms.objects()):
        parts.append(b"\xf9\x05" if i % 3 == 0 else b"\xf8\x40\x64" if i % 3 == 1 else b"")
        parts.append(bytes([kind]) + old_forms.string(b"key:%d" % i) + body)
    return old_forms.file(version, parts, magic)


@pytest.mark.parametrize("version", [1, 4, 5, 9, 10])
def test_forms_of_all_versions(version):
    """Made here, proven by redis-server: both load the file and agree."""
    with write(all_forms(version)) as file:
        ours, folder = start(file.name)
        theirs, other_folder = start(file.name, binary=ORACLE, shards=None)
        try:
            with ours, theirs, ours.connect() as mine, theirs.connect() as oracle:
                assert mine.call("DBSIZE") == len(list(old_forms.objects())) == oracle.call("DBSIZE")
                assert mine.call("DEBUG", "DIGEST") == oracle.call("DEBUG", "DIGEST")
        finally:
            shutil.rmtree(folder)
            shutil.rmtree(other_folder)


def test_expired_keys_are_not_loaded():
    parts = [b"\xfe\x03", b"\xfc" + (5).to_bytes(8, "little") + b"\x00\x04gone\x01x",
             b"\xfd" + (4102444800).to_bytes(4, "little", signed=False) + b"\x00\x04here\x01x",
             b"\x02\x05empty\x00"]
    parts[2] = b"\xfd" + (2000000000).to_bytes(4, "little") + b"\x00\x04here\x01x"
    with write(old_forms.file(10, parts)) as file:
        server, folder = start(file.name)
        try:
            with server, server.connect() as connection:
                connection.call("SELECT", 3)
                assert connection.call("KEYS", "*") == [b"here"]
                assert connection.call("EXPIRETIME", "here") == 2000000000
                assert "keys loaded: 1, keys expired: 1." in server.log()
        finally:
            shutil.rmtree(folder)


def damaged():
    good = all_forms()
    yield "cut", good[:-20], "unexpected end"
    yield "flipped", good[:200] + bytes([good[200] ^ 1]) + good[201:], ""
    yield "checksum", good[:-1] + bytes([good[-1] ^ 1]), "checksum"
    yield "no file", b"HELLO WORLD", "no RDB file"
    yield "version", b"REDIS0099" + good[9:], "version 99"
    yield "type", old_forms.file(10, [b"\xfe\x00\x63\x01k\x01v"]), "type or opcode 99 at offset 11"
    yield "module", old_forms.file(10, [b"\xfe\x00\x07\x01k\x05\x00"]), "module"
    yield "twice", old_forms.file(10, [b"\xfe\x00\x00\x01k\x01v\x00\x01k\x01v"]), 'key "k" is there twice'
    yield "database", old_forms.file(10, [b"\xfe\x30\x00\x01k\x01v"]), "database 48"
    yield "listpack", old_forms.file(10, [b"\xfe\x00\x10\x02kk" + old_forms.string(old_forms.listpack([b"a", 1])[:-1])]), (
        'key "kk": a listpack that is not well-formed at offset')


@pytest.mark.parametrize("shown", ["key", "no key"])
@pytest.mark.parametrize("name,data,said", list(damaged()), ids=lambda x: x if isinstance(x, str) else "")
def test_what_is_damaged_is_refused(name, data, said, shown):
    """The key is named where users' data may be in the log."""
    hidden = re.sub(r'key ".*?"', "key *redacted*", said)
    if shown == "no key":
        said = hidden
    with write(data) as file:
        server, folder = start(file.name, "--hide-user-data-from-log", "no" if shown == "key" else "yes", wait=False)
        try:
            with server:
                assert server.wait_exit() == 1
                assert said in server.log() and "dump.rdb" in server.log(), server.log()
        finally:
            shutil.rmtree(folder)


def check_rdb(*args):
    done = subprocess.run([os.path.join(bin_dir(), "tessera-check-rdb"), *args], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=120)
    return done.returncode, done.stdout.decode("latin-1"), done.stderr.decode("latin-1")


def test_checker_says_what_redis_check_rdb_says():
    path = os.path.join(DATA, "redis-7.0.15.rdb")
    theirs = subprocess.run(["/usr/bin/redis-check-rdb", path], stdout=subprocess.PIPE, timeout=120)
    assert check_rdb(path)[:2] == (theirs.returncode, theirs.stdout.decode())
    for origin in SERVERS[1:]:
        code, out, _ = check_rdb(os.path.join(DATA, origin + ".rdb"))
        assert code == 0 and "\\o/ RDB looks OK! \\o/" in out and "[info] 31 keys read" in out
    for version in (1, 4, 5, 9, 10):
        with write(all_forms(version)) as file:
            theirs = subprocess.run(["/usr/bin/redis-check-rdb", file.name], stdout=subprocess.PIPE, timeout=120)
            code, out, _ = check_rdb(file.name)
            assert code == theirs.returncode == 0
            assert out.splitlines()[-4:] == theirs.stdout.decode().splitlines()[-4:]


@pytest.mark.parametrize("name,data,said", [x for x in damaged() if x[0] not in ("twice", "database", "flipped")],
                         ids=lambda x: x if isinstance(x, str) else "")
def test_checker_finds_damage(name, data, said):
    with write(data) as file:
        code, out, _ = check_rdb(file.name)
        assert code == 1 and "--- RDB ERROR DETECTED ---" in out and "looks OK" not in out
        assert "keys read" in out


def words_of_damage(out):
    """What scripts look for; the offset of what is not there is not the same everywhere."""
    lines = [line.split("] ", 1)[-1] for line in out.splitlines()]
    return [line for line in lines[lines.index("--- RDB ERROR DETECTED ---"):]
            if line.startswith(("---", "Unexpected EOF", "Wrong signature", "Can't handle", "RDB CRC", "While doing", "Reading "))]


def test_checker_names_damage_as_redis_check_rdb_does():
    with open(os.path.join(DATA, "redis-7.0.15.rdb"), "rb") as file:
        whole = file.read()
    changed = [b"REDUS" + whole[5:], b"REDIS0099" + whole[9:], whole[:-1] + bytes([whole[-1] ^ 1]), b"RED", b""]
    changed += [whole[:n] for n in (9, 12, 40, len(whole) // 3, len(whole) // 2, len(whole) * 3 // 4, len(whole) - 3)]
    for data in changed:
        with write(data) as file:
            theirs = subprocess.run(["/usr/bin/redis-check-rdb", file.name], stdout=subprocess.PIPE, timeout=120)
            code, out, _ = check_rdb(file.name)
            assert code == theirs.returncode == 1
            assert words_of_damage(out) == words_of_damage(theirs.stdout.decode("latin-1")), (len(data), out)
    for word in ("-v", "--version"):
        code, out, _ = check_rdb(word)
        assert code == 0 and out.startswith("tessera-check-rdb ")


def test_statistics():
    code, out, _ = check_rdb(os.path.join(DATA, "redis-8.0.6.rdb"), "--stats")
    assert code == 0 and "[stats] type stream: keys=2" in out and "[stats] db 3: keys=1" in out
    code, out, err = check_rdb(os.path.join(DATA, "valkey-9.1.2.rdb"), "--json")
    found = json.loads(out)
    assert code == 0 and found["keys"] == 31 and found["family"] == "valkey" and found["databases"]["9"]["keys"] == 1
    assert "looks OK" in err
    assert check_rdb()[0] == 1 and check_rdb("/nonexistent")[0] == 1 and check_rdb("a", "b")[0] == 1
