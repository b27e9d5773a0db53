// Role: the five forms of output.
#include "tools/cli/format.h"

#include <cstdio>

#include "common/text/quoting.h"

namespace tessera::cli {
namespace {

using resp::Value;
using Kind = resp::Value::Kind;

// ---- for people

std::string standard(const Value& v, const std::string& prefix);

std::string empty_text(Kind kind) {
  switch (kind) {
    case Kind::kSet:
      return "(empty set)\n";
    case Kind::kMap:
      return "(empty hash)\n";
    case Kind::kPush:
      return "(empty push)\n";
    default:
      return "(empty array)\n";
  }
}

// True when the form for people takes several lines because of its elements (line breaks inside texts do not
// count).
bool takes_lines(const Value& v) {
  if (!v.is_aggregate() || v.items.empty()) return false;
  const size_t width = v.is(Kind::kMap) ? 2 : 1;
  if (v.items.size() > width) return true;
  return takes_lines(v.items.back());
}

std::string standard_items(const Value& v, const std::string& prefix) {
  const bool is_map = v.is(Kind::kMap);
  const size_t count = is_map ? v.items.size() / 2 : v.items.size();
  const int width = static_cast<int>(std::to_string(count).size());
  const std::string inner = prefix + std::string(static_cast<size_t>(width) + 2, ' ');
  const char separator = is_map ? '#' : v.is(Kind::kSet) ? '~' : ')';
  std::string out;
  for (size_t i = 0; i < count; ++i) {
    char number[40];
    std::snprintf(number, sizeof(number), "%*zu%c ", width, i + 1, separator);
    if (i > 0) out += prefix;  // the first one stands behind the number of the parent
    out += number;
    if (!is_map) {
      out += standard(v.items[i], inner);
      continue;
    }
    out += standard(v.items[i * 2], inner);
    out.pop_back();
    out += " => ";
    const Value& value = v.items[i * 2 + 1];
    if (takes_lines(value)) out += "\n" + inner;
    out += standard(value, inner);
  }
  return out;
}

std::string standard(const Value& v, const std::string& prefix) {
  switch (v.kind) {
    case Kind::kNull:
      return "(nil)\n";
    case Kind::kError:
      return "(error) " + v.text + "\n";
    case Kind::kInteger:
      return "(integer) " + std::to_string(v.integer) + "\n";
    case Kind::kDouble:
      return "(double) " + v.text + "\n";
    case Kind::kBigNumber:
      return "(big number) " + v.text + "\n";
    case Kind::kBool:
      return v.integer != 0 ? "(true)\n" : "(false)\n";
    case Kind::kString:
      return text::repr(v.text) + "\n";
    case Kind::kStatus:
    case Kind::kVerbatim:
      return v.text + "\n";
    default:
      return v.items.empty() ? empty_text(v.kind) : standard_items(v, prefix);
  }
}

// ---- raw

std::string raw(const Value& v, const FormatOptions& options) {
  switch (v.kind) {
    case Kind::kNull:
      return "";
    case Kind::kError:
      return v.text + "\n";
    case Kind::kInteger:
      return std::to_string(v.integer);
    case Kind::kBool:
      return v.integer != 0 ? "(true)" : "(false)";
    case Kind::kString:
    case Kind::kStatus:
    case Kind::kVerbatim:
    case Kind::kDouble:
    case Kind::kBigNumber:
      return v.text;
    default: {
      std::string out;
      for (size_t i = 0; i < v.items.size(); ++i) {
        if (i > 0) out += v.is(Kind::kMap) && i % 2 != 0 ? std::string(" ") : options.item_delimiter;
        out += raw(v.items[i], options);
      }
      return out;
    }
  }
}

// ---- CSV: every element of whatever depth is a field

std::string csv(const Value& v) {
  switch (v.kind) {
    case Kind::kNull:
      return "NULL";
    case Kind::kError:
      return "ERROR," + text::repr(v.text);
    case Kind::kInteger:
      return std::to_string(v.integer);
    case Kind::kBool:
      return v.integer != 0 ? "true" : "false";
    case Kind::kDouble:
    case Kind::kBigNumber:
      return v.text;
    case Kind::kString:
    case Kind::kStatus:
    case Kind::kVerbatim:
      return text::repr(v.text);
    default: {
      std::string out;
      for (size_t i = 0; i < v.items.size(); ++i) {
        if (i > 0) out += ',';
        out += csv(v.items[i]);
      }
      return out;
    }
  }
}

// ---- JSON

std::string json_string(const std::string& bytes, Output output) {
  std::string out;
  if (output == Output::kQuotedJson) {
    // Escaped as for people, and the backslashes once more, so that what a JSON reader gives is the quoted
    // form.
    for (const char c : text::repr(bytes)) out.append(c == '\\' ? 2 : 1, c);
    return out;
  }
  out += '"';
  for (const char c : bytes) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          char escaped[8];
          std::snprintf(escaped, sizeof(escaped), "\\u%04x", static_cast<unsigned>(c));
          out += escaped;
        } else {
          out += c;
        }
    }
  }
  return out + '"';
}

std::string json(const Value& v, Output output) {
  switch (v.kind) {
    case Kind::kNull:
      return "null";
    case Kind::kError:
      return "error:" + json_string(v.text, output);
    case Kind::kInteger:
      return std::to_string(v.integer);
    case Kind::kBool:
      return v.integer != 0 ? "true" : "false";
    case Kind::kDouble:
    case Kind::kBigNumber:
      return v.text;
    case Kind::kString:
    case Kind::kStatus:
    case Kind::kVerbatim:
      return json_string(v.text, output);
    case Kind::kMap: {
      std::string out = "{";
      for (size_t i = 0; i + 1 < v.items.size(); i += 2) {
        if (i > 0) out += ',';
        // A key of JSON is a string, whatever it was.
        const Value& key = v.items[i];
        const std::string shown = json(key, output);
        out += key.is_text() || key.is_error() ? shown : '"' + shown + '"';
        out += ':';
        out += json(v.items[i + 1], output);
      }
      return out + '}';
    }
    default: {
      std::string out = "[";
      for (size_t i = 0; i < v.items.size(); ++i) {
        if (i > 0) out += ',';
        out += json(v.items[i], output);
      }
      return out + ']';
    }
  }
}

}  // namespace

std::string format_reply(const Value& reply, const FormatOptions& options, bool as_text) {
  if (as_text) return raw(reply, options);
  switch (options.output) {
    case Output::kStandard:
      return standard(reply, "");
    case Output::kRaw:
      return raw(reply, options) + options.reply_delimiter;
    case Output::kCsv:
      return csv(reply) + "\n";
    case Output::kJson:
    case Output::kQuotedJson:
      return json(reply, options.output) + "\n";
  }
  return "";
}

}  // namespace tessera::cli
