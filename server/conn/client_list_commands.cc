// Role: CLIENT LIST and CLIENT KILL: all connections of the node, each thread its own. Thread: all, then
// home.
#include <algorithm>
#include <charconv>

#include "server/conn/client_filter.h"
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

constexpr size_t kFirstOption = 2;
constexpr std::string_view kIdField = "id=";

void list_part(ThreadCtx& ctx, const Args& args, Part& part) {
  ClientFilter filter;
  if (!filter.read(args, kFirstOption, ClientFilter::For::kList, ctx.engine().acl_view(), part.error)) return;
  const MonoTime now = ctx.engine().mono();
  ctx.clients().for_each([&](Session& session, Pipeline&) {
    if (filter.skip_me() && session.id == ctx.caller_id()) return;
    if (filter.matches(session, now)) part.items.push_back(ctx.clients().describe(session));
  });
}

int64_t id_of_line(const std::string& line) {
  int64_t id = 0;
  std::from_chars(line.data() + kIdField.size(), line.data() + line.size(), id);
  return id;
}

// The ids that were asked for, in that order; empty: all.
std::vector<int64_t> asked_ids(const Args& args) {
  // A list of ids alone, as redis-server knows it; with other filters the order is that of age.
  std::vector<int64_t> ids;
  if (args.size() <= kFirstOption + 1) return ids;
  const std::string_view option = args[kFirstOption];
  if (option.size() != 2 || (option[0] | 0x20) != 'i' || (option[1] | 0x20) != 'd') return ids;
  for (size_t i = kFirstOption + 1; i < args.size(); ++i) {
    int64_t id = 0;
    if (std::from_chars(args[i].data(), args[i].data() + args[i].size(), id).ec != std::errc()) return {};
    ids.push_back(id);
  }
  return ids;
}

void list_merge(std::span<Part> parts, const Args& args, Writer& reply) {
  std::vector<std::pair<int64_t, std::string>> lines;
  for (Part& part : parts) {
    for (std::string& line : part.items) lines.emplace_back(id_of_line(line), std::move(line));
  }
  std::sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string text;
  const std::vector<int64_t> ids = asked_ids(args);
  if (ids.empty()) {
    for (const auto& line : lines) text += line.second + '\n';
  } else {
    for (int64_t id : ids) {
      const auto at = std::lower_bound(lines.begin(), lines.end(), id,
                                       [](const auto& line, int64_t wanted) { return line.first < wanted; });
      if (at != lines.end() && at->first == id) text += at->second + '\n';
    }
  }
  reply.verbatim("txt", text);
}

// The caller gets its reply first.
void kill_one(ThreadCtx& ctx, Session& session) {
  if (session.id == ctx.caller_id()) {
    session.set(dispatch::kCloseAfterReply);
  } else {
    ctx.clients().kill(session);
  }
}

bool is_old_form(const Args& args) {
  return args.size() == kFirstOption + 1;
}

void kill_part(ThreadCtx& ctx, const Args& args, Part& part) {
  if (is_old_form(args)) {
    ctx.clients().for_each([&](Session& session, Pipeline&) {
      if (session.peer_text != args[kFirstOption]) return;
      kill_one(ctx, session);
      ++part.number;
    });
    return;
  }
  ClientFilter filter;
  if (!filter.read(args, kFirstOption, ClientFilter::For::kKill, ctx.engine().acl_view(), part.error)) return;
  const MonoTime now = ctx.engine().mono();
  ctx.clients().for_each([&](Session& session, Pipeline&) {
    if (filter.skip_me() && session.id == ctx.caller_id()) return;
    if (!filter.matches(session, now)) return;
    kill_one(ctx, session);
    ++part.number;
  });
}

void kill_merge(std::span<Part> parts, const Args& args, Writer& reply) {
  int64_t killed = 0;
  for (const Part& part : parts) killed += part.number;
  if (!is_old_form(args)) {
    reply.integer(killed);
  } else if (killed > 0) {
    reply.ok();
  } else {
    reply.error("ERR No such client");
  }
}

