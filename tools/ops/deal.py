"""Keys of a backup into servers that run: a scratch server loads the backup, and every key goes by DUMP and RESTORE to where it belongs.

In a cluster that is the owner of the key's slot; MOVED and ASK are followed, so slots may wander meanwhile. Times are absolute.
Invariants: what waits to be sent is bounded by BATCH_BYTES and one key; nothing is replaced unless that was asked for; every key is
counted as restored, kept or expired, or ends the work with its name.
"""
import time

from ops.common import FAILED, REFUSED, SERVER, Failure
from ops.node import Node, address_of, keyspace_of, primaries, slot_of, total_keys
from ops.resp import ErrorReply

BATCH_KEYS = 64
BATCH_BYTES = 4 << 20
SCAN_COUNT = 1000
AGAIN = ("TRYAGAIN", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "BUSY")


class Targets:
    """The primaries that keys go to; one of them when it is no cluster."""

    def __init__(self, login):
        self.login = login
        self.first = Node(login)
        self.is_cluster = self.first.is_cluster
        self.nodes, self.database = {self.first.address: self.first}, {}
        self.owners = {}
        if self.is_cluster:
            self.nodes = {}
            for line in primaries(self.first):
                address = address_of(line, self.first)
                self.nodes[address] = self.first if line.id == self.first.id else Node(login, address)
                for first, last in line.slots:
                    for slot in range(first, last + 1):
                        self.owners[slot] = address

    def of(self, key):
        return self.owners.get(slot_of(key), self.first.address) if self.is_cluster else self.first.address

    def connection(self, address, db):
        """To the node, with the database selected."""
        if address not in self.nodes:
            self.nodes[address] = Node(self.login, address)
        node = self.nodes[address]
        if self.database.get(address, "0") != db:
            node.call("SELECT", db)
            self.database[address] = db
        return node.connection

    def moved(self, words):
        """The address that MOVED or ASK names; an empty host is that of who said it."""
        host, _, port = words[2].rpartition(":")
        if not host:
            host = self.first.address[0] if not isinstance(self.first.address, str) else "127.0.0.1"
        return host.strip("[]"), int(port)

    def keyspace(self):
        """Keys of all nodes, by database."""
        total = {}
        for node in self.nodes.values():
            for db, counts in keyspace_of(node.info("keyspace")).items():
                total[db] = total.get(db, 0) + counts["keys"]
        return total

    def count(self):
        return sum(self.keyspace().values())


