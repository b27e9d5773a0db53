// Role: hooks of the parameters whose text has to follow rules, and of numbers that are brought into a range.
// Thread: any, pure.
#include <arpa/inet.h>

#include <algorithm>

#include "common/text/collation.h"
#include "common/text/quoting.h"
#include "common/text/strings.h"
#include "common/text/words.h"
#include "server/config/specials.h"

namespace tessera::config {

namespace {

using registry::ParameterHooks;
using registry::SpecialInput;
using registry::SpecialLine;

// What 'A' stands for.
constexpr std::string_view kLettersOfAll = "g$lshzxetd";

Result<std::string> parse_notify_events(const SpecialInput& input) {
  if (input.words.size() != 1) return Error{"wrong number of arguments"};
  std::string wanted;
  for (const char c : input.words[0]) {
    if (c == 'A') {
      wanted += kLettersOfAll;
    } else if (std::string_view("g$lshzxetdnKEm").find(c) != std::string_view::npos) {
      wanted += c;
    } else {
      return Error{"Invalid event class character. Use 'Ag$lshzxeKEtmdn'."};
    }
  }
  std::string out;
  for (const char c : std::string_view("g$lshzxetdnKEm")) {
    if (wanted.find(c) != std::string::npos) out += c;
  }
  return out;
}

// 'A' stands for its letters. redis-server does not tell 'n' beside 'A'; in a file it is kept.
std::string notify_text(const std::string& letters, bool for_file) {
  const auto has = [&](char c) { return letters.find(c) != std::string::npos; };
  if (!std::all_of(kLettersOfAll.begin(), kLettersOfAll.end(), has)) return letters;
  std::string out = for_file && has('n') ? "An" : "A";
  for (const char c : {'K', 'E', 'm'}) {
    if (has(c)) out += c;
  }
  return out;
}

std::string print_notify_events(const std::string& letters) {
  return notify_text(letters, false);
}

std::vector<SpecialLine> notify_lines(const std::string& letters, const std::string& default_letters) {
  return {{text::repr(notify_text(letters, true)), letters == default_letters}};
}

// Always written: the default is where the server happened to be started.
std::vector<SpecialLine> dir_lines(const std::string& text, const std::string&) {
  return {{text::repr(text), false}};
}

// Whether the folder is there is for the caller to find out (LoadOptions::resolve_dir): this stays pure.
Result<std::string> parse_dir(const SpecialInput& input) {
  if (input.words.size() != 1) return Error{"wrong number of arguments"};
  return input.words[0];
}

bool has_slash(const std::string& text) {
  return text.find('/') != std::string::npos;
}

const char* check_db_filename(const std::string& text) {
  return has_slash(text) ? "dbfilename can't be a path, just a filename" : nullptr;
}
const char* check_append_filename(const std::string& text) {
  if (text.empty()) return "appendfilename can't be empty";
  return has_slash(text) ? "appendfilename can't be a path, just a filename" : nullptr;
}
const char* check_append_dirname(const std::string& text) {
  if (text.empty()) return "appenddirname can't be empty";
  return has_slash(text) ? "appenddirname can't be a path, just a dirname" : nullptr;
}

bool is_name_character(char c) {
  return text::is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.';
}

const char* check_hostname(const std::string& text) {
  if (text.size() >= 256) return "Hostnames must be less than 256 characters";
  if (!std::all_of(text.begin(), text.end(), is_name_character)) {
    return "Hostnames may only contain alphanumeric characters, hyphens or dots";
  }
  return nullptr;
}

const char* check_nodename(const std::string& text) {
  const auto fine = [](char c) { return is_name_character(c) || c == '_'; };
  if (!std::all_of(text.begin(), text.end(), fine)) {
    return "Announced human node name contained invalid character";
  }
  return text.size() <= text::kMostNameBytes ? nullptr
                                             : "Announced human node name must be less than 256 characters";
}

// What decoders of the bus accept: another text would cut this node off from its peers.
const char* check_announced_ip(const std::string& text) {
  if (text.size() > text::kMostAddressBytes) return "Announced addresses must be less than 46 characters";
  return text::is_address_word(text) ? nullptr : "Announced address contains an invalid character";
}

bool is_ip_of(int family, const std::string& text) {
  in6_addr bytes;
  return text.find('\0') == std::string::npos && inet_pton(family, text.c_str(), &bytes) == 1;
}

const char* check_client_ipv4(const std::string& text) {
  return text.empty() || is_ip_of(AF_INET, text) ? nullptr : "Invalid IPv4 address";
}
const char* check_client_ipv6(const std::string& text) {
  return text.empty() || is_ip_of(AF_INET6, text) ? nullptr : "Invalid IPv6 address";
}

// It becomes a word of nodes.conf and of CLUSTER NODES.
const char* check_zone(const std::string& text) {
  if (text.size() > text::kMostNameBytes) return "availability-zone must be less than 256 characters";
  return text::is_plain_word(text) ? nullptr : "availability-zone contains an invalid character";
}

const char* check_proc_title(const std::string& text) {
  return proc_title_template_ok(text) ? nullptr : "template format is invalid or contains unknown variables";
}

// `text` is canonical: the names in the order of their rows, one blank between.
const char* check_shutdown(const std::string& text) {
  return text.rfind("save nosave", 0) == 0 ? "shutdown options SAVE and NOSAVE can't be used simultaneously"
                                           : nullptr;
}

int64_t adjust_hz(int64_t number) {
  return std::clamp<int64_t>(number, 1, 500);
}
int64_t adjust_backlog_size(int64_t number) {
  return std::max<int64_t>(number, 16384);
}
int64_t adjust_watchdog(int64_t number) {
  return number ? std::max<int64_t>(number, 200) : 0;
}

// Defragmentation is still to come; redis-server with the system's allocator says the same.
const char* check_defrag(int64_t on) {
  return on == 0 ? nullptr
                 : "Active defragmentation cannot be enabled: it requires a Redis server compiled with a "
                   "modified Jemalloc like the one shipped by default with the Redis source distribution";
}
// Who asks for TLS must not be served without it.
const char* check_tls_port(int64_t port) {
  return port == 0 ? nullptr : "TLS is not supported by this server: there is no port for it";
}

const char* check_locale(const std::string& text) {
  return text.empty() || text::Collation::make(text) != nullptr ? nullptr : "Invalid locale name";
}

constexpr ParameterHooks checked_number(const char* (*check)(int64_t)) {
  ParameterHooks hooks;
  hooks.check_number = check;
  return hooks;
}
constexpr ParameterHooks checked(const char* (*check)(const std::string&)) {
  ParameterHooks hooks;
  hooks.check = check;
  return hooks;
}
constexpr ParameterHooks adjusted(int64_t (*adjust)(int64_t)) {
  ParameterHooks hooks;
  hooks.adjust = adjust;
  return hooks;
}

}  // namespace

bool proc_title_template_ok(std::string_view text) {
  constexpr std::string_view kNames[] = {"title",    "listen-addr", "server-mode", "port",
                                         "tls-port", "unixsocket",  "config-file"};
  if (text::trim(text, " ").empty()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '}') return false;
    if (text[i] != '{') continue;
    const size_t end = text.find('}', i);
    if (end == std::string_view::npos) return false;
    const std::string_view name = text.substr(i + 1, end - i - 1);
    if (std::find(std::begin(kNames), std::end(kNames), name) == std::end(kNames)) return false;
    i = end;
  }
  return true;
}

