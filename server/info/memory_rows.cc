// Role: INFO memory and cpu.
#include <sys/resource.h>
#include <sys/sysinfo.h>

#include "server/config/config.h"
#include "server/dispatch/scripts.h"
#include "server/info/sections.h"

namespace tessera::info {

using registry::InfoRow;

namespace {

int64_t system_memory_bytes() {
  struct sysinfo info {};
  return sysinfo(&info) == 0 ? static_cast<int64_t>(info.totalram) * info.mem_unit : 0;
}

// Interpreters of all shards, and what the node knows of scripts.
dispatch::ScriptFigures scripts(const Source& s) {
  dispatch::ScriptFigures all;
  int64_t eval_bytes = 0, function_bytes = 0;
  for (dispatch::Engine* engine : s.node().engines) {
    if (engine->scripts() == nullptr) continue;
    all = engine->scripts()->figures();
    eval_bytes += all.eval_bytes;
    function_bytes += all.function_bytes;
  }
  all.eval_bytes = eval_bytes;
  all.function_bytes = function_bytes;
  return all;
}

int64_t vm_bytes(const Source& s) {
  const dispatch::ScriptFigures all = scripts(s);
  return all.eval_bytes + all.function_bytes;
}
int64_t text_bytes(const Source& s) {
  const dispatch::ScriptFigures all = scripts(s);
  return all.script_text_bytes + all.library_text_bytes;
}

double ratio(int64_t a, int64_t b) {
  return b > 0 ? static_cast<double>(a) / static_cast<double>(b) : 0;
}

int64_t allocated(const Source& s) {
  return static_cast<int64_t>(s.allocator().allocated_bytes);
}
int64_t active(const Source& s) {
  return static_cast<int64_t>(s.allocator().active_bytes);
}
int64_t resident(const Source& s) {
  return static_cast<int64_t>(s.allocator().resident_bytes);
}
int64_t startup(const Source& s) {
  return s.node().startup_bytes.load(std::memory_order_relaxed);
}
// What is not keys and values: start-up, clients, tables.
int64_t overhead(const Source& s) {
  int64_t tables = 0;
  for (dispatch::Engine* engine : s.node().engines) tables += engine->shard().counters().table_bytes.get();
  return startup(s) + s.totals().client_memory_bytes + tables;
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

rusage usage(int who) {
  rusage all{};
  getrusage(who, &all);
  return all;
}

void zero(const Source&, std::string& o) {
  o += "0";
}

const InfoRow kMemory[] = {
    {"used_memory", [](const Source& s, std::string& o) { add(o, s.used_bytes()); }},
    {"used_memory_human", [](const Source& s, std::string& o) { add_human(o, s.used_bytes()); }},
    {"used_memory_rss", [](const Source& s, std::string& o) { add(o, s.rss_bytes()); }},
    {"used_memory_rss_human", [](const Source& s, std::string& o) { add_human(o, s.rss_bytes()); }},
    {"used_memory_peak", [](const Source& s, std::string& o) { add(o, s.peak_bytes()); }},
    {"used_memory_peak_human", [](const Source& s, std::string& o) { add_human(o, s.peak_bytes()); }},
    {"used_memory_peak_perc",
     [](const Source& s, std::string& o) {
       add_fixed(o, ratio(s.used_bytes(), s.peak_bytes()) * 100, 2);
       o += "%";
     }},
    {"used_memory_overhead", [](const Source& s, std::string& o) { add(o, overhead(s)); }},
    {"used_memory_startup", [](const Source& s, std::string& o) { add(o, startup(s)); }},
    {"used_memory_dataset", [](const Source& s, std::string& o) { add(o, s.used_bytes() - overhead(s)); }},
    {"used_memory_dataset_perc",
     [](const Source& s, std::string& o) {
       add_fixed(o,
                 ratio(s.used_bytes() - overhead(s), std::max<int64_t>(s.used_bytes() - startup(s), 1)) * 100,
                 2);
       o += "%";
     }},
    {"allocator_allocated", [](const Source& s, std::string& o) { add(o, allocated(s)); }},
    {"allocator_active", [](const Source& s, std::string& o) { add(o, active(s)); }},
    {"allocator_resident", [](const Source& s, std::string& o) { add(o, resident(s)); }},
    {"allocator_muzzy", zero},
    {"total_system_memory", [](const Source&, std::string& o) { add(o, system_memory_bytes()); }},
    {"total_system_memory_human", [](const Source&, std::string& o) { add_human(o, system_memory_bytes()); }},
    {"used_memory_lua", [](const Source& s, std::string& o) { add(o, scripts(s).eval_bytes); }},
    {"used_memory_vm_eval", [](const Source& s, std::string& o) { add(o, scripts(s).eval_bytes); }},
    {"used_memory_lua_human", [](const Source& s, std::string& o) { add_human(o, scripts(s).eval_bytes); }},
    {"used_memory_scripts_eval",
     [](const Source& s, std::string& o) { add(o, scripts(s).script_text_bytes); }},
    {"number_of_cached_scripts", [](const Source& s, std::string& o) { add(o, scripts(s).scripts); }},
    {"number_of_functions", [](const Source& s, std::string& o) { add(o, scripts(s).functions); }},
    {"number_of_libraries", [](const Source& s, std::string& o) { add(o, scripts(s).libraries); }},
    {"used_memory_vm_functions", [](const Source& s, std::string& o) { add(o, scripts(s).function_bytes); }},
    {"used_memory_vm_total", [](const Source& s, std::string& o) { add(o, vm_bytes(s)); }},
    {"used_memory_vm_total_human", [](const Source& s, std::string& o) { add_human(o, vm_bytes(s)); }},
    {"used_memory_functions", [](const Source& s, std::string& o) { add(o, scripts(s).library_text_bytes); }},
    {"used_memory_scripts", [](const Source& s, std::string& o) { add(o, text_bytes(s)); }},
    {"used_memory_scripts_human", [](const Source& s, std::string& o) { add_human(o, text_bytes(s)); }},
    {"maxmemory", [](const Source& s, std::string& o) { add(o, s.settings().shard.maxmemory_bytes); }},
    {"maxmemory_human",
     [](const Source& s, std::string& o) { add_human(o, s.settings().shard.maxmemory_bytes); }},
    {"maxmemory_policy",
     [](const Source& s, std::string& o) { o += s.settings().config->text("maxmemory-policy"); }},
    {"allocator_frag_ratio",
     [](const Source& s, std::string& o) { add_fixed(o, ratio(active(s), allocated(s)), 2); }},
    {"allocator_frag_bytes", [](const Source& s, std::string& o) { add(o, active(s) - allocated(s)); }},
    {"allocator_rss_ratio",
     [](const Source& s, std::string& o) { add_fixed(o, ratio(resident(s), active(s)), 2); }},
    {"allocator_rss_bytes", [](const Source& s, std::string& o) { add(o, resident(s) - active(s)); }},
    {"rss_overhead_ratio",
     [](const Source& s, std::string& o) { add_fixed(o, ratio(s.rss_bytes(), resident(s)), 2); }},
    {"rss_overhead_bytes", [](const Source& s, std::string& o) { add(o, s.rss_bytes() - resident(s)); }},
    {"mem_fragmentation_ratio",
     [](const Source& s, std::string& o) { add_fixed(o, ratio(s.rss_bytes(), s.used_bytes()), 2); }},
    {"mem_fragmentation_bytes",
     [](const Source& s, std::string& o) { add(o, s.rss_bytes() - s.used_bytes()); }},
    {"mem_not_counted_for_evict", zero},
    {"mem_replication_backlog", zero},
    {"mem_total_replication_buffers", zero},
    {"mem_replicas_repl_buffer", zero},
    {"mem_clients_slaves", zero},
    {"mem_clients_normal", [](const Source& s, std::string& o) { add(o, s.totals().client_memory_bytes); }},
    {"mem_cluster_links",
     [](const Source& s, std::string& o) { add(o, s.node().cluster_link_bytes.load()); }},
    {"mem_cluster_slot_import", zero},
    {"mem_cluster_slot_export", zero},
    {"mem_aof_buffer", [](const Source& s, std::string& o) { add(o, s.node().journal->live_bytes()); }},
    {"mem_allocator", [](const Source&, std::string& o) { o += allocator_name(); }},
    {"mem_overhead_db_hashtable_rehashing", zero},  // tables grow by leaves: nothing is ever held twice
    {"active_defrag_running", zero},
    {"lazyfree_pending_objects",
     [](const Source& s,
        std::string& o) { add(o, s.node().lazyfree_pending.load(std::memory_order_relaxed)); }},
    {"lazyfreed_objects",
     [](const Source& s, std::string& o) { add(o, s.node().lazyfreed.load(std::memory_order_relaxed)); }},
};

const InfoRow kCpu[] = {
    {"used_cpu_sys",
     [](const Source&, std::string& o) { add_fixed(o, seconds_of(usage(RUSAGE_SELF).ru_stime), 6); }},
    {"used_cpu_user",
     [](const Source&, std::string& o) { add_fixed(o, seconds_of(usage(RUSAGE_SELF).ru_utime), 6); }},
    {"used_cpu_sys_children",
     [](const Source&, std::string& o) { add_fixed(o, seconds_of(usage(RUSAGE_CHILDREN).ru_stime), 6); }},
    {"used_cpu_user_children",
     [](const Source&, std::string& o) { add_fixed(o, seconds_of(usage(RUSAGE_CHILDREN).ru_utime), 6); }},
    // INFO runs on the thread of its connection: a shard thread.
    {"used_cpu_sys_main_thread",
     [](const Source&, std::string& o) { add_fixed(o, seconds_of(usage(RUSAGE_THREAD).ru_stime), 6); }},
    {"used_cpu_user_main_thread",
     [](const Source&, std::string& o) { add_fixed(o, seconds_of(usage(RUSAGE_THREAD).ru_utime), 6); }},
    // Time at work rather than waiting: a thread that does not wait uses its core.
    {"used_active_time_main_thread",
     [](const Source&, std::string& o) {
       const rusage used = usage(RUSAGE_THREAD);
       add_fixed(o, seconds_of(used.ru_stime) + seconds_of(used.ru_utime), 6);
     }},
};

}  // namespace

Rows memory_rows() {
  return kMemory;
}
Rows cpu_rows() {
  return kCpu;
}

}  // namespace tessera::info
