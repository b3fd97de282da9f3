// What must not change a single bit: chunking, batching, threads, instruction sets, saving, cloning, going back.
#include <gtest/gtest.h>

#include <cmath>

#include "tiny_model.h"

namespace synapse::test {
namespace {

constexpr int32_t kT = 150;  // crosses two page boundaries

struct Case {
  const char* architecture;
  DType dtype;
  int32_t window = 0;
  Memory memory = Memory::keys;
  DType k_cache = DType::bf16, v_cache = DType::bf16;  // bf16: the model's own

  SessionOptions cache() const {
    SessionOptions o;
    o.k_dtype = k_cache, o.v_dtype = v_cache;
    return o;
  }
};
void PrintTo(const Case& c, std::ostream* os) {
  *os << c.architecture << " " << label(c.dtype) << " window " << c.window << " memory " << int(c.memory);
  if (c.k_cache != DType::bf16) *os << " cache " << label(c.k_cache) << " " << label(c.v_cache);
}
Shape shape_of(const Case& c) {
  Shape shape;
  shape.window = c.window;
  if (info(c.dtype).block_elements == 256) shape.dim = shape.hidden_dim = 256, shape.n_heads = 8;
  return shape;
}

class Equivalence : public testing::TestWithParam<Case> {
 protected:
  TinyCheckpoint tiny{GetParam().architecture, GetParam().dtype, shape_of(GetParam())};
  Checkpoint checkpoint = tiny.get();
  Engine engine{checkpoint, kernels(), 2, GetParam().cache(), GetParam().memory};
  std::vector<int32_t> ids = some_ids(kT, 80);