const ParameterHooks kNotifyEventsHooks = {parse_notify_events, notify_lines, print_notify_events};
const ParameterHooks kDirHooks = {parse_dir, dir_lines};
const ParameterHooks kDbFilenameHooks = checked(check_db_filename);
const ParameterHooks kAppendFilenameHooks = checked(check_append_filename);
const ParameterHooks kAppendDirnameHooks = checked(check_append_dirname);
const ParameterHooks kHostnameHooks = checked(check_hostname);
const ParameterHooks kNodenameHooks = checked(check_nodename);
const ParameterHooks kAnnouncedIpHooks = checked(check_announced_ip);
const ParameterHooks kClientIpv4Hooks = checked(check_client_ipv4);
const ParameterHooks kClientIpv6Hooks = checked(check_client_ipv6);
const ParameterHooks kZoneHooks = checked(check_zone);
const ParameterHooks kProcTitleHooks = checked(check_proc_title);
const ParameterHooks kShutdownHooks = checked(check_shutdown);
const ParameterHooks kHzHooks = adjusted(adjust_hz);
const ParameterHooks kBacklogSizeHooks = adjusted(adjust_backlog_size);
const ParameterHooks kWatchdogHooks = adjusted(adjust_watchdog);
const ParameterHooks kDefragHooks = checked_number(check_defrag);
const ParameterHooks kTlsPortHooks = checked_number(check_tls_port);
const ParameterHooks kLocaleHooks = checked(check_locale);

}  // namespace tessera::config
