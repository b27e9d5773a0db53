// Role: shebang lines. See flags.h.
#include "server/script/flags.h"

#include <vector>

#include "common/text/quoting.h"
#include "common/text/strings.h"

namespace tessera::script {

uint32_t flag_of(std::string_view name) {
  for (const FlagName& each : kFlagNames) {
    if (name == each.name) return each.flag;
  }
  return 0;
}

namespace {

bool read_flag_list(std::string_view list, uint32_t& flags, std::string& error) {
  for (bool more = !list.empty(); more;) {
    const size_t end = std::min(list.find(','), list.size());
    const std::string_view name = list.substr(0, end);
    more = end < list.size();  // behind a comma something has to come
    list.remove_prefix(end + (more ? 1 : 0));
    const uint32_t flag = flag_of(name);
    if (flag == 0) {
      error = "ERR Unexpected flag in script shebang: ";
      error += name;
      return false;
    }
    flags |= flag;
  }
  return true;
}

}  // namespace

bool read_script_shebang(std::string_view source, uint32_t& flags, std::string_view& body,
                         std::string& error) {
  flags = kCompat;
  body = source;
  if (!source.starts_with("#!")) return true;
  const size_t end = source.find('\n');
  if (end == std::string_view::npos) {
    error = "ERR Invalid script shebang";
    return false;
  }
  const auto split = text::split_args(source.substr(0, end));
  if (!split || split->empty()) {
    error = "ERR Invalid engine in script shebang";
    return false;
  }
  const std::vector<std::string>& words = *split;
  if (words[0] != "#!lua") {
    error = "ERR Unexpected engine in script shebang: " + words[0];
    return false;
  }
  flags = 0;
  body = source.substr(end);
  for (size_t i = 1; i < words.size(); ++i) {
    if (!words[i].starts_with("flags=")) {
      error = "ERR Unknown lua shebang option: " + words[i];
      return false;
    }
    if (!read_flag_list(std::string_view(words[i]).substr(6), flags, error)) return false;
  }
  return true;
}

bool read_library_shebang(std::string_view source, std::string& engine, std::string& name,
                          std::string_view& body, std::string& error) {
  const size_t end = source.find('\n');
  if (!source.starts_with("#!")) {
    error = "ERR Missing library metadata";
    return false;
  }
  const auto split = text::split_args(source.substr(0, std::min(end, source.size())));
  if (end == std::string_view::npos || !split || split->empty()) {
    error = "ERR Invalid library metadata";
    return false;
  }
  const std::vector<std::string>& words = *split;
  bool named = false;
  for (size_t i = 1; i < words.size(); ++i) {
    if (!text::iequals(std::string_view(words[i]).substr(0, 5), "name=")) {
      error = "ERR Invalid metadata value given: " + words[i];
      return false;
    }
    if (named) {
      error = "ERR Invalid metadata value, name argument was given multiple times";
      return false;
    }
    named = true;
    name = words[i].substr(5);
  }
  if (!named) {
    error = "ERR Library name was not given";
    return false;
  }
  engine = words[0].substr(2);
  body = source.substr(end);
  return true;
}

}  // namespace tessera::script