  std::vector<uint64_t> digests(Engine& e, int32_t chunk) {
    Digest d;
    const LogitSink sink = d.sink();
    Session& s = e.session(chunk);
    EXPECT_TRUE(s.feed(ids, &sink).ok());
    return d.rows;
  }
  uint64_t last(Session& s) {
    const uint64_t digest = last_digest(s);
    EXPECT_NE(digest, 0u) << s.logits().status().message();
    return digest;
  }
};

TEST_P(Equivalence, prefill_equals_decode_one_by_one_and_any_chunking) {
  ASSERT_TRUE(engine.status().ok()) << engine.status().message();
  const auto whole = digests(engine, kT);
  ASSERT_EQ(whole.size(), size_t(kT));
  EXPECT_NE(whole[0], whole[1]);
  for (int32_t chunk : {1, 7, 64, 100}) EXPECT_EQ(digests(engine, chunk), whole) << "chunk " << chunk;
}

TEST_P(Equivalence, packed_weights_change_nothing) {
  const auto whole = digests(engine, kT);
  size_t n_bytes = 0, n_quantised = 0;
  for (const NamedWeight& w : engine.model().weights()) n_quantised += is_quantised(w.tensor.dtype) ? w.tensor.bytes() : 0;
  for (const Kernels& k : kernel_variants()) {
    if (is_float(GetParam().dtype) && &k != &kernels()) continue;  // nothing is packed
    for (const bool head_in_planes : {false, true}) {
      if (head_in_planes && GetParam().dtype != DType::q8_0) continue;
      Engine other(checkpoint, k, 3, GetParam().cache(), GetParam().memory);
      n_bytes = other.pack(head_in_planes);
      for (int32_t chunk : {1, 5, kT}) EXPECT_EQ(digests(other, chunk), whole) << k.isa << " chunk " << chunk << head_in_planes;
    }
  }
  if (n_quantised) {
    EXPECT_GT(n_bytes, n_quantised / 2);
  }
  EXPECT_LE(n_bytes, n_quantised);
}

TEST_P(Equivalence, threads_do_not_matter) {
  const auto whole = digests(engine, kT);
  for (int32_t n : {1, 3, 5}) {
    Engine other(checkpoint, kernels(), n, GetParam().cache(), GetParam().memory);
    EXPECT_EQ(digests(other, 50), whole) << n << " threads";
  }
}

TEST_P(Equivalence, instruction_sets_agree) {
  const auto last_logits = [&](const Kernels& k) {
    Engine e(checkpoint, k, 1, GetParam().cache(), GetParam().memory);
    Session& s = e.session(40);
    EXPECT_TRUE(s.feed(ids).ok());
    const auto row = *s.logits();
    return std::vector<float>(row.begin(), row.end());
  };
  const std::vector<float> scalar = last_logits(*find_kernels("scalar"));
  for (const Kernels& k : kernel_variants()) {
    const std::vector<float> other = last_logits(k);
    for (size_t i = 0; i < scalar.size(); ++i) {
      // A model of float matrices sums with FMA where there is one; the logits spread over some 2.5.
      if (is_float(GetParam().dtype)) ASSERT_NEAR(other[i], scalar[i], 2e-4) << k.isa << " logit " << i;
      else ASSERT_EQ(other[i], scalar[i]) << k.isa << " logit " << i;
    }
  }
}

TEST_P(Equivalence, a_batch_of_streams_equals_the_streams_alone) {
  const Model& model = engine.model();
  const int32_t n_rows[] = {5, 1, 9}, history[] = {70, 3, 64};
  std::vector<uint64_t> alone, together;
  std::vector<Session*> sessions;
  std::vector<int32_t> all_ids;
  for (int i = 0; i < 3; ++i) {
    const auto past = some_ids(history[i], 80, uint64_t(10 + i)), now = some_ids(n_rows[i], 80, uint64_t(20 + i));
    all_ids.insert(all_ids.end(), now.begin(), now.end());
    Session& s = engine.session();
    ASSERT_TRUE(s.feed(past).ok());
    ASSERT_TRUE(s.feed(now).ok());
    alone.push_back(last(s));
  }
  // The same three as one Batch through Model::forward, over states filled alone.
  std::vector<State*> states;
  std::vector<Stream> streams;
  int32_t row = 0;
  const auto forward = [&](std::span<const Stream> batch_streams, std::span<const int32_t> tokens, std::vector<uint64_t>* out) {
    Arena& work = engine.arena(size_t(8) << 20);
    Context cx{engine.device(), work, nullptr, !model.all_float()};
    const Tensor t = cx.make(DType::i32, {int32_t(tokens.size())});
    engine.device().write(t, tokens.data());
    const Batch batch{batch_streams, int32_t(tokens.size()), is_quantised(engine.pages().k_dtype()) || is_quantised(engine.pages().v_dtype())};
    const Tensor y = model.head(cx, model.forward(cx, t, batch, nullptr));
    for (const Stream& s : batch_streams)
      if (out) out->push_back(hash64(static_cast<float*>(y.data) + size_t(s.first_row + s.n_rows - 1) * 80, 80 * 4));
  };
  for (int i = 0; i < 3; ++i) {
    const auto past = some_ids(history[i], 80, uint64_t(10 + i));
    Arena& a = engine.arena(State::arena_bytes(model.state_layout(), {.max_positions = 512}));
    states.push_back(*State::make(model.state_layout(), engine.pages().source(), {.max_positions = 512}, a));
    ASSERT_TRUE(states[size_t(i)]->reserve(0, history[i]).ok());
    const Stream fill = states[size_t(i)]->stream(0, history[i]);
    forward({&fill, 1}, past, nullptr);
    ASSERT_TRUE(states[size_t(i)]->reserve(history[i], n_rows[i]).ok());
    streams.push_back(states[size_t(i)]->stream(row, n_rows[i]));
    row += n_rows[i];
  }
  forward(streams, all_ids, &together);
  EXPECT_EQ(together, alone);
}

TEST_P(Equivalence, streams_that_are_read_together_are_those_read_alone) {
  constexpr int32_t kSteps = 6;
  SamplerOptions o;
  o.seed = 3;
  const int32_t history[] = {61, 1, 130, 64, 7};  // the first crosses a page's boundary meanwhile
  std::vector<uint64_t> alone, together;  // by stream and step
  std::vector<Session*> streams;
  for (int32_t n : history) {
    const auto past = some_ids(n, 80, uint64_t(n));
    Session& single = engine.session();
    streams.push_back(&engine.session(3));  // fewer rows a call than there are streams
    ASSERT_TRUE(single.feed(past).ok());
    ASSERT_TRUE(streams.back()->feed(past).ok());
    for (int32_t step = 0; step < kSteps; ++step) {
      ASSERT_TRUE(single.next(o).ok());
      alone.push_back(last(single));
    }
  }
  streams.push_back(&engine.session(3));  // shares pages with the first until they write
  ASSERT_TRUE(streams[0]->clone_to(*streams.back()).ok());
  alone.insert(alone.end(), alone.begin(), alone.begin() + kSteps);
  together.resize(alone.size());
  for (int32_t step = 0; step < kSteps; ++step) {
    for (Session* s : streams) ASSERT_TRUE(s->next(o).ok());
    const int64_t passes = streams[2]->n_passes();
    ASSERT_TRUE(Session::read_together(streams).ok());
    EXPECT_EQ(streams[2]->n_passes(), passes + 1);
    for (size_t i = 0; i < streams.size(); ++i) {
      ASSERT_TRUE(streams[i]->has_logits());
      together[i * size_t(kSteps) + size_t(step)] = last(*streams[i]);
    }
  }
  EXPECT_EQ(together, alone);

  ASSERT_TRUE(streams[0]->next(o).ok());
  ASSERT_TRUE(streams[2]->next(o).ok());
  Session& twin = engine.session();
  ASSERT_TRUE(streams[2]->clone_to(twin).ok());
  const bool cancel = true;
  streams[0]->cancel_on(&cancel);
  EXPECT_EQ(Session::read_together(streams).code(), Code::cancelled);
  streams[0]->cancel_on(nullptr);
  EXPECT_EQ(last(*streams[2]), last(twin));  // an error has changed nothing
}

TEST_P(Equivalence, truncated_cloned_and_restored_streams_go_on_as_the_original) {
  const auto head = some_ids(100, 80), tail = some_ids(30, 80, 2), other = some_ids(20, 80, 3);
  Session& original = engine.session();
  ASSERT_TRUE(original.feed(head).ok());
  const uint64_t at_head = last(original);
  Session& clone = engine.session();
  ASSERT_TRUE(original.clone_to(clone).ok());
  EXPECT_EQ(last(clone), at_head);
  const auto file = saved(original);
  ASSERT_TRUE(original.feed(tail).ok());
  const uint64_t at_tail = last(original);

  ASSERT_TRUE(clone.feed(other).ok());  // writes into a page that was shared: the original must not see it
  ASSERT_TRUE(original.truncate(110).ok());
  ASSERT_TRUE(original.feed(std::span(tail).subspan(10)).ok());
  EXPECT_EQ(last(original), at_tail);
  ASSERT_TRUE(clone.truncate(100).ok());
  EXPECT_EQ(last(clone), at_head);
  ASSERT_TRUE(clone.feed(tail).ok());
  EXPECT_EQ(last(clone), at_tail);

  Session& restored = engine.session();
  ASSERT_TRUE(restored.restore(file).ok());
  EXPECT_EQ(last(restored), at_head);
  ASSERT_TRUE(restored.feed(tail).ok());
  EXPECT_EQ(last(restored), at_tail);

  for (size_t at : {size_t(0), size_t(9), size_t(30), file.size() / 2, file.size() - 1}) {
    auto damaged = file;
    damaged[at] ^= 1;
    EXPECT_FALSE(restored.restore(damaged).ok()) << "byte " << at;
    EXPECT_TRUE(restored.ids().empty());
  }
  EXPECT_FALSE(restored.restore(std::span(file).first(file.size() - 4)).ok());
}

// Mirostat's state moves with every choice: it goes where the stream goes.
TEST_P(Equivalence, the_samplers_state_belongs_to_the_stream) {
  SamplerOptions o;
  o.temperature = 2, o.mirostat = 2, o.mirostat_tau = 9, o.mirostat_eta = 1;  // more than there is: mu rises
  const auto write = [&](Session& s, int n) {
    std::vector<int32_t> chosen;
    for (int i = 0; i < n; ++i) chosen.push_back(s.next(o)->id);
    return chosen;
  };
  Session& s = engine.session();
  ASSERT_TRUE(s.feed(some_ids(5, 80)).ok());
  write(s, 20);
  o.mirostat_tau = 1, o.mirostat_eta = 0.1f;
  Session& clone = engine.session();
  ASSERT_TRUE(s.clone_to(clone).ok());
  const auto file = saved(s);
  const auto wanted = write(s, 40);
  EXPECT_EQ(write(clone, 40), wanted);
  Session& restored = engine.session();
  ASSERT_TRUE(restored.restore(file).ok());
  EXPECT_EQ(write(restored, 40), wanted);
  ASSERT_TRUE(s.truncate(25).ok());
  EXPECT_EQ(write(s, 40), wanted);

  Session& fresh = engine.session();  // the same ids, but nothing was chosen: mirostat begins anew
  ASSERT_TRUE(fresh.feed(s.ids().first(25)).ok());
  EXPECT_NE(write(fresh, 40), wanted);
}

TEST_P(Equivalence, memory_returns_to_the_pool) {
  const PagePool& pool = engine.pages();
  const auto used = [&] {
    return size_t(pool.n_used()) * pool.bytes_of_page() + size_t(pool.n_row_blocks_used()) * pool.bytes_of_row_block();
  };
  const size_t before = used();
  Session& s = engine.session();
  ASSERT_TRUE(s.feed(ids).ok());
  EXPECT_GT(used(), before);
  EXPECT_EQ(s.cache_bytes(), used() - before);
  ASSERT_TRUE(s.truncate(0).ok());
  EXPECT_EQ(used(), before);
  EXPECT_EQ(s.cache_bytes(), 0u);
}

INSTANTIATE_TEST_SUITE_P(families, Equivalence,
                         testing::Values(Case{"llama", DType::f32}, Case{"llama", DType::q8_0}, Case{"qwen2", DType::q4_0},
                                         Case{"qwen3", DType::f16}, Case{"qwen3", DType::bf16}, Case{"qwen3", DType::q8_0},
                                         Case{"qwen3", DType::q4_0}, Case{"qwen3", DType::q8_0, 40},
                                         Case{"gemma2", DType::q8_0, 40},  // window and full layers, soft-caps, post-norms
                                         Case{"phi3", DType::q4_0, 40},    // fused matrices, two sets of frequencies
                                         Case{"gptneox", DType::q8_0},     // parallel residuals, biases, layer norms
                                         Case{"qwen3moe", DType::q8_0}, Case{"qwen2moe", DType::q4_0},
                                         Case{"llama", DType::q8_0, 0, Memory::keys_and_rows},
                                         Case{"llama", DType::q8_0, 0, Memory::rows},
                                         Case{"mamba", DType::q8_0}, Case{"mamba2", DType::q4_0}, Case{"rwkv7", DType::q8_0},
                                         Case{"jamba", DType::q4_0}, Case{"granitehybrid", DType::q8_0},
                                         Case{"falcon-h1", DType::q8_0}, Case{"qwen3next", DType::q8_0}));

INSTANTIATE_TEST_SUITE_P(other_formats, Equivalence, testing::Values(Case{"qwen3", DType::q4_k}, Case{"qwen3", DType::q6_k}, Case{"qwen3", DType::int8}));

INSTANTIATE_TEST_SUITE_P(quantised_caches, Equivalence,
                         testing::Values(Case{"qwen3", DType::q8_0, 0, Memory::keys, DType::q8_0, DType::q8_0}, Case{"llama", DType::q4_0, 0, Memory::keys, DType::q4_0, DType::q4_0},
                                         Case{"qwen2", DType::q8_0, 0, Memory::keys, DType::q8_0, DType::q4_0}, Case{"llama", DType::q8_0, 0, Memory::keys, DType::f16, DType::q8_0},
                                         Case{"qwen3", DType::q8_0, 40, Memory::keys, DType::q8_0, DType::q8_0}));

TEST(session, a_feed_that_fails_leaves_the_stream_as_it_was) {
  TinyCheckpoint tiny("qwen3", DType::q8_0);
  const Checkpoint checkpoint = tiny.get();
  Engine engine(checkpoint, kernels(), 1, default_cache());
  Session& s = engine.session(16);
  const auto head = some_ids(40, 80);
  ASSERT_TRUE(s.feed(head).ok());
  const auto before = *s.logits();
  const uint64_t was = hash64(before.data(), before.size_bytes());

  EXPECT_EQ(s.feed(std::vector<int32_t>{1, 80}).message(), "token 1: id 80, the vocabulary has 80");
  EXPECT_EQ(s.feed(some_ids(473, 80)).message(), "prompt: 473 tokens after 40, the context holds 512");
  bool cancel = true;
  s.cancel_on(&cancel);
  EXPECT_EQ(s.feed(head).code(), Code::cancelled);
  s.cancel_on(nullptr);
  EXPECT_EQ(s.ids().size(), 40u);
  const auto after = *s.logits();
  EXPECT_EQ(hash64(after.data(), after.size_bytes()), was);
}

TEST(session, a_quantised_cache_is_close_to_an_exact_one_and_smaller) {
  TinyCheckpoint tiny("qwen3", DType::f32);
  const Checkpoint checkpoint = tiny.get();
  const auto last_logits = [&](DType cache, size_t& bytes) {
    SessionOptions o;
    o.k_dtype = o.v_dtype = cache;
    Engine engine(checkpoint, kernels(), 1, o);
    Session& s = engine.session();
    EXPECT_TRUE(s.feed(some_ids(150, 80)).ok());
    bytes = s.cache_bytes();
    const auto row = *s.logits();
    return std::vector<float>(row.begin(), row.end());
  };
  size_t exact_bytes = 0, bytes = 0;
  const std::vector<float> exact = last_logits(DType::f32, exact_bytes);
  const auto distance = [&](DType cache) {
    const std::vector<float> other = last_logits(cache, bytes);
    double d = 0, all = 0;
    for (size_t i = 0; i < exact.size(); ++i) {
      d += double(other[i] - exact[i]) * double(other[i] - exact[i]), all += double(exact[i]) * double(exact[i]);
    }
    return std::sqrt(d / all);
  };
  EXPECT_LT(distance(DType::q8_0), 0.01);
  EXPECT_LT(bytes * 3, exact_bytes);
  EXPECT_LT(distance(DType::q4_0), 0.15);
  EXPECT_LT(bytes * 6, exact_bytes);
}

TEST(session, heads_that_are_no_whole_blocks_are_not_quantised) {
  Shape shape;
  shape.head_dim = 24;
  TinyCheckpoint tiny("llama", DType::q8_0, shape);
  const Checkpoint checkpoint = tiny.get();
  Engine engine(checkpoint, kernels(), 1, default_cache());
  ASSERT_TRUE(engine.status().ok()) << engine.status().message();
  std::vector<uint8_t> memory(1 << 16), tables(1 << 16);
  Arena arena(tables.data(), tables.size());
  const auto pool = [&](DType k) { return PagePool::make(engine.device(), engine.model().state_layout(), k, DType::f16, memory, arena); };
  EXPECT_EQ(pool(DType::q8_0).status().message(), "cache type: Q8_0 with heads of 24 numbers, wanted multiples of 32");
  EXPECT_EQ(pool(DType::q6_k).status().message(), "cache type: Q6_K, wanted F32, F16, Q8_0 or Q4_0");
}

TEST(session, greedy_next_follows_the_logits_and_stops_at_the_context) {
  Shape shape;
  shape.max_seq_len = 70;
  TinyCheckpoint tiny("llama", DType::q8_0, shape);
  const Checkpoint checkpoint = tiny.get();
  Engine engine(checkpoint, kernels(), 1, default_cache());
  Session& s = engine.session();
  SamplerOptions greedy;
  greedy.temperature = 0;
  EXPECT_EQ(s.next(greedy).status().message(), "logits: nothing was fed");
  ASSERT_TRUE(s.feed(some_ids(60, 80)).ok());
  while (!s.full()) {
    const auto row = *s.logits();
    const int32_t best = int32_t(std::max_element(row.begin(), row.end()) - row.begin());
    EXPECT_EQ(s.next(greedy)->id, best);
  }
  EXPECT_EQ(s.ids().size(), 70u);
  EXPECT_EQ(s.next(greedy).status().message(), "context: full with 70 tokens");
}

// Keys are cached after rotation, and a context beyond the original one turns by other frequencies.
TEST(session, streams_that_turn_by_other_frequencies_do_not_mix) {
  TinyCheckpoint tiny("phi3", DType::q8_0);  // original context 128
  const Checkpoint checkpoint = tiny.get();
  Engine engine(checkpoint, kernels(), 1, default_cache());
  const auto ids = some_ids(50, 80);
  const auto fed = [&](int32_t context) -> Session& {
    Session& s = engine.session(512, context);
    EXPECT_TRUE(s.feed(ids).ok());
    return s;
  };
  const auto last = [](Session& s) {
    const auto row = *s.logits();
    return hash64(row.data(), row.size_bytes());
  };
  Session &within = fed(128), &beyond = fed(129), &farther = fed(300);
  EXPECT_NE(last(within), last(beyond));
  EXPECT_EQ(last(beyond), last(farther));
  EXPECT_FALSE(within.clone_to(beyond).ok());
  EXPECT_FALSE(beyond.restore(saved(within)).ok());
  EXPECT_TRUE(beyond.clone_to(farther).ok());
  EXPECT_TRUE(beyond.restore(saved(farther)).ok());
}

}  // namespace
}  // namespace synapse::test
