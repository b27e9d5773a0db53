// Role: ZUNION, ZINTER, ZDIFF, with STORE and without, ZINTERCARD. Thread: the shard's, or the coordinator's.
// Sums are made in the order redis-server makes them, from the smallest set to the largest, so that their
// last digits agree.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/text/floats.h"
#include "server/commands/sorted_set/scored_source.h"
#include "server/commands/sorted_set/store_work.h"
#include "server/commands/sorted_set/tables.h"
#include "server/commands/sorted_set/zset_value.h"
#include "server/commands/support/arguments.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Key;

enum class Operation { kUnion, kInter, kDiff };
enum class Aggregate { kSum, kMin, kMax };

struct Call {
  Operation operation = Operation::kUnion;
  bool store = false;       // into the key at argument 1
  bool count_only = false;  // ZINTERCARD
  bool with_scores = false;
  Aggregate aggregate = Aggregate::kSum;
  int64_t limit = 0;  // ZINTERCARD; 0: none
  std::vector<ScoredSource> sources;
};

using Scored = std::vector<std::pair<std::string, double>>;

double not_nan(double score) {
  return std::isnan(score) ? 0 : score;
}

void combine(double& score, double other, Aggregate how) {
  switch (how) {
    case Aggregate::kSum:
      score = not_nan(score + other);  // inf and -inf give 0
      break;
    case Aggregate::kMin:
      if (other < score) score = other;
      break;
    case Aggregate::kMax:
      if (other > score) score = other;
      break;
  }
}

// ---- arguments

bool read_sources(Ctx& ctx, const Args& args, size_t numkeys_at, Call& call, size_t& i, Writer& reply) {
  int64_t count = 0;
  if (!read_int64(args[numkeys_at], reply, count)) return false;
  if (count < 1) {
    reply.errorf("ERR at least 1 input key is needed for '%s' command", full_name(ctx.row()));
    return false;
  }
  if (static_cast<uint64_t>(count) > args.size() - numkeys_at - 1) {
    syntax_error(reply);
    return false;
  }
  const size_t first = numkeys_at + 1, end = first + static_cast<size_t>(count);
  // An expired key goes when it is met, which would move what other sources look at.
  for (size_t k = first; k < end; ++k) (void)ctx.peek(ctx.key(args[k]));
  for (i = first; i < end; ++i) {
    const store::Entry* entry = ctx.read(ctx.key(args[i]));
    if (entry != nullptr && entry->type() != store::Type::kZset && entry->type() != store::Type::kSet) {
      Ctx::wrong_type(reply);
      return false;
    }
    call.sources.emplace_back(entry);
  }
  return true;
}

bool read_weights(const Args& args, size_t first, Call& call, Writer& reply) {
  for (size_t k = 0; k < call.sources.size(); ++k) {
    const auto weight = text::parse_double(args[first + k]);
    if (!weight) {
      reply.error("ERR weight value is not a float");
      return false;
    }
    call.sources[k].weight = *weight;
  }
  return true;
}

bool read_aggregate(std::string_view arg, Call& call, Writer& reply) {
  if (token_is(arg, "SUM")) {
    call.aggregate = Aggregate::kSum;
  } else if (token_is(arg, "MIN")) {
    call.aggregate = Aggregate::kMin;
  } else if (token_is(arg, "MAX")) {
    call.aggregate = Aggregate::kMax;
  } else {
    syntax_error(reply);
    return false;
  }
  return true;
}

bool read_limit(std::string_view arg, Call& call, Writer& reply) {
  const bool is_number = read_int64(arg, reply, call.limit, "ERR LIMIT can't be negative");
  if (is_number && call.limit < 0) reply.error("ERR LIMIT can't be negative");
  return is_number && call.limit >= 0;
}

