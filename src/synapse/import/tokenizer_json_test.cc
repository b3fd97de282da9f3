// Published tokenizer.json files: exact ids of the Hugging Face library (tokenizers 0.23.3).
#include "synapse/import/tokenizer_json.h"

#include <cstdio>
#include <sstream>

#include "synapse/base/json.h"
#include "synapse/import/rwkv_vocab.h"
#include "synapse/runtime/tokenizer_impl.h"
#include "synapse/runtime/unicode.h"
#include "tests/tokenizers.h"

namespace synapse {
namespace {

std::unique_ptr<TestTokenizer> json_tokenizer(std::string_view json, std::string_view config = "") {
  auto t = std::make_unique<TestTokenizer>();
  const size_t bytes = tokenizer_json_arena_bytes(as_bytes(json));
  Arena arena = t->reserve(bytes + 2 * config.size() + json_arena_bytes(as_bytes(config)) + 4096);
  auto spec = read_tokenizer_json(as_bytes(json), arena);
  EXPECT_LE(arena.peak(), bytes);
  if (spec.ok() && !config.empty()) {
    if (const Status s = apply_tokenizer_config(as_bytes(config), *spec, arena); !s.ok()) t->error = s.message();
  }
  if (t->error.empty()) t->build(spec);
  return t;
}

std::unique_ptr<TestTokenizer> rwkv_tokenizer(std::string_view text) {
  auto t = std::make_unique<TestTokenizer>();
  Arena arena = t->reserve(rwkv_vocab_arena_bytes(as_bytes(text)));
  t->build(read_rwkv_vocab(as_bytes(text), arena));
  return t;
}

struct Json {
  explicit Json(std::string text_in) : text(std::move(text_in)), memory(json_arena_bytes(as_bytes(text))), arena(memory.data(), memory.size()) {
    auto parsed = parse_json(text, arena);
    EXPECT_TRUE(parsed.ok()) << parsed.status().message();
    if (parsed.ok()) document = *parsed;
  }
  std::string text;
  std::vector<uint8_t> memory;
  Arena arena;
  JsonDocument document;
};

Ids ids_of(JsonValue array) {
  Ids ids;
  for (const JsonValue v : array.elements()) ids.push_back(int32_t(v.as_int().value_or(-2)));
  return ids;
}

class published_json : public ::testing::TestWithParam<const char*> {};

TEST_P(published_json, gives_the_ids_of_the_library) {
  const std::string folder = test_data("tokenizers-real/") + GetParam();
  const std::string json = read_file(folder + "/tokenizer.json");
  if (json.empty()) GTEST_SKIP() << "no " << folder;
  const auto t = json_tokenizer(json, read_file(folder + "/tokenizer_config.json"));
  ASSERT_EQ(t->error, "");
  const Json golden(read_file(folder + "/golden_ids.json"));
  const JsonValue rows = golden.document.root()["rows"];
  ASSERT_GT(rows.size(), 200u);
  for (const JsonValue row : rows.elements()) {
    const std::string_view text = row.at(0).as_string();
    EXPECT_EQ(t->encode(text, {.add_special = false}), ids_of(row.at(1))) << text;
    EXPECT_EQ(t->encode(text), ids_of(row.at(2))) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(vocabularies, published_json, ::testing::Values("qwen3", "llama3_1", "llama2", "gemma3"));

TEST(published_json, story_model_and_its_gguf_agree_with_the_reference) {
  const std::string folder = test_data("models/synapse-story-4m");
  const std::string json = read_file(folder + "/tokenizer.json");
  const std::string gguf = read_file(folder + "/gguf/synapse-story-4m-f32.gguf");
  if (json.empty() || gguf.empty()) GTEST_SKIP() << "no " << folder;
  const auto a = json_tokenizer(json, read_file(folder + "/tokenizer_config.json"));
  const auto b = gguf_tokenizer(as_bytes(gguf));
  ASSERT_EQ(a->error, "");
  ASSERT_EQ(b->error, "");
  const Json reference(read_file(folder + "/reference.json"));
  const JsonValue root = reference.document.root();
  const std::string_view prompt = root["prompt"].as_string();
  EXPECT_EQ(a->encode(prompt), ids_of(root["ids"]));
  EXPECT_EQ(b->encode(prompt), ids_of(root["ids"]));
  EXPECT_EQ(a->decode(ids_of(root["greedy_ids_200"]), true), root["greedy_200"].as_string());
  EXPECT_EQ(b->decode(ids_of(root["greedy_ids_200"]), true), root["greedy_200"].as_string());
  EXPECT_EQ(a->tokenizer->eos_id(), b->tokenizer->eos_id());
}

// The same vocabulary from both containers. NFC and the leading space after special tokens are not in question here.
TEST(published_json, equals_gguf_of_the_same_vocabulary) {
  struct Pair {
    const char *json, *gguf;
  };
  constexpr Pair kPairs[] = {{"tokenizers-hf/phi-3-mini/tokenizer.json", "tokenizers/ggml-vocab-phi-3.gguf"},
                             {"tokenizers-real/llama3_1/tokenizer.json", "tokenizers-rebuilt/vocab-llama3.gguf"},
                             {"tokenizers-real/qwen3/tokenizer.json", "tokenizers-rebuilt/vocab-qwen2.5.gguf"}};
  const std::string text = read_file(test_data("text/moby_dick_pg2701.txt")).substr(0, 200000);
  for (const Pair& pair : kPairs) {
    const std::string json = read_file(test_data(pair.json)), gguf = read_file(test_data(pair.gguf));
    if (json.empty() || gguf.empty() || text.empty()) GTEST_SKIP() << "no " << test_data(pair.json);
    const auto a = json_tokenizer(json), b = gguf_tokenizer(as_bytes(gguf));
    ASSERT_EQ(a->error, "");
    ASSERT_EQ(b->error, "");
    EXPECT_EQ(a->encode_plain(text), b->encode_plain(text)) << pair.json;
  }
}

TEST(published_json, small_files_give_the_ids_of_the_library) {
  const std::string cases = read_file(test_data("tiny-hf/hf_tokenizer_cases.json"));
  if (cases.empty()) GTEST_SKIP() << "no " << test_data("tiny-hf");
  const Json golden(cases);
  int n_exact = 0;
  for (const auto [name, group] : golden.document.root().members()) {
    const std::string file(group["tokenizer"].as_string());
    if (!file.ends_with(".json")) continue;
    const auto t = json_tokenizer(read_file(test_data("tiny-hf/") + file));
    ASSERT_EQ(t->error, "") << name;
    for (const JsonValue c : group["cases"].elements()) {
      const Ids wanted = ids_of(c["ids"]);
      EXPECT_EQ(t->encode(c["text"].as_string()), wanted) << name << ": " << c["text"].as_string();
      EXPECT_EQ(t->decode(wanted), c["decoded"].as_string()) << name;
    }
    ++n_exact;
  }
  EXPECT_EQ(n_exact, 15);  // all of them
}

// bpe_simple_vocab_16e6.txt, CLIP's list of merges, as the tokenizer.json that is published for it, but for NFC: the
// reference ids were made without.
std::string clip_json(const std::string& merges) {
  std::vector<std::string> letters, texts;
  for (const bool prints : {true, false}) {
    for (int b = 0; b < 256; ++b) {
      char bytes[4];
      const uint32_t letter = byte_to_letter(uint8_t(b));
      if ((letter < 0x100) == prints) letters.emplace_back(bytes, encode_utf8(letter, bytes));
    }
  }
  texts = letters;
  for (const std::string& l : letters) texts.push_back(l + "</w>");
  std::string pairs;
  std::istringstream lines(merges);
  std::string line, left, right;
  std::getline(lines, line);
  const auto quoted = [](const std::string& s) {
    std::string q = "\"";
    for (const char c : s) q += (c == '"' || c == '\\') ? std::string("\\") + c : std::string(1, c);
    return q + "\"";
  };
  for (int i = 0; i < 49152 - 256 - 2 && std::getline(lines, line); ++i) {
    std::istringstream(line) >> left >> right;
    pairs += (i ? ",[" : "[") + quoted(left) + "," + quoted(right) + "]";
    texts.push_back(left + right);
  }
  std::string vocabulary;
  for (size_t i = 0; i < texts.size(); ++i) vocabulary += (i ? "," : "") + quoted(texts[i]) + ":" + std::to_string(i);
  return R"({"added_tokens":[{"id":49406,"content":"<|startoftext|>","special":true},{"id":49407,"content":"<|endoftext|>","special":true}],
    "normalizer":{"type":"Sequence","normalizers":[{"type":"Replace","pattern":{"Regex":"\\s+"},"content":" "},{"type":"Lowercase"}]},
    "pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"},
    "behavior":"Removed","invert":true},{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}]},
    "post_processor":{"type":"RobertaProcessing","sep":["<|endoftext|>",49407],"cls":["<|startoftext|>",49406],"trim_offsets":false,"add_prefix_space":false},
    "decoder":{"type":"ByteLevel"},"model":{"type":"BPE","unk_token":"<|endoftext|>","end_of_word_suffix":"</w>","vocab":{)" +
         vocabulary + "},\"merges\":[" + pairs + "]}}";
}

std::string gunzip(const std::string& path) {
  std::string text, part(1 << 16, 0);
  FILE* pipe = popen(("gzip -dc '" + path + "' 2>/dev/null").c_str(), "r");
  for (size_t n; pipe && (n = std::fread(part.data(), 1, part.size(), pipe)) > 0;) text.append(part, 0, n);
  if (pipe) pclose(pipe);
  return text;
}

// 46 texts by the libraries that the vocabularies come from.
TEST(published_json, reference_ids_of_other_vocabularies) {
  struct Row {
    const char *file, *column;
  };
  constexpr Row kRows[] = {{"tokenizers-hf/gpt-neox/tokenizer.json", "gpt-neox"},
                           {"tokenizers-hf/mistral/tokenizer.json", "mistral-v0.1-spm"},
                           {"tokenizers/ggml-vocab-llama-spm.gguf", "llama2-spm"},
                           {"tokenizers-hf/rwkv/rwkv_vocab_v20230424.txt", "rwkv-world"},
                           {"tokenizers-hf/clip/bpe_simple_vocab_16e6.txt.gz", "clip"},
                           {"tokenizers/ggml-vocab-gpt-2.gguf", "gpt2"},
                           {"tokenizers-rebuilt/vocab-llama3.gguf", "llama3"},
                           {"tokenizers-rebuilt/vocab-qwen2.5.gguf", "qwen2.5"}};
  const std::string text = read_file(test_data("tokenizers-hf/golden_ids.json"));
  if (text.empty()) GTEST_SKIP() << "no " << test_data("tokenizers-hf");
  const Json golden(text);
  const JsonValue root = golden.document.root();
  for (const Row& row : kRows) {
    const std::string name = row.file, file = read_file(test_data(name));
    const auto t = name.ends_with(".json") ? json_tokenizer(file)
                 : name.ends_with(".txt")  ? rwkv_tokenizer(file)
                 : name.ends_with(".gz")   ? json_tokenizer(clip_json(gunzip(test_data(name))))
                                           : gguf_tokenizer(as_bytes(file));
    ASSERT_EQ(t->error, "");
    int n_columns = 0;
    for (const auto [column, ids] : root["ids"].members()) {
      if (!column.starts_with(row.column)) continue;
      ++n_columns;
      for (size_t i = 0; i < ids.size(); ++i) {
        const std::string_view s = root["texts"].at(i).as_string();
        EXPECT_EQ(t->encode_plain(s), ids_of(ids.at(i))) << row.column << ": " << s;
      }
    }
    EXPECT_EQ(n_columns, 1) << row.column;
  }
}

}  // namespace
}  // namespace synapse
