#include "progress.h"

#include <csignal>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "input.h"
#include "output.h"

namespace synapse::cli {

Progress::Progress(std::string what) : what_(std::move(what)) {
  if (!stderr_is_terminal()) return;
  sigset_t all, before;  // signals are for the thread that works
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { show(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Progress::~Progress() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  ended_.notify_all();
  thread_.join();
}

void Progress::show() {
  using namespace std::chrono_literals;
  const auto start = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  size_t width = 0;
  for (auto wait = 500ms; !ended_.wait_for(lock, wait, [this] { return is_over_; }); wait = 100ms) {
    const double share = share_.load(std::memory_order_relaxed);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    char text[32];
    if (share < 0) std::snprintf(text, sizeof text, ": %.1f s", elapsed.count());
    else std::snprintf(text, sizeof text, ": %.0f %%", 100 * share);
    const std::string line = what_ + text;
    width = std::max(width, line.size());
    std::fprintf(stderr, "\r%-*s", int(width), line.c_str());
  }
  if (width) std::fprintf(stderr, "\r%*s\r", int(width), "");
}

ByteBar::ByteBar() : is_terminal_(stderr_is_terminal()), interrupted_(watch_interrupts()) {}

ByteBar::~ByteBar() {
  if (percent_ >= 0) std::fputs("\r\x1b[K", stderr);
}

bool ByteBar::show(uint64_t done, uint64_t all) {
  const int percent = all ? int(double(done) / double(all) * 100) : 100;
  if (is_terminal_ && percent != percent_) {
    constexpr int kWidth = 40;
    percent_ = percent;
    const std::string bar = std::string(size_t(percent * kWidth / 100), '#');
    std::fprintf(stderr, "\r[%-*s] %3d%%  %s of %s\x1b[K", kWidth, bar.c_str(), percent, human_bytes(done).c_str(),
                 human_bytes(all).c_str());
  }
  return !*interrupted_;
}

}  // namespace synapse::cli
