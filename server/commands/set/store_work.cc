// Role: set operations in steps. See store_work.h.
#include "server/commands/set/store_work.h"

#include <algorithm>

#include "server/shard/long_work.h"
#include "server/shard/shard.h"
#include "server/store/unstored.h"

namespace tessera::commands {

namespace {

using registry::Args;
using resp::Writer;
using shard::Ctx;
using store::Encoding;
using store::Entry;
using store::Key;
using store::SetMember;
using store::SetProbe;
using store::SetReader;
using store::SetTable;

constexpr size_t kScanAtOnce = 128;  // members between two looks at what a step has done

size_t size_of(const Entry* entry) {
  return entry == nullptr ? 0 : SetReader(*entry).size();
}

Sources find_sources(Ctx& ctx, const Args& args) {
  Sources sources;
  sources.reserve(args.size() - 2);
  for (size_t i = 2; i < args.size(); ++i) sources.push_back(ctx.peek(ctx.key(args[i])));
  return sources;
}

// About how many members are read and made.
uint64_t cost_of(SetOperation operation, Sources sources) {
  uint64_t all = 0;
  size_t smallest = SIZE_MAX;
  for (const Entry* entry : sources) {
    all += size_of(entry);
    smallest = std::min(smallest, size_of(entry));
  }
  if (operation == SetOperation::kUnion) return all;
  if (operation == SetOperation::kInter) return smallest * sources.size();
  if (sources[0] == nullptr) return 0;
  return looks_up(sources) ? size_of(sources[0]) * sources.size() : all;
}

class StoreWork final : public shard::LongWork {
 public:
  StoreWork(Ctx& ctx, const Args& args, SetOperation operation) : operation_(operation) {
    writes(ctx.db(), ctx.key(args[1]).slot, args[1]);
    for (size_t i = 2; i < args.size(); ++i) reads(ctx.db(), ctx.key(args[i]).slot, args[i]);
  }

  bool step(Ctx& ctx, const Args& args, uint64_t elements, Writer& reply) override {
    const Key target = ctx.key(args[1]);
    store::Keyspace& keyspace = ctx.keyspace(target);
    if (!result_) {
      result_ = store::Unstored(store::Container::make<SetTable>(keyspace.memory(), keyspace.hash_seed()));
    }
    left_ = elements;
    memory_ = &keyspace.memory();
    Sources sources = find_sources(ctx, args);
    for (const Entry* entry : sources) {  // one that changed may be anything now
      if (entry == nullptr || Ctx::check_type(*entry, store::Type::kSet, reply)) continue;
      give_up(ctx, args);
      return true;
    }
    const bool done = read(sources);
    if (!done) return false;
    store(ctx, target, start_encoding(sources), reply);
    return true;
  }

  void give_up(Ctx& ctx, const Args& args) override {
    result_.discard(ctx.keyspace(ctx.key(args[1])));
    at_ = 0;
    cursor_ = 0;
    keeps_table_ = false;
  }

 private:
  store::MemberTable& members() { return static_cast<SetTable*>(result_.get())->members(); }

  // True when all is read.
  bool read(Sources& sources) {
    switch (operation_) {
      case SetOperation::kUnion:
        return read_all(sources, [&](SetProbe& probe) { add(probe); });
      case SetOperation::kInter:
        return intersect(sources);
      case SetOperation::kDiff:
        break;
    }
    if (sources[0] == nullptr) return true;
    return looks_up(sources) ? subtract(sources) : take_out(sources);
  }

  void add(SetProbe& probe) { members().put(probe.text(), {}); }

  // f(probe) for members of one source from where it stands; true: to the end. `each`: what one costs.
  template <typename F>
  bool read_one(const Entry* entry, uint64_t each, F&& f) {
    if (entry == nullptr) return true;
    const SetReader reader(*entry);
    do {
      if (left_ == 0) return false;
      uint64_t seen = 0;
      const uint64_t before = memory_->touched();
      cursor_ = reader.scan(cursor_, kScanAtOnce, [&](const SetMember& member) {
        SetProbe probe(member);
        f(probe);
        ++seen;
      });
      const uint64_t made = memory_->touched() - before, read = std::max<uint64_t>(seen, 1) * each;
      if (read > made) memory_->touch(read - made);
      left_ -= std::min(left_, std::max(made, read));
    } while (cursor_ != 0);
    return true;
  }

  template <typename F>
  bool read_all(const Sources& sources, F&& f) {
    for (; at_ < sources.size(); ++at_) {
      if (!read_one(sources[at_], 1, f)) return false;
    }
    return true;
  }

