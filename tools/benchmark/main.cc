// Role: tessera-benchmark: from the command line to runs, one after the other. Thread: the main one prints
// and waits; every run has threads of its own for the load.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "common/io/env.h"
#include "tools/benchmark/options.h"
#include "tools/benchmark/report.h"
#include "tools/benchmark/run.h"
#include "tools/benchmark/targets.h"

namespace tessera::benchmark {
namespace {

std::string read_stdin() {
  std::string all;
  char bytes[16384];
  size_t n = 0;
  while ((n = std::fread(bytes, 1, sizeof(bytes), stdin)) > 0) all.append(bytes, n);
  return all;
}

// The line that a person watches while a test runs.
class LiveLine {
 public:
  LiveLine(const io::Clock& clock, const Options& options, const std::string& title)
      : clock_(clock), on_(!options.csv && isatty(STDOUT_FILENO) != 0), title_(title), begun_(clock.mono()) {
    last_ = begun_;
  }
  void show(const Run& run) {
    if (!on_) return;
    const MonoTime now = clock_.mono();
    const int64_t finished = run.finished.load(), sum = run.latency_sum_us.load();
    const auto rate = [](int64_t n, Micros in) {
      return in.us <= 0 ? 0.0 : static_cast<double>(n) * 1e6 / static_cast<double>(in.us);
    };
    const auto mean = [](int64_t us, int64_t n) {
      return n <= 0 ? 0.0 : static_cast<double>(us) / static_cast<double>(n) / 1000.0;
    };
    clear();
    const int width =
        std::printf("%s: rps=%.1f (overall: %.1f) avg_msec=%.3f (overall: %.3f)", title_.c_str(),
                    rate(finished - last_finished_, now - last_), rate(finished, now - begun_),
                    mean(sum - last_sum_, finished - last_finished_), mean(sum, finished));
    width_ = width > 0 ? width : 0;
    std::fflush(stdout);
    last_ = now;
    last_finished_ = finished;
    last_sum_ = sum;
  }
  void clear() {
    if (on_ && width_ > 0) std::printf("\r%*s\r", width_, "");
    width_ = 0;
  }

 private:
  const io::Clock& clock_;
  bool on_;
  const std::string& title_;
  MonoTime begun_, last_;
  int64_t last_finished_ = 0, last_sum_ = 0;
  int width_ = 0;
};

class Program {
 public:
  Program(io::Env& env, const Options& options, Surroundings around)
      : env_(env), options_(options), around_(std::move(around)) {
    if (options.cluster) tags_ = std::make_unique<TagTable>();
    targets_ = std::make_shared<const std::vector<Target>>(around_.targets);
  }

  // False: a failure, told.
  bool run_test(const Workload& workload) {
    Run run(options_, workload, targets_, tags_.get());
    run.seed = env_.random_u64();
    const int count = std::min(std::max(options_.threads, 1), options_.clients);
    run.working = count;
    std::vector<std::unique_ptr<Worker>> workers;
    std::vector<std::unique_ptr<io::Thread>> threads;
    for (int i = 0; i < count; ++i) workers.push_back(std::make_unique<Worker>(run, i, count));
    for (int i = 0; i < count; ++i)
      threads.push_back(env_.start_thread("load-" + std::to_string(i), *workers[i]));
    watch(run, workload.title);
    for (auto& thread : threads) thread->join();
    if (!refusal_.empty()) {
      std::fprintf(stderr, "%s\n", refusal_.c_str());
      return false;
    }
    Outcome outcome;
    outcome.title = workload.title;
    outcome.finished = run.finished.load();
    MonoTime begun = workers[0]->begun(), ended = workers[0]->ended();
    for (const auto& worker : workers) {
      if (!worker->error().empty()) {
        std::fprintf(stderr, "%s\n", worker->error().c_str());
        return false;
      }
      begun = std::min(begun, worker->begun());
      ended = std::max(ended, worker->ended());
      outcome.latencies.merge(worker->latencies());
    }
    outcome.took = ended - begun;
    if (const int64_t redirected = run.map.redirected(); redirected > 0) {
      std::fprintf(stderr, "WARNING: slots moved: %lld requests of %s were redirected and sent again\n",
                   static_cast<long long>(redirected), workload.title.c_str());
    }
    std::fputs(report(outcome, options_, around_).c_str(), stdout);
    std::fflush(stdout);
    return true;
  }