class Dealer:
    def __init__(self, targets, if_exists, patience_s, teller):
        self.targets, self.if_exists, self.patience_s, self.teller = targets, if_exists, patience_s, teller
        self.restored = self.kept = self.expired = self.with_time = 0
        self.libraries = set()

    # Functions ----------------------------------------------------------------------------------------------------

    def functions(self, scratch):
        """Every library to every primary."""
        for name, code in libraries_of(scratch.node).items():
            for node in self.targets.nodes.values():
                there = libraries_of(node).get(name)
                if there == code or (there is not None and self.if_exists == "keep"):
                    continue
                if there is not None and self.if_exists != "replace":
                    raise Failure(REFUSED, "%s has another library of functions named %s: --if-exists replace or keep decides"
                                  % (node.name, name.decode("utf-8", "replace")))
                node.call("FUNCTION", "LOAD", "REPLACE", code)
            self.libraries.add(name)

    # Keys ---------------------------------------------------------------------------------------------------------

    def keys(self, scratch, total):
        source = scratch.node
        for db in sorted(keyspace_of(source.info("keyspace")), key=int):
            source.call("SELECT", db)
            cursor = b"0"
            while True:
                cursor, keys = source.call("SCAN", cursor, "COUNT", SCAN_COUNT)
                for at in range(0, len(keys), BATCH_KEYS):
                    self._copy(source.connection, db, keys[at:at + BATCH_KEYS])
                    self.teller.passing("%d of %d keys" % (self.restored + self.kept + self.expired, total))
                if cursor == b"0":
                    break

    def _copy(self, source, db, keys):
        source.send([words for key in keys for words in (("DUMP", key), ("PEXPIRETIME", key))])
        batch, size = [], 0
        for key in keys:
            payload, when = source.read(), source.read()
            for reply in (payload, when):
                if isinstance(reply, ErrorReply):
                    raise Failure(FAILED, "the scratch server does not give the key %s: %s" % (key_text(db, key), reply))
            if payload is None:
                self.expired += 1
                continue
            batch.append((key, max(when, 0), payload))
            size += len(payload)
            if size > BATCH_BYTES:
                self._deal(db, batch)
                batch, size = [], 0
        self._deal(db, batch)

    def _words(self, item):
        key, when, payload = item
        return ["RESTORE", key, when, payload, "ABSTTL"] + (["REPLACE"] if self.if_exists == "replace" else [])

    def _deal(self, db, batch):
        deadline, pause_s = time.monotonic() + self.patience_s, 0.02
        while batch:
            groups = {}
            for item in batch:
                groups.setdefault(self.targets.of(item[0]), []).append(item)
            batch, waits = [], None
            for address, items in groups.items():
                self.targets.connection(address, db).send([self._words(item) for item in items])
            # All are read before one is acted on: what ASK wants goes over the same connections.
            replies = [(item, self.targets.nodes[address].connection.read()) for address, items in groups.items() for item in items]
            for item, reply in replies:
                again = self._answered(db, item, reply)
                if again is not None:
                    batch.append(item)
                    waits = again or waits
            if batch and time.monotonic() > deadline:
                raise Failure(SERVER, "the key %s was not taken within %g s: %s" % (key_text(db, batch[0][0]), self.patience_s,
                                                                                 waits or "it is sent from node to node"))
            if waits:
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, 0.5)

    def _answered(self, db, item, reply):
        """None: done. Else it is to be sent again: at once (""), or when what the error says may be over."""
        if not isinstance(reply, ErrorReply):
            self.restored += 1
            self.with_time += item[1] > 0
            return None
        if reply.word == "MOVED":
            words = str(reply).split(" ")
            self.targets.owners[int(words[1])] = self.targets.moved(words)
            return ""
        if reply.word == "ASK":
            connection = self.targets.connection(self.targets.moved(str(reply).split(" ")), db)
            return self._answered(db, item, connection.pipeline([("ASKING",), self._words(item)])[1])
        if reply.word in AGAIN:
            return str(reply)
        if reply.word == "BUSYKEY" and self.if_exists == "keep":
            self.kept += 1
            return None
        raise Failure(SERVER, "the key %s was refused: %s" % (key_text(db, item[0]), reply))


def key_text(db, key):
    return "%r (database %s)" % (key[:100], db)


def libraries_of(node):
    """{name: code}"""
    found = {}
    for library in node.call("FUNCTION", "LIST", "WITHCODE"):
        fields = dict(zip(library[::2], library[1::2]))
        found[fields[b"library_name"]] = fields[b"library_code"]
    return found


def check_target(targets, backup, part_of, if_exists):
    """Before anything is sent: it is empty, or it was said what to do; it has the databases."""
    count = targets.count()
    if count and if_exists == "fail":
        raise Failure(REFUSED, "the target has %d keys: give it an empty one, or say what to do where a key is there already: --if-exists "
                               "replace or keep" % count)
    wanted = {db for node in backup.nodes for db, counts in node[part_of(node)]["keys"].items() if counts["keys"]}
    for db in sorted(wanted - {"0"}, key=int):
        for address, node in targets.nodes.items():
            reply = node.connection.pipeline([("SELECT", db), ("SELECT", "0")])[0]
            if isinstance(reply, ErrorReply):
                raise Failure(REFUSED, "the backup has keys in database %s, which %s does not have (%s). Keys of several databases cannot "
                                       "be put into one: restore into a server with as many" % (db, node.name, reply))
    return count


def check_after(targets, dealer, before):
    """Others may write meanwhile, so that there may be more; keys with a time may have ended."""
    after = targets.count()
    least = max(dealer.restored, before if dealer.if_exists != "fail" else 0) - dealer.with_time
    if dealer.if_exists == "keep":
        least = before + dealer.restored - dealer.with_time
    if after < least:
        raise Failure(FAILED, "the target has %d keys, and %d were restored: something deletes keys there" % (after, dealer.restored))
    return after


def expected_keys(backup, part_of):
    return sum(total_keys(node[part_of(node)]["keys"]) for node in backup.nodes)
