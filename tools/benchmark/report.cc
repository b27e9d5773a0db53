// Role: see the header.
#include "tools/benchmark/report.h"

#include <cstdarg>
#include <cstdio>

namespace tessera::benchmark {
namespace {

__attribute__((format(printf, 2, 3))) void add(std::string& out, const char* format, ...) {
  char line[512];
  va_list args;
  va_start(args, format);
  std::vsnprintf(line, sizeof(line), format, args);
  va_end(args);
  out += line;
}

double ms(double us) {
  return us / 1000.0;
}
double ms(int64_t us) {
  return static_cast<double>(us) / 1000.0;
}

void head(std::string& out, const Outcome& outcome, const Options& options, const Surroundings& around) {
  out += "====== " + outcome.title + " ======\n";
  add(out, "  %lld requests completed in %.2f seconds\n", static_cast<long long>(outcome.finished),
      static_cast<double>(outcome.took.us) / 1e6);
  add(out, "  %d parallel clients\n  %d bytes payload\n  keep alive: %d\n", options.clients,
      options.data_bytes, options.keep_alive ? 1 : 0);
  if (options.cluster) {
    add(out, "  cluster mode: yes (%zu masters)\n", around.targets.size());
    for (size_t i = 0; i < around.settings.size(); ++i) {
      if (!around.settings[i].known) continue;
      add(out, "  node [%zu] configuration:\n", i);
      out += "    save: " + around.settings[i].save + "\n    appendonly: " + around.settings[i].appendonly +
             "\n";
    }
  } else if (around.settings[0].known) {
    out += "  host configuration \"save\": " + around.settings[0].save + "\n";
    out += "  host configuration \"appendonly\": " + around.settings[0].appendonly + "\n";
  }
  add(out, "  multi-thread: %s\n", options.threads > 0 ? "yes" : "no");
  if (options.threads > 0) add(out, "  threads: %d\n", options.threads);
  out += "\n";
}

void by_percentile(std::string& out, const Histogram& h, int decimals) {
  out += "Latency by percentile distribution:\n";
  const auto line = [&](double percent, int64_t value) {
    const int64_t seen = h.count_up_to(value);
    add(out, "%3.3f%% <= %.*f milliseconds (cumulative count %lld)\n", percent, decimals, ms(value),
        static_cast<long long>(seen));
    return seen;
  };
  int64_t seen = line(0, h.percentile_us(0));
  // Halves the rest each time.
  for (double rest = 50; seen < h.count() && rest > 1e-7; rest /= 2) {
    const double percent = 100 - rest;
    if (static_cast<double>(seen) >= percent / 100 * static_cast<double>(h.count())) continue;
    seen = line(percent, h.percentile_us(percent));
  }
  line(100, h.max_us());
}

void by_value(std::string& out, const Histogram& h, int decimals) {
  out += "\nCumulative distribution of latencies:\n";
  int64_t before = -1;
  for (int64_t value = 100; before < h.count(); value += value < 2000 ? 100 : 1000) {
    const int64_t seen = h.count_up_to(value);
    if (seen == before) continue;
    add(out, "%3.3f%% <= %.*f milliseconds (cumulative count %lld)\n",
        100.0 * static_cast<double>(seen) / static_cast<double>(h.count()), decimals, ms(value),
        static_cast<long long>(seen));
    before = seen;
  }
}

std::string csv_quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

}  // namespace

std::string csv_header() {
  return "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\"p95_latency_ms\","
         "\"p99_latency_ms\",\"max_latency_ms\"\n";
}

std::string nodes_text(const Surroundings& around) {
  std::string out;
  add(out, "Cluster has %zu master nodes:\n\n", around.targets.size());
  for (size_t i = 0; i < around.targets.size(); ++i) {
    const Target& target = around.targets[i];
    add(out, "Master %zu: ", i);
    out += target.id + " " + target.address.text() + "\n";
  }
  return out + "\n";
}

std::string report(const Outcome& outcome, const Options& options, const Surroundings& around) {
  const Histogram& h = outcome.latencies;
  const int d = options.precision;
  const double avg = ms(h.average_us()), min = ms(h.min_us()), p50 = ms(h.percentile_us(50)),
               p95 = ms(h.percentile_us(95)), p99 = ms(h.percentile_us(99)), max = ms(h.max_us());
  std::string out;
  if (options.csv) {
    out = csv_quoted(outcome.title);
    add(out, ",\"%.2f\",\"%.*f\",\"%.*f\",\"%.*f\",\"%.*f\",\"%.*f\",\"%.*f\"\n", outcome.per_second(), d,
        avg, d, min, d, p50, d, p95, d, p99, d, max);
    return out;
  }
  if (options.quiet) {
    out = outcome.title;
    add(out, ": %.2f requests per second, p50=%.*f msec\n", outcome.per_second(), d, p50);
    return out;
  }
  head(out, outcome, options, around);
  by_percentile(out, h, d);
  by_value(out, h, d);
  add(out, "\nSummary:\n  throughput summary: %.2f requests per second\n  latency summary (msec):\n",
      outcome.per_second());
  add(out, "    %9s %9s %9s %9s %9s %9s\n", "avg", "min", "p50", "p95", "p99", "max");
  add(out, "    %9.*f %9.*f %9.*f %9.*f %9.*f %9.*f\n", d, avg, d, min, d, p50, d, p95, d, p99, d, max);
  return out + "\n";
}

}  // namespace tessera::benchmark
