#include "synapse/platform/linux_resources.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <fcntl.h>
#include <limits>
#include <optional>
#include <sched.h>
#include <unistd.h>

namespace synapse::platform {
namespace {

using Path = Text<1024>;

// The start of a small file; empty when there is none.
class SmallFile {
 public:
  explicit SmallFile(const Path& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t n = 0;
    while (size_ < sizeof bytes_ && (n = ::read(fd, bytes_ + size_, sizeof bytes_ - size_)) > 0) size_ += size_t(n);
    ::close(fd);
  }
  std::string_view text() const { return {bytes_, size_}; }

 private:
  char bytes_[16384];
  size_t size_ = 0;
};

// Takes the text up to `end` (or all of it) off the front of `rest`.
std::string_view take(std::string_view& rest, char end) {
  const size_t at = rest.find(end);
  const std::string_view head = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return head;
}

// The decimal number at the start of `text`, after blanks. Saturates.
std::optional<uint64_t> number(std::string_view text) {
  while (!text.empty() && (text[0] == ' ' || text[0] == '\t')) text.remove_prefix(1);
  if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
  constexpr uint64_t most = std::numeric_limits<uint64_t>::max();
  uint64_t value = 0;
  for (size_t i = 0; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
    const uint64_t digit = uint64_t(text[i] - '0');
    value = value > (most - digit) / 10 ? most : value * 10 + digit;
  }
  return value;
}

// The number after `key` in a file of lines "key value".
std::optional<uint64_t> field(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    if (line.starts_with(key)) return number(line.substr(key.size()));
  }
  return std::nullopt;
}

size_t to_size(uint64_t n) { return size_t(std::min<uint64_t>(n, std::numeric_limits<size_t>::max())); }

// Where a controller's files of this process lie: version 2 puts all controllers into one tree (also
// mounted as "unified" beside version 1), version 1 has a tree for each.
struct Cgroup {
  Path mount;
  Path path;  // of this process, from the mount
};

template <typename Visit>
void for_each_cgroup(const char* root, std::string_view controller, Visit&& visit) {
  const SmallFile file(Path(root, "/proc/self/cgroup"));
  std::string_view rest = file.text();
  while (!rest.empty()) {
    std::string_view line = take(rest, '\n');
    take(line, ':');
    std::string_view controllers = take(line, ':');
    if (controllers.empty()) {
      visit(Cgroup{Path(root, "/sys/fs/cgroup"), Path(line)}, 2);
      visit(Cgroup{Path(root, "/sys/fs/cgroup/unified"), Path(line)}, 2);
      continue;
    }
    while (!controllers.empty())
      if (take(controllers, ',') == controller) visit(Cgroup{Path(root, "/sys/fs/cgroup/", controller), Path(line)}, 1);
  }
}

// visit(folder) for the process's cgroup and every one above it: a limit of a parent binds too. In a
// container the path may name folders that only the host sees; those hold no files.
template <typename Visit>
void for_each_level(const Cgroup& group, Visit&& visit) {
  std::string_view path = group.path;
  while (true) {
    while (path.ends_with('/')) path.remove_suffix(1);
    visit(Path(group.mount, path));
    if (path.empty()) return;
    const size_t slash = path.rfind('/');
    path = path.substr(0, slash == std::string_view::npos ? 0 : slash);
  }
}

// Where this machine has no /proc the kernel still says, though without what it could free.
uint64_t pages_in_kb(const char* root, int which) {
  const long pages = *root ? 0 : sysconf(which);
  return pages > 0 ? uint64_t(pages) * uint64_t(sysconf(_SC_PAGESIZE)) / 1024 : 0;
}

void read_memory(const char* root, Resources& r) {
  const SmallFile info(Path(root, "/proc/meminfo"));
  uint64_t total = field(info.text(), "MemTotal:").value_or(pages_in_kb(root, _SC_PHYS_PAGES)) * 1024;
  uint64_t available = field(info.text(), "MemAvailable:").value_or(pages_in_kb(root, _SC_AVPHYS_PAGES)) * 1024;
  for_each_cgroup(root, "memory", [&](const Cgroup& group, int version) {
    const bool v2 = version == 2;
    for_each_level(group, [&](const Path& folder) {
      const SmallFile limit(Path(folder, v2 ? "/memory.max" : "/memory.limit_in_bytes"));
      const auto most = number(limit.text());  // "max" is no number
      if (!most) return;
      const SmallFile usage(Path(folder, v2 ? "/memory.current" : "/memory.usage_in_bytes"));
      const SmallFile stat(Path(folder, "/memory.stat"));
      const uint64_t used = number(usage.text()).value_or(0);
      const uint64_t cached = field(stat.text(), v2 ? "inactive_file " : "total_inactive_file ").value_or(0);
      const uint64_t held = used - std::min(used, cached);  // file pages go when memory is wanted
      total = std::min(total, *most);
      available = std::min(available, *most - std::min(*most, held));
    });
  });
  r.memory_total = to_size(total);
  r.memory_available = to_size(std::min(available, total));

  const SmallFile statm(Path(root, "/proc/self/statm"));
  std::string_view fields = statm.text();
  take(fields, ' ');
  r.resident = to_size(number(fields).value_or(0)) * size_t(sysconf(_SC_PAGESIZE));
}

void read_quota(const char* root, Resources& r) {
  for_each_cgroup(root, "cpu", [&](const Cgroup& group, int version) {
    for_each_level(group, [&](const Path& folder) {
      std::optional<uint64_t> quota, period;
      if (version == 2) {
        const SmallFile both(Path(folder, "/cpu.max"));  // "200000 100000" or "max 100000"
        std::string_view rest = both.text();
        quota = number(take(rest, ' ')), period = number(rest);
      } else {
        quota = number(SmallFile(Path(folder, "/cpu.cfs_quota_us")).text());  // -1: none
        period = number(SmallFile(Path(folder, "/cpu.cfs_period_us")).text());
      }
      if (!quota || !period || *period == 0) return;
      const double cpus = double(*quota) / double(*period);
      if (r.cpu_quota == 0 || cpus < r.cpu_quota) r.cpu_quota = cpus;
    });
  });
}

}  // namespace

