"""A server as the tools see it: how to reach it, what it says of itself, the primaries of its cluster, slots of keys.

Passwords come from REDISCLI_AUTH, a file or a prompt; an argument list is read by everybody on the machine.
"""
import binascii
import getpass
import os
import re

from ops.common import SERVER, USAGE, Failure
from ops.resp import Connection, ErrorReply

SLOT_COUNT = 16384


def add_connection_options(parser, what="the server"):
    group = parser.add_argument_group("connection to " + what)
    group.add_argument("-h", "--host", metavar="HOST", help="default 127.0.0.1")
    group.add_argument("-p", "--port", metavar="PORT", type=int, help="default 6379")
    group.add_argument("-s", "--socket", metavar="PATH", help="a Unix socket instead of host and port")
    group.add_argument("--user", metavar="NAME", help="user of the access control list; its password as below")
    group.add_argument("--password-file", metavar="FILE", help="the password is the file's first line")
    group.add_argument("--askpass", action="store_true",
                       help="ask for the password; without these two it is $REDISCLI_AUTH, and none if that is not set")
    group.add_argument("--timeout", metavar="SECONDS", type=float, default=30.0, help="for a connection and each reply (default 30)")


class Login:
    """Where and as whom; the same user and password are used for all nodes of a cluster."""

    def __init__(self, options):
        if options.socket and (options.host or options.port is not None):
            raise Failure(USAGE, "--socket and --host or --port exclude each other")
        port = 6379 if options.port is None else options.port
        if not 0 < port < 65536:
            raise Failure(USAGE, "--port %d: not a port (1 to 65535)" % port)
        self.address = options.socket or (options.host or "127.0.0.1", port)
        self.user, self.timeout_s = options.user, options.timeout
        self.password = self._password(options)
        if self.user and self.password is None:
            raise Failure(USAGE, "--user needs a password: REDISCLI_AUTH, --password-file or --askpass")

    @staticmethod
    def _password(options):
        if options.password_file and options.askpass:
            raise Failure(USAGE, "--password-file and --askpass exclude each other")
        if options.askpass:
            return getpass.getpass("Password: ")
        if options.password_file:
            try:
                with open(options.password_file, encoding="utf-8", errors="surrogateescape") as file:
                    return file.readline().rstrip("\r\n")
            except OSError as error:
                raise Failure(USAGE, "--password-file %s: %s" % (options.password_file, error.strerror)) from None
        return os.environ.get("REDISCLI_AUTH") or None

    def connect(self, address=None):
        connection = Connection(address or self.address, self.timeout_s)
        if self.password is not None:
            words = ["AUTH", self.user, self.password] if self.user else ["AUTH", self.password]
            try:
                connection.call(*words)
            except ErrorReply as error:
                connection.close()
                raise Failure(SERVER, "%s refuses the password: %s" % (connection.name, error)) from None
        return connection


def fields_of(text):
    """The fields of INFO or CLUSTER INFO."""
    lines = (line.partition(":") for line in text.decode("utf-8", "replace").splitlines() if not line.startswith("#"))
    return {name: value for name, colon, value in lines if colon}


def keyspace_of(fields):
    """{"0": {"keys": n, "expires": m}} from INFO's fields."""
    found = {}
    for name, value in fields.items():
        if re.fullmatch(r"db\d+", name):
            parts = dict(part.split("=", 1) for part in value.split(",") if "=" in part)
            found[name[2:]] = {"keys": int(parts["keys"]), "expires": int(parts["expires"])}
    return found


def total_keys(keyspace):
    return sum(counts["keys"] for counts in keyspace.values())


def keyspace_text(keyspace):
    if not keyspace:
        return "no keys"
    return ", ".join("db%s %d" % (db, keyspace[db]["keys"]) for db in sorted(keyspace, key=int)) + " keys"


