// Role: --latency, --latency-history, --latency-dist: round trips of PING, and --intrinsic-latency: how long
// this machine keeps a busy process from running.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "tools/cli/modes/modes.h"

namespace tessera::cli {
namespace {

constexpr Micros kBetweenSamples = millis(10);
constexpr Micros kHistoryDefault = seconds(15);
constexpr Micros kSingleDefault = seconds(1);

struct Samples {
  int64_t least_ms = 0, most_ms = 0, sum_ms = 0, count = 0;

  void add(int64_t ms) {
    least_ms = count == 0 ? ms : std::min(least_ms, ms);
    most_ms = std::max(most_ms, ms);
    sum_ms += ms;
    ++count;
  }
  void print(Output output) const {
    const double average = count > 0 ? static_cast<double>(sum_ms) / static_cast<double>(count) : 0;
    const auto least = static_cast<long long>(least_ms), most = static_cast<long long>(most_ms),
               n = static_cast<long long>(count);
    switch (output) {
      case Output::kStandard:
        std::printf("min: %lld, max: %lld, avg: %.2f (%lld samples)", least, most, average, n);
        break;
      case Output::kCsv:
        std::printf("%lld,%lld,%.2f,%lld\n", least, most, average, n);
        break;
      case Output::kRaw:
        std::printf("%lld %lld %.2f %lld\n", least, most, average, n);
        break;
      default:
        std::printf("{\"min\": %lld, \"max\": %lld, \"avg\": %.2f, \"count\": %lld}\n", least, most, average,
                    n);
    }
    std::fflush(stdout);
  }
};

// A round trip; a server that wants a password answers as fast.
Micros sample(Session& session) {
  const io::Clock& clock = session.client().loop().clock();
  const MonoTime begin = clock.mono();
  (void)session.command({"PING"});
  return clock.mono() - begin;
}

}  // namespace

int run_latency(Session& session, const Options& options) {
  connect_or_exit(session);
  const bool history = options.mode == Mode::kLatencyHistory;
  const bool terminal = options.format.output == Output::kStandard;
  const Micros window = options.interval_us > 0 ? Micros{options.interval_us}
                        : history               ? kHistoryDefault
                                                : kSingleDefault;
  const io::Clock& clock = session.client().loop().clock();
  MonoTime begin = clock.mono();
  Samples samples;
  for (;;) {
    samples.add(sample(session).ms());
    const Micros elapsed = clock.mono() - begin;
    const bool window_over = elapsed > window;
    if (terminal) {
      std::printf("\x1b[0G\x1b[2K");  // to the line's begin, and clear it
      samples.print(options.format.output);
    } else if (window_over) {
      samples.print(options.format.output);
      if (!history) return 0;
    }
    if (history && window_over) {
      if (terminal) std::printf(" -- %.2f seconds range\n", static_cast<double>(elapsed.us) / 1e6);
      begin = clock.mono();
      samples = {};
    }
    usleep(static_cast<useconds_t>(kBetweenSamples.us));
  }
}

namespace {

// Upper ends of the classes, and the character of each.
struct Class {
  int64_t below_us;
  char mark;
};
constexpr std::array<Class, 32> kClasses = {{
    {10, '.'},        {125, '-'},       {250, '*'},     {500, '#'},      {1000, '1'},     {2000, '2'},
    {3000, '3'},      {4000, '4'},      {5000, '5'},    {6000, '6'},     {7000, '7'},     {8000, '8'},
    {9000, '9'},      {10000, 'A'},     {20000, 'B'},   {30000, 'C'},    {40000, 'D'},    {50000, 'E'},
    {100000, 'F'},    {200000, 'G'},    {300000, 'H'},  {400000, 'I'},   {500000, 'J'},   {1000000, 'K'},
    {2000000, 'L'},   {4000000, 'M'},   {8000000, 'N'}, {16000000, 'O'}, {30000000, 'P'}, {60000000, 'Q'},
    {INT64_MAX, '?'}, {INT64_MAX, '?'},
}};
// Shades of xterm's 256 colours, from dark over yellow to red.
constexpr int kPalette[] = {0,   233, 234, 235, 237, 239, 241, 243, 245, 247,
                            144, 143, 142, 184, 226, 214, 208, 202, 196};
constexpr size_t kShades = std::size(kPalette);

void print_legend() {
  std::printf("---------------------------------------------\n");
  std::printf(". - * #          .01 .125 .25 .5 milliseconds\n");
  std::printf("1,2,3,...,9      from 1 to 9     milliseconds\n");
  std::printf("A,B,C,D,E        10,20,30,40,50  milliseconds\n");
  std::printf("F,G,H,I,J        .1,.2,.3,.4,.5       seconds\n");
  std::printf("K,L,M,N,O,P,Q,?  1,2,4,8,16,30,60,>60 seconds\n");
  std::printf("From 0 to 100%%: ");
  for (const int colour : kPalette) std::printf("\x1b[48;5;%dm ", colour);
  std::printf("\x1b[0m\n---------------------------------------------\n");
}

}  // namespace

int run_latency_dist(Session& session, const Options& options) {
  connect_or_exit(session);
  const Micros window = options.interval_us > 0 ? Micros{options.interval_us} : kSingleDefault;
  const io::Clock& clock = session.client().loop().clock();
  for (int64_t line = 0;; ++line) {
    if (line % 20 == 0) print_legend();
    std::array<int64_t, kClasses.size()> counts{};
    int64_t total = 0;
    for (const MonoTime begin = clock.mono(); clock.mono() - begin < window;) {
      const int64_t took_us = sample(session).us;
      for (size_t i = 0; i < kClasses.size(); ++i) {
        if (took_us < kClasses[i].below_us) {
          ++counts[i];
          break;
        }
      }
      ++total;
      usleep(static_cast<useconds_t>(kBetweenSamples.us));
    }
    std::printf("\x1b[38;5;0m");  // the marks show on shades only
    for (size_t i = 0; i + 1 < kClasses.size(); ++i) {
      const double share = total > 0 ? static_cast<double>(counts[i]) / static_cast<double>(total) : 0;
      const auto shade =
          std::min(kShades - 1, static_cast<size_t>(share * static_cast<double>(kShades - 1) + 0.999));
      std::printf("\x1b[48;5;%dm%c", kPalette[shade], kClasses[i].mark);
    }
    std::printf("\x1b[0m\n");
    std::fflush(stdout);
  }
}

int run_intrinsic_latency(const Options& options) {
  const std::unique_ptr<io::Env> env = io::make_uv_env();
  const io::Clock& clock = env->clock();
  const MonoTime end = clock.mono() + seconds(options.intrinsic_latency_s);
  int64_t worst_us = 0, runs = 0;
  const MonoTime begin = clock.mono();
  MonoTime before = begin;
  uint64_t work = 0;
  while (before < end) {
    for (int i = 0; i < 100; ++i) work = work * 6364136223846793005u + 1442695040888963407u;
    asm volatile("" : : "r"(work));  // the loop is the point: it may not be left out
    const MonoTime now = clock.mono();
    ++runs;
    if ((now - before).us > worst_us) {
      worst_us = (now - before).us;
      std::printf("Max latency so far: %lld microseconds.\n", static_cast<long long>(worst_us));
      std::fflush(stdout);
    }
    before = now;
  }
  if (runs == 0) return 0;
  const double average_us = static_cast<double>((before - begin).us) / static_cast<double>(runs);
  std::printf("\n%lld total runs (avg latency: %.4f microseconds / %.2f nanoseconds per run).\n",
              static_cast<long long>(runs), average_us, average_us * 1e3);
  std::printf("Worst run took %.0fx longer than the average latency.\n",
              average_us > 0 ? static_cast<double>(worst_us) / average_us : 0);
  return 0;
}

}  // namespace tessera::cli
