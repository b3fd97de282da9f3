#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cfenv>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

#include "synapse/platform/linux_resources.h"
#include "synapse/platform/platform.h"
#include "synapse/platform/threads.h"

namespace synapse::platform {
namespace {

// A folder of made-up files, gone with the test.
class Folder {
 public:
  Folder() : root_(testing::TempDir() + "synapse-platform-" + std::to_string(getpid()) + "-" + std::to_string(n_++)) {
    std::filesystem::create_directories(root_);
  }
  ~Folder() { std::filesystem::remove_all(root_); }
  std::string write(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = root_ + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path;
  }
  const std::string& path() const { return root_; }

 private:
  static inline int n_ = 0;
  std::string root_;
};

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

TEST(Log, SecondsGoForward) {
  const double before = seconds();
  usleep(2000);
  EXPECT_GT(seconds() - before, 0.0015);
}

TEST(MappedFile, HoldsTheBytesOfTheFile) {
  Folder folder;
  std::string text(3 * 4096 + 100, 'x');
  text.back() = 'y';
  const std::string path = folder.write("three pages and a bit", text);
  auto file = MappedFile::open(path.c_str());
  ASSERT_TRUE(file.ok()) << file.status().message();
  MappedFile moved = std::move(*file);
  EXPECT_TRUE(file->bytes().empty());
  ASSERT_EQ(moved.bytes().size(), text.size());
  moved.expect_few_reads();
  moved.release(moved.bytes().subspan(10));  // must come back when read
  EXPECT_EQ(std::string(moved.bytes().begin(), moved.bytes().end()), text);
}

TEST(MappedFile, OfAnEmptyFileIsEmpty) {
  Folder folder;
  auto file = MappedFile::open(folder.write("empty", "").c_str());
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->bytes().size(), 0u);
}

TEST(MappedFile, ErrorsNameThePath) {
  Folder folder;
  const std::string absent = folder.path() + "/absent.gguf";
  auto none = MappedFile::open(absent.c_str());
  EXPECT_EQ(none.status().code(), Code::not_found);
  EXPECT_TRUE(contains(none.status().message(), absent)) << none.status().message();

  auto directory = MappedFile::open(folder.path().c_str());
  EXPECT_EQ(directory.status().code(), Code::invalid);
  EXPECT_TRUE(contains(directory.status().message(), folder.path()));

  const std::string pipe = folder.path() + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(MappedFile::open(pipe.c_str()).status().code(), Code::invalid);  // and does not block
}

TEST(Reservation, IsZeroedAndLargerThanWhatIsTouched) {
  auto room = Reservation::make(size_t(8) << 30);
  ASSERT_TRUE(room.ok()) << room.status().message();
  ASSERT_EQ(room->bytes().size(), size_t(8) << 30);
  EXPECT_EQ(room->bytes().front(), 0);
  room->bytes().back() = 1;
  EXPECT_EQ(room->bytes().back(), 1);
}

TEST(Reservation, ThatIsImpossibleSaysHowMuchWasWanted) {
  auto room = Reservation::make(size_t(1) << 62);
  ASSERT_FALSE(room.ok());
  EXPECT_TRUE(contains(room.status().message(), "4611686018427387904 bytes")) << room.status().message();
}

TEST(Resources, OfThisMachineAreSane) {
  const Resources r = resources();
  EXPECT_GT(r.memory_total, size_t(64) << 20);
  EXPECT_GT(r.memory_available, 0u);
  EXPECT_LE(r.memory_available, r.memory_total);
  EXPECT_GT(r.resident, size_t(100) << 10);
  EXPECT_LT(r.resident, r.memory_total);
  EXPECT_GE(r.affinity_cpus, r.physical_cores);
  EXPECT_GE(r.physical_cores, r.default_threads);
  EXPECT_GE(r.default_threads, 1);
}

TEST(Resources, OfAMachineWithoutFilesAreTheDefaults) {
  Folder folder;
  const Resources r = resources_under(folder.path().c_str());
  EXPECT_EQ(r.memory_total, 0u);
  EXPECT_EQ(r.cpu_quota, 0);
  EXPECT_EQ(r.physical_cores, r.affinity_cpus);
  EXPECT_GE(r.default_threads, 1);
}

void write_machine(const Folder& f) {
  f.write("proc/meminfo", "MemTotal:       16000 kB\nMemFree:  1000 kB\nMemAvailable:   12000 kB\n");
  f.write("proc/self/statm", "900 25 10 1 0 1 0\n");
}

TEST(Resources, HonourEveryLevelOfCgroupVersion2) {
  Folder f;
  write_machine(f);
  f.write("proc/self/cgroup", "0::/outer/inner\n");
  f.write("sys/fs/cgroup/outer/inner/memory.max", "max\n");
  f.write("sys/fs/cgroup/outer/inner/cpu.max", "400000 100000\n");
  f.write("sys/fs/cgroup/outer/memory.max", "8192000\n");
  f.write("sys/fs/cgroup/outer/memory.current", "3000000\n");
  f.write("sys/fs/cgroup/outer/memory.stat", "anon 5\nactive_file 7\ninactive_file 1000000\n");
  f.write("sys/fs/cgroup/outer/cpu.max", "50000 100000\n");
  const Resources r = resources_under(f.path().c_str());
  EXPECT_EQ(r.memory_total, 8192000u);
  EXPECT_EQ(r.memory_available, 8192000u - 2000000u);
  EXPECT_EQ(r.resident, 25u * size_t(sysconf(_SC_PAGESIZE)));
  EXPECT_DOUBLE_EQ(r.cpu_quota, 0.5);
  EXPECT_EQ(r.default_threads, 1);
}

TEST(Resources, HonourCgroupVersion1EvenWhenThePathIsTheHosts) {
  Folder f;
  write_machine(f);
  f.write("proc/self/cgroup", "4:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n0::/\n");
  f.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "4096000\n");
  f.write("sys/fs/cgroup/memory/memory.usage_in_bytes", "96000\n");
  f.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "150000\n");
  f.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  const Resources r = resources_under(f.path().c_str());
  EXPECT_EQ(r.memory_total, 4096000u);
  EXPECT_EQ(r.memory_available, 4000000u);
  EXPECT_DOUBLE_EQ(r.cpu_quota, 1.5);
}

