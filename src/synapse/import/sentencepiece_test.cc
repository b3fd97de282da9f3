// SentencePiece models written here, right and wrong, and published ones.
#include "synapse/import/sentencepiece.h"

#include <cmath>

#include "synapse/base/json.h"
#include "tests/tokenizers.h"

namespace synapse {
namespace {

// A protobuf message, field by field.
struct Message {
  std::string bytes;
  Message& varint(uint64_t value) {
    for (; value >= 128; value >>= 7) bytes.push_back(char(value | 128));
    bytes.push_back(char(value));
    return *this;
  }
  Message& number(uint32_t field, uint64_t value) { return varint(field << 3).varint(value); }
  Message& real(uint32_t field, float value) {
    varint(field << 3 | 5);
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Message& text(uint32_t field, std::string_view value) {
    varint(field << 3 | 2).varint(value.size());
    bytes.append(value);
    return *this;
  }
};

Message piece(std::string_view text, float score, int type = 1) {
  return Message().text(1, text).real(2, score).number(3, uint64_t(type));
}

struct Model {
  std::vector<Message> pieces = {piece("<unk>", 0, 2),  piece("<s>", 0, 3),   piece("</s>", 0, 3),
                                 piece("<0x0A>", 0, 6), piece("\u2581a", -1), piece("\u2581", -8),
                                 piece("a", -9),        piece("[X]", 0, 4),   piece("<|im_end|>", 0, 3)};
  Message trainer = Message().number(3, 2).number(35, 1).number(999, 5);
  Message normalizer = Message().text(1, "identity").number(3, 1).number(4, 0);