 private:
  // Until all workers are through. Looks often at first, so that a short run ends at once.
  void watch(Run& run, const std::string& title) {
    LiveLine line(env_.clock(), options_, title);
    const auto loop = env_.make_loop();
    int64_t waited_ms = 0;
    while (run.working.load(std::memory_order_acquire) > 0) {
      const int64_t wait_ms = waited_ms < 50 ? 1 : 10;
      loop->poll(millis(wait_ms));
      if (options_.cluster) answer(run);
      if (waited_ms / 250 != (waited_ms + wait_ms) / 250) line.show(run);
      waited_ms += wait_ms;
    }
    line.clear();
  }

  // Fetches the slots again for clients that were redirected. Not at every turn: while a slot is on its way,
  // or the cluster is down, nothing is new for a while.
  void answer(Run& run) {
    const MonoTime now = env_.clock().mono();
    if (now < next_look_) return;
    const auto question = run.map.take_question();
    if (!question) return;
    constexpr Micros kBetween = millis(20);
    constexpr Micros kBetweenWhenDown = seconds(1);
    constexpr int kMostInVain = 250;
    constexpr int kMostInVainWhenDown = 30;
    next_look_ = now + (question->cluster_down ? kBetweenWhenDown : kBetween);
    in_vain_ = run.finished.load() == finished_at_look_ ? in_vain_ + 1 : 0;
    finished_at_look_ = run.finished.load();
    if (question->cluster_down) std::fprintf(stderr, "Error from server: %s.\n", question->why.c_str());
    auto found = look_again(env_, options_, *run.map.targets());
    if (!found.ok() || in_vain_ > (question->cluster_down ? kMostInVainWhenDown : kMostInVain)) {
      refusal_ = found.ok() ? "Error from server: " + question->why : found.error().message;
      run.fail();
      return;
    }
    targets_ = std::make_shared<const std::vector<Target>>(std::move(*found));
    run.map.replace(targets_);
  }

  io::Env& env_;
  const Options& options_;
  Surroundings around_;
  Targets targets_;  // as last heard, for the tests to come as well
  MonoTime next_look_{0};
  int in_vain_ = 0;  // looks between which no request was served
  int64_t finished_at_look_ = -1;
  std::string refusal_;
  std::unique_ptr<TagTable> tags_;
};

int run(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);  // a server that goes away is an error of its connection
  ParsedLine line = parse_options({argv + 1, argv + argc});
  if (line.exit_code) {
    std::fputs(line.print.c_str(), *line.exit_code == 0 ? stdout : stderr);
    return *line.exit_code;
  }
  std::fputs(line.warning.c_str(), stderr);
  const Options& options = line.options;
  if (options.stdin_last_arg && !line.command.empty()) line.command.push_back(read_stdin());

  const std::unique_ptr<io::Env> env = io::make_uv_env();
  auto around = look_around(*env, options);
  if (!around.ok()) {
    std::fprintf(stderr, "%s\n", around.error().message.c_str());
    return 1;
  }
  std::fputs(around->warning.c_str(), stderr);
  if (options.cluster && !options.csv) std::fputs(nodes_text(*around).c_str(), stdout);
  if (options.idle) {
    std::printf("Creating %d idle connections and waiting forever (Ctrl+C when done)\n", options.clients);
    std::fflush(stdout);
  }
  std::vector<Workload> tests;
  if (options.idle || !line.command.empty()) {
    tests.push_back(command_workload(line.command, options));
  } else {
    tests = selected_tests(options);
  }
  if (tests.empty()) {
    std::fprintf(stderr, "No test has the name given with -t. See --help.\n");
    return 1;
  }
  if (options.csv) std::fputs(csv_header().c_str(), stdout);
  Program program(*env, options, std::move(*around));
  do {
    for (const Workload& test : tests) {
      if (!program.run_test(test)) return 1;
    }
    if (!options.csv && line.command.empty()) std::printf("\n");
  } while (options.loop);
  return 0;
}

}  // namespace
}  // namespace tessera::benchmark

int main(int argc, char** argv) {
  return tessera::benchmark::run(argc, argv);
}
