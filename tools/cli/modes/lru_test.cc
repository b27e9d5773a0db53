// Role: --lru-test: a cache under load. Keys are asked for with a power law (80 % of requests for 20 % of the
// keys), what misses is set; the share of hits tells how well the server evicts.
#include <cmath>
#include <cstdio>

#include "common/base/random.h"
#include "tools/cli/modes/modes.h"

namespace tessera::cli {
namespace {

constexpr int kPipeline = 250;
// For x uniform in (0, 1], keys * x^kPower falls into the first fifth with probability 0.2^(1/kPower) = 0.8.
const double kPower = std::log(0.2) / std::log(0.8);

}  // namespace

int run_lru_test(Session& session, const Options& options) {
  if (options.lru_test_keys <= 0) {
    std::fprintf(stderr, "--lru-test needs a number of keys\n");
    return 1;
  }
  connect_or_exit(session);
  const io::Clock& clock = session.client().loop().clock();
  Random random(session.env().random_u64());
  const Micros window = options.interval_us > 0 ? Micros{options.interval_us} : seconds(1);
  const auto keys = static_cast<double>(options.lru_test_keys);
  for (;;) {
    int64_t hits = 0, misses = 0;
    const MonoTime begin = clock.mono();
    while (clock.mono() - begin < window) {
      std::vector<std::string> names;
      for (int i = 0; i < kPipeline; ++i) {
        const auto n = static_cast<int64_t>(keys * std::pow(1.0 - random.unit(), kPower));
        names.push_back("lru:" + std::to_string(std::min(n, options.lru_test_keys - 1)));
        session.client().append({"GET", names.back()});
      }
      std::vector<std::string> missing;
      for (const std::string& name : names) {
        const resp::Value reply = session.receive();
        if (reply.is_error()) {
          std::printf("%s\n", reply.text.c_str());
        } else if (reply.is_null()) {
          missing.push_back(name);
        } else {
          ++hits;
        }
      }
      misses += static_cast<int64_t>(missing.size());
      for (const std::string& name : missing) session.client().append({"SET", name, "val:" + name});
      for (size_t i = 0; i < missing.size(); ++i) {
        const resp::Value reply = session.receive();
        if (reply.is_error()) std::printf("%s\n", reply.text.c_str());
      }
    }
    const int64_t all = hits + misses;
    const double seconds_passed = static_cast<double>((clock.mono() - begin).us) / 1e6;
    const double hit_share = all > 0 ? 100.0 * static_cast<double>(hits) / static_cast<double>(all) : 0;
    std::printf("%lld Gets/sec | Hits: %lld (%.2f%%) | Misses: %lld (%.2f%%)\n",
                static_cast<long long>(static_cast<double>(all) / seconds_passed),
                static_cast<long long>(hits), hit_share, static_cast<long long>(misses),
                all > 0 ? 100 - hit_share : 0);
    std::fflush(stdout);
  }
}

}  // namespace tessera::cli
