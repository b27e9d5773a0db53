"""A node's backup into the data folder of a server that does not run.

Invariants: nothing in the folder changes before the backup was checked and lies in it whole and synced; then old files are renamed,
not deleted, and the new ones get their names; what fails between is taken back.
"""
import contextlib
import fcntl
import glob
import os
import re
import shutil

from ops.common import DISK, REFUSED, USAGE, Failure, disk_failure, now, stamp, undisturbed
from ops.files import need_space, sync_folder, sync_tree, write_file
from ops.scratch import unpack
from ops.store import Work, left_behind

RESTORE = ".restore-"
KEPT = ".before-restore-"
SERVER_NAMES = re.compile(r"redis|valkey|tessera|keydb")


class Folder:
    """A data folder, and the names that its server uses there."""

    def __init__(self, path, node, options):
        self.path = os.path.abspath(path)
        self.dbfilename = options.dbfilename or node["dbfilename"]
        self.appendfilename = options.appendfilename or node["appendfilename"]
        self.appenddirname = options.appenddirname or node["appenddirname"] or "appendonlydir"
        for name in (self.dbfilename, self.appendfilename, self.appenddirname):
            if "/" in name or name in ("", ".", ".."):
                raise Failure(USAGE, "%r is no name of a file" % name)
        if os.path.lexists(self.path) and not os.path.isdir(self.path):
            raise Failure(USAGE, "--data-dir %s is not a folder" % self.path)
        if not os.path.isdir(os.path.dirname(self.path)):
            raise Failure(USAGE, "--data-dir %s: %s does not exist" % (self.path, os.path.dirname(self.path)))

    @property
    def has_aof(self):
        return os.path.exists(os.path.join(self.path, self.appenddirname, self.appendfilename + ".manifest"))

    def old(self):
        """Names of what is there and would be loaded."""
        names = [self.dbfilename, self.appenddirname, self.appendfilename]
        return [name for name in names if os.path.lexists(os.path.join(self.path, name))]

    def owner(self):
        """Whose the new files shall be: those of the old ones, or of the folder."""
        for name in self.old() + [""]:
            with contextlib.suppress(OSError):
                found = os.stat(os.path.join(self.path, name))
                return found.st_uid, found.st_gid
        return os.getuid(), os.getgid()


# Whether a server uses it ---------------------------------------------------------------------------------------------


def users_of(path, subfolder):
    """Servers that have their working folder there, or files of it open, as far as we may see: [(pid, name)]"""
    real, found = os.path.realpath(path), []
    within = (real, os.path.join(real, subfolder))
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            with open(os.path.join(entry.path, "comm")) as file:
                name = file.read().strip()
            if not SERVER_NAMES.search(name) or name.endswith(("-cli", "-benchmark")):
                continue
            files = (os.readlink(link) for link in glob.iglob(os.path.join(entry.path, "fd", "*")))
            if os.readlink(os.path.join(entry.path, "cwd")) == real or any(os.path.dirname(file) in within for file in files):
                found.append((int(entry.name), name))
        except OSError:
            continue
    return found


def refuse_if_used(folder):
    for pid, name in users_of(folder.path, folder.appenddirname):
        raise Failure(REFUSED, "%s is in use by %s (pid %d): stop it first (SHUTDOWN), then restore" % (folder.path, name, pid))
    locks = [os.path.join(folder.path, folder.appenddirname, folder.appendfilename + ".lock")]
    locks += glob.glob(os.path.join(glob.escape(folder.path), "nodes*.conf"))
    for path in locks:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(REFUSED, "%s is locked by a server that runs: stop it first (SHUTDOWN), then restore" % path) from None
        finally:
            os.close(fd)


# Putting it there -----------------------------------------------------------------------------------------------------


class Swap:
    """Renames that are taken back when not all of them succeed."""

    def __init__(self):
        self.done = []

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            return
        with undisturbed():
            for origin, to in reversed(self.done):
                if os.path.lexists(to) and not os.path.lexists(origin):
                    os.rename(to, origin)

    def move(self, origin, to):
        if os.path.lexists(to):
            raise Failure(DISK, "%s is there already" % to)
        # Noted first: a signal may come behind the rename.
        self.done.append((origin, to))
        os.rename(origin, to)


