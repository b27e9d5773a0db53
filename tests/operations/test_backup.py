"""tools/backup of one node: what it takes is all there, whatever the server does meanwhile; how it ends; what it deletes."""
import json
import os
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from tests.operations.support import (DAMAGED, DISK, OK, SERVER, TOOLS, USAGE, add_library, begin, end, fill, hidden, libraries, metadata,
                                      start_on, taken, tool, tree, write_metadata)
from tests.support.resp import Closed
from tests.support.seed import new_seed
from tests.support.server import ORACLE, ROOT, Server, eventually

PERCENTAGE = "auto-aof-rewrite-percentage"


def percentage(server):
    return server.call("CONFIG", "GET", PERCENTAGE)[1]


@pytest.mark.parametrize("binary", [None, ORACLE], ids=["tessera", "redis"])
@pytest.mark.parametrize("kind,compress", [("rdb", True), ("rdb", False), ("aof", True), ("aof", False), ("both", True)])
def test_round_trip(tmp_path, binary, kind, compress):
    seed = new_seed()
    print("seed", seed)
    backups, data = str(tmp_path / "backups"), str(tmp_path / "data")
    with Server("--enable-debug-command", "yes", "--appendonly", "no" if kind == "rdb" else "yes", binary=binary, shards=3) as server:
        with server.connect() as connection:
            fill(connection, seed)
            add_library(connection)
            digest = connection.call("DEBUG", "DIGEST")
        path = taken(tool("backup", "-p", server.port, "--type", kind, "--backup-dir", backups, "--verify",
                          *(["--compress"] if compress else [])))
        told = metadata(path)
        node = told["nodes"][0]
        assert told["type"] == kind and told["kind"] == "node" and told["tool"] == "tessera-backup"
        assert node["server"]["run_id"] == server.info("server")["run_id"]
        assert node["server"]["software"] == ("redis" if binary else "tessera")
        for part in ("rdb", "aof"):
            assert (part in node) == (kind in (part, "both"))
            if part in node:
                assert node[part]["exact"] and {db: counts["keys"] for db, counts in node[part]["keys"].items()} == {"0": 360, "9": 360}
        assert percentage(server) == b"100"
        assert not hidden(backups)
    tool("restore", path, "--data-dir", data, "--force", *(["--server", binary] if binary and compress else []))
    assert not hidden(data)
    # Redis' backups also into our server.
    for other in {binary, None}:
        copy = str(tmp_path / ("copy" + str(other is None)))
        shutil.copytree(data, copy)
        with start_on(copy, "--appendonly", "yes" if kind == "aof" else "no", binary=other) as server, server.connect() as connection:
            assert connection.call("DEBUG", "DIGEST") == digest, server.log()
            assert libraries(connection) == [b"lib"]
            assert connection.call("FCALL", "lib_f", 0, "here") == b"here"
            assert connection.call("PEXPIRETIME", "string:8") == 4102444800008