bool read_options(const Args& args, size_t i, Call& call, Writer& reply) {
  const bool combines = call.operation != Operation::kDiff && !call.count_only;
  while (i < args.size()) {
    const size_t left = args.size() - i;
    if (combines && left > call.sources.size() && token_is(args[i], "WEIGHTS")) {
      if (!read_weights(args, i + 1, call, reply)) return false;
      i += 1 + call.sources.size();
    } else if (combines && left >= 2 && token_is(args[i], "AGGREGATE")) {
      if (!read_aggregate(args[i + 1], call, reply)) return false;
      i += 2;
    } else if (!call.store && !call.count_only && token_is(args[i], "WITHSCORES")) {
      call.with_scores = true;
      ++i;
    } else if (call.count_only && left >= 2 && token_is(args[i], "LIMIT")) {
      if (!read_limit(args[i + 1], call, reply)) return false;
      i += 2;
    } else {
      syntax_error(reply);
      return false;
    }
  }
  return true;
}

// ---- results, in any order

Scored unite(const Call& call) {
  std::unordered_map<std::string, double> found;
  found.reserve(call.sources.back().size());
  for (const ScoredSource& source : call.sources) {
    source.for_each([&](std::string_view member, double score) {
      score = not_nan(source.weight * score);
      const auto [it, is_new] = found.try_emplace(std::string(member), score);
      if (!is_new) combine(it->second, score, call.aggregate);
      return true;
    });
  }
  Scored result;
  result.reserve(found.size());
  while (!found.empty()) {
    auto node = found.extract(found.begin());
    result.emplace_back(std::move(node.key()), node.mapped());
  }
  return result;
}

// f(member, score) for each that all sources have; stops when f returns false.
template <typename F>
void intersect(const Call& call, F&& f) {
  const ScoredSource& smallest = call.sources.front();
  smallest.for_each([&](std::string_view member, double score) {
    score = not_nan(smallest.weight * score);
    for (size_t k = 1; k < call.sources.size(); ++k) {
      double other;
      if (!call.sources[k].find(member, &other)) return true;
      combine(score, other * call.sources[k].weight, call.aggregate);
    }
    return f(member, score);
  });
}

Scored subtract(const Call& call) {
  Scored result;
  call.sources.front().for_each([&](std::string_view member, double score) {
    double other;
    for (size_t k = 1; k < call.sources.size(); ++k) {
      if (call.sources[k].find(member, &other)) return true;
    }
    result.emplace_back(member, score);
    return true;
  });
  return result;
}

Scored compute(Call& call) {
  if (call.operation == Operation::kDiff) return subtract(call);
  if (call.operation == Operation::kUnion) return unite(call);
  Scored result;
  intersect(call, [&](std::string_view member, double score) {
    result.emplace_back(member, score);
    return true;
  });
  return result;
}

// ---- the commands

const char* event_of(Operation operation) {
  switch (operation) {
    case Operation::kUnion:
      return "zunionstore";
    case Operation::kInter:
      return "zinterstore";
    case Operation::kDiff:
      break;
  }
  return "zdiffstore";
}

// ---- in steps

bool is_smaller(const ScoredSource& a, const ScoredSource& b) {
  return a.size() < b.size();
}

uint64_t cost_of(const Call& call) {
  uint64_t all = 0;
  size_t smallest = SIZE_MAX;
  for (const ScoredSource& source : call.sources) {
    all += source.size();
    smallest = std::min(smallest, source.size());
  }
  if (call.operation == Operation::kUnion) return all;
  if (call.operation == Operation::kDiff) smallest = call.sources.front().size();
  return smallest * call.sources.size();
}

// ZUNIONSTORE, ZINTERSTORE and ZDIFFSTORE of sets too large for one tick.
class AlgebraWork final : public shard::LongWork {
 public:
  // `call`: with its sources in the order of the arguments.
  AlgebraWork(Ctx& ctx, const Args& args, const Call& call)
      : operation_(call.operation), aggregate_(call.aggregate) {
    writes(ctx.db(), ctx.key(args[1]).slot, args[1]);
    for (size_t i = 0; i < call.sources.size(); ++i) {
      const std::string_view key = args[kFirstKey + i];
      reads(ctx.db(), ctx.key(key).slot, key);
      weights_.push_back(call.sources[i].weight);
    }
  }

