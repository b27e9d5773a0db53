// Role: for tests: the shards of a node without threads, sockets and clock. Runs rows as the engine would: a
// gather over all shards, or a part on each. Replies and effects come back as text. Thread: the test's.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/journal/journal.h"
#include "server/registry/command_table.h"
#include "server/shard/shard.h"

namespace tessera::commands {

class TestNode {
 public:
  TestNode(std::span<const std::span<const registry::CommandRow>> tables, int shard_count)
      : table_(std::move(registry::CommandTable::build(tables).value())) {
    journal_.turn_on(journal::kTap, nullptr, nullptr);
    for (int i = 0; i < shard_count; ++i) {
      shard::ShardOptions options;
      options.index = i;
      options.shard_count = shard_count;
      options.hash_seed = 42;
      options.random_seed = static_cast<uint64_t>(i) + 1;
      options.journal = &journal_;
      shards_.push_back(std::make_unique<shard::Shard>(options));
      shards_.back()->keyspace().set_owner_thread();
      places_.push_back(shards_.back().get());
    }
  }

  int64_t now_ms = 1'700'000'000'000;
  int db = 0;
  int proto = 2;
  bool any_key = true;  // what a user without restrictions may

  // The reply as it goes over the wire.
  std::string raw(const std::vector<std::string>& words) {
    resp::ChunkPool pool;
    resp::OutChain chain(pool);
    raw(words, chain);
    return chain.to_string();
  }
  // Likewise, behind what is in `chain`.
  void raw(const std::vector<std::string>& words, resp::OutChain& chain) {
    const std::vector<std::string_view> views(words.begin(), words.end());
    const registry::Args args(views);
    resp::Writer reply(chain, proto);
    const registry::Resolved found = table_->resolve(args);
    if (found.what != registry::Resolution::kFound) {
      reply.error(found.what == registry::Resolution::kWrongArity ? "ERR wrong number of arguments"
                                                                  : "ERR unknown command");
    } else if (found.row->route == registry::Route::kFanout) {
      run_parts(*found.row, args, reply);
    } else {
      run_gathered(*found.row, args, reply);
    }
  }

  // Words without blanks, the reply's lines joined by blanks: "SET k v" -> "+OK".
  std::string operator()(const std::string& line) {
    std::string reply = raw(split(line));
    std::string text;
    for (size_t i = 0; i < reply.size(); ++i) {
      if (reply[i] == '\r') continue;
      text += reply[i] == '\n' ? ' ' : reply[i];
    }
    if (!text.empty()) text.pop_back();
    return text;
  }

  // What replicas would get since the last call: words joined by blanks, commands by "; ".
  std::string effects() {
    std::string text;
    for (const auto& shard : shards_) {
      if (shard->batch().empty()) continue;
      const std::unique_ptr<journal::Batch> batch(shard->batch().take());
      append_commands(batch->bytes, text);
    }
    return text;
  }

  shard::Shard& shard(size_t i) { return *shards_[i]; }
  size_t shard_count() const { return shards_.size(); }

 private:
  static std::vector<std::string> split(std::string_view line) {
    std::vector<std::string> words;
    while (!line.empty()) {
      const size_t end = std::min(line.find(' '), line.size());
      words.emplace_back(line.substr(0, end));
      line.remove_prefix(std::min(end + 1, line.size()));
    }
    return words;
  }

  static void append_commands(std::string_view bytes, std::string& text) {
    size_t at = 0;
    const auto number = [&] {
      const size_t end = bytes.find('\r', at);
      const size_t value = std::stoul(std::string(bytes.substr(at + 1, end - at - 1)));
      at = end + 2;
      return value;
    };
    while (at < bytes.size()) {
      if (!text.empty()) text += "; ";
      const size_t count = number();
      for (size_t i = 0; i < count; ++i) {
        const size_t size = number();
        if (i > 0) text += ' ';
        text += bytes.substr(at, size);
        at += size + 2;
      }
    }
  }

  void begin(shard::Ctx& ctx, const registry::CommandRow& row, const registry::Args& args) {
    shard::CtxSetup::command(ctx, WallMs{now_ms}, db, proto, false, row, args, {});
    shard::CtxSetup::permissions(ctx, any_key);
    shard::CtxSetup::begin_effects(ctx);
  }

  void run_gathered(const registry::CommandRow& row, const registry::Args& args, resp::Writer& reply) {
    shard::Ctx ctx;
    shard::CtxSetup::gather(ctx, *shards_[0], places_.data(), places_.data(), places_.size());
    begin(ctx, row, args);
    row.run(ctx, args, reply);
    shard::CtxSetup::end_effects(ctx);
  }

  void run_parts(const registry::CommandRow& row, const registry::Args& args, resp::Writer& reply) {
    std::vector<registry::Part> parts(shards_.size());
    for (size_t i = 0; i < parts.size(); ++i) {
      shard::Ctx ctx;
      shard::CtxSetup::one_shard(ctx, *shards_[i]);
      begin(ctx, row, args);
      row.part(ctx, args, parts[i]);
      shard::CtxSetup::end_effects(ctx);
      if (!parts[i].error.empty()) {
        reply.error(parts[i].error);
        return;
      }
    }
    row.merge(parts, args, reply);
  }

  std::unique_ptr<registry::CommandTable> table_;
  journal::Journal journal_;
  std::vector<std::unique_ptr<shard::Shard>> shards_;
  std::vector<shard::Shard*> places_;
};

}  // namespace tessera::commands
