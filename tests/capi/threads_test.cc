// Many threads: models and sessions of their own, one model for all, one session for two.
#include <atomic>
#include <thread>

#include "story.h"

namespace synapse::test {
namespace {

TEST(CapiThreads, two_models_on_two_threads) {
  std::vector<int32_t> ids[2];
  const auto tell = [&](int which) {
    const ModelHandle model = load();
    const SessionHandle session = open(model.get(), 2);
    EXPECT_EQ(syn_session_feed(session.get(), kPromptIds.data(), kPromptIds.size(), nullptr), SYN_OK);
    ids[which] = greedy_ids(session.get(), kGreedyIds.size());
  };
  std::thread a(tell, 0), b(tell, 1);
  a.join();
  b.join();
  EXPECT_EQ(ids[0], kGreedyIds);
  EXPECT_EQ(ids[1], kGreedyIds);
}

TEST(CapiThreads, sessions_of_one_model_on_many_threads) {
  ModelHandle model = load();
  std::vector<int32_t> ids[4];
  std::vector<std::thread> threads;
  for (auto& mine : ids)
    threads.emplace_back([&] {
      int32_t prompt[16];
      size_t n = 0;
      EXPECT_EQ(syn_tokenize(model.get(), kPrompt, 16, SYN_ADD_SPECIAL, prompt, 16, &n, nullptr), SYN_OK);
      const SessionHandle session = open(model.get(), 1);
      EXPECT_EQ(syn_session_feed(session.get(), prompt, n, nullptr), SYN_OK);
      syn_session* made = nullptr;
      EXPECT_EQ(syn_session_clone(session.get(), &made, nullptr), SYN_OK);
      mine = greedy_ids(SessionHandle(made).get(), kGreedyIds.size());
    });
  for (std::thread& thread : threads) thread.join();
  for (const auto& mine : ids) EXPECT_EQ(mine, kGreedyIds);
}

TEST(CapiThreads, a_second_caller_of_a_session_is_told_that_it_is_busy) {
  struct Meeting {
    std::atomic<bool> inside{false}, tried{false};
  } meeting;
  const ModelHandle model = load();
  const SessionHandle session = open(model.get());
  ASSERT_EQ(syn_session_feed(session.get(), kPromptIds.data(), kPromptIds.size(), nullptr), SYN_OK);
  std::thread other([&] {
    while (!meeting.inside) std::this_thread::yield();
    syn_error error;
    EXPECT_EQ(syn_session_feed(session.get(), kPromptIds.data(), 1, &error), SYN_ERROR_BUSY);
    EXPECT_EQ(error.code, SYN_ERROR_BUSY);
    meeting.tried = true;
  });
  const auto wait = [](void* user, const syn_token*) {
    auto& m = *static_cast<Meeting*>(user);
    m.inside = true;
    while (!m.tried) std::this_thread::yield();
    return 1;
  };
  EXPECT_EQ(syn_session_generate(session.get(), nullptr, wait, &meeting, nullptr, nullptr), SYN_OK);
  other.join();
}

}  // namespace
}  // namespace synapse::test