@pytest.mark.parametrize("binary", [None, ORACLE], ids=["tessera", "redis"])
def test_while_it_is_written_and_rewritten(tmp_path, binary):
    """Each client raises a counter and a list in step: a backup of one moment has no counter ahead of its list by more than one."""
    clients, backups = 3, str(tmp_path / "backups")
    with Server("--appendonly", "yes", "--enable-debug-command", "yes", binary=binary, shards=2) as server:
        stop = threading.Event()
        turns = [0] * clients

        def client(number):
            try:
                with server.connect() as connection:
                    while not stop.is_set():
                        turns[number] += 1
                        connection.pipeline([("INCR", "{%d}counter" % number), ("RPUSH", "{%d}list" % number, turns[number]),
                                             ("MULTI",), ("SET", "{%d}a" % number, turns[number]), ("SET", "{%d}b" % number, turns[number]),
                                             ("EXEC",), ("SET", "{%d}key:%d" % (number, turns[number] % 5000), "x" * 100)])
            except Closed:
                pass

        def rewriter():
            with server.connect() as connection:
                while not stop.is_set():
                    for command in ("BGREWRITEAOF", "BGSAVE"):
                        connection.call(command)
                        eventually(lambda: server.info("persistence")["rdb_bgsave_in_progress"] == "0"
                                   and server.info("persistence")["aof_rewrite_in_progress"] == "0", 30, "it ends")

        threads = [threading.Thread(target=client, args=(i,)) for i in range(clients)] + [threading.Thread(target=rewriter)]
        for thread in threads:
            thread.start()
        try:
            eventually(lambda: min(turns) > 20)
            paths = [taken(tool("backup", "-p", server.port, "--type", "both", "--backup-dir", backups, "--quiet",
                                *(["--compress"] if i == 1 else []))) for i in range(3)]
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert percentage(server) == b"100"
    tool("backup", "--backup-dir", backups, "--verify", "all")
    before = 0
    for path in paths:
        for part in ("rdb", "aof"):
            data = str(tmp_path / (os.path.basename(path) + part))
            tool("restore", path, "--data-dir", data, "--type", part, "--appendonly", "no", "--force", "--no-load")
            with start_on(data, "--appendonly", "yes" if part == "aof" else "no") as server, server.connect() as connection:
                for number in range(clients):
                    counter = int(connection.call("GET", "{%d}counter" % number) or 0)
                    assert counter - connection.call("LLEN", "{%d}list" % number) in (0, 1)
                    assert connection.call("GET", "{%d}a" % number) == connection.call("GET", "{%d}b" % number)
                total = sum(int(connection.call("GET", "{%d}counter" % number) or 0) for number in range(clients))
                assert total >= before  # each later than the one before; of one backup the append only file is the later one
                before = total


def test_names_with_blanks_and_keys_that_end(tmp_path):
    """Keys may reach their time before it is verified and restored; they are counted as such."""
    backups, data = str(tmp_path / "all backups"), str(tmp_path / "data")
    names = ("--dbfilename", "my dump.rdb", "--appendfilename", "my file.aof", "--appenddirname", "my folder", "--databases", 3)
    with Server("--appendonly", "yes", *names, shards=2) as server:
        with server.connect() as connection:
            connection.pipeline([("SET", "short:%d" % i, i, "PX", 1500) for i in range(50)] + [("SET", "long", 1), ("BGREWRITEAOF",)])
            eventually(lambda: server.info("persistence")["aof_rewrite_in_progress"] == "0")
        path = taken(tool("backup", "-p", server.port, "--type", "both", "--backup-dir", backups))
        assert metadata(path)["nodes"][0]["databases"] == 3
        eventually(lambda: server.call("DBSIZE") == 1)
    done = tool("backup", "--verify", "all", "--backup-dir", backups)
    assert done.err.count("db0 1 keys, as it should be") == 2
    tool("restore", path, "--data-dir", data, "--force")
    assert sorted(os.listdir(data)) == ["my dump.rdb", "my folder"]
    for binary in (None, ORACLE):
        with start_on(data, "--appendonly", "yes", *names, binary=binary) as server:
            assert server.call("KEYS", "*") == [b"long"]
            end(server)


def test_a_user_with_few_rights(tmp_path):
    """Those that --help names are enough; without CONFIG SET the manifest alone tells of rewrites."""
    rights = ["+info", "+bgsave", "+config|get", "+cluster|nodes", "+cluster|myid"]
    with Server("--appendonly", "yes") as server:
        for user, more in (("saver", rights + ["+config|set"]), ("lesser", rights), ("least", ["+info"])):
            assert server.call("ACL", "SETUSER", user, "on", ">word", *more) == "OK"
        words = ("-p", server.port, "--backup-dir", tmp_path, "--type", "both", "--user")
        assert "warning" not in tool("backup", *words, "saver", env={"REDISCLI_AUTH": "word"}).err
        assert "automatic rewrites go on" in tool("backup", *words, "lesser", env={"REDISCLI_AUTH": "word"}).err
        assert "lacks the right" in tool("backup", *words, "least", env={"REDISCLI_AUTH": "word"}, expect=SERVER).err
        assert percentage(server) == b"100" and not hidden(str(tmp_path))
    tool("backup", "--verify", "all", "--backup-dir", tmp_path)


