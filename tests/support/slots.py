"""Hash slots of keys, and which of a node's shards owns them (server/store: sixteen neighbours belong together)."""
import binascii

SLOTS = 16384


def slot_of(key):
    """Of a text; what stands between the first { and the next } decides, if anything does."""
    data = key.encode()
    begin = data.find(b"{")
    if begin >= 0:
        end = data.find(b"}", begin + 1)
        if end > begin + 1:
            data = data[begin + 1:end]
    return binascii.crc_hqx(data, 0) % SLOTS


def key_on_shard(shard, shards, prefix):
    return next(key for key in ("%s%d" % (prefix, number) for number in range(10000)) if slot_of(key) // 16 % shards == shard)