  bool step(Ctx& ctx, const Args& args, uint64_t elements, Writer& reply) override {
    const Key destination = ctx.key(args[1]);
    if (!are_sets(ctx, args)) {
      give_up(ctx, args);
      Ctx::wrong_type(reply);
      return true;
    }
    store::ZsetTable& table = result_.table(ctx, destination);
    std::vector<ScoredSource> sources = find_sources(ctx, args);
    left_ = elements;
    memory_ = &ctx.keyspace(destination).memory();
    const bool done = operation_ == Operation::kUnion ? unite_some(sources, table) : filter_some(sources);
    if (!done) return false;
    sources.clear();
    reply.integer(static_cast<int64_t>(table.size()));
    result_.finish(ctx, destination, table.size(), result_.longest(), event_of(operation_));
    return true;
  }
  void give_up(Ctx& ctx, const Args& args) override {
    result_.give_up(ctx, ctx.key(args[1]));
    at_ = 0;
    cursor_ = 0;
  }

 private:
  static constexpr size_t kFirstKey = 3;
  static constexpr size_t kScanAtOnce = 128;  // elements between two looks at what a step has done

  // One that changed may be anything now.
  bool are_sets(Ctx& ctx, const Args& args) const {
    for (size_t i = 0; i < weights_.size(); ++i) {
      const store::Entry* entry = ctx.peek(ctx.key(args[kFirstKey + i]));
      if (entry != nullptr && entry->type() != store::Type::kZset && entry->type() != store::Type::kSet)
        return false;
    }
    return true;
  }

  std::vector<ScoredSource> find_sources(Ctx& ctx, const Args& args) const {
    std::vector<ScoredSource> sources;
    for (size_t i = 0; i < weights_.size(); ++i) {
      sources.emplace_back(ctx.peek(ctx.key(args[kFirstKey + i])));
      sources.back().weight = weights_[i];
    }
    if (operation_ != Operation::kDiff) std::stable_sort(sources.begin(), sources.end(), is_smaller);
    return sources;
  }

  // f(member, score) from where it stands in the source; true: to the end. `each`: what an element costs.
  template <typename F>
  bool read_one(const ScoredSource& source, uint64_t each, F&& f) {
    do {
      if (left_ == 0) return false;
      uint64_t seen = 0;
      const uint64_t before = memory_->touched();
      cursor_ = source.scan(cursor_, kScanAtOnce, [&](std::string_view member, double score) {
        f(member, score);
        ++seen;
      });
      const uint64_t made = memory_->touched() - before, read = std::max<uint64_t>(seen, 1) * each;
      if (read > made) memory_->touch(read - made);
      left_ -= std::min(left_, std::max(made, read));
    } while (cursor_ != 0);
    return true;
  }

  bool unite_some(const std::vector<ScoredSource>& sources, store::ZsetTable& table) {
    for (; at_ < sources.size(); ++at_) {
      const bool done = read_one(sources[at_], 1, [&](std::string_view member, double score) {
        score = not_nan(sources[at_].weight * score);
        double before = 0;
        if (!table.find(member, &before)) {
          result_.add(member, score);
          return;
        }
        double after = before;
        combine(after, score, aggregate_);
        if (after != before || std::signbit(after) != std::signbit(before))
          table.update(member, before, after);
      });
      if (!done) return false;
    }
    return true;
  }

  // What all others have as well, or none of them.
  bool filter_some(const std::vector<ScoredSource>& sources) {
    const bool inter = operation_ == Operation::kInter;
    return read_one(sources.front(), sources.size(), [&](std::string_view member, double score) {
      if (inter) score = not_nan(sources.front().weight * score);
      for (size_t k = 1; k < sources.size(); ++k) {
        double other;
        if (sources[k].find(member, &other) != inter) return;
        if (inter) combine(score, other * sources[k].weight, aggregate_);
      }
      result_.add(member, score);
    });
  }

