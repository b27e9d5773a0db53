// Role: LATENCY: histograms of commands (any thread may read them) and events that took too long (every
// thread has its own). Thread: HISTOGRAM the connection's; the others all threads, then home.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "common/text/integers.h"
#include "common/text/strings.h"
#include "server/commands/server/tables.h"
#include "server/dispatch/conn_ctx.h"
#include "server/registry/help.h"

namespace tessera::commands {

namespace {

using dispatch::ConnCtx;
using dispatch::LatencyEvents;
using dispatch::LatencyHistogram;
using dispatch::ThreadCtx;
using registry::Args;
using registry::CommandRow;
using registry::Part;
using registry::Route;
using resp::Writer;

// ---- HISTOGRAM

// Ends of redis-server's buckets, in microseconds: powers of two of 1024 ns at the two digits its histograms
// keep.
constexpr int kPowers = 27;
int64_t power_ns(int power) {
  return int64_t{1024} << power;
}
int64_t power_us(int power) {
  return (power_ns(power) + std::max<int64_t>(power_ns(power) / 128, 1) - 1) / 1000;
}

struct Histogram {
  int64_t calls = 0;
  int64_t counts[kPowers] = {};
};

Histogram histogram_of(const dispatch::NodeShared& node, uint16_t id) {
  Histogram sum;
  for (dispatch::Engine* engine : node.engines) {
    const dispatch::CommandCounters& counters = engine->stats().at(id);
    const LatencyHistogram* histogram = counters.histogram.load(std::memory_order_acquire);
    if (histogram == nullptr) continue;
    for (int bucket = 0; bucket < LatencyHistogram::kBuckets; ++bucket) {
      const int64_t count = histogram->count(bucket);
      if (count == 0) continue;
      int power = 0;
      while (power + 1 < kPowers &&
             power_ns(power) < static_cast<int64_t>(LatencyHistogram::upper_ns(bucket)))
        ++power;
      sum.counts[power] += count;
      sum.calls += count;
    }
  }
  return sum;
}

// False: it was never called.
bool write_histogram(const dispatch::NodeShared& node, const CommandRow& row, Writer& reply) {
  const Histogram histogram = histogram_of(node, row.id);
  if (histogram.calls == 0) return false;
  reply.bulk(registry::CommandTable::full_name(row));
  reply.map(2);
  reply.bulk("calls");
  reply.integer(histogram.calls);
  reply.bulk("histogram_usec");
  resp::Chunk* place = reply.deferred();
  int64_t pairs = 0;
  int64_t so_far = 0;
  for (int power = 0; power < kPowers; ++power) {
    if (histogram.counts[power] == 0) continue;
    so_far += histogram.counts[power];
    reply.integer(power_us(power));
    reply.integer(so_far);
    ++pairs;
  }
  reply.finish_map(place, pairs);
  return true;
}

void histogram(ConnCtx& ctx, const Args& args, Writer& reply) {
  const dispatch::NodeShared& node = ctx.node();
  resp::Chunk* place = reply.deferred();
  int64_t pairs = 0;
  if (args.size() == 2) {
    for (const CommandRow& row : node.commands->all()) pairs += write_histogram(node, row, reply) ? 1 : 0;
  }
  for (size_t i = 2; i < args.size(); ++i) {
    const CommandRow* row = node.commands->find_full(args[i]);
    if (row == nullptr) continue;
    pairs += write_histogram(node, *row, reply) ? 1 : 0;
    for (const CommandRow& each : node.commands->all()) {
      if (!row->subcommands.empty() && each.parent == row->id)
        pairs += write_histogram(node, each, reply) ? 1 : 0;
    }
  }
  reply.finish_map(place, pairs);
}

// ---- events

// A part's events as texts: name, longest, number of samples, then second and milliseconds of each.
void events_part(ThreadCtx& ctx, const Args&, Part& part) {
  part.number = ctx.engine().settings().latency_threshold_ms;
  for (const auto& [name, event] : ctx.engine().latency_events().events()) {
    part.items.push_back(name);
    part.items.push_back(text::to_text(event.longest_ms));
    part.items.push_back(text::to_text(static_cast<uint64_t>(event.samples.size())));
    for (const LatencyEvents::Sample& sample : event.samples) {
      part.items.push_back(text::to_text(sample.second));
      part.items.push_back(text::to_text(sample.ms));
    }
  }
}

struct Event {
  int64_t longest_ms = 0;
  std::map<int64_t, int64_t> samples;  // second -> milliseconds
};
using Events = std::map<std::string, Event, std::less<>>;

int64_t number_of(const std::string& text) {
  return text::parse_int64(text).value_or(0);
}

// The node's events: of a second the longest counts, of an event the latest samples.
Events join(std::span<const Part> parts) {
  Events events;
  for (const Part& part : parts) {
    for (size_t i = 0; i + 2 < part.items.size();) {
      Event& event = events[part.items[i]];
      event.longest_ms = std::max(event.longest_ms, number_of(part.items[i + 1]));
      int64_t samples = number_of(part.items[i + 2]);
      i += 3;
      for (; samples > 0; --samples, i += 2) {
        int64_t& ms = event.samples[number_of(part.items[i])];
        ms = std::max(ms, number_of(part.items[i + 1]));
      }
    }
  }
  for (auto& [name, event] : events) {
    while (event.samples.size() > LatencyEvents::kSamples) event.samples.erase(event.samples.begin());
  }
  return events;
}

void latest_merge(std::span<Part> parts, const Args&, Writer& reply) {
  const Events events = join(parts);
  reply.array(static_cast<int64_t>(events.size()));
  for (const auto& [name, event] : events) {
    const auto& [second, ms] = *event.samples.rbegin();
    reply.array(4);
    reply.bulk(name);
    reply.integer(second);
    reply.integer(ms);
    reply.integer(event.longest_ms);
  }
}

void history_merge(std::span<Part> parts, const Args& args, Writer& reply) {
  const Events events = join(parts);
  const auto at = events.find(args[2]);
  if (at == events.end()) {
    reply.array(0);
    return;
  }
  reply.array(static_cast<int64_t>(at->second.samples.size()));
  for (const auto& [second, ms] : at->second.samples) {
    reply.array(2);
    reply.integer(second);
    reply.integer(ms);
  }
}

// One column a sample, five levels, the oldest on the left.
void graph_merge(std::span<Part> parts, const Args& args, Writer& reply) {
  const Events events = join(parts);
  const auto at = events.find(args[2]);
  if (at == events.end()) {
    reply.error("ERR No samples available for event '" + std::string(args[2]) + "'");
    return;
  }
  constexpr int kLevels = 5;
  int64_t low = INT64_MAX;
  int64_t high = 0;
  for (const auto& [second, ms] : at->second.samples) {
    low = std::min(low, ms);
    high = std::max(high, ms);
  }
  std::string text = at->first + " - high " + text::to_text(high) + " ms, low " + text::to_text(low) +
                     " ms (all time high " + text::to_text(at->second.longest_ms) + " ms)\n";
  text += std::string(80, '-') + "\n";
  for (int level = kLevels; level > 0; --level) {
    for (const auto& [second, ms] : at->second.samples) {
      const int64_t height = high > low ? 1 + (ms - low) * (kLevels - 1) / (high - low) : 1;
      text += height >= level ? '#' : ' ';
    }
    text += '\n';
  }
  reply.verbatim("txt", text);
}

void doctor_merge(std::span<Part> parts, const Args&, Writer& reply) {
  if (parts[0].number <= 0) {
    reply.verbatim(
        "txt",
        "Nothing is watched: latency-monitor-threshold is 0. CONFIG SET it to the number of milliseconds "
        "from which on a stop matters to you.\n");
    return;
  }
  const Events events = join(parts);
  if (events.empty()) {
    reply.verbatim(
        "txt", "Nothing took " + text::to_text(parts[0].number) + " ms or longer since the last reset.\n");
    return;
  }
  std::string text;
  for (const auto& [name, event] : events) {
    int64_t sum = 0;
    for (const auto& sample : event.samples) sum += sample.second;
    text += name + ": in " + text::to_text(static_cast<uint64_t>(event.samples.size())) +
            " seconds, on average " + text::to_text(sum / static_cast<int64_t>(event.samples.size())) +
            " ms, at most " + text::to_text(event.longest_ms) + " ms.\n";
  }
  text +=
      "SLOWLOG GET tells which commands; LATENCY HISTORY <event> when. Large values and commands over many "
      "elements "
      "hold up the other keys of their shard.\n";
  reply.verbatim("txt", text);
}

void reset_part(ThreadCtx& ctx, const Args& args, Part& part) {
  LatencyEvents& events = ctx.engine().latency_events();
  if (args.size() == 2) {
    for (const auto& event : events.events()) part.items.push_back(event.first);
    events.reset_all();
  }
  for (size_t i = 2; i < args.size(); ++i) {
    if (events.reset(args[i])) part.items.emplace_back(args[i]);
  }
}

void reset_merge(std::span<Part> parts, const Args&, Writer& reply) {
  std::vector<std::string> names;
  for (Part& part : parts) names.insert(names.end(), part.items.begin(), part.items.end());
  std::sort(names.begin(), names.end());
  reply.integer(std::unique(names.begin(), names.end()) - names.begin());
}

constexpr const char* kHelp[] = {
    "DOCTOR",
    "    Return a human readable latency analysis report.",
    "GRAPH <event>",
    "    Return an ASCII latency graph for the <event> class.",
    "HISTORY <event>",
    "    Return time-latency samples for the <event> class.",
    "LATEST",
    "    Return the latest latency samples for all events.",
    "RESET [<event> ...]",
    "    Reset latency data of one or more <event> classes.",
    "    (default: reset all data for all event classes)",
    "HISTOGRAM [COMMAND ...]",
    ("    Return a cumulative distribution of latencies in the format of a histogram for the specified "
     "command names."),
    "    If no commands are specified then all histograms are replied.",
};

void help(ConnCtx&, const Args&, Writer& reply) {
  registry::write_help("LATENCY", kHelp, reply);
}

constexpr uint32_t kUsual = registry::kAdmin | registry::kNoscript | registry::kLoading | registry::kStale;
constexpr const char* kTips = "nondeterministic_output request_policy:all_nodes response_policy:special";

constexpr CommandRow kSubcommands[] = {
    {.name = "doctor",
     .arity = 2,
     .flags = kUsual,
     .route = Route::kThreads,
     .group = "server",
     .since = "2.8.13",
     .summary = "What took long, in words.",
     .complexity = "O(1)",
     .tips = kTips,
     .part_threads = events_part,
     .merge = doctor_merge,
     .full_name = "latency|doctor"},
    {.name = "graph",
     .arity = 3,
     .flags = kUsual,
     .route = Route::kThreads,
     .group = "server",
     .since = "2.8.13",
     .summary = "The samples of an event as a picture.",
     .complexity = "O(1)",
     .tips = kTips,
     .arguments = "event:string",
     .part_threads = events_part,
     .merge = graph_merge,
     .full_name = "latency|graph"},
    {.name = "help",
     .arity = 2,
     .flags = registry::kLoading | registry::kStale,
     .route = Route::kConn,
     .group = "server",
     .since = "2.8.13",
     .summary = "What LATENCY can do.",
     .complexity = "O(1)",
     .run_conn = help,
     .full_name = "latency|help"},
    {.name = "histogram",
     .arity = -2,
     .flags = kUsual,
     .route = Route::kConn,
     .group = "server",
     .since = "7.0.0",
     .summary = "How long commands took, as cumulative counts.",
     .complexity = "O(N), N being the number of commands.",
     .tips = kTips,
     .arguments = "command:string?*",
     .run_conn = histogram,
     .full_name = "latency|histogram"},
    {.name = "history",
     .arity = 3,
     .flags = kUsual,
     .route = Route::kThreads,
     .group = "server",
     .since = "2.8.13",
     .summary = "The samples of an event.",
     .complexity = "O(1)",
     .tips = kTips,
     .arguments = "event:string",
     .part_threads = events_part,
     .merge = history_merge,
     .full_name = "latency|history"},
    {.name = "latest",
     .arity = 2,
     .flags = kUsual,
     .route = Route::kThreads,
     .group = "server",
     .since = "2.8.13",
     .summary = "The latest sample of every event.",
     .complexity = "O(1)",
     .tips = kTips,
     .part_threads = events_part,
     .merge = latest_merge,
     .full_name = "latency|latest"},
    {.name = "reset",
     .arity = -2,
     .flags = kUsual,
     .route = Route::kThreads,
     .group = "server",
     .since = "2.8.13",
     .summary = "Forgets the samples of events.",
     .complexity = "O(1)",
     .tips = "request_policy:all_nodes response_policy:agg_sum",
     .arguments = "event:string?*",
     .part_threads = reset_part,
     .merge = reset_merge,
     .full_name = "latency|reset"},
};

constexpr CommandRow kRows[] = {
    {.name = "latency",
     .arity = -2,
     .group = "server",
     .since = "2.8.13",
     .summary = "How long things take.",
     .complexity = "Depends on the subcommand.",
     .subcommands = kSubcommands},
};

}  // namespace

RowTable latency_rows() {
  return kRows;
}

}  // namespace tessera::commands
