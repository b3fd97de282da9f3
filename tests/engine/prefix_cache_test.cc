// A stream that begins where another one was, instead of reading: the same bits, for every kind of state.
#include <gtest/gtest.h>

#include "synapse/runtime/prefix_cache.h"
#include "tiny_model.h"

namespace synapse::test {
namespace {

class PrefixCacheTest : public testing::TestWithParam<StateKind> {
 protected:
  TinyCheckpoint tiny{GetParam().architecture, DType::q8_0, shape_of(GetParam())};
  Checkpoint checkpoint = tiny.get();
  Engine engine{checkpoint, kernels(), 1, SessionOptions{.max_seq_len = 1024}, GetParam().memory};
  const std::vector<int32_t> text = some_ids(600, 80);

  PrefixCache& cache_of(size_t budget) {
    const StateLayout& layout = engine.model().state_layout();
    const SessionOptions& o = engine.options();
    Arena& a = engine.arena(PrefixCache::arena_bytes(layout, o.k_dtype, o.v_dtype, budget));
    return **PrefixCache::make(engine.pages(), layout, budget, a);
  }
  Session& session(PrefixCache* cache, int32_t chunk = 512) {
    SessionOptions o = engine.options();
    o.prefix_cache = cache, o.chunk = chunk;
    return engine.session(o);
  }
  std::span<const int32_t> first(size_t n) { return std::span(text).first(n); }
  // The logits after each of some ids, read by a stream that knows no cache.
  uint64_t alone(std::span<const int32_t> ids) {
    Session& s = session(nullptr);
    EXPECT_TRUE(s.feed(ids).ok());
    const uint64_t digest = last_digest(s);
    EXPECT_TRUE(s.truncate(0).ok());
    return digest;
  }
  size_t node_bytes() {
    return size_t(engine.model().state_layout().n_kv_slots) * engine.pages().bytes_of_page() + engine.pages().bytes_of_row_block();
  }
};

TEST_P(PrefixCacheTest, a_hit_goes_on_as_a_miss) {
  PrefixCache& cache = cache_of(size_t(4) << 20);
  for (const int32_t chunk : {512, 50}) {
    Session& a = session(&cache, chunk);
    ASSERT_TRUE(a.feed(first(300)).ok());
    const bool is_first = chunk == 512;
    EXPECT_EQ(a.n_found(), is_first ? 0 : 256);
    EXPECT_EQ(last_digest(a), alone(first(300)));
    ASSERT_TRUE(a.feed(std::span(text).subspan(300, 100)).ok());
    EXPECT_EQ(last_digest(a), alone(first(400)));
    ASSERT_TRUE(a.truncate(0).ok());
  }
  // Another end behind the same beginning, and that the whole beginning is known: its last token is read.
  std::vector<int32_t> other(text.begin(), text.begin() + 260);
  other.resize(330, 7);
  Session& b = session(&cache);
  ASSERT_TRUE(b.feed(other).ok());
  EXPECT_EQ(b.n_found(), 256);
  EXPECT_EQ(last_digest(b), alone(other));
  Session& c = session(&cache);
  ASSERT_TRUE(c.feed(first(256)).ok());
  EXPECT_EQ(last_digest(c), alone(first(256)));
  // Going on, going back and a clone of a stream that began in the cache.
  ASSERT_TRUE(b.truncate(300).ok());
  EXPECT_EQ(last_digest(b), alone(std::span(other).first(300)));
  Session& d = session(nullptr);
  ASSERT_TRUE(b.clone_to(d).ok());
  ASSERT_TRUE(d.feed(first(90)).ok());
  other.resize(300);
  other.insert(other.end(), text.begin(), text.begin() + 90);
  EXPECT_EQ(last_digest(d), alone(other));
}

TEST_P(PrefixCacheTest, what_was_chosen_is_remembered_too) {
  PrefixCache& cache = cache_of(size_t(4) << 20);
  Session& a = session(&cache);
  SamplerOptions o;
  ASSERT_TRUE(a.feed(first(100)).ok());
  while (a.ids().size() < 270) ASSERT_TRUE(a.next(o).ok());
  std::vector<int32_t> turn(a.ids().begin(), a.ids().end());
  turn.push_back(3);
  ASSERT_TRUE(a.truncate(0).ok());
  Session& b = session(&cache);
  EXPECT_EQ(b.feed_known(turn), 256);
  ASSERT_TRUE(b.feed(std::span(turn).subspan(256)).ok());
  EXPECT_EQ(last_digest(b), alone(turn));
}

TEST_P(PrefixCacheTest, only_the_same_tokens_and_the_same_key_hit) {
  PrefixCache& cache = cache_of(size_t(4) << 20);
  Session& a = session(&cache);
  ASSERT_TRUE(a.feed(first(200)).ok());
  for (const size_t at : {size_t(0), size_t(63), size_t(70), size_t(191)}) {
    std::vector<int32_t> other(text.begin(), text.begin() + 200);
    other[at] = (other[at] + 1) % 80;
    Session& s = session(&cache);
    ASSERT_TRUE(s.feed(other).ok());
    EXPECT_LE(s.n_found(), int64_t(at / 64 * 64));
    EXPECT_EQ(last_digest(s), alone(other));
  }
  SessionOptions o = engine.options();
  o.prefix_cache = &cache, o.max_seq_len = 512;  // another setting
  Session& s = engine.session(o);
  ASSERT_TRUE(s.feed(first(200)).ok());
  EXPECT_EQ(s.n_found(), 0);
}

TEST_P(PrefixCacheTest, the_budget_holds_and_the_oldest_goes) {
  const size_t budget = 6 * std::max(node_bytes(), size_t(4096));
  PrefixCache& cache = cache_of(budget);
  for (uint64_t i = 0; i < 20; ++i) {
    Session& s = session(&cache);
    const auto ids = some_ids(200, 80, 100 + i);
    ASSERT_TRUE(s.feed(ids).ok());
    EXPECT_EQ(last_digest(s), alone(ids));
    EXPECT_LE(cache.bytes(), budget);
    ASSERT_TRUE(s.truncate(0).ok());
  }
  for (const uint64_t i : {19, 0}) {
    Session& s = session(&cache);
    ASSERT_TRUE(s.feed(some_ids(200, 80, 100 + i)).ok());
    EXPECT_EQ(s.n_found(), i == 19 ? 192 : 0) << i;
    ASSERT_TRUE(s.truncate(0).ok());
  }
  while (cache.drop_oldest()) {
  }
  EXPECT_EQ(cache.bytes(), 0u);
  EXPECT_EQ(cache.n_nodes(), 0);
  EXPECT_EQ(engine.pages().n_used(), 0);
  EXPECT_EQ(engine.pages().n_row_blocks_used(), 0);
}

// A beginning longer than the cache itself, and a pool that has nothing left but what the cache holds.
TEST_P(PrefixCacheTest, a_small_cache_and_a_full_pool_stop_nobody) {
  PrefixCache& small = cache_of(2 * std::max(node_bytes(), size_t(4096)));
  Session& s = session(&small);
  ASSERT_TRUE(s.feed(first(600)).ok());
  EXPECT_EQ(last_digest(s), alone(first(600)));
  PrefixCache& none = cache_of(0);
  Session& t = session(&none);
  ASSERT_TRUE(t.feed(first(300)).ok());
  EXPECT_EQ(none.n_nodes(), 0);
  ASSERT_TRUE(s.truncate(0).ok() && t.truncate(0).ok());

  SessionOptions o = engine.options();
  o.max_seq_len = 512;
  const StateLayout& layout = engine.model().state_layout();
  PagePool& pool = engine.pool_of(PagePool::bytes_for(layout, o.k_dtype, o.v_dtype, limits_of(engine.model(), o)));
  const size_t budget = size_t(64) << 20;
  o.prefix_cache = *PrefixCache::make(pool, layout, budget, engine.arena(PrefixCache::arena_bytes(layout, o.k_dtype, o.v_dtype, budget)));
  Session& u = engine.session(o, pool);
  for (uint64_t i = 0; i < 6; ++i) {
    ASSERT_TRUE(u.truncate(0).ok());
    const auto ids = some_ids(500, 80, 50 + i / 2);
    ASSERT_TRUE(u.feed(ids).ok()) << i;
    EXPECT_EQ(last_digest(u), alone(ids));
  }
}

INSTANTIATE_TEST_SUITE_P(kinds, PrefixCacheTest,
                         testing::Values(StateKind{0, Memory::keys}, StateKind{40, Memory::keys}, StateKind{150, Memory::keys},
                                         StateKind{0, Memory::keys_and_rows}, StateKind{40, Memory::keys_and_rows}, StateKind{0, Memory::rows},
                                         StateKind{0, Memory::keys, "mamba"}, StateKind{0, Memory::keys, "rwkv7"},
                                         StateKind{0, Memory::keys, "falcon-h1"}, StateKind{0, Memory::keys, "qwen3next"}));

}  // namespace
}  // namespace synapse::test
