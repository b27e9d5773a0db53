// Role: CLIENT UNBLOCK. Thread: all, each looks among its own connections.
#include "common/text/integers.h"
#include "common/text/strings.h"
#include "server/conn/tables.h"

namespace tessera::conn {

namespace {

using dispatch::Pipeline;
using dispatch::Session;
using dispatch::ThreadCtx;
using registry::Args;
using registry::CommandRow;
using registry::Part;
using registry::Route;
using resp::Writer;

bool read_arguments(const Args& args, int64_t& id, bool& with_error, std::string& error) {
  if (args.size() > 4) {
    error = "ERR unknown subcommand or wrong number of arguments for '" +
            std::string(args[1].substr(0, 128)) + "'. Try CLIENT HELP.";
    return false;
  }
  with_error = args.size() == 4 && text::iequals(args[3], "error");
  if (args.size() == 4 && !with_error && !text::iequals(args[3], "timeout")) {
    error = "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR";
    return false;
  }
  if (!text::parse_int64(args[2], &id)) {
    error = "ERR value is not an integer or out of range";
    return false;
  }
  return true;
}

void unblock_part(ThreadCtx& ctx, const Args& args, Part& part) {
  int64_t id = 0;
  bool with_error = false;
  if (!read_arguments(args, id, with_error, part.error)) return;
  dispatch::BlockedRef wait;
  ctx.clients().for_each([&](Session& session, Pipeline& pipeline) {
    if (static_cast<int64_t>(session.id) == id) wait = pipeline.wait();
  });
  if (!wait) return;
  const char* text = with_error ? "UNBLOCKED client unblocked via CLIENT UNBLOCK" : "";
  part.number = ctx.engine().blocked().stop(wait, text) ? 1 : 0;
}

void unblock_merge(std::span<Part> parts, const Args&, Writer& reply) {
  int64_t unblocked = 0;
  for (const Part& part : parts) unblocked += part.number;
  reply.integer(unblocked);
}

constexpr CommandRow kRows[] = {
    {.name = "unblock",
     .arity = -3,
     .flags = registry::kAdmin | registry::kNoscript | registry::kLoading | registry::kStale,
     .acl = registry::kCatConnection,
     .route = Route::kThreads,
     .group = "connection",
     .since = "5.0.0",
     .summary = "Ends the wait of a client that is blocked.",
     .complexity = "O(N), N being the number of connections.",
     .arguments = "client-id:integer unblock-type:oneof(timeout=TIMEOUT error=ERROR)?",
     .part_threads = unblock_part,
     .merge = unblock_merge,
     .full_name = "client|unblock"},
};

}  // namespace

RowTable client_unblock_rows() {
  return kRows;
}

}  // namespace tessera::conn
