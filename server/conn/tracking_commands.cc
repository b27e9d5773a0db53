// Role: CLIENT TRACKING, CACHING, TRACKINGINFO, GETREDIR. Thread: the connection's; TRACKING with REDIRECT
// runs while all threads are parked, since the other client may be on any. Order of checks: redis-server's.
#include <algorithm>

#include "common/text/integers.h"
#include "common/text/strings.h"
#include "server/conn/tables.h"
#include "server/dispatch/tracking_sink.h"

namespace tessera::conn {

namespace {

using dispatch::ConnCtx;
using dispatch::Pipeline;
using dispatch::Session;
using dispatch::TrackingSink;
using dispatch::TrackingWish;
using registry::Args;
using registry::CommandRow;
using registry::Route;
using resp::Writer;

TrackingSink& sink_of(dispatch::Engine& engine) {
  return static_cast<TrackingSink&>(engine.push_sink());
}

// The client with this number, on any thread. REQUIRES: all threads are parked, or there is only ours.
bool find_client(dispatch::NodeShared& node, uint64_t id, dispatch::ClientRef& ref) {
  bool found = false;
  for (dispatch::Engine* engine : node.engines) {
    engine->clients().for_each([&](Session& session, Pipeline&) {
      if (session.id != id) return;
      ref = session.ref;
      found = true;
    });
  }
  return found;
}

// nullptr: fine.
const char* read_redirect(dispatch::NodeShared& node, std::string_view word, TrackingWish& wish) {
  int64_t id = 0;
  if (wish.redirect != 0) return "ERR A client can only redirect to a single other client";
  if (!text::parse_int64(word, &id)) return "ERR value is not an integer or out of range";
  if (id <= 0 || !find_client(node, static_cast<uint64_t>(id), wish.redirect_ref)) {
    return "ERR The client ID you want redirect to does not exist";
  }
  wish.redirect = static_cast<uint64_t>(id);
  return nullptr;
}

const char* read_options(dispatch::NodeShared& node, const Args& args, TrackingWish& wish) {
  for (size_t i = 3; i < args.size(); ++i) {
    const bool more = i + 1 < args.size();
    if (more && text::iequals(args[i], "redirect")) {
      if (const char* error = read_redirect(node, args[++i], wish)) return error;
    } else if (text::iequals(args[i], "bcast")) {
      wish.flags |= dispatch::kTrackingBcast;
    } else if (text::iequals(args[i], "optin")) {
      wish.flags |= dispatch::kTrackingOptin;
    } else if (text::iequals(args[i], "optout")) {
      wish.flags |= dispatch::kTrackingOptout;
    } else if (text::iequals(args[i], "noloop")) {
      wish.flags |= dispatch::kTrackingNoloop;
    } else if (more && text::iequals(args[i], "prefix")) {
      wish.prefixes.emplace_back(args[++i]);
    } else {
      return "ERR syntax error";
    }
  }
  return nullptr;
}

const char* compare_modes(const Session& session, const TrackingWish& wish) {
  const auto wants = [&](uint32_t flag) { return (wish.flags & flag) != 0; };
  if (!wants(dispatch::kTrackingBcast) && !wish.prefixes.empty()) {
    return "ERR PREFIX option requires BCAST mode to be enabled";
  }
  if (session.has(dispatch::kTracking) &&
      session.has(dispatch::kTrackingBcast) != wants(dispatch::kTrackingBcast)) {
    return "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then "
           "re-enabling it with a different mode.";
  }
  if (wants(dispatch::kTrackingBcast) && wants(dispatch::kTrackingOptin | dispatch::kTrackingOptout)) {
    return "ERR OPTIN and OPTOUT are not compatible with BCAST";
  }
  if (wants(dispatch::kTrackingOptin) && wants(dispatch::kTrackingOptout)) {
    return "ERR You can't specify both OPTIN mode and OPTOUT mode";
  }
  if ((wants(dispatch::kTrackingOptin) && session.has(dispatch::kTrackingOptout)) ||
      (wants(dispatch::kTrackingOptout) && session.has(dispatch::kTrackingOptin))) {
    return "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then "
           "re-enabling it with a different mode.";
  }
  return nullptr;
}

// One is the beginning of the other. Empty: fine.
std::string compare_prefixes(const std::vector<std::string>& known, const std::vector<std::string>& wanted) {
  const auto overlap = [](const std::string& a, const std::string& b) {
    const size_t n = std::min(a.size(), b.size());
    return a.compare(0, n, b, 0, n) == 0;
  };
  const auto text = [](const std::string& mine, const char* what, const std::string& other) {
    return "ERR Prefix '" + mine + "' overlaps with " + what + " '" + other +
           "'. Prefixes for a single client must not overlap.";
  };
  for (size_t i = 0; i < wanted.size(); ++i) {
    for (const std::string& each : known) {
      if (overlap(each, wanted[i])) return text(wanted[i], "an existing prefix", each);
    }
    for (size_t j = i + 1; j < wanted.size(); ++j) {
      if (overlap(wanted[i], wanted[j])) return text(wanted[i], "another provided prefix", wanted[j]);
    }
  }
  return {};
}

void set_tracking(dispatch::Engine& engine, Session& session, Pipeline& pipeline, const Args& args,
                  Writer& reply) {
  TrackingWish wish;
  if (const char* error = read_options(engine.node(), args, wish)) {
    reply.error(error);
    return;
  }
  TrackingSink& sink = sink_of(engine);
  if (text::iequals(args[2], "off")) {
    sink.track_no_more(session);
  } else if (!text::iequals(args[2], "on")) {
    reply.error("ERR syntax error");
    return;
  } else if (const char* error = compare_modes(session, wish)) {
    reply.error(error);
    return;
  } else if (const std::string overlap = compare_prefixes(sink.tracked_prefixes(session), wish.prefixes);
             !overlap.empty()) {
    reply.error(overlap);
    return;
  } else {
    sink.track(session, pipeline, wish);
    if (wish.redirect != 0) {
      dispatch::Engine& other = *engine.node().engines[wish.redirect_ref.thread];
      if (Pipeline* target = other.clients().find(wish.redirect_ref)) {
        sink_of(other).receive(target->session(), *target);
      }
    }
  }
  reply.ok();
}

void tracking(ConnCtx& ctx, const Args& args, Writer& reply) {
  bool redirects = false;
  for (size_t i = 3; i < args.size(); ++i) redirects |= text::iequals(args[i], "redirect");
  dispatch::Engine& engine = ctx.engine();
  if (!redirects || ctx.node().engines.size() == 1) {
    set_tracking(engine, ctx.session(), ctx.pipeline(), args, reply);
    return;
  }
  std::vector<std::string> words;
  for (size_t i = 0; i < args.size(); ++i) words.emplace_back(args[i]);
  const dispatch::ClientRef ref = ctx.session().ref;
  ctx.run_parked(args, [&engine, ref, words](Writer& out) {
    Pipeline* pipeline = engine.clients().find(ref);
    if (pipeline == nullptr) return;  // it has left meanwhile
    const std::vector<std::string_view> views(words.begin(), words.end());
    set_tracking(engine, pipeline->session(), *pipeline, Args(views), out);
  });
}

void caching(ConnCtx& ctx, const Args& args, Writer& reply) {
  Session& session = ctx.session();
  if (!session.has(dispatch::kTracking)) {
    reply.error(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode "
        "enabled");
    return;
  }
  const bool yes = text::iequals(args[2], "yes");
  if (!yes && !text::iequals(args[2], "no")) {
    reply.error("ERR syntax error");
  } else if (yes && !session.has(dispatch::kTrackingOptin)) {
    reply.error("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.");
  } else if (!yes && !session.has(dispatch::kTrackingOptout)) {
    reply.error("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.");
  } else {
    session.set(dispatch::kTrackingCaching);
    reply.ok();
  }
}

void tracking_info(ConnCtx& ctx, const Args&, Writer& reply) {
  const Session& session = ctx.session();
  std::vector<const char*> flags = {session.has(dispatch::kTracking) ? "on" : "off"};
  const bool armed = session.has(dispatch::kTrackingCaching);
  if (session.has(dispatch::kTrackingBcast)) flags.push_back("bcast");
  if (session.has(dispatch::kTrackingOptin)) {
    flags.push_back("optin");
    if (armed) flags.push_back("caching-yes");
  }
  if (session.has(dispatch::kTrackingOptout)) {
    flags.push_back("optout");
    if (armed) flags.push_back("caching-no");
  }
  if (session.has(dispatch::kTrackingNoloop)) flags.push_back("noloop");
  if (session.has(dispatch::kTrackingBroken)) flags.push_back("broken_redirect");
  reply.map(3);
  reply.bulk("flags");
  reply.set(static_cast<int64_t>(flags.size()));
  for (const char* flag : flags) reply.bulk(flag);
  reply.bulk("redirect");
  reply.integer(session.has(dispatch::kTracking) ? static_cast<int64_t>(session.redirect_id) : -1);
  reply.bulk("prefixes");
  const std::vector<std::string> prefixes = sink_of(ctx.engine()).tracked_prefixes(session);
  reply.array(static_cast<int64_t>(prefixes.size()));
  for (const std::string& prefix : prefixes) reply.bulk(prefix);
}

void get_redirection(ConnCtx& ctx, const Args&, Writer& reply) {
  const Session& session = ctx.session();
  reply.integer(session.has(dispatch::kTracking) ? static_cast<int64_t>(session.redirect_id) : -1);
}

constexpr uint32_t kUsual =
    registry::kNoscript | registry::kLoading | registry::kStale | registry::kAllowBusy;

constexpr CommandRow kRows[] = {
    {.name = "tracking",
     .arity = -3,
     .flags = kUsual & ~registry::kAllowBusy,
     .acl = registry::kCatConnection,
     .route = Route::kConn,
     .group = "connection",
     .since = "6.0.0",
     .summary = "Tells this client when keys change that it has read.",
     .complexity = "O(1), or the number of prefixes.",
     .arguments = "status:oneof(on=ON off=OFF) client-id:integer=REDIRECT? prefix:string=PREFIX?+ "
                  "bcast=BCAST? optin=OPTIN? optout=OPTOUT? noloop=NOLOOP?",
     .run_conn = tracking,
     .full_name = "client|tracking"},
    {.name = "caching",
     .arity = 3,
     .flags = kUsual,
     .acl = registry::kCatConnection,
     .route = Route::kConn,
     .group = "connection",
     .since = "6.0.0",
     .summary = "Says whether keys of the next command are tracked.",
     .complexity = "O(1)",
     .arguments = "mode:oneof(yes=YES no=NO)",
     .run_conn = caching,
     .full_name = "client|caching"},
    {.name = "trackinginfo",
     .arity = 2,
     .flags = kUsual & ~registry::kAllowBusy,
     .acl = registry::kCatConnection,
     .route = Route::kConn,
     .group = "connection",
     .since = "6.2.0",
     .summary = "How this connection tracks keys.",
     .complexity = "O(1)",
     .run_conn = tracking_info,
     .full_name = "client|trackinginfo"},
    {.name = "getredir",
     .arity = 2,
     .flags = kUsual,
     .acl = registry::kCatConnection,
     .route = Route::kConn,
     .group = "connection",
     .since = "6.0.0",
     .summary = "The connection that this one's invalidations go to.",
     .complexity = "O(1)",
     .run_conn = get_redirection,
     .full_name = "client|getredir"},
};

}  // namespace

RowTable client_tracking_rows() {
  return kRows;
}

}  // namespace tessera::conn
