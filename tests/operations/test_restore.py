"""tools/restore into data folders and running servers, and what it refuses."""
import os
import shutil
import signal

import pytest

from tests.operations.support import (REFUSED, USAGE, add_library, begin, end, fill, hidden, libraries, metadata, start_on,
                                      taken, tool, tree, write_metadata)
from tests.support.server import ORACLE, Server, eventually


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """(backup of both kinds, pressed; DEBUG DIGEST)"""
    with Server("--appendonly", "yes", "--enable-debug-command", "yes", shards=2) as server, server.connect() as connection:
        fill(connection, 11, keys=20)
        connection.call("SET", "large", "abc" * 3000000)
        add_library(connection)
        digest = connection.call("DEBUG", "DIGEST")
        backups = tmp_path_factory.mktemp("both")
        yield taken(tool("backup", "-p", server.port, "--type", "both", "--compress", "--backup-dir", backups)), digest


def test_what_was_there_is_kept(tmp_path, both):
    path, digest = both
    data = str(tmp_path)
    with start_on(data, "--appendonly", "yes") as server:
        server.call("SET", "old", "value")
        server.call("SAVE")
        end(server)
    before = tree(data)
    done = tool("restore", path, "--data-dir", data, expect=REFUSED)  # the end of the input is no yes
    assert "not confirmed" in done.err
    tool("restore", path, "--data-dir", data, typed="no\n", expect=REFUSED)
    assert tree(data) == before
    tool("restore", path, "--data-dir", data, typed="yes\n")
    kept = sorted(name for name in os.listdir(data) if ".before-restore-" in name)
    assert [name.partition(".before-restore-")[0] for name in kept] == ["appendonlydir", "dump.rdb"]
    for appendonly in ("yes", "no"):
        with start_on(data, "--appendonly", appendonly) as server:
            assert server.call("DEBUG", "DIGEST") == digest
            end(server)
    for name in ("dump.rdb", "appendonlydir"):
        if os.path.isdir(os.path.join(data, name)):
            shutil.rmtree(os.path.join(data, name))
        else:
            os.unlink(os.path.join(data, name))
    for name in kept:
        os.rename(os.path.join(data, name), os.path.join(data, name.partition(".before-restore-")[0]))
    with start_on(data, "--appendonly", "yes") as server:
        assert server.call("GET", "old") == b"value"


@pytest.mark.parametrize("binary", [None, ORACLE], ids=["tessera", "redis"])
def test_a_snapshot_for_a_server_with_an_append_only_file(tmp_path, both, binary):
    """It is made the base, or such a server would begin with nothing; names may be others than those in the backup."""
    path, digest = both
    names = ("--dbfilename", "other.rdb", "--appendfilename", "other one.aof", "--appenddirname", "other")
    data = str(tmp_path)
    tool("restore", path, "--type", "rdb", "--data-dir", data, "--force", "--appendonly", "yes", *names)
    assert sorted(os.listdir(data)) == ["other", "other.rdb"]
    for appendonly in ("no", "yes"):
        with start_on(data, "--appendonly", appendonly, *names, binary=binary) as server:
            assert server.call("DEBUG", "DIGEST") == digest, server.log()
            end(server)
    tool("restore", path, "--type", "aof", "--data-dir", data, "--force", *names)
    with start_on(data, "--appendonly", "yes", *names, binary=binary) as server:
        assert server.call("DEBUG", "DIGEST") == digest, server.log()


@pytest.mark.parametrize("binary", [None, ORACLE], ids=["tessera", "redis"])
@pytest.mark.parametrize("appendonly", ["yes", "no"])
def test_a_server_that_runs_keeps_its_folder(tmp_path, both, binary, appendonly):
    data = str(tmp_path)
    with start_on(data, "--appendonly", appendonly, binary=binary) as server:
        before = tree(data)
        done = tool("restore", both[0], "--data-dir", data, "--force", expect=REFUSED)
        assert "stop it first" in done.err and str(server.pid) in done.err
        assert tree(data) == before


