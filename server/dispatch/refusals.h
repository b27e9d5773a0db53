// Role: what was refused goes into ACL LOG, which the control thread keeps. Thread: the connection's.
// Invariant: refusals are cheap for those who did not cause them: only so many are on their way at once, what
// comes beyond that (a flood of wrong passwords) is counted and not logged.
#pragma once

#include <string>
#include <string_view>

#include "server/acl/acl_log.h"
#include "server/dispatch/engine.h"
#include "server/dispatch/session.h"

namespace tessera::dispatch {

// `object`: the command, key or channel; `user_name`: who was, or wanted to be.
void log_refusal(Engine& engine, Session& session, acl::Reason reason, std::string_view object,
                 std::string_view user_name);

}  // namespace tessera::dispatch
