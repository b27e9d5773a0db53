// Role: server URIs of the -u option.
#include "common/text/integers.h"
#include "common/text/strings.h"
#include "tools/cli/options.h"

namespace tessera::cli {
namespace {

// False: `refusal` says why.
bool decode(std::string_view text, std::string& out, std::optional<std::string>& refusal) {
  out.clear();
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) {
      refusal = "Incomplete URI encoding";
      return false;
    }
    const int high = text::hex_value(text[i + 1]), low = text::hex_value(text[i + 2]);
    if (high < 0 || low < 0) {
      refusal = "Illegal character in URI encoding";
      return false;
    }
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return true;
}

}  // namespace

std::optional<std::string> apply_uri(const std::string& uri, Options& options) {
  std::optional<std::string> refusal;
  std::string_view rest = uri;
  const auto starts = [&](std::string_view with) { return text::iequals(rest.substr(0, with.size()), with); };
  if (starts("rediss://") || starts("valkeys://"))
    return "rediss:// is not supported: TLS is not built into this program";
  if (starts("redis://")) {
    rest.remove_prefix(8);
  } else if (starts("valkey://")) {
    rest.remove_prefix(9);
  } else {
    return "Invalid URI scheme";
  }
  if (const size_t at = rest.find('@'); at != std::string_view::npos) {
    const std::string_view credentials = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    const size_t colon = credentials.find(':');
    std::string user, password;
    if (!decode(credentials.substr(0, colon == std::string_view::npos ? 0 : colon), user, refusal) ||
        !decode(credentials.substr(colon == std::string_view::npos ? 0 : colon + 1), password, refusal))
      return refusal;
    if (!user.empty()) options.user = user;
    options.password = password;
  }
  const size_t slash = rest.find('/');
  const std::string_view where = rest.substr(0, slash);
  if (slash != std::string_view::npos)
    options.database = static_cast<int>(text::parse_int64(rest.substr(slash + 1)).value_or(options.database));
  size_t colon = where.rfind(':');
  std::string_view host = where.substr(0, colon);
  if (!where.empty() && where[0] == '[') {  // an IPv6 address has colons of its own
    const size_t close = where.find(']');
    if (close == std::string_view::npos) return "Invalid URI: ']' is missing";
    host = where.substr(1, close - 1);
    colon = close + 1 < where.size() && where[close + 1] == ':' ? close + 1 : std::string_view::npos;
  }
  if (colon != std::string_view::npos) {
    const auto port = text::parse_int64(where.substr(colon + 1));
    if (!port || *port < 0 || *port > 65535) return "Invalid server port.";
    options.port = static_cast<int>(*port);
  }
  if (!host.empty()) {
    std::string decoded;
    if (!decode(host, decoded, refusal)) return refusal;
    options.host = decoded;
  }
  return std::nullopt;
}

}  // namespace tessera::cli