  const Operation operation_;
  const Aggregate aggregate_;
  std::vector<double> weights_;
  LongZset result_;
  size_t at_ = 0;        // the source that is read
  uint64_t cursor_ = 0;  // where in it
  // Of this step: elements that it may still touch, read or make.
  uint64_t left_ = 0;
  store::Memory* memory_ = nullptr;  // of the result
};

void run(Ctx& ctx, const Args& args, Writer& reply, Call call) {
  size_t options_at = 0;
  if (!read_sources(ctx, args, call.store ? 2 : 1, call, options_at, reply)) return;
  if (!read_options(args, options_at, call, reply)) return;
  if (call.store && ctx.is_long(cost_of(call)) &&
      ctx.take_long(std::make_shared<AlgebraWork>(ctx, args, call))) {
    return;
  }
  if (call.operation != Operation::kDiff) {
    std::stable_sort(call.sources.begin(), call.sources.end(), is_smaller);
  }
  if (call.count_only) {
    int64_t n = 0;
    intersect(call, [&](std::string_view, double) { return ++n != call.limit; });
    reply.integer(n);
    return;
  }
  Scored result = compute(call);
  std::sort(result.begin(), result.end(), [](const auto& a, const auto& b) {
    return a.second < b.second || (a.second == b.second && a.first < b.first);
  });
  if (!call.store) {
    MemberReply members(reply, call.with_scores);
    members.begin(result.size());
    for (const auto& [member, score] : result) members.add(member, score);
    return;
  }
  call.sources.clear();  // what they look at may go now
  reply.integer(static_cast<int64_t>(result.size()));
  const Key destination = ctx.key(args[1]);
  size_t longest = 0;
  for (const auto& [member, score] : result) longest = std::max(longest, member.size());
  ZsetResult set(ctx, destination, result.size(), longest);
  for (const auto& [member, score] : result) set.add(member, score);
  set.finish(event_of(call.operation));
}

template <Operation kOperation, bool kStore = false, bool kCountOnly = false>
void algebra(Ctx& ctx, const Args& args, Writer& reply) {
  Call call;
  call.operation = kOperation;
  call.store = kStore;
  call.count_only = kCountOnly;
  run(ctx, args, reply, std::move(call));
}

