"""Which of a node's shards owns a key: sixteen neighbouring slots belong together (server/store)."""
import binascii


def shard_of(key, shards):
    """Of a name without braces."""
    return binascii.crc_hqx(key.encode(), 0) % 16384 // 16 % shards


def key_on_shard(shard, shards, prefix=""):
    return next(key for key in ("%s%d" % (prefix, number) for number in range(100000)) if shard_of(key, shards) == shard)
