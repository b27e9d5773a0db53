#!/usr/bin/env python3
"""The layers of the tree, as the includes of every file show them.

    check_layers.py <root of the tree>     exit 1 and a line for each include that points the wrong way
    check_layers.py --self-test

A file may include files of its own layer's folder and of lower layers. Beside the ranks below:
  - features (commands/*, pubsub, info, persist, ...) do not include each other, save cluster -> replication -> persist;
  - server/main is the only place that knows all features;
  - tools and sentinel include common only; the checkers of files also store and persist;
  - libuv is known to common/io/*_uv.cc and uv_internal.h only.
Tests (*_test.cc, tests/, bench/) may include everything.
"""
import os
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)

# Lower ranks know nothing of higher ones. config holds values and rows, no handlers: those are in commands/.
RANKS = [
    {"registry", "route", "store", "journal", "feed", "acl", "config"},
    {"shard", "control"},
    {"dispatch", "conn"},
]
RANK = {folder: rank for rank, folders in enumerate(RANKS) for folder in folders}
FEATURES = {"commands", "pubsub", "script", "info", "persist", "replication", "cluster"}
FEATURE_USES = {"cluster": {"replication", "persist"}, "replication": {"persist"}}
# Inside common: base and hash at the bottom.
COMMON_USES = {
    "base": set(),
    "hash": {"base"},
    "text": {"base"},
    "resp": {"base", "text", "io"},
    "io": {"base", "text"},
    "conf": {"base", "text"},
}
TOOLS_MAY = {"check-rdb": {"store", "persist", "registry"}, "check-aof": {"store", "persist", "registry"}}
UV_FILES = re.compile(r"^common/io/([a-z_]+_uv\.cc|uv_internal\.h)$")


def layer(path):
    """("common", "io"), ("server", "shard"), ("tools", "cli") ... of a path from the root."""
    parts = path.split("/")
    return parts[0], parts[1] if len(parts) > 2 else ""


def wrong(path, included):
    """Why `path` must not include `included` (both from the root), or None."""
    if path.endswith("_test.cc") or path.startswith(("tests/", "bench/")):
        return None
    top, folder = layer(path)
    to_top, to_folder = layer(included)
    if to_top in ("tests", "bench"):
        return "only tests include " + to_top
    if top == "common":
        if to_top != "common":
            return "common knows nothing above it"
        if folder != to_folder and to_folder not in COMMON_USES.get(folder, set()):
            return f"common/{folder} does not use common/{to_folder}"
        return None
    if top == "tools":
        if to_top in ("common", "tools") or (to_top == "server" and to_folder in TOOLS_MAY.get(folder, set())):
            return None
        return "tools use common only"
    if to_top == "common":
        return None
    if to_top == "tools":
        return "server does not use tools"
    if folder in ("main", ""):
        return None
    if to_folder in ("main", ""):
        return "only server/main knows server/main"
    if folder == to_folder:
        return None
    if folder in RANK and to_folder in RANK:
        if RANK[to_folder] > RANK[folder]:
            return f"{folder} is below {to_folder}"
        return None
    if folder in RANK:
        return f"{folder} is below the features"
    if folder in FEATURES and to_folder in RANK:
        return None
    if folder in FEATURES and to_folder in FEATURES:
        if to_folder in FEATURE_USES.get(folder, set()):
            return None
        return "features do not include each other"
    return "a folder this check does not know"


def includes(text):
    for match in INCLUDE.finditer(text):
        yield match.group(1), match.group(2), text.count("\n", 0, match.start()) + 1


def check(root):
    found, files = [], 0
    for top in ("common", "server", "tools"):
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in sorted(names):
                if not name.endswith((".h", ".cc", ".c")):
                    continue
                files += 1
                path = os.path.relpath(os.path.join(folder, name), root)
                with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as f:
                    text = f.read()
                for kind, included, line in includes(text):
                    if included == "uv.h" and not UV_FILES.match(path):
                        found.append(f"{path}:{line}: only common/io/*_uv.cc include uv.h")
                    if kind != '"':
                        continue
                    if not os.path.exists(os.path.join(root, included)):
                        found.append(f"{path}:{line}: {included} is no path from the root")
                        continue
                    reason = wrong(path, included)
                    if reason:
                        found.append(f"{path}:{line}: includes {included}: {reason}")
    return found, files


def self_test():
    allowed = [
        ("common/io/loop.h", "common/base/result.h"),
        ("server/store/entry.h", "common/base/bytes.h"),
        ("server/shard/ctx.h", "server/store/key.h"),
        ("server/commands/string/set.cc", "server/dispatch/ctx.h"),
        ("server/cluster/a.cc", "server/replication/b.h"),
        ("server/main/main.cc", "server/cluster/b.h"),
        ("server/store/entry_test.cc", "server/dispatch/ctx.h"),
        ("tools/cli/main.cc", "common/resp/parser.h"),
    ]
    forbidden = [
        ("common/io/loop.h", "server/store/key.h"),
        ("common/base/log.h", "common/text/glob.h"),
        ("server/store/entry.h", "server/shard/ctx.h"),
        ("server/shard/ctx.h", "server/dispatch/ctx.h"),
        ("server/dispatch/ctx.h", "server/info/info.h"),
        ("server/info/info.h", "server/cluster/view.h"),
        ("server/persist/a.cc", "server/replication/b.h"),
        ("server/config/a.cc", "server/main/node.h"),
        ("tools/cli/main.cc", "server/store/key.h"),
        ("server/shard/ctx.cc", "tools/cli/a.h"),
        ("common/io/loop.h", "tests/support/process.h"),
    ]
    bad = [f"should be allowed: {pair}: {wrong(*pair)}" for pair in allowed if wrong(*pair)]
    bad += [f"should be forbidden: {pair}" for pair in forbidden if not wrong(*pair)]
    return bad


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    if sys.argv[1] == "--self-test":
        found = self_test()
    else:
        found, files = check(sys.argv[1])
        if files == 0:
            found.append("no files in " + sys.argv[1])
        print(f"{files} files")
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
