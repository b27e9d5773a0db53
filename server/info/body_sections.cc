// Role: the sections of INFO whose lines are not fixed: commandstats, errorstats, latencystats, keyspace.
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <map>
#include <vector>

#include "common/text/floats.h"
#include "server/config/config.h"
#include "server/info/sections.h"

namespace tessera::info {

using dispatch::CommandCounters;
using dispatch::LatencyHistogram;

void write_commandstats(const Source& source, std::string& out) {
  const registry::CommandTable& commands = *source.node().commands;
  for (const registry::CommandRow& row : commands.all()) {
    int64_t calls = 0, ns = 0, rejected = 0, failed = 0;
    for (dispatch::Engine* engine : source.node().engines) {
      const CommandCounters& counters = engine->stats().at(row.id);
      calls += counters.calls.get();
      ns += counters.ns.get();
      rejected += counters.rejected.get();
      failed += counters.failed.get();
    }
    if (calls == 0 && rejected == 0 && failed == 0) continue;
    const int64_t us = ns / 1000;
    char line[256];
    std::snprintf(line, sizeof(line),
                  "cmdstat_%s:calls=%" PRId64 ",usec=%" PRId64 ",usec_per_call=%.2f,rejected_calls=%" PRId64
                  ",failed_calls=%" PRId64 "\r\n",
                  row.full_name, calls, us,
                  calls ? static_cast<double>(us) / static_cast<double>(calls) : 0.0, rejected, failed);
    out += line;
  }
}

void write_errorstats(const Source& source, std::string& out) {
  std::map<std::string, int64_t> errors;
  for (dispatch::Engine* engine : source.node().engines) {
    for (const auto& error : engine->stats().errors()) {
      if (!error.used.load(std::memory_order_acquire) || error.count.get() == 0) continue;
      std::string code = error.code.text();
      // What could end the field's name, as redis-server.
      std::replace_if(
          code.begin(), code.end(),
          [](char c) { return std::string_view("#:\r\n").find(c) != std::string_view::npos; }, '_');
      errors[code] += error.count.get();
    }
  }
  for (const auto& [code, count] : errors)
    out += "errorstat_" + code + ":count=" + std::to_string(count) + "\r\n";
}

void write_latencystats(const Source& source, std::string& out) {
  if (!source.settings().latency_tracking) return;
  const std::vector<double> percentiles = source.settings().config->latency_percentiles();
  for (const registry::CommandRow& row : source.node().commands->all()) {
    std::vector<int64_t> counts(LatencyHistogram::kBuckets, 0);
    int64_t total = 0;
    for (dispatch::Engine* engine : source.node().engines) {
      const LatencyHistogram* histogram =
          engine->stats().at(row.id).histogram.load(std::memory_order_acquire);
      if (histogram == nullptr) continue;
      for (int i = 0; i < LatencyHistogram::kBuckets; ++i) {
        counts[static_cast<size_t>(i)] += histogram->count(i);
        total += histogram->count(i);
      }
    }
    if (total == 0) continue;
    out += std::string("latency_percentiles_usec_") + row.full_name + ":";
    for (size_t i = 0; i < percentiles.size(); ++i) {
      const auto wanted =
          std::max<int64_t>(static_cast<int64_t>(percentiles[i] / 100 * static_cast<double>(total) + 0.5), 1);
      int64_t seen = 0;
      int bucket = 0;
      while (bucket < LatencyHistogram::kBuckets - 1 &&
             (seen += counts[static_cast<size_t>(bucket)]) < wanted)
        ++bucket;
      char text[96];
      std::snprintf(text, sizeof(text), "%sp%g=%.3f", i ? "," : "", percentiles[i],
                    static_cast<double>(LatencyHistogram::upper_ns(bucket)) / 1000.0);
      out += text;
    }
    out += "\r\n";
  }
}

void write_keyspace(const Source& source, std::string& out) {
  const size_t count = source.node().engines.front()->shard().databases().size();
  for (size_t db = 0; db < count; ++db) {
    int64_t keys = 0, expires = 0;
    double ttl_sum = 0;  // times may be near 2^63
    for (dispatch::Engine* engine : source.node().engines) {
      const shard::DatabaseCounters& counters = engine->shard().databases()[db];
      keys += counters.keys.get();
      expires += counters.expires.get();
      ttl_sum +=
          static_cast<double>(counters.average_ttl_ms.get()) * static_cast<double>(counters.expires.get());
    }
    if (keys == 0 && expires == 0) continue;
    char line[128];
    std::snprintf(line, sizeof(line), "db%zu:keys=%" PRId64 ",expires=%" PRId64 ",avg_ttl=%" PRId64 "\r\n",
                  db, keys, expires,
                  expires ? static_cast<int64_t>(std::min(ttl_sum / static_cast<double>(expires), 9e18)) : 0);
    out += line;
  }
}

}  // namespace tessera::info
