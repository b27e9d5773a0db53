"""Writes the captured bus messages as seeds: bus_seeds.py <captures.jsonl> <folder>. One file a message."""

import json
import pathlib
import sys


def main():
    captures, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for number, line in enumerate(open(captures, encoding="ascii")):
        (folder / f"capture-{number:03}").write_bytes(bytes.fromhex(json.loads(line)["hex"]))


main()
