// What a stream remembers, on every way there is to a position: going back, cloning, saving, sharing beginnings. The
// logits there are those of a stream that was never anywhere else.
#include <gtest/gtest.h>

#include "tiny_model.h"

namespace synapse::test {
namespace {

class StateTest : public testing::TestWithParam<StateKind> {
 protected:
  bool has_rows() { return engine.model().state_layout().n_row_floats > 0; }
  TinyCheckpoint tiny{GetParam().architecture, DType::q8_0, shape_of(GetParam())};
  Checkpoint checkpoint = tiny.get();
  Engine engine{checkpoint, kernels(), 1, SessionOptions{.max_seq_len = 1024}, GetParam().memory};
  const std::vector<int32_t> text = some_ids(1024, 80);

  // The logits after each beginning of `text`, read straight through.
  std::vector<uint64_t> straight(int32_t n) {
    Digest d;
    const LogitSink sink = d.sink();
    EXPECT_TRUE(engine.session().feed(std::span(text).first(size_t(n)), &sink).ok());
    return d.rows;
  }
  StateLimits limits(const SessionOptions& o) { return limits_of(engine.model(), o); }
  size_t planned(const SessionOptions& o) {
    return PagePool::bytes_for(engine.model().state_layout(), o.k_dtype, o.v_dtype, limits(o));
  }
};

// Any sequence of reading, going back, cloning, saving and restoring.
TEST_P(StateTest, every_way_to_a_position_gives_the_same_logits) {
  constexpr int32_t kMost = 500;
  const auto wanted = straight(kMost);
  Engine second(checkpoint, kernels(), 1, engine.options(), GetParam().memory);  // another pool
  for (uint64_t walk = 0; walk < 6; ++walk) {
    SessionOptions o = engine.options();
    o.chunk = int32_t(std::array{7, 64, 100, 512, 33, 1}[walk]), o.rollback = int32_t(std::array{64, 0, 128, 64, 1, 64}[walk]);
    PagePool& far_pool = second.pool_of(size_t(4) << 20);
    Session *s = &engine.session(o), *other = &engine.session(o), *far = &engine.session(o, far_pool);
    for (uint64_t i = 0; i < 30; ++i) {
      const uint64_t dice = random_bits(walk, i);
      const int32_t n = int32_t(s->ids().size());
      switch (dice % 6) {
        case 0:
        case 1: {
          const int32_t more = std::min(int32_t(dice >> 40) % 90, kMost - n);
          ASSERT_TRUE(s->feed(std::span(text).subspan(size_t(n), size_t(more))).ok());
          break;
        }
        case 2: ASSERT_TRUE(s->truncate(n - int32_t(dice >> 40) % (std::min(n, 80) + 1)).ok()); break;
        case 3:
          ASSERT_TRUE(s->clone_to(*other).ok());
          std::swap(s, other);
          break;
        case 4:
          ASSERT_TRUE(other->restore(saved(*s)).ok());
          std::swap(s, other);
          break;
        case 5:
          ASSERT_TRUE(s->clone_to(*far).ok());
          ASSERT_TRUE(far->clone_to(*other).ok());
          std::swap(s, other);
          break;
      }
      const size_t at = s->ids().size();
      if (at == 0) continue;
      ASSERT_EQ(last_digest(*s), wanted[at - 1]) << "walk " << walk << " step " << i << " at " << at;
    }
  }
}

TEST_P(StateTest, going_back_within_the_rollback_reads_at_most_63_tokens_again) {
  SessionOptions o = engine.options();
  o.rollback = 100, o.chunk = 48;
  Session& s = engine.session(o);
  for (const int32_t n : {300, 411, 448, 500, 640}) {
    ASSERT_TRUE(s.feed(std::span(text).subspan(s.ids().size(), size_t(n) - s.ids().size())).ok());
    ASSERT_TRUE(s.truncate(n - 100).ok());
    EXPECT_GE(s.n_cached(), (n - 100) / 64 * 64) << n;
    if (!has_rows()) {
      EXPECT_EQ(s.n_cached(), n - 100);
    }
  }
}

// The memory that the plan gives one stream, to the byte, is enough for it, however it reads and writes.
TEST_P(StateTest, the_planned_memory_is_enough_and_no_more_is_held) {
  const auto wanted = straight(900);
  for (const int32_t chunk : {1, 50, 64, 512}) {
    SessionOptions o = engine.options();
    o.chunk = chunk;
    PagePool& pool = engine.pool_of(planned(o));
    Session& s = engine.session(o, pool);
    size_t most = 0;
    for (size_t n = 0; n < 900; n += 75) {
      ASSERT_TRUE(s.feed(std::span(text).subspan(n, 75)).ok());
      most = std::max(most, s.cache_bytes());
      ASSERT_EQ(last_digest(s), wanted[n + 74]);
    }
    EXPECT_LE(most, planned(o));
    ASSERT_TRUE(s.truncate(870).ok());
    EXPECT_EQ(last_digest(s), wanted[869]);
  }
}

TEST_P(StateTest, a_window_bounds_what_a_long_stream_holds) {
  if (GetParam().window == 0) return;
  SessionOptions o = engine.options();
  o.max_seq_len = 4096, o.chunk = 32;
  Session& s = engine.session(o);
  const int32_t n_slots = engine.model().state_layout().n_kv_slots;
  // Keys of the window, of the rollback and of a chunk, and two pages that are partly used.
  const int32_t most_pages = (GetParam().window + o.rollback + o.chunk) / kPageRows + 2;
  const size_t rows = size_t(!has_rows() ? 0 : 4) * engine.pages().bytes_of_row_block();
  for (int32_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(s.feed(std::span(text).first(40)).ok());
    ASSERT_LE(s.cache_bytes(), size_t(most_pages * n_slots) * engine.pages().bytes_of_page() + rows) << i;
  }
  EXPECT_EQ(s.ids().size(), 4000u);
  SessionOptions longer = o;
  longer.max_seq_len = 2048;
  EXPECT_EQ(planned(o), planned(longer));  // the plan knows
}

TEST_P(StateTest, what_is_kept_to_go_back_yields_to_going_on) {
  if (!has_rows()) return;
  const auto wanted = straight(300);
  SessionOptions o = engine.options();
  o.max_seq_len = 320;
  // Room for the pages and for two blocks of rows: the one at work and one to copy it to.
  PagePool& pool = engine.pool_of(planned(o) - size_t(limits(o).n_kept_rows() - 1) * engine.pages().bytes_of_row_block());
  Session& s = engine.session(o, pool);
  ASSERT_TRUE(s.feed(std::span(text).first(300)).ok());
  EXPECT_EQ(last_digest(s), wanted[299]);
  ASSERT_TRUE(s.truncate(290).ok());
  EXPECT_EQ(last_digest(s), wanted[289]);
}

// A stream that shares pages and rows with another writes into its own copies.
TEST_P(StateTest, clones_do_not_see_each_other) {
  Session &a = engine.session(), &b = engine.session();
  ASSERT_TRUE(a.feed(std::span(text).first(130)).ok());
  ASSERT_TRUE(a.clone_to(b).ok());
  const auto other = some_ids(40, 80, 9);
  ASSERT_TRUE(a.feed(other).ok());
  const uint64_t of_a = last_digest(a);
  ASSERT_TRUE(b.feed(std::span(text).subspan(130, 40)).ok());
  EXPECT_EQ(last_digest(b), straight(170)[169]);
  ASSERT_TRUE(a.truncate(165).ok());
  ASSERT_TRUE(a.feed(std::span(other).last(5)).ok());
  EXPECT_EQ(last_digest(a), of_a);
}

TEST_P(StateTest, a_damaged_file_is_refused_whatever_it_says) {
  Session &s = engine.session(), &to = engine.session();
  ASSERT_TRUE(s.feed(std::span(text).first(200)).ok());
  const auto file = saved(s);
  ASSERT_TRUE(to.restore(file).ok());
  const size_t n_numbers = (56 + 200 * 8 + 64) / 4;
  for (size_t i = 0; i < n_numbers; i += i < 14 || i > 410 ? 1 : 20)  // the header, some ids, what follows them
    for (const int32_t value : {-1, 1, 5, 70, INT32_MAX}) {
      auto bad = file;
      std::memcpy(bad.data() + 4 * i, &value, 4);
      const uint64_t hash = hash64(bad.data(), bad.size() - 8);  // as somebody who knows how would
      std::memcpy(bad.data() + bad.size() - 8, &hash, 8);
      const bool is_whole = to.restore(bad).ok();
      EXPECT_EQ(is_whole, !to.ids().empty());
      last_digest(to);  // a Status at worst: keys that are no numbers
    }
}

INSTANTIATE_TEST_SUITE_P(kinds, StateTest,
                         testing::Values(StateKind{0, Memory::keys}, StateKind{40, Memory::keys}, StateKind{150, Memory::keys},
                                         StateKind{0, Memory::keys_and_rows}, StateKind{40, Memory::keys_and_rows}, StateKind{0, Memory::rows},
                                         StateKind{0, Memory::keys, "mamba"}, StateKind{0, Memory::keys, "rwkv7"},
                                         StateKind{0, Memory::keys, "falcon-h1"}, StateKind{0, Memory::keys, "qwen3next"}));

TEST(state_layout, slots_and_rows_are_counted) {
  StateLayout layout;
  EXPECT_EQ(layout.add_kv(4, 64), 0);
  EXPECT_EQ(layout.add_kv(2, 128, 512), 4);
  EXPECT_EQ(layout.add_kv(2, 64, 512), 6);
  EXPECT_EQ(layout.n_runs, 2);
  EXPECT_EQ(layout.runs[1].n_slots, 4);
  EXPECT_EQ(layout.head_dim, 128);
  EXPECT_EQ(layout.add_rows(3), 0);
  EXPECT_EQ(layout.add_rows(17), 16);
  EXPECT_EQ(layout.n_row_floats, 48);
  for (int32_t i = 0; i < 1000; ++i) layout.add_kv(1, 64, i % 2 ? 512 : 0);
  EXPECT_EQ(layout.n_kv_slots, 1008);
  int32_t n = 0;
  for (int32_t i = 0; i < layout.n_runs; ++i) n += layout.runs[i].n_slots;
  EXPECT_EQ(n, 1008);
  EXPECT_EQ(layout.runs[layout.n_runs - 1].window, 0);  // what is not told apart is kept whole
  layout.add_rows(StateLayout::kMostRowFloats);
  EXPECT_GT(layout.n_row_floats, StateLayout::kMostRowFloats);
}

}  // namespace
}  // namespace synapse::test
