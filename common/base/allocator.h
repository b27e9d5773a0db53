// Role: what the allocator says of the process. Thread: any. Costs some microseconds. Zeroes with plain
// malloc.
#pragma once

#include <cstddef>
#include <string>

namespace tessera {

struct AllocatorStats {
  size_t allocated_bytes = 0;  // given to the program
  size_t active_bytes = 0;     // in pages that hold such bytes
  size_t resident_bytes = 0;   // pages the kernel has given
  size_t retained_bytes = 0;
  size_t metadata_bytes = 0;
};

AllocatorStats read_allocator();
// Gives unused pages back to the kernel. False when the allocator cannot.
bool purge_allocator();
// Threads of the allocator's own give them back some seconds after they were freed, idle arenas' too. Without them
// an arena gives back only while it is used. False when it has none.
bool set_background_purge(bool on);
std::string allocator_name();    // "jemalloc-5.3.0", "libc"
std::string allocator_report();  // the allocator's own statistics as text; empty when it has none
size_t process_rss_bytes();

}  // namespace tessera