TEST(Resources, IgnoreLimitsThatAreNone) {
  Folder f;
  write_machine(f);
  f.write("proc/self/cgroup", "4:memory:/\n2:cpu:/\n");
  f.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  f.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  f.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  const Resources r = resources_under(f.path().c_str());
  EXPECT_EQ(r.memory_total, 16000u * 1024);
  EXPECT_EQ(r.memory_available, 12000u * 1024);
  EXPECT_EQ(r.cpu_quota, 0);
}

class Pools : public testing::TestWithParam<int32_t> {
 protected:
  void SetUp() override {
    auto made = ThreadPool::create(GetParam());
    ASSERT_TRUE(made.ok()) << made.status().message();
    pool = *made;
  }
  void TearDown() override { ThreadPool::destroy(pool); }
  ThreadPool* pool = nullptr;
};
INSTANTIATE_TEST_SUITE_P(Threads, Pools, testing::Values(1, 2, 3, 8));

TEST_P(Pools, RunEveryItemOnce) {
  EXPECT_EQ(pool->size(), GetParam());
  for (int32_t n : {0, 1, 2, 3, 7, 64, 1000, 20000}) {
    std::vector<std::atomic<int>> seen(static_cast<size_t>(n));
    std::atomic<int> strangers = 0;
    pool->for_each(n, [&](int32_t item, int32_t thread) {
      seen[size_t(item)].fetch_add(1, std::memory_order_relaxed);
      if (thread < 0 || thread >= pool->size()) ++strangers;
    });
    EXPECT_EQ(strangers, 0);
    for (auto& s : seen) ASSERT_EQ(s.load(), 1) << n;
  }
}

// What one call wrote without atomics, the next call reads on other threads: the calls are ordered.
TEST_P(Pools, OrderOneCallAfterAnother) {
  std::vector<int64_t> cells(64, 0);
  constexpr int kTurns = 3000;
  for (int turn = 0; turn < kTurns; ++turn) {
    pool->for_each(64, [&](int32_t item, int32_t) { cells[size_t(63 - item)] += 1; });
    if (turn % 700 == 0) usleep(1000);  // long enough for the workers to park
  }
  EXPECT_EQ(std::accumulate(cells.begin(), cells.end(), int64_t(0)), int64_t(64) * kTurns);
}

