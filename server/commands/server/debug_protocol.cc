// Role: DEBUG PROTOCOL and ERROR: a reply of every kind, for tests of clients. Thread: the connection's.
// The values are redis-server's: test suites of clients compare them.
#include <algorithm>
#include <string>

#include "server/commands/server/debug.h"
#include "server/commands/support/arguments.h"

namespace tessera::commands {

namespace {

using dispatch::ConnCtx;
using registry::Args;
using resp::Writer;

void three_numbers(Writer& reply) {
  for (int i = 0; i < 3; ++i) reply.integer(i);
}

void write_map(Writer& reply) {
  reply.map(3);
  for (int i = 0; i < 3; ++i) {
    reply.integer(i);
    reply.boolean(i == 1);
  }
}

void write_attribute(Writer& reply) {
  if (reply.proto() == 3) {
    reply.attribute(1);
    reply.bulk("key-popularity");
    reply.array(2);
    reply.bulk("key:123");
    reply.integer(90);
  }
  reply.bulk("Some real reply following the attribute");
}

void write_push(Writer& reply) {
  if (reply.proto() == 2) {
    reply.error("ERR RESP2 is not supported by this command");
    return;
  }
  reply.push(2);
  reply.bulk("server-cpu-usage");
  reply.integer(42);
  reply.bulk("Some real reply following the push reply");
}

struct Kind {
  const char* name;
  void (*write)(Writer&);
};

constexpr Kind kKinds[] = {
    {"STRING", [](Writer& reply) { reply.bulk("Hello World"); }},
    {"INTEGER", [](Writer& reply) { reply.integer(12345); }},
    {"DOUBLE", [](Writer& reply) { reply.raw(reply.proto() == 2 ? "$5\r\n3.141\r\n" : ",3.141\r\n"); }},
    {"BIGNUM", [](Writer& reply) { reply.big_number("1234567999999999999999999999999999999"); }},
    {"NULL", [](Writer& reply) { reply.null(); }},
    {"ARRAY",
     [](Writer& reply) {
       reply.array(3);
       three_numbers(reply);
     }},
    {"SET",
     [](Writer& reply) {
       reply.set(3);
       three_numbers(reply);
     }},
    {"MAP", write_map},
    {"ATTRIB", write_attribute},
    {"PUSH", write_push},
    {"VERBATIM", [](Writer& reply) { reply.verbatim("txt", "This is a verbatim\nstring"); }},
    {"TRUE", [](Writer& reply) { reply.boolean(true); }},
    {"FALSE", [](Writer& reply) { reply.boolean(false); }},
};

void protocol(ConnCtx&, const Args& args, Writer& reply) {
  for (const Kind& kind : kKinds) {
    if (!token_is(args[2], kind.name)) continue;
    kind.write(reply);
    return;
  }
  reply.error(
      "ERR Wrong protocol type name. Please use one of the following: "
      "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false");
}

// The words as they come, without a code in front: it is for clients to cope with.
void error(ConnCtx&, const Args& args, Writer& reply) {
  std::string line(c_text(args[2]));
  std::replace(line.begin(), line.end(), '\r', ' ');
  std::replace(line.begin(), line.end(), '\n', ' ');
  reply.raw("-" + line + "\r\n");
}

constexpr DebugEntry kEntries[] = {
    {.name = "PROTOCOL", .min_args = 3, .max_args = 3, .on_connection = protocol},
    {.name = "ERROR", .min_args = 3, .max_args = 3, .on_connection = error},
};

}  // namespace

std::span<const DebugEntry> debug_protocol_entries() {
  return kEntries;
}

}  // namespace tessera::commands