def test_a_lock_is_enough(tmp_path, both):
    """Where processes of others cannot be looked at."""
    import fcntl
    folder = tmp_path / "appendonlydir"
    folder.mkdir()
    with open(folder / "appendonly.aof.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = tool("restore", both[0], "--data-dir", tmp_path, "--force", expect=REFUSED)
        assert "is locked by a server" in done.err


def test_what_fails_on_the_way_is_taken_back(tmp_path, both, monkeypatch):
    """The last step fails: all is as before; what a killed one has left is cleared."""
    from ops import common, put, store
    data = str(tmp_path)
    for name in ("dump.rdb", "appendonlydir/appendonly.aof.manifest", "other"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("old " + name)
    before = tree(data)
    left = store.Work(data, put.RESTORE, "before")
    left.owner["process_start"] = "1"
    left.__enter__()

    class Options:
        dbfilename = appendfilename = appenddirname = None

    def fails(_):
        raise OSError(5, "broken", data)

    backup = store.Backup(both[0])
    each = put.Put(backup, backup.nodes[0], put.Folder(data, backup.nodes[0], Options), backup.parts, True)
    monkeypatch.setattr(put, "sync_folder", fails)
    with pytest.raises(OSError):
        each.run(common.Teller("test", True))
    assert tree(data) == before and not hidden(data)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_files_belong_to_the_servers_user(tmp_path, both):
    data = tmp_path / "data"
    data.mkdir()
    os.chown(data, 4711, 4712)
    tool("restore", both[0], "--data-dir", data, "--force")
    for folder, folders, files in os.walk(data):
        for name in folders + files:
            found = os.stat(os.path.join(folder, name))
            assert (found.st_uid, found.st_gid) == (4711, 4712), name


def test_what_cannot_be_restored(tmp_path, both):
    path, _ = both
    data = str(tmp_path / "data")
    for words, text in (((path,), "say where to"), ((path, "--data-dir", data, "-p", 1), "say where to"),
                        (("none", "--data-dir", data), "no such backup"),
                        (("latest", "--backup-dir", tmp_path, "--data-dir", data), "no complete backup"),
                        ((path, "--data-dir", str(tmp_path / "a" / "b")), "does not exist"),
                        ((path, "--data-dir", data, "--node", "abc"), "say which"),
                        ((path, "--data-dir", data, "--dbfilename", "../x"), "no name of a file"),
                        ((path, "--data-dir", data, "--server", "/none"), "no such program")):
        assert text in tool("restore", *words, "--force", expect=USAGE).err
    newer = str(tmp_path / "newer")
    shutil.copytree(path, newer)
    write_metadata(newer, dict(metadata(path), format=2))
    assert "has format 2" in tool("restore", newer, "--data-dir", data, "--force", expect=USAGE).err
    assert not os.path.exists(data) and not hidden(str(tmp_path))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_while_it_is_loaded(tmp_path, both, number):
    """A server that never loads it: the folder stays, the scratch server does not."""
    data = str(tmp_path / "data")
    program = tmp_path / "server"
    program.write_text("#!/bin/sh\necho $$ > %s/pid\nexec sleep 1000\n" % tmp_path)
    program.chmod(0o755)
    process = begin("restore", both[0], "--data-dir", data, "--force", "--server", program, "--scratch-dir", tmp_path)
    pid = int(eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip(), 60))
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert not os.path.exists(data)
    if number == signal.SIGKILL:
        eventually(lambda: not os.path.exists("/proc/%d" % pid), what="the scratch server ends with the tool")
        return
    assert process.returncode == 128 + number, err
    assert not os.path.exists("/proc/%d" % pid) and not hidden(str(tmp_path))


@pytest.mark.parametrize("binary", [None, ORACLE], ids=["tessera", "redis"])
def test_into_a_running_server(both, binary):
    path, digest = both
    with Server("--enable-debug-command", "yes", binary=binary, shards=3) as server, server.connect() as connection:
        done = tool("restore", path, "-p", server.port, "--force")
        assert "241 keys restored, 0 kept as they were, 0 had reached their time; 1 libraries" in done.out
        assert connection.call("DEBUG", "DIGEST") == digest
        assert libraries(connection) == [b"lib"]
        connection.call("SET", "string:0", "changed")
        connection.call("DEL", "string:1")
        assert "has 240 keys" in tool("restore", path, "-p", server.port, "--force", expect=REFUSED).err
        done = tool("restore", path, "-p", server.port, "--force", "--if-exists", "keep")
        assert "1 keys restored, 240 kept" in done.out
        assert connection.call("GET", "string:0") == b"changed"
        tool("restore", path, "-p", server.port, "--if-exists", "replace", typed="yes\n")
        assert connection.call("DEBUG", "DIGEST") == digest
        connection.call("FUNCTION", "LOAD", "REPLACE", "#!lua name=lib\nredis.register_function('lib_f', function() return 7 end)")
        connection.call("SET", "string:0", "changed")
        tool("restore", path, "-p", server.port, "--force", "--if-exists", "keep")
        assert connection.call("FCALL", "lib_f", 0) == 7 and connection.call("GET", "string:0") == b"changed"
    with Server("--databases", 2) as server:
        done = tool("restore", path, "-p", server.port, "--force", expect=REFUSED)
        assert "database 9" in done.err and server.call("DBSIZE") == 0
