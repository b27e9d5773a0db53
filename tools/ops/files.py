"""Files of a data folder and of a backup: copied with their sums, pressed, synced; manifests of append only files.

Invariants: what is copied is read from a descriptor that was opened at one moment, and only as far as it went then, so that a
file that is replaced, deleted or appended to meanwhile does no harm; everything written is synced before it is given its name.
"""
import errno
import hashlib
import os
import re
import zlib

from ops.common import DAMAGED, DISK, Failure, bytes_text, disk_failure

PIECE_BYTES = 1 << 20
GZIP_WINDOW = 31  # with gzip's header
GZIP_LEVEL = 6


class Source:
    """A file that is open for reading, up to the length it had."""

    def __init__(self, path):
        self.path = path
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.bytes = os.fstat(self.fd).st_size

    def close(self):
        os.close(self.fd)

    def pieces(self):
        at = 0
        while at < self.bytes:
            data = os.pread(self.fd, min(PIECE_BYTES, self.bytes - at), at)
            if not data:
                raise Failure(DISK, "%s became shorter while it was read" % self.path)
            at += len(data)
            yield data

    def read(self, at, count):
        return os.pread(self.fd, count, at)


def write_file(pieces, to, compress, passing=None):
    """Writes and syncs `to` (made new); what it is for the metadata: sums and lengths of the file and of its content."""
    content = hashlib.sha256()
    stored = hashlib.sha256() if compress else content
    press = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_WINDOW) if compress else None
    counts = [0, 0]
    try:
        fd = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb", buffering=0) as file:

            def put(data):
                if press:
                    stored.update(data)
                counts[1] += len(data)
                view = memoryview(data)
                while view:
                    view = view[file.write(view):]

            for data in pieces:
                content.update(data)
                counts[0] += len(data)
                put(press.compress(data) if press else data)
                if passing:
                    passing(counts[0])
            if press:
                put(press.flush())
            os.fsync(file.fileno())
    except OSError as error:
        raise disk_failure(error, to) from None
    return {"bytes": counts[1], "sha256": stored.hexdigest(), "content_bytes": counts[0], "content_sha256": content.hexdigest()}


def sum_of(path):
    """(SHA-256, bytes)"""
    digest, count = hashlib.sha256(), 0
    with open(path, "rb", buffering=0) as file:
        while data := file.read(PIECE_BYTES):
            digest.update(data)
            count += len(data)
    return digest.hexdigest(), count


def stored_pieces(path):
    with open(path, "rb", buffering=0) as file:
        while data := file.read(PIECE_BYTES):
            yield data


def pressed_pieces(path):
    """The content of a file that write_file() has pressed."""
    press = zlib.decompressobj(GZIP_WINDOW)
    try:
        for data in stored_pieces(path):
            while data and not press.eof:
                yield press.decompress(data, PIECE_BYTES)
                data = press.unconsumed_tail
        yield press.flush()
    except zlib.error as error:
        raise Failure(DAMAGED, "%s is not what gzip has written: %s" % (path, error)) from None
    if not press.eof:
        raise Failure(DAMAGED, "%s ends too early" % path)


def sync_folder(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_tree(path):
    for folder, _, _ in os.walk(path):
        sync_folder(folder)


def need_space(folder, count, what):
    free = os.statvfs(folder)
    available = free.f_bavail * free.f_frsize
    if available < count:
        raise disk_failure(OSError(errno.ENOSPC, "it needs %s, %s are free" % (bytes_text(count), bytes_text(available))),
                           "%s into %s" % (what, folder))


def is_inside(path, folder):
    """Whether a name from a file of metadata stays in the folder it belongs to."""
    return not os.path.isabs(path) and os.path.normpath(path) == path and not path.startswith("..") and path != "." and bool(folder)


# Snapshots ------------------------------------------------------------------------------------------------------------

RDB_SUM_BYTES = 8


def check_rdb_ends(source):
    """A snapshot begins with its magic and ends with its mark and sum. Its content is the checker's business."""
    head = source.read(0, 9)
    if not re.fullmatch(rb"REDIS\d{4}|VALKEY\d{3}", head):
        raise Failure(DAMAGED, "%s is not a snapshot (RDB file): it begins with %r" % (source.path, head))
    if source.read(source.bytes - RDB_SUM_BYTES - 1, 1) != b"\xff":
        raise Failure(DAMAGED, "%s does not end as a snapshot (RDB file) does: it was cut off" % source.path)


# Manifests ------------------------------------------------------------------------------------------------------------


class Manifest:
    """The manifest of an append only file: lines `file <name> seq <n> type b|i|h`. Only bases and increments are data."""

    def __init__(self, text, path):
        self.base, self.increments = None, []
        for number, line in enumerate(text.splitlines(), 1):
            if not line or line.startswith("#"):
                continue
            name, kind = self._parse(line)
            if name is None:
                raise Failure(DAMAGED, "%s: line %d is no line of a manifest: %r" % (path, number, line[:80]))
            if kind == "b":
                self.base = name
            elif kind == "i":
                self.increments.append(name)
        self.lines = [line for line in text.splitlines() if line and self._parse(line)[1] in ("b", "i")]

    @staticmethod
    def _parse(line):
        words = re.findall(r'"(?:[^"\\]|\\.)*"|[^ ]+', line)
        found = dict(zip(words[::2], words[1::2]))
        name = found.get("file", "")
        if name.startswith('"'):
            name = re.sub(r"\\(.)", r"\1", name[1:-1])
        if not name or "/" in name or found.get("type") not in ("b", "i", "h"):
            return None, None
        return name, found["type"]

    @property
    def files(self):
        return ([self.base] if self.base else []) + self.increments

    def text(self):
        """Without what is only waiting to be deleted."""
        return "".join(line + "\n" for line in self.lines)
