// Role: --cluster. Its commands get a file each beside this one; here they are told apart.
#include "tools/cli/modes/modes.h"

namespace tessera::cli {

int run_cluster(Session& session, const Options& options) {
  (void)session;
  std::fprintf(stderr, "--cluster %s: managing clusters is not part of this program yet.\n",
               options.cluster_args.empty() ? "" : options.cluster_args[0].c_str());
  return 1;
}

}  // namespace tessera::cli