def slow_rewrite(server):
    """A rewrite that lasts until it is told otherwise: redis-server waits with each key."""
    with server.connect() as connection:
        fill(connection, 1, databases=(0,), keys=20)
        connection.call("CONFIG", "SET", "rdb-key-save-delay", 1000000)
        connection.call("BGREWRITEAOF")
    eventually(lambda: server.info("persistence")["aof_rewrite_in_progress"] == "1")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_leaves_nothing(tmp_path, number):
    backups = str(tmp_path)
    with Server("--appendonly", "yes", binary=ORACLE) as server:
        slow_rewrite(server)
        process = begin("backup", "-p", server.port, "--type", "aof", "--backup-dir", backups)
        eventually(lambda: percentage(server) == b"0")
        assert hidden(backups)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 128 + number, err
        assert percentage(server) == b"100"
        assert os.listdir(backups) == []


def test_a_signal_is_heard_behind_what_must_not_be_disturbed():
    script = """if True:
        import os, signal, sys
        from ops.common import Ended, Signals, undisturbed
        Signals()
        done = []
        try:
            with undisturbed():
                os.kill(os.getpid(), signal.SIGTERM)
                with undisturbed():
                    os.kill(os.getpid(), signal.SIGHUP)
                done.append(1)
        except Ended as ended:
            os.kill(os.getpid(), signal.SIGINT)  # what comes while it is cleared up is not heard
            sys.exit(ended.code if done else 1)
        """
    done = subprocess.run([sys.executable, "-c", script], cwd=TOOLS, timeout=60)
    assert done.returncode == 128 + signal.SIGHUP


def test_after_kill_the_next_one_puts_all_right(tmp_path):
    backups = str(tmp_path)
    with Server("--appendonly", "yes", binary=ORACLE) as server:
        slow_rewrite(server)
        process = begin("backup", "-p", server.port, "--type", "aof", "--backup-dir", backups)
        eventually(lambda: percentage(server) == b"0")
        other = begin("backup", "-p", server.port, "--type", "aof", "--backup-dir", backups, "--name", "other")
        eventually(lambda: len(hidden(backups)) == 2)
        process.kill()
        process.communicate()
        listed = tool("backup", "--list", "--backup-dir", backups)
        assert len(listed.out.splitlines()) == 2 and "was killed" in listed.out
        server.call("CONFIG", "SET", "rdb-key-save-delay", 0)
        with server.connect() as connection:  # the child has the delay still
            os.kill(child_of(server.pid), signal.SIGKILL)
            eventually(lambda: connection.call("PING") and server.info("persistence")["aof_rewrite_in_progress"] == "0")
        out, err = other.communicate(timeout=60)
        assert other.returncode == OK, err
        # The other one had found it at 0 already: the killed one's folder tells what it was.
        assert percentage(server) == b"0"
        done = tool("backup", "-p", server.port, "--type", "aof", "--backup-dir", backups)
        assert "is 100 again" in done.err and "left by a tool that was killed" in done.err
        assert percentage(server) == b"100" and not hidden(backups)
    tool("backup", "--backup-dir", backups, "--verify", "all")


def child_of(pid):
    return int(subprocess.check_output(["ps", "--ppid", str(pid), "-o", "pid="]).split()[0])


