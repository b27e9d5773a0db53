// Role: see client_filter.h.
#include "server/conn/client_filter.h"

#include <algorithm>

#include "common/text/integers.h"
#include "common/text/strings.h"

namespace tessera::conn {

namespace {

using dispatch::Session;
using registry::Args;

constexpr std::string_view kSyntax = "ERR syntax error";
constexpr std::string_view kKnownFlags = "ANOSMPxbtRBdcuAUreTI";

// The name CLIENT's options have for a type, empty for unknown ones.
std::string type_of_word(std::string_view word) {
  std::string type = text::to_lower(word);
  if (type == "primary") return "master";
  if (type == "slave") return "replica";
  if (type == "normal" || type == "master" || type == "replica" || type == "pubsub") return type;
  return {};
}

// All connections are clients': links to replicas and to a primary live on another thread.
std::string_view type_of(const Session& session) {
  return session.has(dispatch::kSubscribed) ? "pubsub" : "normal";
}

std::string_view ip_of(const Session& session) {
  const std::string_view text = session.peer_text;
  std::string_view ip = text.substr(0, text.rfind(':'));
  if (ip.size() > 1 && ip.front() == '[' && ip.back() == ']') ip = ip.substr(1, ip.size() - 2);
  return ip;
}

bool has_letters(const Session& session, std::string_view letters) {
  const std::string own = flag_letters(session);
  return std::all_of(letters.begin(), letters.end(),
                     [&](char letter) { return own.find(letter) != std::string::npos; });
}

// Calls `check` with the answer to each demand that was made.
template <typename F>
void for_each_demand(const ClientDemands& demands, const Session& session, F&& check) {
  if (!demands.ids.empty()) {
    check(std::find(demands.ids.begin(), demands.ids.end(), static_cast<int64_t>(session.id)) !=
          demands.ids.end());
  }
  if (demands.type) check(*demands.type == type_of(session));
  if (demands.user) check(*demands.user == session.user_name);
  if (demands.address) check(*demands.address == session.peer_text);
  if (demands.local_address) check(*demands.local_address == session.local_text);
  if (demands.name) check(*demands.name == session.name);
  if (demands.flags) check(has_letters(session, *demands.flags));
  if (demands.lib_name) check(*demands.lib_name == session.lib_name);
  if (demands.lib_version) check(*demands.lib_version == session.lib_version);
  if (demands.ip) check(*demands.ip == ip_of(session));
  if (demands.redirect_capable) check(session.has(dispatch::kCapaRedirect));
  if (demands.db) check(*demands.db == session.db);
}

bool read_positive(std::string_view value, std::string_view name, std::optional<int64_t>& out,
                   std::string& error) {
  int64_t number = 0;
  if (!text::parse_int64(value, &number)) {
    error = "ERR " + std::string(name) + " is not an integer or out of range";
    return false;
  }
  if (number <= 0) {
    error = "ERR " + std::string(name) + " should be greater than 0";
    return false;
  }
  out = number;
  return true;
}

}  // namespace

std::string flag_letters(const Session& session) {
  std::string letters;
  if (session.has(dispatch::kMonitor)) letters += 'O';
  if (session.has(dispatch::kSubscribed)) letters += 'P';
  if (session.has(dispatch::kMulti)) letters += 'x';
  if (session.has(dispatch::kBlocked | dispatch::kHeld)) letters += 'b';
  if (session.has(dispatch::kTracking)) letters += 't';
  if (session.has(dispatch::kTrackingBroken)) letters += 'R';
  if (session.has(dispatch::kTrackingBcast)) letters += 'B';
  if (session.watcher && session.watcher->changed()) letters += 'd';
  if (session.has(dispatch::kCloseAfterReply)) letters += 'c';
  if (session.has(dispatch::kCloseAsap)) letters += 'A';
  if (session.has(dispatch::kUnixSocket)) letters += 'U';
  if (session.has(dispatch::kReadonlySession)) letters += 'r';
  if (session.has(dispatch::kNoEvict)) letters += 'e';
  if (session.has(dispatch::kNoTouch)) letters += 'T';
  return letters.empty() ? "N" : letters;
}

bool ClientFilter::read(const Args& args, size_t first, For what, const acl::AclView& users,
                        std::string& error) {
  skip_me_ = what == For::kKill;
  for (size_t i = first; i < args.size();) {
    if (!read_one(args, i, what, users, error)) return false;
  }
  return true;
}

// One option with its values; `i` moves behind it.
bool ClientFilter::read_one(const Args& args, size_t& i, For what, const acl::AclView& users,
                            std::string& error) {
  std::string option = text::to_lower(args[i]);
  if (i + 1 >= args.size()) {
    error = kSyntax;
    return false;
  }
  const bool negated = option.rfind("not-", 0) == 0;
  if (negated) option.erase(0, 4);
  if (option == "id") {
    ++i;
    return read_ids(args, i, what, negated ? unwanted_ : wanted_, error);
  }
  if (!read_value(option, args[i + 1], negated, users, error)) return false;
  i += 2;
  return true;
}

// As many numbers as follow.
bool ClientFilter::read_ids(const Args& args, size_t& i, For what, ClientDemands& demands,
                            std::string& error) {
  const char* const bad =
      what == For::kList ? "ERR Invalid client ID" : "ERR client-id should be greater than 0";
  const size_t before = i;
  for (; i < args.size(); ++i) {
    int64_t id = 0;
    if (!text::parse_int64(args[i], &id)) break;
    if (id < 1 && what == For::kKill) {
      error = bad;
      return false;
    }
    demands.ids.push_back(id);
  }
  // In a list of ids what is neither a number nor followed by a value can only be meant as an id.
  const bool broken = i < args.size() && (i == before || (what == For::kList && i + 1 == args.size()));
  if (broken) error = bad;
  return !broken;
}

bool ClientFilter::read_value(std::string_view option, std::string_view value, bool negated,
                              const acl::AclView& users, std::string& error) {
  ClientDemands& demands = negated ? unwanted_ : wanted_;
  if (option == "type") {
    demands.type = type_of_word(value);
    if (!demands.type->empty()) return true;
    error = "ERR Unknown client type '" + std::string(value) + "'";
    return false;
  }
  if (option == "user") {
    demands.user = value;
    if (users.find(value) != nullptr) return true;
    error = "ERR No such user '" + std::string(value) + "'";
    return false;
  }
  if (option == "flags") {
    demands.flags = value;
    if (value.find_first_not_of(kKnownFlags) == std::string_view::npos) return true;
    error = negated ? "ERR Unknown flags found in the NOT-FLAGS filter: "
                    : "ERR Unknown flags found in the provided filter: ";
    error += value;
    return false;
  }
  if (option == "db") {
    int64_t db = 0;
    if (text::parse_int64(value, &db)) {
      demands.db = db;
      return true;
    }
    error = "ERR db is not an integer or out of range";
    return false;
  }
  if (option == "capa") {
    // Letters, as CLIENT LIST shows them; 'r' is the only one.
    if (!value.empty() && value.find_first_not_of('r') == std::string_view::npos) {
      demands.redirect_capable = true;
      return true;
    }
    error = "ERR Unknown capa found in the provided filter: " + std::string(value);
    return false;
  }
  if (option == "addr") {
    demands.address = value;
  } else if (option == "laddr") {
    demands.local_address = value;
  } else if (option == "name") {
    demands.name = value;
  } else if (option == "lib-name") {
    demands.lib_name = value;
  } else if (option == "lib-ver") {
    demands.lib_version = value;
  } else if (option == "ip") {
    demands.ip = value;
  } else if (!negated && option == "maxage") {
    return read_positive(value, "maxage", max_age_s_, error);
  } else if (!negated && option == "idle") {
    return read_positive(value, "idle", idle_s_, error);
  } else if (!negated && option == "skipme" && (text::iequals(value, "yes") || text::iequals(value, "no"))) {
    skip_me_ = text::iequals(value, "yes");
  } else {
    error = kSyntax;
    return false;
  }
  return true;
}

// Seconds are compared: as many as a client may name would overflow in microseconds.
constexpr int64_t kUsPerSecond = 1000000;

bool ClientFilter::matches(const Session& session, MonoTime now) const {
  if (max_age_s_ && (now - session.created).us / kUsPerSecond < *max_age_s_) return false;
  if (idle_s_ && (now - session.last_active).us / kUsPerSecond < *idle_s_) return false;
  bool fits = true;
  for_each_demand(wanted_, session, [&](bool met) { fits &= met; });
  for_each_demand(unwanted_, session, [&](bool met) { fits &= !met; });
  return fits;
}

}  // namespace tessera::conn
