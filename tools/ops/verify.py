"""Whether a backup is what was taken: sums, the checkers of files, and a scratch server that loads it and counts.

Keys may have reached their time since: a database may have fewer by as many as had one. Where clients wrote while an append only
file was taken, its keys can only be told within what they did meanwhile, and roughly: that finds the file of another time or server.
"""
import os
import subprocess

from ops.common import DAMAGED, Failure
from ops.files import is_inside
from ops.node import keyspace_text, total_keys
from ops.scratch import Scratch, check_sums, unpack
from ops.store import SCRATCH, Work
from ops.take import last_lines

BUSY_KEYS, BUSY_SHARE = 1000, 0.1


def check_metadata(backup):
    """Names that stay within the folder, fields of the right kind; nothing that is not named."""
    named = {"metadata.json"}
    for node in backup.nodes:
        for file in node["files"]:
            if not all(isinstance(file.get(word), str) for word in ("path", "content", "part", "sha256", "content_sha256")):
                raise Failure(DAMAGED, "%s: the metadata lacks something of a file" % backup.path)
            if not is_inside(file["path"], backup.path) or not is_inside(file["content"], backup.path):
                raise Failure(DAMAGED, "%s: the metadata names a file outside of it: %r" % (backup.path, file["path"]))
            named.add(file["path"])
        for part in backup.parts:
            if part not in node:
                raise Failure(DAMAGED, "%s: the metadata lacks %s of a node" % (backup.path, part))
    for folder, folders, files in os.walk(backup.path):
        for name in files + [name for name in folders if os.path.islink(os.path.join(folder, name))]:
            relative = os.path.relpath(os.path.join(folder, name), backup.path)
            if relative not in named:
                raise Failure(DAMAGED, "%s is in the backup, but not in its metadata" % os.path.join(folder, name))


def run_checker(checker, path, what):
    done = subprocess.run([checker, path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          cwd=os.path.dirname(path))
    if done.returncode != 0:
        raise Failure(DAMAGED, "%s is damaged, says %s: %s" % (what, os.path.basename(checker), last_lines(done.stdout)))


def check_files(backup, node, part, folder, checkers):
    """By tessera-check-rdb and tessera-check-aof, as far as they are there."""
    what = "%s (%s)" % (backup.id, node["address"])
    if part == "rdb" and checkers[0]:
        run_checker(checkers[0], os.path.join(folder, node["rdb"]["file"]), what)
    if part == "aof" and checkers[1] and node["aof"]["end_checked"]:
        run_checker(checkers[1], os.path.join(folder, node["aof"]["manifest"]), what)


def compare(about, found, info, part):
    """What was counted when it was taken, and what is there now: None, or what is wrong."""
    told = about["keys"]
    if part == "rdb" and about["exact"]:
        loaded, expired = int(info.get("rdb_last_load_keys_loaded", -1)), int(info.get("rdb_last_load_keys_expired", 0))
        if loaded >= 0 and loaded + expired != total_keys(told):
            return "%d keys were loaded and %d had reached their time; the snapshot had %d" % (loaded, expired, total_keys(told))
    before = about.get("keys_before", told)
    for db in sorted(set(told) | set(found) | set(before), key=int):
        then, earlier = told.get(db, {"keys": 0, "expires": 0}), before.get(db, {"keys": 0, "expires": 0})
        now = found.get(db, {"keys": 0})["keys"]
        low, high = min(then["keys"], earlier["keys"]), max(then["keys"], earlier["keys"])
        expires = then["expires"] if then["expires"] is not None else about.get("expires", 0)
        low -= max(expires, earlier["expires"] or 0)
        if not about["exact"]:
            # Others wrote meanwhile, each command may have made or taken a key, and the file is some way behind the server.
            margin = high - min(then["keys"], earlier["keys"]) + about.get("commands_between", high)
            margin += max(BUSY_KEYS, int(high * BUSY_SHARE))
            low, high = low - margin, high + margin
        if not low <= now <= high:
            return "database %s has %d keys; when the backup was taken it had %d" % (db, now, then["keys"])
    return None


def count_keys(node, databases):
    """{"0": {"keys": n}}, as DBSIZE says it."""
    replies = node.connection.pipeline([words for db in range(databases) for words in (("SELECT", db), ("DBSIZE",))])
    node.call("SELECT", 0)
    return {str(db): {"keys": count} for db, count in enumerate(replies[1::2]) if isinstance(count, int) and count}


def check_loaded(backup, node, part, scratch):
    info = scratch.node.info("all")
    found = count_keys(scratch.node, int(node.get("databases") or 16))
    wrong = compare(node[part], found, info, part)
    if wrong:
        raise Failure(DAMAGED, "%s (%s, %s): %s" % (backup.id, node["address"], part, wrong))
    libraries = node[part].get("functions", node[part].get("libraries"))
    if libraries is not None and "number_of_libraries" in info and int(info["number_of_libraries"]) != libraries:
        raise Failure(DAMAGED, "%s (%s, %s): %s libraries of functions are there; it had %d"
                      % (backup.id, node["address"], part, info["number_of_libraries"], libraries))
    return found


def verify_node(backup, node, parts, program, checkers, scratch_folder, wait_s, teller):
    """Whole, by every means; the keys that were found, by part."""
    found = {}
    for part in parts:
        with Work(scratch_folder, SCRATCH, "%s-%d" % (part, os.getpid())) as work:
            unpack(backup, node, part, work.path, teller)
            check_files(backup, node, part, work.path, checkers)
            with Scratch(program, work.path, node, part, wait_s, teller) as scratch:
                found[part] = check_loaded(backup, node, part, scratch)
        teller.step("%s %s %s: %s, as it should be" % (backup.id, node["address"], part, keyspace_text(found[part])))
    return found


def verify(backup, program, checkers, scratch_folder, wait_s, teller):
    check_metadata(backup)
    for node in backup.nodes:
        check_sums(backup, node, teller)
    teller.step("%s: all files have their SHA-256" % backup.id)
    for node in backup.nodes:
        verify_node(backup, node, backup.parts, program, checkers, scratch_folder, wait_s, teller)
