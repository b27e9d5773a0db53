// Role: the parts of the table of commands made by hand, one per file. Thread: any. See generator.h.
#pragma once

#include <string>
#include <vector>

#include "tests/differential/generator.h"

namespace tessera::differential {

// The words of the command in some case, then `rest`.
Op special_words(Generator& g, const CommandSpec& spec, std::vector<std::string> rest);

const std::vector<Special>& set_specials();          // special_set.cc
const std::vector<Special>& sort_specials();         // special_sort.cc
const std::vector<Special>& list_specials();         // special_list.cc
const std::vector<Special>& hyperloglog_specials();  // special_hyperloglog.cc
const std::vector<Special>& blocking_specials();     // special_blocking.cc
const std::vector<Special>& dump_specials();         // special_dump.cc
const std::vector<Special>& script_specials();       // special_script.cc

}  // namespace tessera::differential
