"""A disk that forgets, for real processes: the server logs what it does to its files (common/io/watched_files.h), and
when it has been killed, all it did not sync can be taken away: bytes behind the last sync of a file, names changed
since the last sync of their folder.

Invariants: a file is its inode, and has a link of its own in `links/`, so that no name's end is its end; what was
there when the disk was made, or is left after forget(), is durable.
"""
import os
import shutil


class File:
    def __init__(self, synced):
        self.synced = synced
        self.old = None  # where its durable bytes are, when they were overwritten since its last sync


class Change:
    """Of a folder's names, since its last sync: within one folder a rename is one."""

    def __init__(self, removed=None, added=None, node=None):
        self.removed, self.added, self.node = removed, added, node


class Folder:
    def __init__(self, names=None):
        self.durable = dict(names or {})
        self.changes = []

    def names(self):
        return names_after(self.durable, self.changes)


def names_after(names, changes):
    names = dict(names)
    for change in changes:
        if change.removed is not None:
            names.pop(change.removed, None)
        if change.added is not None:
            names[change.added] = change.node
    return names


FOLDER = "folder"  # the node of a folder; files are inodes


class ForgetfulDisk:
    def __init__(self, path):
        """`path`: the folder of the data. The log and the links lie beside it."""
        self.path = path
        self.own = path + ".disk"
        self.log = os.path.join(self.own, "log")
        self._clear()

    def _clear(self):
        shutil.rmtree(self.own, ignore_errors=True)
        for name in ("links", "old", "kept"):
            os.makedirs(os.path.join(self.own, name))
        open(self.log, "w").close()
        self._read = 0
        self.files, self.folders = {}, {}
        for folder, folders, files in os.walk(self.path):
            names = {name: FOLDER for name in folders}
            for name in files:
                path = os.path.join(folder, name)
                info = os.stat(path)
                self.files[info.st_ino] = File(info.st_size)
                os.link(path, self._link(info.st_ino))
                names[name] = info.st_ino
            self.folders[folder] = Folder(names)

    def _link(self, inode):
        return os.path.join(self.own, "links", str(inode))

    def env(self, kill=""):
        """The environment of the next life."""
        self._reconcile()
        return dict(os.environ, TESSERA_DISK_LOG=self.own, TESSERA_DISK_KILL=kill)

    def end_life(self):
        """Reads what the life did: (names of its steps, its `kill` line's fields or nothing)."""
        steps, killed = [], None
        with open(self.log) as file:
            file.seek(self._read)
            lines = file.read().split("\n")
            self._read = file.tell()
        for line in lines[:-1]:
            what, *args = line.split("\t")
            if what == "step":
                steps.append(args[0])
            elif what == "kill":
                killed = args
            else:
                getattr(self, "_" + what)(*args)
        return steps, killed

    # ---- lines of the log

    def _place(self, path):
        """(folder, name); nothing for what is not ours."""
        folder, name = os.path.split(path)
        return (self.folders.get(folder), name)

    def _open(self, inode, path):
        inode = int(inode)
        self.files.setdefault(inode, File(0))
        folder, name = self._place(path)
        if folder is not None and folder.names().get(name) != inode:
            folder.changes.append(Change(added=name, node=inode))

    def _sync(self, inode, size):
        self.files[int(inode)].synced = int(size)
        self.files[int(inode)].old = None

    def _old(self, inode):
        file = self.files[int(inode)]
        if file.old is None:
            file.old = os.path.join(self.own, "kept", inode)
            shutil.copy(os.path.join(self.own, "old", inode), file.old)

    def _rename(self, source, target):
        (one, name), (other, new_name) = self._place(source), self._place(target)
        node = one.names().get(name) if one is not None else None
        if one is other and one is not None:
            one.changes.append(Change(removed=name, added=new_name, node=node))
            return
        if one is not None:
            one.changes.append(Change(removed=name))
        if other is not None:
            other.changes.append(Change(added=new_name, node=node))

    def _remove(self, path):
        folder, name = self._place(path)
        if folder is not None:
            folder.changes.append(Change(removed=name))

    def _mkdir(self, path):
        folder, name = self._place(path)
        if folder is not None:
            folder.changes.append(Change(added=name, node=FOLDER))
            self.folders[path] = Folder()

    def _syncdir(self, path):
        folder = self.folders.get(path)
        if folder is not None:
            folder.durable, folder.changes = folder.names(), []

    # ---- between lives

    def _reconcile(self):
        """What a kill kept out of the log, and what a test did to the files itself."""
        for path, folders, files in os.walk(self.path):
            if path not in self.folders:
                self._mkdir(path)
            folder = self.folders[path]
            known = folder.names()
            for name in files:
                inode = os.stat(os.path.join(path, name)).st_ino
                if inode not in self.files:
                    self.files[inode] = File(0)
                if not os.path.exists(self._link(inode)):
                    os.link(os.path.join(path, name), self._link(inode))
                if known.get(name) != inode:
                    folder.changes.append(Change(added=name, node=inode))
            for name in known:
                if name not in files and name not in folders:
                    folder.changes.append(Change(removed=name))

    def forgive(self):
        """All that is there is durable."""
        self._clear()

    def forget(self, rng):
        """Takes away what need not be there; how much of it, `rng` says: all, all but a prefix, or any part."""
        self._reconcile()
        how = rng.choice(["all", "all", "prefix", "any"])

        def kept(changes):
            if how == "all":
                return []
            if how == "prefix":
                return changes[:rng.randint(0, len(changes))]
            return [change for change in changes if rng.random() < 0.5]

        target = self.path + ".new"
        self._build(self.path, target, kept, lambda low, high: low if how == "all" else rng.randint(low, high))
        shutil.rmtree(self.path)
        os.rename(target, self.path)
        self._clear()
        return how

    def _build(self, path, target, kept, length):
        os.mkdir(target)
        folder = self.folders[path]
        for name, node in sorted(names_after(folder.durable, kept(folder.changes)).items()):
            if node == FOLDER:
                self._build(os.path.join(path, name), os.path.join(target, name), kept, length)
                continue
            if node is None:
                continue
            file, link, new = self.files[node], self._link(node), os.path.join(target, name)
            if file.old is not None:
                shutil.copy(file.old, new)
                os.truncate(new, min(file.synced, os.path.getsize(new)))
                continue
            shutil.copy(link, new)
            size = os.path.getsize(link)
            if size > file.synced:
                os.truncate(new, length(file.synced, size))
