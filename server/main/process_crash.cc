// Role: see process_crash.h.
#include "server/main/process_crash.h"

#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "common/base/check.h"
#include "common/base/crash_note.h"
#include "server/registry/version.h"

namespace tessera::server {

namespace {

constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

std::atomic<Log*> g_log{nullptr};
std::atomic<Log*> g_watchdog_log{nullptr};
std::atomic<CrashDetails*> g_details{nullptr};
std::atomic<int> g_dies_of{SIGABRT};
std::atomic<bool> g_printing_details{false};
std::atomic<bool> g_reporting{false};
std::atomic<long long> g_began_s{0};

long long monotonic_s() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

// A line that is built without allocation.
class Line {
 public:
  Line& add(std::string_view text) {
    const size_t n = text.size() < sizeof(bytes_) - size_ ? text.size() : sizeof(bytes_) - size_;
    std::memcpy(bytes_ + size_, text.data(), n);
    size_ += n;
    return *this;
  }
  Line& decimal(long long value) {
    char digits[24];
    size_t at = sizeof(digits);
    unsigned long long rest =
        value < 0 ? 0ULL - static_cast<unsigned long long>(value) : static_cast<unsigned long long>(value);
    do digits[--at] = static_cast<char>('0' + rest % 10);
    while (rest /= 10);
    if (value < 0) digits[--at] = '-';
    return add(std::string_view(digits + at, sizeof(digits) - at));
  }
  Line& hex(uint64_t value) {
    char digits[16];
    for (int i = 15; i >= 0; --i, value >>= 4) digits[i] = "0123456789abcdef"[value & 15];
    return add(std::string_view(digits, sizeof(digits)));
  }
  void print(Log& log) {
    add("\n");
    log.raw(std::string_view(bytes_, size_));
    size_ = 0;
  }

