// Role: --cluster: hands over to the commands for clusters.
#include "tools/cli/cluster/commands.h"
#include "tools/cli/modes/modes.h"

namespace tessera::cli {

int run_cluster(Session& session, const Options& options) {
  const cluster::Context context{session.env(), options, options.cluster,
                                 cluster::Console::from_environment()};
  return cluster::run(context, options.cluster_args);
}

}  // namespace tessera::cli
