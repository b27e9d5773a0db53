// Role: see group_lookup.h.
#include "server/commands/stream/group_lookup.h"

#include <string>

#include "server/commands/support/arguments.h"

namespace tessera::commands {

using resp::Writer;
using shard::Ctx;
using shard::EffectArgs;
using store::Key;
using store::StreamConsumer;
using store::StreamGroup;

void no_key_or_group(std::string_view key, std::string_view group, Writer& reply) {
  reply.error("NOGROUP No such key '" + std::string(c_text(key)) + "' or consumer group '" +
              std::string(c_text(group)) + "'");
}

void no_group_of_key(std::string_view key, std::string_view group, Writer& reply) {
  reply.error("NOGROUP No such consumer group '" + std::string(c_text(group)) + "' for key name '" +
              std::string(c_text(key)) + "'");
}

void wrong_subcommand_syntax(std::string_view subcommand, const char* command, Writer& reply) {
  const std::string name(c_text(subcommand).substr(0, 128));
  reply.error("ERR unknown subcommand or wrong number of arguments for '" + name + "'. Try " + command +
              " HELP.");
}

const StreamGroup* read_group(Ctx& ctx, const Key& key, std::string_view name, Writer& reply) {
  const store::Entry* entry = ctx.read(key);
  if (entry != nullptr && !Ctx::check_type(*entry, store::Type::kStream, reply)) return nullptr;
  const StreamGroup* group = entry == nullptr ? nullptr : store::stream_of(*entry).find_group(name);
  if (group == nullptr) no_key_or_group(key.bytes, name, reply);
  return group;
}

void note_consumer_made(Ctx& ctx, const Key& key, std::string_view group, std::string_view consumer) {
  ctx.changed(key, shard::kEventStream, "xgroup-createconsumer", [&](EffectArgs& effect) {
    effect.add("XGROUP").add("CREATECONSUMER").add(key.bytes).add(group).add(consumer);
  });
}

StreamConsumer* see_consumer(StreamGroup& group, std::string_view name, int64_t now_ms, bool& made) {
  StreamConsumer* consumer = group.find_consumer(name);
  made = consumer == nullptr;
  if (made) return group.make_consumer(name, now_ms);
  consumer->seen_ms = now_ms;
  return consumer;
}

}  // namespace tessera::commands