 private:
  char bytes_[512];
  size_t size_ = 0;
};

std::string_view signal_name(int number) {
  switch (number) {
    case SIGSEGV:
      return "SIGSEGV";
    case SIGBUS:
      return "SIGBUS";
    case SIGFPE:
      return "SIGFPE";
    case SIGILL:
      return "SIGILL";
    case SIGABRT:
      return "SIGABRT";
    default:
      return "?";
  }
}

void print_start(Log& log) {
  Line().add("\n\n=== TESSERA BUG REPORT START: Cut & paste starting from here ===").print(log);
}

void print_registers(Log& log, const ucontext_t& context) {
  Line().add("\n------ REGISTERS ------").print(log);
#if defined(__x86_64__)
  constexpr struct {
    const char* name;
    int index;
  } kRegisters[] = {{"RAX", REG_RAX}, {"RBX", REG_RBX}, {"RCX", REG_RCX}, {"RDX", REG_RDX}, {"RDI", REG_RDI},
                    {"RSI", REG_RSI}, {"RBP", REG_RBP}, {"RSP", REG_RSP}, {"R8 ", REG_R8},  {"R9 ", REG_R9},
                    {"R10", REG_R10}, {"R11", REG_R11}, {"R12", REG_R12}, {"R13", REG_R13}, {"R14", REG_R14},
                    {"R15", REG_R15}, {"RIP", REG_RIP}, {"EFL", REG_EFL}};
  int column = 0;
  Line line;
  for (const auto& entry : kRegisters) {
    line.add(entry.name).add(":").hex(static_cast<uint64_t>(context.uc_mcontext.gregs[entry.index])).add(" ");
    if (++column % 4 == 0) line.print(log);
  }
  if (column % 4) line.print(log);
#elif defined(__aarch64__)
  Line line;
  for (int i = 0; i < 31; ++i) {
    line.add("X").decimal(i).add(":").hex(context.uc_mcontext.regs[i]).add(" ");
    if (i % 4 == 3) line.print(log);
  }
  line.add("PC:").hex(context.uc_mcontext.pc).add(" SP:").hex(context.uc_mcontext.sp).print(log);
#else
  (void)context;
  Line().add("(not known on this machine)").print(log);
#endif
}

uint64_t instruction_of(const ucontext_t& context) {
#if defined(__x86_64__)
  return static_cast<uint64_t>(context.uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return context.uc_mcontext.pc;
#else
  (void)context;
  return 0;
#endif
}

// backtrace_symbols_fd() writes to a descriptor; the log takes bytes: a pipe stands between.
void print_stack(Log& log) {
  Line().add("\n------ STACK TRACE ------").print(log);
  Line().add("Backtrace:").print(log);
  constexpr int kMostFrames = 100;
  void* frames[kMostFrames];
  const int count = backtrace(frames, kMostFrames);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return;
  char bytes[4096];
  for (int i = 0; i < count; ++i) {
    backtrace_symbols_fd(frames + i, 1, ends[1]);
    const ssize_t n = read(ends[0], bytes, sizeof(bytes));
    if (n > 0) log.raw(std::string_view(bytes, static_cast<size_t>(n)));
  }
  close(ends[0]);
  close(ends[1]);
}

void print_thread(Log& log) {
  char name[17] = {};
  prctl(PR_GET_NAME, name);
  const char* command = crash_note::last_command;
  Line().add("\n------ THREAD ------").print(log);
  Line().add("thread:").add(name).print(log);
  Line().add("last_command:").add(command ? command : "(none)").print(log);
}

// The first `most` bytes of a small file of /proc, up to its first line's end.
std::string_view read_line(const char* path, char* bytes, size_t most) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return "?";
  const ssize_t n = read(file, bytes, most);
  close(file);
  std::string_view text(bytes, n > 0 ? static_cast<size_t>(n) : 0);
  return text.substr(0, text.find('\n'));
}

void print_process(Log& log) {
  char bytes[512];
  Line().add("\n------ PROCESS ------").print(log);
  Line().add("pid:").decimal(getpid()).print(log);
  const ssize_t n = readlink("/proc/self/exe", bytes, sizeof(bytes));
  if (n > 0) Line().add("executable:").add({bytes, static_cast<size_t>(n)}).print(log);
  Line().add("uptime_in_seconds:").decimal(monotonic_s() - g_began_s.load()).print(log);
  Line()
      .add("memory_pages (size, resident, shared, text, -, data, -):")
      .add(read_line("/proc/self/statm", bytes, sizeof(bytes)))
      .print(log);
  Line().add("load:").add(read_line("/proc/loadavg", bytes, sizeof(bytes))).print(log);
}

void print_last(Log& log) {
  Line().add("\n=== TESSERA BUG REPORT END. Make sure to include from START to END. ===\n").print(log);
}

void die_of(int number);

// What is printed with allocations and locks has not come to its end.
void on_stuck(int) {
  if (Log* log = g_log.load()) {
    Line().add("(more could not be found out)").print(*log);
    print_last(*log);
  }
  die_of(g_dies_of.load());
}

void print_details(Log& log) {
  CrashDetails* details = g_details.exchange(nullptr);
  if (details == nullptr) return;
  constexpr unsigned kAtMost_s = 3;
  struct sigaction action {};
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_NODEFER;
  action.sa_handler = on_stuck;
  sigaction(SIGALRM, &action, nullptr);
  alarm(kAtMost_s);
  g_printing_details.store(true);
  details->print(log);
  g_printing_details.store(false);
  alarm(0);
}

void print_end(Log& log) {
  print_thread(log);
  print_process(log);
  utsname system{};
  uname(&system);
  Line().add("\n------ SYSTEM ------").print(log);
  Line().add("tessera_version:").add(kTesseraVersion).add(" redis_version:").add(kRedisVersion).print(log);
  Line().add("os:").add(system.sysname).add(" ").add(system.release).add(" ").add(system.machine).print(log);
  print_details(log);
  print_last(log);
}

// True for the one thread that reports. Others wait until the first has ended the process.
bool claim_report() {
  if (!g_reporting.exchange(true)) return true;
  return false;
}

void die_of(int number) {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  sigaction(number, &action, nullptr);
  raise(number);
}

void on_signal(int number, siginfo_t* info, void* context) {
  Log* log = g_log.load();
  if (!log || !claim_report()) {
    if (log && g_printing_details.exchange(false)) on_stuck(number);
    // The report has been written (abort() after a failed check), or is being written by another thread.
    if (number != SIGABRT) {
      constexpr unsigned kWaitForReport_s = 5;
      sleep(kWaitForReport_s);
    }
    die_of(number);
    return;
  }
  g_dies_of.store(number);
  const auto& machine = *static_cast<const ucontext_t*>(context);
  print_start(*log);
  Line()
      .add("Tessera ")
      .add(kTesseraVersion)
      .add(" crashed by signal: ")
      .decimal(number)
      .add(" (")
      .add(signal_name(number))
      .add("), si_code: ")
      .decimal(info->si_code)
      .print(*log);
  if (number == SIGSEGV || number == SIGBUS) {
    Line().add("Accessing address: 0x").hex(reinterpret_cast<uintptr_t>(info->si_addr)).print(*log);
  }
  if (info->si_code <= SI_USER) {
    Line().add("Sent by pid: ").decimal(info->si_pid).add(", uid: ").decimal(info->si_uid).print(*log);
  }
  Line().add("Crashed running the instruction at: 0x").hex(instruction_of(machine)).print(*log);
  print_stack(*log);
  print_registers(*log, machine);
  print_end(*log);
  die_of(number);
}

void on_failed_check(const char* what) {
  Log* log = g_log.load();
  if (!log || !claim_report()) return;
  print_start(*log);
  Line().add("=== ASSERTION FAILED ===").print(*log);
  Line().add("==> ").add(what).print(*log);
  print_stack(*log);
  print_end(*log);
}

void on_watchdog(int, siginfo_t*, void*) {
  const int saved_errno = errno;
  if (Log* log = g_watchdog_log.load()) {
    Line().add("\n--- WATCHDOG TIMER EXPIRED ---").print(*log);
    print_thread(*log);
    print_stack(*log);
    Line().add("--------").print(*log);
  }
  errno = saved_errno;
}

}  // namespace

void set_crash_details(CrashDetails* details) {
  g_details.store(details);
}

void install_watchdog(Log* log) {
  void* frame = nullptr;
  (void)backtrace(&frame, 1);  // as below
  g_watchdog_log.store(log);
  struct sigaction action {};
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART | SA_SIGINFO;
  action.sa_sigaction = on_watchdog;
  sigaction(kWatchdogSignal, &action, nullptr);
}

// The signal stays handled: one may still be on its way.
void remove_watchdog() {
  g_watchdog_log.store(nullptr);
}

void install_crash_report(Log* log) {
  void* frame = nullptr;
  (void)backtrace(&frame, 1);  // loads what it needs now, not in the handler
  g_log.store(log);
  g_began_s.store(monotonic_s());
  set_crash_hook(on_failed_check);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return;  // the sanitizers report signals themselves, and better
#endif
  struct sigaction action {};
  sigemptyset(&action.sa_mask);
  // Not SA_RESETHAND: a second thread that crashes has to wait for the report of the first.
  action.sa_flags = SA_NODEFER | SA_SIGINFO;
  action.sa_sigaction = on_signal;
  for (const int number : kSignals) sigaction(number, &action, nullptr);
}

void remove_crash_report() {
  g_log.store(nullptr);
  set_crash_hook(nullptr);
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (const int number : kSignals) sigaction(number, &action, nullptr);
}

}  // namespace tessera::server
