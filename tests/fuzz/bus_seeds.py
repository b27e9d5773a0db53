"""Writes the captured bus messages as seeds: bus_seeds.py <captures.jsonl> <messages> <tapes>.

One file a message in the first folder; in the second tapes of six messages each, as bus_play.h has them.
"""

import json
import pathlib
import struct
import sys


def record(kind, argument, data):
    return struct.pack("<BBH", kind, argument, len(data)) + data


def main():
    folders = [pathlib.Path(path) for path in sys.argv[2:4]]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    messages = [bytes.fromhex(json.loads(line)["hex"]) for line in open(sys.argv[1], encoding="ascii")]
    for number, message in enumerate(messages):
        (folders[0] / f"capture-{number:03}").write_bytes(message)
    for number in range(0, len(messages), 6):
        tape = b""
        for place, message in enumerate(messages[number:number + 6]):
            inbound = place % 2 == 0
            tape += record(0 if inbound else 1, place % 6 << 2 if inbound else place % 6 | place % 6 << 3, message)
            tape += record(2, 10, b"") + record(4, 0, b"") + record(5, 0, b"")
        (folders[1] / f"tape-{number:03}").write_bytes(tape)


main()