  std::string bytes() const {
    Message out;
    for (const Message& p : pieces) out.text(1, p.bytes);
    return out.text(2, trainer.bytes).text(3, normalizer.bytes).text(77, "unknown").bytes;
  }
};

struct FromModel : TestTokenizer {
  explicit FromModel(std::string_view bytes) {
    const size_t most = sentencepiece_arena_bytes(as_bytes(bytes));
    Arena arena = reserve(most);
    build(read_sentencepiece(as_bytes(bytes), arena));
  }
};

TEST(sentencepiece, pieces_ids_and_rules_are_read) {
  const FromModel t(Model().bytes());
  ASSERT_EQ(t.error, "");
  EXPECT_EQ(t.tokenizer->bos_id(), 1);
  EXPECT_EQ(t.tokenizer->eos_id(), 2);
  EXPECT_EQ(t.spec.unk_id, 0);
  EXPECT_EQ(t.spec.pad_id, -1);
  EXPECT_EQ(Ids(t.spec.end_ids.begin(), t.spec.end_ids.end()), (Ids{2, 8}));
  EXPECT_EQ(t.encode("a\na[X]"), (Ids{1, 4, 3, 6, 7}));
  EXPECT_EQ(t.decode(t.encode("a a")), "a a");

  Model bare;
  bare.trainer.number(41, uint64_t(-1)), bare.normalizer.number(3, 0);
  const FromModel b(bare.bytes());
  ASSERT_EQ(b.error, "");
  EXPECT_EQ(b.encode("a"), (Ids{6}));
}

TEST(sentencepiece, extra_spaces_go_where_the_model_says_so) {
  Model model;
  model.normalizer.number(4, 1);
  const FromModel t(model.bytes());
  ASSERT_EQ(t.error, "");
  EXPECT_EQ(t.encode("  a   a \n "), (Ids{1, 4, 4, 5, 3}));  // the line break is none of them
  EXPECT_EQ(t.encode("   "), (Ids{1}));
  EXPECT_EQ(FromModel(Model().bytes()).encode(" a"), (Ids{1, 5, 4}));
}

TEST(sentencepiece, of_a_unigram_model_the_likeliest_pieces) {
  Model model;
  model.trainer.number(3, 1);
  model.pieces.push_back(piece("\u2581a\u2581", -3));
  model.pieces.push_back(piece("a\u2581", -0.5f));
  const FromModel t(model.bytes());
  ASSERT_EQ(t.error, "");
  EXPECT_EQ(t.encode("a a"), (Ids{1, 4, 4}));   // -2, not -12
  EXPECT_EQ(t.encode("a \n"), (Ids{1, 9, 3}));  // -3, not -8.5 or -9
}

TEST(sentencepiece, what_is_not_done_exactly_is_refused_by_name) {
  const auto error = [](auto change) {
    Model model;
    change(model);
    return FromModel(model.bytes()).error;
  };
  EXPECT_EQ(error([](Model& m) { m.trainer.number(3, 3); }),
            "tokenizer.model: model_type word, wanted BPE or unigram");
  EXPECT_EQ(error([](Model& m) { m.trainer.number(3, 9); }),
            "tokenizer.model: model_type ?, wanted BPE or unigram");
  EXPECT_EQ(error([](Model& m) { m.trainer.number(24, 1); }), "tokenizer.model: treat_whitespace_as_suffix");
  EXPECT_EQ(error([](Model& m) { m.normalizer.text(1, "nmt_nfkc").text(2, "abc"); }),
            "tokenizer.model: normalizer nmt_nfkc, wanted identity");
  EXPECT_EQ(error([](Model& m) { m.trainer.number(42, 9); }),
            "tokenizer.model: eos_id 9, there are 9 pieces");
  EXPECT_EQ(error([](Model& m) { m.pieces[4].number(3, 7); }),
            "tokenizer.model: piece 4: type 7, wanted 1 to 6");
  EXPECT_EQ(error([](Model& m) { m.pieces[4].real(2, NAN); }), "tokenizer.model: piece 4: score nan");
  EXPECT_EQ(FromModel("IQ== 0\nIg== 1\n").error, "tokenizer.model: not a SentencePiece model");
}

TEST(sentencepiece, cut_anywhere_it_is_a_status) {
  const std::string whole = Model().bytes();
  for (size_t n = 0; n < whole.size(); ++n) {
    const FromModel cut(whole.substr(0, n));
    EXPECT_EQ(cut.tokenizer == nullptr, !cut.error.empty()) << n;
  }
  const std::string lengths[] = {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", std::string("\x0a\x80", 2),
                                 "\x0b", "\x02", "\x00"};
  for (const std::string& bytes : lengths)
    EXPECT_EQ(FromModel(bytes).error, "tokenizer.model: not a SentencePiece model");
}

// Small models of the library's own, with its ids and texts.
class small_model : public ::testing::TestWithParam<const char*> {};

TEST_P(small_model, gives_the_ids_and_texts_of_the_library) {
  const std::string all = read_file(test_data("tiny-hf/hf_tokenizer_cases.json"));
  if (all.empty()) GTEST_SKIP() << "no " << test_data("tiny-hf");
  std::vector<uint8_t> memory(json_arena_bytes(as_bytes(all)));
  Arena arena(memory.data(), memory.size());
  const auto document = parse_json(all, arena);
  ASSERT_TRUE(document.ok());
  const JsonValue group = document->root()[GetParam()];
  const FromModel t(read_file(test_data("tiny-hf/" + std::string(group["tokenizer"].as_string()))));
  ASSERT_EQ(t.error, "");
  ASSERT_GT(group["cases"].size(), 7u);
  for (const JsonValue c : group["cases"].elements()) {
    Ids wanted;
    for (const JsonValue id : c["ids"].elements()) wanted.push_back(int32_t(*id.as_int()));
    const std::string text(c["text"].as_string());
    EXPECT_EQ(t.encode(text, {.add_special = false}), wanted) << text;
    const bool has_unknown = c["decoded"].as_string().find("\u2047") != std::string_view::npos;  // as the library shows it
    if (!has_unknown) {
      EXPECT_EQ(t.decode(wanted), c["decoded"].as_string()) << text;
    }
  }
}
INSTANTIATE_TEST_SUITE_P(sentencepiece, small_model,
                         ::testing::Values("spm_model", "spm_bytefallback", "spm_bpe_model"));

struct Published {
  const char* model;
  const char* ids;  // in golden_ids.json
};
class published_model : public ::testing::TestWithParam<Published> {};

TEST_P(published_model, gives_the_ids_of_the_sentencepiece_library) {
  const std::string file = read_file(test_data(GetParam().model)),
                    golden = read_file(test_data("tokenizers-hf/golden_ids.json"));
  if (file.empty() || golden.empty()) GTEST_SKIP() << "no " << test_data(GetParam().model);
  const FromModel t(file);
  ASSERT_EQ(t.error, "");
  std::vector<uint8_t> memory(json_arena_bytes(as_bytes(golden)));
  Arena arena(memory.data(), memory.size());
  const auto document = parse_json(golden, arena);
  ASSERT_TRUE(document.ok());
  const JsonValue texts = document->root()["texts"], ids = document->root()["ids"][GetParam().ids];
  ASSERT_EQ(texts.size(), 46u);
  ASSERT_EQ(ids.size(), 46u);
  for (size_t i = 0; i < texts.size(); ++i) {
    Ids wanted;
    for (const JsonValue id : ids.at(i).elements()) wanted.push_back(int32_t(*id.as_int()));
    EXPECT_EQ(t.encode_plain(texts.at(i).as_string()), wanted) << texts.at(i).as_string();
  }
}
constexpr Published kPublished[] = {
    {"tokenizers-hf/llama2/tokenizer.model", "llama2-spm (sentencepiece library, no bos/eos)"},
    {"tokenizers-hf/mistral/tokenizer.model.v1", "mistral-v0.1-spm (sentencepiece library, no bos/eos)"},
    {"tokenizers-hf/mistral/mistral_instruct_tokenizer_240323.model.v3",
     "mistral-v3-spm (sentencepiece library, no bos/eos)"}};
INSTANTIATE_TEST_SUITE_P(vocabularies, published_model, ::testing::ValuesIn(kPublished));

}  // namespace
}  // namespace synapse