Resources resources_under(const char* root) {
  Resources r;
  read_memory(root, r);
  read_quota(root, r);
  const Processors processors = processors_under(root);
  r.affinity_cpus = std::max(processors.n, 1);
  r.physical_cores = std::max(processors.n_cores, 1);
  r.default_threads = r.physical_cores;
  if (r.cpu_quota > 0) r.default_threads = int32_t(std::min(double(r.physical_cores), std::ceil(r.cpu_quota)));
  r.default_threads = std::max(r.default_threads, 1);
  return r;
}

Resources resources() { return resources_under(""); }

Processors processors_under(const char* root) {
  constexpr size_t kWordBits = 8 * sizeof(unsigned long), kMost = size_t(Processors::kMost);
  unsigned long mask[kMost / kWordBits] = {}, cores[kMost / kWordBits] = {}, others[kMost / kWordBits] = {};
  Processors found;
  if (sched_getaffinity(0, sizeof mask, reinterpret_cast<cpu_set_t*>(mask)) != 0) return found;
  for (size_t cpu = 0; cpu < kMost; ++cpu) {
    if (!(mask[cpu / kWordBits] >> cpu % kWordBits & 1)) continue;
    const SmallFile siblings(
        Path(root, "/sys/devices/system/cpu/cpu", cpu, "/topology/thread_siblings_list"));  // "0,4" or "0-1"
    const size_t core = std::min<size_t>(to_size(number(siblings.text()).value_or(cpu)), kMost - 1);
    unsigned long& word = cores[core / kWordBits];
    const unsigned long bit = 1ul << core % kWordBits;
    if (word & bit) others[cpu / kWordBits] |= 1ul << cpu % kWordBits;
    else found.cpu[found.n++] = int32_t(cpu);
    word |= bit;
  }
  found.n_cores = found.n;
  for (size_t cpu = 0; cpu < kMost; ++cpu)
    if (others[cpu / kWordBits] >> cpu % kWordBits & 1) found.cpu[found.n++] = int32_t(cpu);
  return found;
}

}  // namespace synapse::platform
