// Role: what a field of INFO is: section, name, and how its value is read. Thread: rows are constants.
// Adding a field is one row in the file of the feature that owns it.
#pragma once

#include <span>
#include <string>

namespace tessera::info {
class Source;
}

namespace tessera::registry {

struct InfoRow {
  const char* name;
  // The value as text; appended to `out`.
  void (*write)(const info::Source& source, std::string& out);
  // Of one that is not always there; nullptr: it is.
  bool (*shown)(const info::Source& source) = nullptr;
};

// A section's rows in the order INFO prints them. `body` instead of rows: lines that are not fixed (commandstats).
struct InfoSection {
  const char* name;    // "server", as INFO's argument
  const char* title;   // "# Server"
  bool by_default;     // in INFO without argument and in "default"
  std::span<const InfoRow> rows;
  void (*body)(const info::Source& source, std::string& out) = nullptr;
};

}  // namespace tessera::registry