  bool intersect(Sources& sources) {
    if (std::find(sources.begin(), sources.end(), nullptr) != sources.end()) return true;
    sort_by_size(sources);
    std::vector<SetReader> others;
    for (size_t i = 1; i < sources.size(); ++i) {
      if (sources[i] != sources[0]) others.emplace_back(*sources[i]);
    }
    return read_one(sources[0], 1 + others.size(), [&](SetProbe& probe) {
      for (const SetReader& other : others) {
        if (!other.contains(probe)) return;
      }
      add(probe);
    });
  }

  bool subtract(const Sources& sources) {
    std::vector<SetReader> others;
    for (size_t i = 1; i < sources.size(); ++i) {
      if (sources[i] == sources[0]) return true;  // nothing is left of a set without itself
      if (sources[i] != nullptr) others.emplace_back(*sources[i]);
    }
    return read_one(sources[0], 1 + others.size(), [&](SetProbe& probe) {
      for (const SetReader& other : others) {
        if (other.contains(probe)) return;
      }
      add(probe);
    });
  }

  bool take_out(const Sources& sources) {
    keeps_table_ = sources[0]->encoding() == Encoding::kHashtable;
    return read_all(sources, [&](SetProbe& probe) {
      if (at_ == 0) {
        add(probe);
      } else if (members().size() > 0) {
        members().erase(probe.text());
      }
    });
  }

  Encoding start_encoding(const Sources& sources) const {
    if (operation_ != SetOperation::kInter) return Encoding::kIntset;
    return size_of(sources[0]) > 0 && sources[0]->encoding() != Encoding::kIntset ? Encoding::kListpack
                                                                                  : Encoding::kIntset;
  }

  void store(Ctx& ctx, const Key& target, Encoding encoding, Writer& reply) {
    static constexpr const char* kEvents[] = {"sunionstore", "sinterstore", "sdiffstore"};
    const char* event = kEvents[static_cast<size_t>(operation_)];
    store::Keyspace& keyspace = ctx.keyspace(target);
    const store::SetLimits& limits = ctx.settings().set_limits;
    const size_t size = members().size();
    if (size == 0) {
      result_.discard(keyspace);
      store_nothing(ctx, target, reply);
    } else if (keeps_table_ || size > std::max(limits.intset_entries, limits.listpack_entries)) {
      const bool existed = ctx.peek(target) != nullptr;
      Entry* entry = keyspace.set_container(ctx.db(), target, store::Type::kSet, Encoding::kHashtable,
                                            result_.release(), store::kNoExpire);
      note_stored(ctx, target, entry, existed, size, event, reply);
    } else {
      store_small(ctx, target, encoding, event, reply);
    }
  }

  // In the encoding that it gets when it is made member by member.
  void store_small(Ctx& ctx, const Key& target, Encoding encoding, const char* event, Writer& reply) {
    SetOfKey small(ctx, target);
    small.start(encoding);
    bool only_numbers = true;
    members().for_each([&](const store::MemberTable::Item& item) {
      SetProbe probe(item.member);
      int64_t number = 0;
      only_numbers = only_numbers && probe.number(&number);
      small.add(probe);
      return true;
    });
    if (operation_ == SetOperation::kInter && only_numbers) small.numbers_to_intset();
    store_result(ctx, target, small, event, reply);
    result_.discard(ctx.keyspace(target));
  }

  const SetOperation operation_;
  store::Unstored result_;
  bool keeps_table_ = false;
  size_t at_ = 0;        // the source that is read
  uint64_t cursor_ = 0;  // where in it
  // Of this step: elements that it may still touch, read or make.
  uint64_t left_ = 0;
  store::Memory* memory_ = nullptr;  // of the result
};

}  // namespace

bool looks_up(Sources& sources) {
  // The looking-up way has half the weight, since it stops early and copies nothing. For it the larger sets
  // come first: they are more likely to have a member.
  size_t look_up = 0, take_out = 0;
  for (const Entry* entry : sources) {
    if (entry == nullptr) continue;
    look_up += size_of(sources[0]);
    take_out += size_of(entry);
  }
  if (look_up / 2 > take_out) return false;
  std::stable_sort(sources.begin() + 1, sources.end(),
                   [](const Entry* a, const Entry* b) { return size_of(a) > size_of(b); });
  return true;
}

bool take_long_store(Ctx& ctx, const Args& args, SetOperation operation, const Sources& sources) {
  if (!ctx.is_long(cost_of(operation, sources))) return false;
  return ctx.take_long(std::make_shared<StoreWork>(ctx, args, operation));
}

}  // namespace tessera::commands