constexpr CommandRow kRows[] = {
    {.name = "zunion",
     .arity = -3,
     .flags = registry::kMovableKeys | registry::kReadonly,
     .acl = registry::kCatSortedSet,
     .keys = registry::keys_counted(1, 0, 1, 1, registry::kKeyRO | registry::kKeyAccess),
     .group = "sorted-set",
     .since = "6.2.0",
     .summary = "The union of several sorted sets.",
     .complexity = "O(N)+O(M*log(M)), N being the elements of all sets, M those of the result.",
     .arguments = "numkeys:integer key:key@0* weight:integer=WEIGHTS?* aggregate:oneof(sum=SUM "
                  "min=MIN max=MAX)=AGGREGATE? withscores=WITHSCORES?",
     .run = algebra<Operation::kUnion>},
    {.name = "zinter",
     .arity = -3,
     .flags = registry::kMovableKeys | registry::kReadonly,
     .acl = registry::kCatSortedSet,
     .keys = registry::keys_counted(1, 0, 1, 1, registry::kKeyRO | registry::kKeyAccess),
     .group = "sorted-set",
     .since = "6.2.0",
     .summary = "The intersection of several sorted sets.",
     .complexity = "O(N*K)+O(M*log(M)), N being the elements of the smallest of K sets, M those of the "
                   "result.",
     .arguments = "numkeys:integer key:key@0* weight:integer=WEIGHTS?* aggregate:oneof(sum=SUM "
                  "min=MIN max=MAX)=AGGREGATE? withscores=WITHSCORES?",
     .run = algebra<Operation::kInter>},
    {.name = "zdiff",
     .arity = -3,
     .flags = registry::kMovableKeys | registry::kReadonly,
     .acl = registry::kCatSortedSet,
     .keys = registry::keys_counted(1, 0, 1, 1, registry::kKeyRO | registry::kKeyAccess),
     .group = "sorted-set",
     .since = "6.2.0",
     .summary = "What the first of several sorted sets has and no other.",
     .complexity = "O(L*K)+O(M*log(M)), L being the elements of the first of K sets, M those of the "
                   "result.",
     .arguments = "numkeys:integer key:key@0* withscores=WITHSCORES?",
     .run = algebra<Operation::kDiff>},
    {.name = "zunionstore",
     .arity = -4,
     .flags = registry::kDenyOom | registry::kMovableKeys | registry::kWrite | registry::kMayTakeLong,
     .acl = registry::kCatSortedSet,
     .keys = {first_key(registry::kKeyOW | registry::kKeyUpdate),
              registry::keys_counted(2, 0, 1, 1, registry::kKeyRO | registry::kKeyAccess)},
     .group = "sorted-set",
     .since = "2.0.0",
     .summary = "Stores the union of several sorted sets.",
     .complexity = "O(N)+O(M*log(M)), N being the elements of all sets, M those of the result.",
     .arguments = "destination:key@0 numkeys:integer key:key@1* weight:integer=WEIGHTS?* "
                  "aggregate:oneof(sum=SUM min=MIN max=MAX)=AGGREGATE?",
     .run = algebra<Operation::kUnion, true>},
    {.name = "zinterstore",
     .arity = -4,
     .flags = registry::kDenyOom | registry::kMovableKeys | registry::kWrite | registry::kMayTakeLong,
     .acl = registry::kCatSortedSet,
     .keys = {first_key(registry::kKeyOW | registry::kKeyUpdate),
              registry::keys_counted(2, 0, 1, 1, registry::kKeyRO | registry::kKeyAccess)},
     .group = "sorted-set",
     .since = "2.0.0",
     .summary = "Stores the intersection of several sorted sets.",
     .complexity = "O(N*K)+O(M*log(M)), N being the elements of the smallest of K sets, M those of the "
                   "result.",
     .arguments = "destination:key@0 numkeys:integer key:key@1* weight:integer=WEIGHTS?* "
                  "aggregate:oneof(sum=SUM min=MIN max=MAX)=AGGREGATE?",
     .run = algebra<Operation::kInter, true>},
    {.name = "zdiffstore",
     .arity = -4,
     .flags = registry::kDenyOom | registry::kMovableKeys | registry::kWrite | registry::kMayTakeLong,
     .acl = registry::kCatSortedSet,
     .keys = {first_key(registry::kKeyOW | registry::kKeyUpdate),
              registry::keys_counted(2, 0, 1, 1, registry::kKeyRO | registry::kKeyAccess)},
     .group = "sorted-set",
     .since = "6.2.0",
     .summary = "Stores what the first of several sorted sets has and no other.",
     .complexity = "O(L*K)+O(M*log(M)), L being the elements of the first of K sets, M those of the "
                   "result.",
     .arguments = "destination:key@0 numkeys:integer key:key@1*",
     .run = algebra<Operation::kDiff, true>},
    {.name = "zintercard",
     .arity = -3,
     .flags = registry::kMovableKeys | registry::kReadonly,
     .acl = registry::kCatSortedSet,
     .keys = registry::keys_counted(1, 0, 1, 1, registry::kKeyRO | registry::kKeyAccess),
     .group = "sorted-set",
     .since = "7.0.0",
     .summary = "How many members several sorted sets have in common.",
     .complexity = "O(N*K), N being the elements of the smallest of K sets.",
     .arguments = "numkeys:integer key:key@0* limit:integer=LIMIT?",
     .run = algebra<Operation::kInter, false, true>},
};

}  // namespace

RowTable zset_algebra_rows() {
  return kRows;
}

}  // namespace tessera::commands