class Put:
    """A node's parts on their way into a folder."""

    def __init__(self, backup, node, folder, parts, append_only):
        self.backup, self.node, self.folder, self.parts = backup, node, folder, parts
        # A server with appendonly yes loads the append only file alone: a snapshot has to be its base.
        self.base_too = "aof" not in parts and append_only
        self.stamp = stamp(now())
        self.kept = []

    @property
    def bytes(self):
        return sum(file["content_bytes"] for file in self.node["files"] if file["part"] in self.parts)

    def plan(self):
        old = self.folder.old()
        lines = ["%s (%s) goes into %s" % (self.backup.id, self.node["address"], self.folder.path)]
        if old:
            lines.append("what is there is kept as: " + ", ".join(name + KEPT + self.stamp for name in old))
        return "\n".join(lines)

    def run(self, teller):
        folder = self.folder
        made = not os.path.isdir(folder.path)
        try:
            if made:
                os.mkdir(folder.path, 0o755)
            self._run(teller)
        except BaseException:
            if made:
                with contextlib.suppress(OSError):
                    os.rmdir(folder.path)
            raise

    def _run(self, teller):
        folder = self.folder
        owner = folder.owner()
        for path, _ in left_behind(folder.path, (RESTORE,)):
            shutil.rmtree(path, ignore_errors=True)
            teller.warn("a restore into %s was killed: what had been there may be kept as *%s*" % (folder.path, KEPT))
        need_space(folder.path, self.bytes, "restoring")
        with Work(folder.path, RESTORE, self.stamp) as work:
            for part in self.parts:
                unpack(self.backup, self.node, part, work.path, teller, may_link=False)
            names = self._name(work.path)
            hand_over(work.path, owner)
            sync_tree(work.path)
            refuse_if_used(folder)
            with Swap() as swap:
                for name in folder.old():
                    self.kept.append(name + KEPT + self.stamp)
                    swap.move(os.path.join(folder.path, name), os.path.join(folder.path, self.kept[-1]))
                for name in names:
                    swap.move(os.path.join(work.path, name), os.path.join(folder.path, name))
                sync_folder(folder.path)

    def _name(self, path):
        """Gives what was unpacked the names that the server looks for; says them."""
        folder, node, names = self.folder, self.node, []
        if "rdb" in self.parts:
            move(path, node["rdb"]["file"], folder.dbfilename)
            names.append(folder.dbfilename)
        if "aof" in self.parts:
            move(path, node["appenddirname"], folder.appenddirname)
            into = os.path.join(path, folder.appenddirname)
            # The manifest has the prefix of the server's appendfilename, the files that it names may have any.
            move(into, node["appendfilename"] + ".manifest", folder.appendfilename + ".manifest")
            names.append(folder.appenddirname)
        if self.base_too:
            into = os.path.join(path, folder.appenddirname)
            os.mkdir(into, 0o700)
            base = folder.appendfilename + ".1.base.rdb"
            os.link(os.path.join(path, folder.dbfilename), os.path.join(into, base))
            write_file([("file %s seq 1 type b\n" % quoted(base)).encode()], os.path.join(into, folder.appendfilename + ".manifest"), False)
            names.append(folder.appenddirname)
        return names


def quoted(name):
    """As a manifest writes it."""
    return '"%s"' % re.sub(r'(["\\])', r"\\\1", name) if re.search(r"""[\s"'\\]""", name) else name


def move(folder, origin, to):
    if origin != to:
        os.rename(os.path.join(folder, origin), os.path.join(folder, to))


def hand_over(path, owner):
    """Everything below the folder to the server's user; only root can, and needs to."""
    if os.geteuid() != 0 or owner == (0, 0):
        return
    try:
        for folder, folders, files in os.walk(path):
            for name in folders + files:
                os.chown(os.path.join(folder, name), *owner, follow_symlinks=False)
    except OSError as error:
        raise disk_failure(error, path) from None
