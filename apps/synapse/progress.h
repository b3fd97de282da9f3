// A line on the terminal while something takes long: "reading the prompt: 45 %". Nothing unless stderr is a terminal and
// half a second has passed; gone when done. No escape sequences, so there is no colour to switch off.
#pragma once
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace synapse::cli {

class Progress {
 public:
  explicit Progress(std::string what);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void at(double share) { share_.store(share, std::memory_order_relaxed); }  // 0 to 1; never called: seconds are shown

 private:
  void show();

  std::string what_;
  std::atomic<double> share_ = -1;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool is_over_ = false;
  std::thread thread_;
};

// A bar that grows with the bytes written, redrawn when a percent has passed; nothing unless stderr is a terminal.
class ByteBar {
 public:
  // For WriteOptions::progress, `self` being a ByteBar: false when an interrupt came.
  static bool step(void* self, uint64_t done, uint64_t all) { return static_cast<ByteBar*>(self)->show(done, all); }
  ByteBar();
  ~ByteBar();
  ByteBar(const ByteBar&) = delete;
  ByteBar& operator=(const ByteBar&) = delete;

 private:
  bool show(uint64_t done, uint64_t all);

  const bool is_terminal_;
  const bool* interrupted_;
  int percent_ = -1;
};

}  // namespace synapse::cli