TEST_P(Pools, NeedTheirWorkers) {
  if (GetParam() == 1) GTEST_SKIP() << "one thread";
  // Every thread holds an item until all have one: would hang if the items did not spread.
  std::atomic<int> arrived = 0;
  pool->for_each(GetParam(), [&](int32_t, int32_t) {
    ++arrived;
    while (arrived < GetParam()) usleep(10);
  });
  EXPECT_EQ(arrived, GetParam());
}

TEST_P(Pools, ReturnWhenTheSlowestItemIsDone) {
  for (int turn = 0; turn < 20; ++turn) {
    std::atomic<int> done = 0;
    pool->for_each(4, [&](int32_t, int32_t thread) {
      usleep(thread == 0 ? 100 : 1000);
      ++done;
    });
    ASSERT_EQ(done, 4);
  }
}

TEST_P(Pools, WorkInTheDefaultFloatingPointMode) {
  ThreadPool::destroy(pool);
  pool = nullptr;
  std::fesetround(FE_UPWARD);
  auto made = ThreadPool::create(GetParam());
  std::atomic<int> wrong = 0;
  if (made.ok()) {
    std::atomic<int> arrived = 0;
    (*made)->for_each(GetParam(), [&](int32_t, int32_t thread) {
      wrong += thread > 0 && std::fegetround() != FE_TONEAREST;
      ++arrived;
      while (arrived < GetParam()) usleep(10);  // so that every worker has its item
    });
    ThreadPool::destroy(*made);
  }
  std::fesetround(FE_TONEAREST);
  EXPECT_TRUE(made.ok());
  EXPECT_EQ(wrong, 0);
}

TEST(ThreadPool, StaysWhereItIsPinned) {
  const Processors processors = processors_under("");
  ASSERT_GE(processors.n, 1);
  cpu_set_t before, after;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  ThreadPool* pool = *ThreadPool::create(2);
  const std::vector<int32_t> cpus(2, processors.cpu[processors.n - 1]);
  EXPECT_FALSE(pool->pin(std::span(cpus).first(1)));
  ASSERT_TRUE(pool->pin(cpus));
  std::atomic<int> n_elsewhere = 0;
  pool->for_each(64, [&](int32_t, int32_t) { n_elsewhere += sched_getcpu() != cpus[0]; });
  EXPECT_EQ(n_elsewhere, 0);
  ASSERT_EQ(sched_getaffinity(0, sizeof after, &after), 0);
  EXPECT_EQ(CPU_COUNT(&after), 1);
  EXPECT_EQ(processors_under("").cpu[0], cpus[0]);
  ThreadPool::destroy(pool);
  sched_setaffinity(0, sizeof before, &before);
}

TEST(Resources, ProcessorsOfDistinctCoresComeFirst) {
  const Processors here = processors_under("");
  Folder f;  // every two processors are one core
  for (int32_t i = 0; i < here.n; ++i) {
    const int32_t first = here.cpu[i] / 2 * 2;
    f.write("sys/devices/system/cpu/cpu" + std::to_string(here.cpu[i]) + "/topology/thread_siblings_list",
            std::to_string(first) + "-" + std::to_string(first + 1) + "\n");
  }
  const Processors found = processors_under(f.path().c_str());
  EXPECT_EQ(found.n, here.n);
  EXPECT_LE(found.n_cores, here.n);
  std::vector<int32_t> cores;
  for (int32_t i = 0; i < found.n_cores; ++i) cores.push_back(found.cpu[i] / 2);
  EXPECT_TRUE(std::ranges::adjacent_find(cores) == cores.end());
  for (int32_t i = found.n_cores; i < found.n; ++i) EXPECT_NE(std::ranges::find(cores, found.cpu[i] / 2), cores.end());
}

TEST(ThreadPool, ComesAndGoes) {
  for (int i = 0; i < 50; ++i) {
    auto pool = ThreadPool::create(4);
    ASSERT_TRUE(pool.ok());
    if (i % 2) (*pool)->for_each(3, [](int32_t, int32_t) {});
    ThreadPool::destroy(*pool);
  }
  ThreadPool::destroy(nullptr);
}

}  // namespace
}  // namespace synapse::platform