class Node:
    def __init__(self, login, address=None):
        self.login = login
        self.address = address or login.address
        self.connection = login.connect(self.address)
        self.name = self.connection.name
        self.is_cluster = self.info("cluster").get("cluster_enabled") == "1"
        self.id = self.call("CLUSTER", "MYID").decode() if self.is_cluster else None

    def close(self):
        self.connection.close()

    def reconnect(self):
        self.connection.close()
        self.connection = self.login.connect(self.address)

    def call(self, *words):
        try:
            return self.connection.call(*words)
        except ErrorReply as error:
            raise Failure(SERVER, "%s answers %s with: %s%s" % (self.name, " ".join(map(str, words[:2])), error,
                                                                 advice(error.word))) from None

    def info(self, section="all"):
        return fields_of(self.call("INFO", section))

    def setting(self, name):
        reply = self.call("CONFIG", "GET", name)
        pairs = dict(zip([word.decode().lower() for word in reply[::2]], reply[1::2]))
        return None if name not in pairs else pairs[name].decode("utf-8", "surrogateescape")

    def software(self):
        info = self.info("server")
        name = info.get("server_name") or ("valkey" if "valkey_version" in info else "redis")
        return {"software": name, "version": info.get(name + "_version", info.get("redis_version", "")),
                "redis_version": info.get("redis_version", ""), "run_id": info.get("run_id", ""),
                "mode": info.get("redis_mode", "")}

    def slots(self):
        """Ranges of slots of this node, as [first, last]; those on the way are not among them."""
        for line in cluster_lines(self):
            if "myself" in line.flags:
                return line.slots
        return []


def advice(word):
    return {"NOAUTH": " Give the password by REDISCLI_AUTH, --password-file or --askpass",
            "NOPERM": " The user lacks the right to this command",
            "LOADING": " It is still loading its data: try again when it has",
            "WRONGPASS": " Is the user's name right (--user)?"}.get(word, "")


class ClusterLine:
    """A line of CLUSTER NODES: <id> <ip:port@bus[,hostname]> <flags> <primary> <ping> <pong> <epoch> <link> <slot>..."""

    def __init__(self, line):
        words = line.split(" ")
        self.id, self.flags, self.epoch, self.link = words[0], words[2].split(","), int(words[6]), words[7]
        host, _, port = words[1].split(",")[0].split("@")[0].rpartition(":")
        self.host, self.port = host.strip("[]"), int(port)
        self.slots = []
        for word in words[8:]:
            if not word.startswith("["):
                first, _, last = word.partition("-")
                self.slots.append([int(first), int(last or first)])

    @property
    def slot_count(self):
        return sum(last - first + 1 for first, last in self.slots)


def cluster_lines(node):
    return [ClusterLine(line) for line in node.call("CLUSTER", "NODES").decode().splitlines() if line]


def primaries(node):
    """Lines of all primaries with slots. The one that was asked may not know its own address: it has the one it was asked at."""
    if not node.is_cluster:
        raise Failure(USAGE, "%s is not a node of a cluster: leave out --cluster" % node.name)
    found = []
    for line in cluster_lines(node):
        if "master" not in line.flags or not line.slots:
            continue
        if "myself" in line.flags and not line.host:
            line.host = node.address[0] if not isinstance(node.address, str) else "127.0.0.1"
        if "fail" in line.flags or "noaddr" in line.flags:
            raise Failure(SERVER, "the primary %s (%s:%d) with %d slots is down: the cluster is whole when it is back or a replica "
                          "has taken its place" % (line.id, line.host, line.port, line.slot_count))
        found.append(line)
    if not found:
        raise Failure(SERVER, "%s knows no primary with slots: is it part of a cluster? (tessera-cli --cluster check %s)"
                      % (node.name, node.name))
    return found


def address_of(line, node):
    """As it is to be connected to; the node that was asked by a socket stays at its socket."""
    if line.id == node.id:
        return node.address
    return (line.host, line.port)


def slot_of(key):
    """Of the part in braces, if there is one; CRC-16/XMODEM modulo the count of slots."""
    opened = key.find(b"{")
    if opened >= 0:
        closed = key.find(b"}", opened + 1)
        if closed > opened + 1:
            key = key[opened + 1:closed]
    return binascii.crc_hqx(key, 0) % SLOT_COUNT