def test_a_save_that_fails_and_a_folder_that_is_not_the_servers(tmp_path, start):
    server = start()
    backups = str(tmp_path / "backups")
    server.call("SET", "a", 1)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = tool("backup", "-p", server.port, "--backup-dir", backups, "--data-dir", elsewhere, expect=DISK)
    assert "is not what it wrote" in done.err and "--data-dir" in done.err
    done = tool("backup", "-p", server.port, "--backup-dir", backups, "--data-dir", tmp_path / "nowhere", expect=DISK)
    assert "cannot be read here" in done.err and "SYNC" in done.err
    done = tool("backup", "-p", server.port, "--backup-dir", backups, "--type", "aof", expect=USAGE)
    assert "appendonly no" in done.err
    os.unlink(os.path.join(server.dir, "dump.rdb"))
    os.mkdir(os.path.join(server.dir, "dump.rdb"))
    done = tool("backup", "-p", server.port, "--backup-dir", backups, expect=SERVER)
    assert "could not save" in done.err
    assert os.listdir(backups) == []
    # Not taken for the failure of the next one.
    os.rmdir(os.path.join(server.dir, "dump.rdb"))
    tool("backup", "-p", server.port, "--backup-dir", backups, "--verify")


def test_a_full_disk(tmp_path, start):
    server = start()
    with server.connect() as connection:
        for i in range(30):
            connection.call("SET", "key:%d" % i, os.urandom(100000))
    small = str(tmp_path)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small]).returncode != 0:
        pytest.skip("no tmpfs here")
    try:
        for words in ((), ("--compress",)):  # told before it begins; met on the way
            done = tool("backup", "-p", server.port, "--backup-dir", small, *words, expect=DISK)
            assert "the disk is full" in done.err and "nothing was left behind" in done.err
            assert os.listdir(small) == []
    finally:
        subprocess.run(["umount", small])


def aged(backups, path, folder, days, **changes):
    """A copy of a backup that says it is older."""
    to = os.path.join(backups, folder)
    shutil.copytree(path, to)
    told = metadata(to)
    told["started_ms"] -= int(days * 86400000)
    told.update(changes)
    write_metadata(to, told)


