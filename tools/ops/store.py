"""The folder with backups: names, metadata, what is incomplete, retention.

    <backup-dir>/<name>-<time>/metadata.json, dump.rdb, appendonlydir/...   (of a cluster: a folder for each node's id)
    <backup-dir>/.incomplete-<name>-<time>/owner.json                       being written, or left by a tool that was killed

Invariants: a folder gets its name when all in it is written and synced, so what has one and a metadata file that parses is
complete; only such folders are listed, and only such with our tool's word in their metadata are ever deleted, never the newest
of a name and type; nothing is reached through symbolic links.
"""
import datetime
import json
import os
import re
import shutil
import socket

from ops import TOOL_VERSION
from ops.common import DAMAGED, FAILED, USAGE, Failure, bytes_text, disk_failure, now, stamp, undisturbed
from ops.files import sync_folder, sync_tree

TOOL = "tessera-backup"
FORMAT = 1
METADATA = "metadata.json"
OWNER = "owner.json"
INCOMPLETE = ".incomplete-"
SCRATCH = ".scratch-"
DELETED = ".deleted-"
PARTS = {"rdb": ["rdb"], "aof": ["aof"], "both": ["rdb", "aof"]}


def write_json(path, value):
    """Synced, and under its name only when it is whole."""
    part = path + ".part"
    with open(part, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, sort_keys=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


class Backup:
    """A complete backup on disk."""

    def __init__(self, path):
        self.path = path
        self.id = os.path.basename(os.path.normpath(path))
        where = os.path.join(path, METADATA)
        try:
            with open(where, encoding="utf-8") as file:
                self.metadata = json.load(file)
        except OSError as error:
            raise Failure(USAGE, "%s is not a backup: %s: %s" % (path, METADATA, error.strerror)) from None
        except ValueError as error:
            raise Failure(DAMAGED, "%s cannot be read as JSON: %s" % (where, error)) from None
        if not isinstance(self.metadata, dict) or self.metadata.get("tool") != TOOL:
            raise Failure(USAGE, "%s was not written by tools/backup" % where)
        if self.metadata.get("format") != FORMAT:
            raise Failure(USAGE, "%s has format %r; this tool (%s) reads %d: use the tool that came with the newer version"
                          % (where, self.metadata.get("format"), TOOL_VERSION, FORMAT))
        try:
            self.name, self.type, self.kind = (str(self.metadata[word]) for word in ("name", "type", "kind"))
            self.nodes = self.metadata["nodes"]
            self.started_ms = int(self.metadata["started_ms"])
            self.bytes = sum(int(file["bytes"]) for node in self.nodes for file in node["files"])
            self.parts = PARTS[self.type]
        except (KeyError, TypeError, ValueError) as error:
            raise Failure(DAMAGED, "%s lacks something: %r" % (where, error)) from None

    @property
    def started(self):
        return datetime.datetime.fromtimestamp(self.started_ms / 1000, datetime.timezone.utc)

    def keys(self, part=None):
        """Of all nodes; of the part that is most exact when none is named."""
        count = 0
        for node in self.nodes:
            counts = node[part] if part else node.get("rdb") or node.get("aof")
            count += sum(db["keys"] for db in counts["keys"].values())
        return count


def complete(folder):
    """All complete backups, oldest first. What is no backup is passed over."""
    found = []
    for entry in os.scandir(folder):
        if entry.name.startswith(".") or not entry.is_dir(follow_symlinks=False):
            continue
        try:
            found.append(Backup(entry.path))
        except Failure:
            continue
    return sorted(found, key=lambda backup: (backup.started_ms, backup.id))


def find(folder, word):
    """A backup by its path, its folder's name, or as the latest."""
    if word == "latest":
        found = complete(folder)
        if not found:
            raise Failure(USAGE, "there is no complete backup in %s" % folder)
        return found[-1]
    if os.sep not in word and os.path.isdir(os.path.join(folder, word)):
        return Backup(os.path.join(folder, word))
    if os.path.isdir(word):
        return Backup(os.path.abspath(word))
    raise Failure(USAGE, "%s: no such backup, neither in %s nor as a folder. What there is: tools/backup --list --backup-dir %s"
                  % (word, folder, folder))


# What is being written ------------------------------------------------------------------------------------------------


def process_start(pid):
    """Tells a process from another one that got its number later; None when there is none."""
    try:
        with open("/proc/%d/stat" % pid, encoding="latin-1") as file:
            return file.read().rpartition(")")[2].split()[19]
    except OSError:
        return None


def owner_of_now():
    return {"tool": TOOL, "host": socket.gethostname(), "pid": os.getpid(), "process_start": process_start(os.getpid())}


class Work:
    """A folder of ours beside the backups while it is filled, or while a scratch server uses it."""

    def __init__(self, folder, prefix, name):
        self.folder = folder
        self.path = os.path.join(folder, prefix + name)
        self.owner = owner_of_now()
        self.begun = False
        self.undo = None  # what has to be done before it goes

    def __enter__(self):
        try:
            os.mkdir(self.path, 0o700)
            self.begun = True
            self.note()
        except OSError as error:
            self.__exit__()
            raise disk_failure(error, self.path) from None
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        with undisturbed():
            if self.undo is not None:
                self.undo()
            if self.begun:
                shutil.rmtree(self.path, ignore_errors=True)

    def note(self, **more):
        """In the owner's file, for whoever finds the folder after us."""
        self.owner.update(more)
        write_json(os.path.join(self.path, OWNER), self.owner)

    def finish(self, name):
        """Gives it its name; what was written is safe then."""
        os.unlink(os.path.join(self.path, OWNER))
        sync_tree(self.path)
        to = os.path.join(self.folder, name)
        if os.path.lexists(to):
            raise Failure(FAILED, "%s is there already" % to)
        os.rename(self.path, to)
        self.begun = False
        sync_folder(self.folder)
        return to


def left_behind(folder, prefixes=(INCOMPLETE, SCRATCH, DELETED)):
    """Folders whose tool was killed: (path, owner). Those of tools that run, and such as were not ours, are not among them."""
    for entry in list(os.scandir(folder)):
        if not entry.name.startswith(prefixes) or not entry.is_dir(follow_symlinks=False):
            continue
        try:
            with open(os.path.join(entry.path, OWNER), encoding="utf-8") as file:
                owner = json.load(file)
            # Of another machine that shares the folder we cannot tell whether it still runs.
            if owner.get("tool") != TOOL or owner["host"] != socket.gethostname() or process_start(int(owner["pid"])) == owner.get("process_start"):
                continue
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            continue
        yield entry.path, owner


# Retention ------------------------------------------------------------------------------------------------------------


def safe_name(text):
    return re.sub(r"[^A-Za-z0-9._-]", "_", text).lstrip(".") or "backup"


def new_id(folder, name, moment):
    while True:
        found = "%s-%s" % (name, stamp(moment))
        if not os.path.lexists(os.path.join(folder, found)) and not os.path.lexists(os.path.join(folder, INCOMPLETE + found)):
            return found
        moment += datetime.timedelta(milliseconds=1)


def too_old(backups, days, moment):
    """Of one name each: what is older than so many days, but for the newest of each type."""
    newest = {(backup.name, backup.type): backup.id for backup in backups}
    limit_ms = (moment - datetime.timedelta(days=days)).timestamp() * 1000
    return [backup for backup in backups
            if backup.started_ms < limit_ms and newest[(backup.name, backup.type)] != backup.id]


def delete(folder, backup):
    """First out of sight, so that half of one is never taken for a backup."""
    path = os.path.join(folder, DELETED + backup.id)
    os.rename(backup.path, path)
    write_json(os.path.join(path, OWNER), owner_of_now())
    shutil.rmtree(path)


def keep_days(folder, days, name, teller):
    """Deletes what is too old among the backups of that name."""
    backups = [backup for backup in complete(folder) if name is None or backup.name == name]
    for backup in too_old(backups, days, now()):
        delete(folder, backup)
        teller.step("deleted %s (%s, older than %g days)" % (backup.id, bytes_text(backup.bytes), days))
