// Role: --scan, and what modes share.
#include <unistd.h>

#include "common/text/quoting.h"
#include "tools/cli/modes/modes.h"

namespace tessera::cli {

void connect_or_exit(Session& session) {
  if (!session.connect()) std::exit(1);
}

void pause(const Options& options) {
  if (options.interval_us > 0) usleep(static_cast<useconds_t>(options.interval_us));
}

int run_scan(Session& session, const Options& options) {
  connect_or_exit(session);
  scan_keys(session, options, [&](const std::vector<std::string>& keys) {
    for (const std::string& key : keys) {
      const std::string line = (options.format.output == Output::kStandard ? text::repr(key) : key) + "\n";
      std::fwrite(line.data(), 1, line.size(), stdout);
    }
    pause(options);
  });
  return 0;
}

}  // namespace tessera::cli
