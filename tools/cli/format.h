// Role: replies as text, in the forms of redis-cli: for people, raw, CSV and JSON. Thread: any, pure.
// Invariant: byte for byte what redis-cli 7.0.15 prints, where it prints anything at all (it refuses big
// numbers, attributes and "nan").
#pragma once

#include <string>

#include "common/resp/value.h"

namespace tessera::cli {

enum class Output { kStandard, kRaw, kCsv, kJson, kQuotedJson };

struct FormatOptions {
  Output output = Output::kStandard;
  std::string item_delimiter = "\n";   // between elements, raw
  std::string reply_delimiter = "\n";  // after a reply, raw
};

// One reply with its line end. `as_text`: the reply is a page of text (INFO), printed as it is in every mode.
std::string format_reply(const resp::Value& reply, const FormatOptions& options, bool as_text = false);

}  // namespace tessera::cli
