// Role: the wire form of bus messages. See message.h.
#include "server/cluster/bus/message.h"

namespace tessera::cluster::bus {}
