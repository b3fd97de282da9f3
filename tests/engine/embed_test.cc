// Embeddings: what must not change a bit of them, what pooling is, what is refused.
#include <gtest/gtest.h>

#include <cmath>

#include "embed.h"

namespace synapse::test {
namespace {

class Embeddings : public testing::Test {
 protected:
  Embeddings() {
    for (int32_t n : {5, 1, 130, 64, 17, 300, 2}) ids.push_back(some_ids(n, 80, uint64_t(n)));
    for (const auto& i : ids) texts.push_back({i});
  }
  TinyCheckpoint tiny{"bert", DType::q8_0};
  Checkpoint checkpoint = tiny.get();
  Engine engine{checkpoint, kernels(), 2, default_cache()};
  std::vector<std::vector<int32_t>> ids;
  std::vector<EmbedText> texts;
};

TEST_F(Embeddings, of_texts_together_are_those_of_each_alone) {
  ASSERT_TRUE(engine.status().ok()) << engine.status().message();
  const Embedding together = embed(engine, checkpoint, texts);
  ASSERT_EQ(together.vectors.size(), texts.size()) << together.error;
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(embed(engine, checkpoint, {texts[i]}).vectors[0], together.vectors[i]) << i;
    if (i) { EXPECT_NE(together.vectors[0], together.vectors[i]); }
  }
  EXPECT_EQ(embed(engine, checkpoint, texts, Pooling::mean, false, 300).vectors, together.vectors);
}

TEST_F(Embeddings, depend_on_neither_threads_nor_instruction_set) {
  const Vectors wanted = embed(engine, checkpoint, texts).vectors;
  for (const Kernels& k : kernel_variants())
    for (int32_t n_threads : {1, 3}) {
      Engine other(checkpoint, k, n_threads, default_cache());
      EXPECT_EQ(embed(other, checkpoint, texts).vectors, wanted) << k.isa << ", " << n_threads << " threads";
    }
}

TEST_F(Embeddings, are_pooled_from_the_rows_of_the_tokens) {
  const EmbedText text = texts[4];
  const Vectors rows = embed(engine, checkpoint, {text}, Pooling::none).vectors;
  ASSERT_EQ(rows.size(), text.ids.size());
  EXPECT_EQ(embed(engine, checkpoint, {text}, Pooling::cls).vectors[0], rows.front());
  EXPECT_EQ(embed(engine, checkpoint, {text}, Pooling::last).vectors[0], rows.back());
  const auto mean = embed(engine, checkpoint, {text}).vectors[0], unit = embed(engine, checkpoint, {text}, Pooling::mean, true).vectors[0];
  double ss = 0, length = 0;
  for (float v : mean) length += double(v) * double(v);
  for (size_t c = 0; c < mean.size(); ++c) {
    double sum = 0;
    for (const auto& row : rows) sum += double(row[c]);
    EXPECT_FLOAT_EQ(mean[c], float(sum / double(rows.size())));
    EXPECT_NEAR(unit[c], double(mean[c]) / std::sqrt(length), 1e-7);
    ss += double(unit[c]) * double(unit[c]);
  }
  EXPECT_NEAR(ss, 1, 1e-6);
}

// Bidirectional: the first row knows the last token. Learned positions and segments: order and types matter.
TEST_F(Embeddings, of_an_encoder_look_both_ways_and_know_positions_and_types) {
  std::vector<int32_t> a = ids[4], b = a, swapped = a, types(a.size(), 0);
  b.back() = (b.back() + 1) % 80;
  std::swap(swapped[3], swapped[4]);
  const auto first = [&](const EmbedText& text) { return embed(engine, checkpoint, {text}, Pooling::cls).vectors.at(0); };
  EXPECT_NE(first({a}), first({b}));
  EXPECT_NE(first({a}), first({swapped}));
  EXPECT_EQ(first({a}), first({a, types}));
  types.back() = 1;
  EXPECT_NE(first({a}), first({a, types}));
}

TEST_F(Embeddings, of_what_the_model_cannot_take_are_errors_that_name_it) {
  const auto error = [&](EmbedText text) { return embed(engine, checkpoint, {texts[0], text}).error; };
  const std::vector<int32_t> long_ids(600, 1), foreign = {1, 80}, types = {0, 2}, short_types = {0};
  EXPECT_EQ(error({}), "text 2: no tokens");
  EXPECT_EQ(error({long_ids}), "text 2: 600 tokens, the most is 512");
  EXPECT_EQ(error({foreign}), "text 2: id 80, the vocabulary has 80");
  EXPECT_EQ(error({std::span(foreign).first(1), types}), "text 2: 1 ids, 2 types");
  EXPECT_EQ(error({std::span(long_ids).first(2), types}), "text 2: type 2, the model has 2");
}

TEST_F(Embeddings, an_encoder_opens_no_session) {
  Arena& arena = engine.arena(Session::arena_bytes(engine.model(), engine.device(), {}));
  const auto session = Session::open(engine.model(), engine.device(), engine.pages(), {}, arena);
  ASSERT_FALSE(session.ok());
  EXPECT_EQ(session.status().message(), "bert: an encoder, without a head that writes text; embed gives its vectors");
}

TEST(embeddings, of_a_model_that_writes_are_its_rows_after_the_last_norm) {
  TinyCheckpoint tiny("llama", DType::q4_0);
  const Checkpoint checkpoint = tiny.get();
  Engine engine(checkpoint, kernels(), 2, default_cache());
  const auto all = some_ids(100, 80);
  const Vectors rows = embed(engine, checkpoint, {{all}}, Pooling::none).vectors;
  ASSERT_EQ(rows.size(), 100u);
  // Causal: rows do not know what follows.
  EXPECT_EQ(embed(engine, checkpoint, {{std::span(all).first(70)}}, Pooling::last).vectors[0], rows[69]);
}

TEST(embeddings, a_pooling_that_we_do_not_do_is_refused) {
  TinyCheckpoint tiny("bert", DType::q8_0);
  std::vector<MetaEntry> metadata(tiny.metadata().begin(), tiny.metadata().end());
  metadata.push_back({"bert.pooling_type", meta_u32(4)});
  tiny.metadata() = metadata;
  const Checkpoint checkpoint = tiny.get();
  Engine engine(checkpoint, kernels(), 1, default_cache());
  ASSERT_TRUE(engine.status().ok()) << engine.status().message();
  EXPECT_EQ(default_embed_options(checkpoint, engine.model()).status().message(),
            "bert.pooling_type: 4, wanted 0 (none), 1 (mean), 2 (cls) or 3 (last)");
}

}  // namespace
}  // namespace synapse::test