def test_retention(tmp_path, start):
    server, backups = start("--appendonly", "yes"), str(tmp_path)
    server.call("SET", "a", 1)
    words = ("backup", "-p", server.port, "--backup-dir", backups, "--name", "mine")
    path = taken(tool(*words))
    aged(backups, path, "old", 8)
    aged(backups, path, "older", 30)
    aged(backups, path, "young", 6)
    aged(backups, path, "of-another-name", 30, name="another")
    aged(backups, path, "of-another-type", 40, type="both")  # the newest of its type
    aged(backups, path, "not-ours", 30, tool="another-tool")
    aged(backups, path, "half", 30)
    os.unlink(os.path.join(backups, "half", "metadata.json"))
    os.symlink(os.path.join(backups, "older"), os.path.join(backups, "link"))
    os.mkdir(os.path.join(backups, ".incomplete-of-somebody"))
    os.mkdir(os.path.join(backups, ".incomplete-elsewhere"))
    with open(os.path.join(backups, ".incomplete-elsewhere", "owner.json"), "w") as file:
        json.dump({"tool": "tessera-backup", "host": "another machine", "pid": 1, "process_start": "1"}, file)
    newest = os.path.basename(taken(tool(*words, "--retention", 7)))
    kept = {os.path.basename(path), newest, "young", "of-another-name", "of-another-type", "not-ours", "half", "link",
            ".incomplete-of-somebody", ".incomplete-elsewhere"}
    assert set(os.listdir(backups)) == kept
    # The newest stays however old it is.
    for name in (os.path.basename(path), newest, "young"):
        shutil.rmtree(os.path.join(backups, name))
    aged(backups, os.path.join(backups, "of-another-name"), "last", 100, name="mine")
    aged(backups, os.path.join(backups, "last"), "before-last", 100)
    tool("backup", "--prune", "--retention", 1, "--backup-dir", backups)
    assert set(os.listdir(backups)) == kept - {os.path.basename(path), newest, "young"} | {"last"}
    listed = json.loads(tool("backup", "--list", "--json", "--backup-dir", backups).out)
    assert [each["id"] for each in listed] == ["last", "of-another-type", "of-another-name"]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A backup of both kinds, with the keys it has."""
    with Server("--appendonly", "yes", shards=2) as server:
        with server.connect() as connection:
            fill(connection, 3, keys=20)
            add_library(connection)
            connection.call("BGREWRITEAOF")
            eventually(lambda: server.info("persistence")["aof_rewrite_in_progress"] == "0")
            fill(connection, 4, databases=(1, 2), keys=5)
        yield taken(tool("backup", "-p", server.port, "--type", "both", "--backup-dir", tmp_path_factory.mktemp("sound")))


def damage(path, how):
    """Changes the copy of a backup; says what must be told of it."""
    told = metadata(path)
    files = told["nodes"][0]["files"]
    of = {os.path.basename(file["path"]).rpartition(".")[2] + file["part"]: file for file in files}

    def change(name, at, with_sum):
        file = of[name]
        where = os.path.join(path, file["path"])
        with open(where, "r+b") as opened:
            data = bytearray(opened.read())
            data[at] ^= 0x55
            opened.seek(0)
            opened.write(data)
        if with_sum:
            import hashlib
            file["sha256"] = file["content_sha256"] = hashlib.sha256(bytes(data)).hexdigest()
            write_metadata(path, told)
        return "damaged, says" if with_sum else "SHA-256"

    if how == "rdb":
        return change("rdbrdb", 200, False)
    if how == "base":
        return change("rdbaof", 200, False)
    if how == "increment":
        return change("aofaof", 200, False)
    if how == "manifest":
        return change("manifestaof", 3, False)
    if how == "rdb with its sum":
        return change("rdbrdb", 200, True)
    if how == "base with its sum":
        return change("rdbaof", 200, True)
    if how == "increment with its sum":
        change("aofaof", 0, True)
        return "damaged, says"
    if how == "missing":
        os.unlink(os.path.join(path, of["aofaof"]["path"]))
        return "is missing"
    if how == "longer":
        with open(os.path.join(path, of["aofaof"]["path"]), "ab") as file:
            file.write(b"*1\r\n$4\r\nPING\r\n")
        return "bytes; the metadata says"
    if how == "more":
        with open(os.path.join(path, "appendonlydir", "more.aof"), "w"):
            return "not in its metadata"
    if how == "link":
        where = os.path.join(path, of["rdbrdb"]["path"])
        os.rename(where, path + ".elsewhere")
        os.symlink(path + ".elsewhere", where)
        return "symbolic link"
    if how == "outside":
        of["rdbrdb"]["path"] = "../outside"
        write_metadata(path, told)
        return "outside"
    if how == "count":
        told["nodes"][0]["aof"]["keys"]["2"]["keys"] += 100
        told["nodes"][0]["aof"]["keys_before"]["2"]["keys"] += 100
        write_metadata(path, told)
        return "database 2 has 30 keys; when the backup was taken it had 130"
    with open(os.path.join(path, "metadata.json"), "w") as file:
        file.write("{")
    return "cannot be read as JSON"


@pytest.mark.parametrize("how", ["rdb", "base", "increment", "manifest", "rdb with its sum", "base with its sum",
                                 "increment with its sum", "missing", "longer", "more", "link", "outside", "count", "json"])
def test_damage_is_found_and_not_restored(tmp_path, sound, how):
    path, data = str(tmp_path / "copy"), str(tmp_path / "data")
    shutil.copytree(sound, path)
    os.mkdir(data)
    with open(os.path.join(data, "dump.rdb"), "w") as file:
        file.write("old")
    text = damage(path, how)
    done = tool("backup", "--backup-dir", tmp_path, "--verify", "copy", expect=DAMAGED)
    assert text in done.err, done
    assert text in tool("restore", path, "--data-dir", data, "--force", expect=DAMAGED).err
    assert tree(data) == {"dump.rdb": b"old"}
    assert not hidden(str(tmp_path))


def test_verify_writes_nothing(sound):
    before = tree(sound)
    done = tool("backup", "--backup-dir", os.path.dirname(sound), "--verify", "latest")
    assert done.err.count("as it should be") == 2
    assert tree(sound) == before


def test_the_end_of_an_increment(tmp_path):
    """What is cut off in the middle of a command or transaction ends before it; what is damaged is no end."""
    from ops.common import Failure, find_program
    from ops.take_aof import good_bytes
    from tests.support.resp import encode
    checker = find_program("tessera-check-aof", os.path.join(os.environ.get("TESSERA_BIN", os.path.join(ROOT, "build", "bin")),
                                                             "tessera-check-aof"))
    path = str(tmp_path / "appendonly.aof.1.incr.aof")
    parts = [encode("SELECT", 0), b"#TS:1700000000\r\n", encode("SET", "a", b"x\r\n*3\r\n$y" * 20),
             encode("MULTI") + encode("SET", "b", 1) + encode("SET", "c", 2) + encode("EXEC"), encode("SET", "d", 4)]
    whole, starts = b"".join(parts), [0]
    for part in parts:
        starts.append(starts[-1] + len(part))
    for length in range(1, len(whole) + 1):
        with open(path, "wb") as file:
            file.write(whole[:length])
        good = good_bytes(path, checker)
        assert good <= length and good in starts and max(start for start in starts if start <= length) == good, length
    for damaged in (whole[:starts[2]] + b"+3" + whole[starts[2] + 2:], whole[:starts[3]] + b"*x" + whole[starts[3] + 2:]):
        with open(path, "wb") as file:
            file.write(damaged)
        with pytest.raises(Failure) as found:
            good_bytes(path, checker)
        assert found.value.code == DAMAGED


def test_passwords_and_options(tmp_path):
    with Server("--requirepass", "secret", "--unixsocket", str(tmp_path / "s")) as server:
        server_words = ("-p", server.port, "--backup-dir", tmp_path / "backups")
        assert "REDISCLI_AUTH" in tool("backup", *server_words, expect=SERVER).err
        assert "refuses the password" in tool("backup", *server_words, expect=SERVER, env={"REDISCLI_AUTH": "wrong"}).err
        tool("backup", *server_words, env={"REDISCLI_AUTH": "secret"})
        (tmp_path / "password").write_text("secret\n")
        path = taken(tool("backup", "-s", tmp_path / "s", "--backup-dir", tmp_path / "backups", "--password-file", tmp_path / "password",
                          "--user", "default", "--name", "by-socket"))
        assert os.path.basename(path).startswith("by-socket-")
        for words, text in (((*server_words, "--password-file", tmp_path / "none"), "No such file"),
                            (("-p", 70000), "not a port"), (("-p", 1, "-s", "x"), "exclude each other"),
                            (("--user", "somebody"), "needs a password"), (("--name", "a/b"), "letters, digits"),
                            (("--prune",), "--retention"), (("--retention", "-1"), "not a number of days"),
                            (("--list", "--backup-dir", tmp_path / "none"), "no such folder"),
                            (("--verify", "none", "--backup-dir", tmp_path / "backups"), "no such backup"),
                            ((*server_words, "--cluster", "--password-file", tmp_path / "password"), "not a node of a cluster")):
            assert text in tool("backup", *words, expect=USAGE).err
    assert "cannot connect" in tool("backup", "-p", server.port, "--backup-dir", tmp_path / "backups", expect=SERVER).err
    assert not hidden(str(tmp_path / "backups"))


def test_the_version_is_that_of_the_tree():
    from ops import TOOL_VERSION
    with open(os.path.join(ROOT, "CMakeLists.txt")) as file:
        assert "project(tessera VERSION %s " % TOOL_VERSION in file.read()