constexpr CommandRow kRows[] = {
    {.name = "list",
     .arity = -2,
     .flags = registry::kAdmin | registry::kNoscript | registry::kLoading | registry::kStale,
     .acl = registry::kCatConnection,
     .route = Route::kThreads,
     .group = "connection",
     .since = "2.4.0",
     .summary = "A line about every connection.",
     .complexity = "O(N), N being the number of connections.",
     .tips = "nondeterministic_output",
     .arguments = "client-type:oneof(normal=NORMAL master=MASTER replica=REPLICA pubsub=PUBSUB)=TYPE? "
                  "client-id:integer=ID?* username:string=USER? addr:string=ADDR? laddr:string=LADDR? "
                  "skipme:oneof(yes=YES no=NO)=SKIPME? maxage:integer=MAXAGE? name:string=NAME? "
                  "idle:integer=IDLE? flags:string=FLAGS? lib-name:string=LIB-NAME? lib-ver:string=LIB-VER? "
                  "db:integer=DB? capa:string=CAPA? ip:string=IP? not-client-type:oneof(normal=NORMAL "
                  "master=MASTER replica=REPLICA pubsub=PUBSUB)=NOT-TYPE? not-client-id:integer=NOT-ID?* "
                  "not-username:string=NOT-USER? not-addr:string=NOT-ADDR? not-laddr:string=NOT-LADDR? "
                  "not-name:string=NOT-NAME? not-flags:string=NOT-FLAGS? not-lib-name:string=NOT-LIB-NAME? "
                  "not-lib-ver:string=NOT-LIB-VER? not-db:integer=NOT-DB? not-capa:string=NOT-CAPA? "
                  "not-ip:string=NOT-IP?",
     .part_threads = list_part,
     .merge = list_merge,
     .full_name = "client|list"},
    {.name = "kill",
     .arity = -3,
     .flags = registry::kAdmin | registry::kNoscript | registry::kLoading | registry::kStale,
     .acl = registry::kCatConnection,
     .route = Route::kThreads,
     .group = "connection",
     .since = "2.4.0",
     .summary = "Closes connections.",
     .complexity = "O(N), N being the number of connections.",
     .arguments = "filter:oneof(old-format:string new-format:oneof(client-id:integer=ID?* "
                  "client-type:oneof(normal=NORMAL master=MASTER primary=PRIMARY slave=SLAVE "
                  "replica=REPLICA pubsub=PUBSUB)=TYPE? username:string=USER? addr:string=ADDR? "
                  "laddr:string=LADDR? skipme:oneof(yes=YES no=NO)=SKIPME? maxage:integer=MAXAGE? "
                  "name:string=NAME? idle:integer=IDLE? flags:string=FLAGS? lib-name:string=LIB-NAME? "
                  "lib-ver:string=LIB-VER? db:integer=DB? capa:string=CAPA? ip:string=IP? "
                  "not-client-type:oneof(normal=NORMAL master=MASTER primary=PRIMARY slave=SLAVE "
                  "replica=REPLICA pubsub=PUBSUB)=NOT-TYPE? not-client-id:integer=NOT-ID?* "
                  "not-username:string=NOT-USER? not-addr:string=NOT-ADDR? not-laddr:string=NOT-LADDR? "
                  "not-name:string=NOT-NAME? not-flags:string=NOT-FLAGS? not-lib-name:string=NOT-LIB-NAME? "
                  "not-lib-ver:string=NOT-LIB-VER? not-db:integer=NOT-DB? not-capa:string=NOT-CAPA? "
                  "not-ip:string=NOT-IP?)*)",
     .part_threads = kill_part,
     .merge = kill_merge,
     .full_name = "client|kill"},
};

}  // namespace

RowTable client_list_rows() {
  return kRows;
}

}  // namespace tessera::conn
