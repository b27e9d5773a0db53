// Role: DEBUG LISTPACK and QUICKLIST: what a value is made of, printed on standard output as redis-server
// does. Thread: a coordinator that holds all shards parked; it waits for whoever reads that output.
#include <unistd.h>

#include <cstdio>

#include "common/text/integers.h"
#include "common/text/quoting.h"
#include "server/commands/server/debug.h"
#include "server/store/encodings/listpack.h"
#include "server/store/types/quicklist.h"

namespace tessera::commands {

namespace {

using registry::Args;
using resp::Writer;
using shard::Ctx;
using store::Encoding;
using store::Entry;
using store::ListpackView;

void print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(STDOUT_FILENO, text.data(), text.size());
    if (n <= 0) return;
    text.remove_prefix(static_cast<size_t>(n));
  }
}

std::string number(size_t n) {
  return text::to_text(static_cast<uint64_t>(n));
}

void describe(const ListpackView& view, const char* indent, std::string& out) {
  constexpr size_t kMostShown = 40;
  out += std::string(indent) + "listpack of " + number(view.size_bytes()) + " bytes, " +
         number(view.count()) + " elements\n";
  size_t index = 0;
  for (size_t at = view.begin(); at != view.end(); at = view.next(at), ++index) {
    const store::ListpackElement element = view.get(at);
    out += std::string(indent) + "  " + number(index) + ": at " + number(at) + ", " +
           number(view.next(at) - at) + " bytes, ";
    if (element.is_int) {
      out += "integer " + text::to_text(element.number) + "\n";
    } else {
      out += "string of " + number(element.bytes.size()) + " " +
             text::repr(element.bytes.substr(0, kMostShown)) +
             (element.bytes.size() > kMostShown ? "...\n" : "\n");
    }
  }
}

void listpack(Ctx& ctx, const Args& args, Writer& reply) {
  const Entry* entry = debug_look_up(ctx, args[2], reply);
  if (entry == nullptr) return;
  if (entry->encoding() != Encoding::kListpack) {
    reply.error("ERR Not a listpack encoded object.");
    return;
  }
  std::string out;
  if (store::Keyspace::is_packed(*entry)) {
    describe(ListpackView(store::Keyspace::packed_bytes(*entry)), "", out);
  } else {
    // One that has grown beyond what an entry holds itself.
    const auto& list = static_cast<const store::Quicklist&>(store::Keyspace::container(*entry));
    describe(ListpackView(list.only_listpack()), "", out);
  }
  print(out);
  reply.simple("Listpack structure printed on stdout");
}

void quicklist(Ctx& ctx, const Args& args, Writer& reply) {
  const Entry* entry = debug_look_up(ctx, args[2], reply);
  if (entry == nullptr) return;
  if (entry->encoding() != Encoding::kQuicklist) {
    reply.error("ERR Not a quicklist encoded object.");
    return;
  }
  const bool whole = args.size() == 4 && std::atoi(std::string(args[3]).c_str()) != 0;
  const auto& list = static_cast<const store::Quicklist&>(store::Keyspace::container(*entry));
  const store::ListLimits& limits = list.limits();
  std::string out = "quicklist of " + number(list.element_count()) + " elements in " +
                    number(list.nodes().node_count()) + " nodes, max listpack size " +
                    text::to_text(int64_t{limits.max_listpack_size}) + ", compress depth " +
                    text::to_text(int64_t{limits.compress_depth}) + "\n";
  static constexpr const char* kKinds[] = {"listpack", "plain", "compressed listpack", "compressed plain"};
  size_t index = 0;
  std::string scratch;
  for (auto at = list.nodes().first(); at; at = store::ListTree::next(at), ++index) {
    const store::ListNode& node = at.node();
    out += "  node " + number(index) + ": " + kKinds[node.kind] + ", " + number(node.count) + " elements, " +
           number(node.is_large() ? node.large(scratch).size() : node.size) + " bytes";
    if (node.is_pressed()) out += ", compressed to " + number(node.capacity);
    out += "\n";
    if (whole && node.is_large()) {
      out += "    " + text::repr(node.large(scratch)) + "\n";
    } else if (whole) {
      describe(node.view(scratch), "    ", out);
    }
  }
  print(out);
  reply.simple("Quicklist structure printed on stdout");
}

constexpr DebugEntry kEntries[] = {
    {.name = "LISTPACK", .min_args = 3, .max_args = 3, .parked = listpack},
    {.name = "QUICKLIST", .min_args = 3, .max_args = 4, .parked = quicklist},
};

}  // namespace

std::span<const DebugEntry> debug_structure_entries() {
  return kEntries;
}

}  // namespace tessera::commands
