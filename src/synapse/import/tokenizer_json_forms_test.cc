// The forms of tokenizer.json, each in a file of a few tokens.
#include "synapse/import/pattern_engine.h"
#include "synapse/import/split_pattern.h"
#include "synapse/import/tokenizer_json.h"
#include "tests/tokenizers.h"

namespace synapse {
namespace {

// A file of these parts; the vocabulary is enough for "a", "b" and spaces in both kinds.
struct File {
  std::string normalizer = "null", pre_tokenizer = "null", post_processor = "null", decoder = "null";
  std::string model = R"("type":"BPE","unk_token":"<unk>","byte_fallback":true,"fuse_unk":true)";
  std::string vocabulary = R"("<unk>":0,"a":1,"b":2,"ab":3,"\u2581":4,"\u2581a":5,"\u0120":6,"\u0120a":7,"<0x21>":8)";
  std::string merges = R"(["a","b"],["\u2581","a"],["\u0120","a"])";
  std::string added = R"({"id":9,"content":"<s>","special":true,"normalized":false})";

  std::string text() const {
    return R"({"added_tokens":[)" + added + R"(],"normalizer":)" + normalizer + R"(,"pre_tokenizer":)" + pre_tokenizer +
           R"(,"post_processor":)" + post_processor + R"(,"decoder":)" + decoder + R"(,"model":{)" + model + R"(,"vocab":{)" +
           vocabulary + R"(},"merges":[)" + merges + "]}}";
  }
};

const std::string kReplace = R"({"type":"Replace","pattern":{"String":" "},"content":"\u2581"})";
const std::string kPrepend = R"({"type":"Prepend","prepend":"\u2581"})";

std::string sequence(const std::string& list, const std::string& steps) {
  return R"({"type":"Sequence",")" + list + R"(":[)" + steps + "]}";
}

std::string metaspace(const std::string& rest) { return R"({"type":"Metaspace","replacement":"\u2581",)" + rest + "}"; }

std::string template_of(const std::string& single) {
  return R"({"type":"TemplateProcessing","single":[)" + single + R"(],"special_tokens":{"<s>":{"id":"<s>","ids":[9],"tokens":["<s>"]}}})";
}

struct Read {
  explicit Read(const std::string& text_in, const std::string& config = "") : text(text_in), config_text(config) {
    Arena arena = t.reserve(tokenizer_json_arena_bytes(as_bytes(text)) + json_arena_bytes_of(config));
    auto result = read_tokenizer_json(as_bytes(text), arena);
    if (result.ok() && !config.empty()) {
      const Status s = apply_tokenizer_config(as_bytes(config_text), *result, arena);
      if (!s.ok()) t.error = s.message();
    }
    if (t.error.empty()) t.build(result);
    if (t.error.empty()) spec = *result;
  }
  static size_t json_arena_bytes_of(const std::string& config) { return 64 * config.size() + 65536; }
  std::string text, config_text;
  TestTokenizer t;
  TokenizerSpec spec;
};

TEST(tokenizer_json, sentencepiece_with_prepend) {
  File f;
  f.normalizer = sequence("normalizers", kPrepend + "," + kReplace);
  f.decoder = sequence("decoders", R"({"type":"Replace","pattern":{"String":"\u2581"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0})");
  const Read r(f.text());
  ASSERT_EQ(r.t.error, "");
  EXPECT_EQ(r.t.encode("a ab<s>b!"), (Ids{5, 4, 3, 9, 4, 2, 8}));
  EXPECT_EQ(r.t.encode("\u00E9\u00E9"), (Ids{4, 0}));
  EXPECT_EQ(r.t.decode({5, 4, 3, 9, 8}), "a ab!");
}

TEST(tokenizer_json, metaspace_prepends_always_first_or_never) {
  File f;
  const auto ids = [&](const std::string& rest, std::string_view text) {
    f.pre_tokenizer = metaspace(rest);
    const Read r(f.text());
    EXPECT_EQ(r.t.error, "");
    return r.t.encode(text);
  };
  EXPECT_EQ(ids(R"("prepend_scheme":"always","split":false)", "a<s>a"), (Ids{5, 9, 5}));
  EXPECT_EQ(ids(R"("prepend_scheme":"first","split":false)", "a<s>a"), (Ids{5, 9, 1}));
  EXPECT_EQ(ids(R"("prepend_scheme":"never","split":false)", "a<s>a"), (Ids{1, 9, 1}));
  EXPECT_EQ(ids(R"("add_prefix_space":true)", "a<s>a"), (Ids{5, 9, 5}));
  EXPECT_EQ(ids(R"("prepend_scheme":"first")", " a"), (Ids{5}));
}

TEST(tokenizer_json, byte_level_with_its_own_pattern_and_prefix_space) {
  File f;
  f.pre_tokenizer = R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true})";
  EXPECT_EQ(Read(f.text()).t.encode("a a"), (Ids{1, 7}));
  f.pre_tokenizer = R"({"type":"ByteLevel","add_prefix_space":true})";
  EXPECT_EQ(Read(f.text()).t.encode("a<s> a"), (Ids{7, 9, 7}));
}

TEST(tokenizer_json, merges_as_text_or_pairs) {
  File f;
  f.pre_tokenizer = R"({"type":"ByteLevel","add_prefix_space":false})";
  f.merges = R"("a b","\u0120 a")";
  EXPECT_EQ(Read(f.text()).t.encode("ab a"), (Ids{3, 7}));
  f.merges = R"("a  b")";
  EXPECT_EQ(Read(f.text()).t.error, "tokenizer.json: merge 0 is 'a  b', wanted two tokens with a space between");
}

TEST(tokenizer_json, templates_stand_before_and_after) {
  File f;
  f.pre_tokenizer = R"({"type":"ByteLevel","add_prefix_space":false})";
  const std::string s = R"({"SpecialToken":{"id":"<s>","type_id":0}})", a = R"({"Sequence":{"id":"A","type_id":0}})";
  f.post_processor = sequence("processors", R"({"type":"ByteLevel"},)" + template_of(s + "," + a + "," + s));
  EXPECT_EQ(Read(f.text()).t.encode("a"), (Ids{9, 1, 9}));
  f.post_processor = template_of(s);
  EXPECT_EQ(Read(f.text()).t.error, "tokenizer.json: post_processor: the template has no sequence A");
  f.post_processor = template_of(R"({"SpecialToken":{"id":"<x>"}},)" + a);
  EXPECT_EQ(Read(f.text()).t.error, "tokenizer.json: post_processor: no ids for '<x>'");
}

TEST(tokenizer_json, config_gives_ids_and_a_prefix_only_without_template) {
  File f;
  f.pre_tokenizer = R"({"type":"ByteLevel","add_prefix_space":false})";
  const std::string config = R"({"bos_token":{"content":"<s>"},"eos_token":"b","pad_token":null,"add_bos_token":true,"add_eos_token":true})";
  const Read r(f.text(), config);
  ASSERT_EQ(r.t.error, "");
  EXPECT_EQ(r.t.tokenizer->bos_id(), 9);
  EXPECT_EQ(r.t.tokenizer->eos_id(), 2);
  EXPECT_EQ(r.spec.pad_id, -1);
  EXPECT_EQ(r.t.encode("a"), (Ids{9, 1, 2}));
  EXPECT_EQ(Ids(r.spec.end_ids.begin(), r.spec.end_ids.end()), (Ids{2}));
  f.post_processor = template_of(R"({"Sequence":{"id":"A","type_id":0}})");
  EXPECT_EQ(Read(f.text(), config).t.encode("a"), (Ids{1}));
}

TEST(tokenizer_json, what_it_cannot_do_is_refused_by_name) {
  const auto refusal = [](auto change) {
    File f;
    f.pre_tokenizer = R"({"type":"ByteLevel","add_prefix_space":false})";
    change(f);
    const Read r(f.text());
    return r.t.error;
  };
  EXPECT_EQ(refusal([](File& f) { f.model = R"("type":"WordLevel")"; }), "tokenizer.json: model WordLevel, wanted BPE, Unigram or WordPiece");
  EXPECT_EQ(refusal([](File& f) { f.model += R"(,"continuing_subword_prefix":"##")"; }), "tokenizer.json: model.continuing_subword_prefix '##'");
  EXPECT_EQ(refusal([](File& f) { f.normalizer = R"({"type":"Nmt"})"; }), "tokenizer.json: normalizer Nmt");
  EXPECT_EQ(refusal([](File& f) { f.pre_tokenizer = "null"; }), "tokenizer.json: pre_tokenizer without ByteLevel or Metaspace");
  EXPECT_EQ(refusal([](File& f) { f.pre_tokenizer = R"({"type":"Whitespace"})"; }), "tokenizer.json: pre_tokenizer Whitespace");
  EXPECT_EQ(refusal([](File& f) { f.pre_tokenizer = R"({"type":"Split","pattern":{"Regex":"x+"},"behavior":"Contiguous"})"; }),
            "tokenizer.json: pre_tokenizer Split with behavior Contiguous");
  EXPECT_EQ(refusal([](File& f) { f.post_processor = R"({"type":"RobertaProcessing","cls":["<s>",9],"sep":["</s>",10]})"; }),
            "tokenizer.json: post_processor: id 10 for sep, there are 10 tokens");
  EXPECT_EQ(refusal([](File& f) { f.decoder = R"({"type":"WordPiece"})"; }), "tokenizer.json: decoder WordPiece");
}

TEST(tokenizer_json, ids_are_proven_before_use) {
  File f;
  f.pre_tokenizer = R"({"type":"ByteLevel","add_prefix_space":false})";
  f.vocabulary = R"("a":1,"b":-2)";
  f.merges = "";
  EXPECT_EQ(Read(f.text()).t.error, "tokenizer.json: token b: id -2, wanted 0 to 65541");
  f.vocabulary = R"("a":1,"b":4000000000)";
  EXPECT_EQ(Read(f.text()).t.error, "tokenizer.json: token b: id 4000000000, wanted 0 to 65541");
  f.vocabulary = R"("a":1,"b":1)";
  EXPECT_EQ(Read(f.text()).t.error, "tokenizer.json: id 1 is both a and b");
  f.vocabulary = R"("a":1,"b":20)";  // holes are fine
  EXPECT_EQ(Read(f.text()).t.encode("ab"), (Ids{1, 20}));
}

const std::string kByteLevel = R"({"type":"ByteLevel","add_prefix_space":false,"use_regex":false})";

TEST(tokenizer_json, normalizers_stand_in_a_row) {
  File f;
  f.pre_tokenizer = kByteLevel;
  f.normalizer = sequence("normalizers", R"({"type":"NFKC"},{"type":"Lowercase"},{"type":"Strip","strip_left":true,"strip_right":true})");
  EXPECT_EQ(Read(f.text()).t.encode(" \uFF21B "), (Ids{3}));
  f.normalizer = sequence("normalizers", R"({"type":"NFD"},{"type":"StripAccents"},{"type":"Replace","pattern":{"String":"c"},"content":"a"})");
  EXPECT_EQ(Read(f.text()).t.encode("\u00E2cb"), (Ids{1, 3}));
  f.normalizer = R"({"type":"Replace","pattern":{"Regex":"\\s+"},"content":" "})";
  EXPECT_EQ(Read(f.text()).t.encode("\n\ta"), (Ids{7}));
  f.normalizer = R"({"type":"Replace","pattern":{"Regex":"x|y"},"content":" "})";
  EXPECT_EQ(Read(f.text()).t.error, "tokenizer.json: normalizer Replace of x|y");
  f.normalizer = sequence("normalizers", kPrepend + "," + kReplace + R"(,{"type":"Lowercase"})");
  EXPECT_EQ(Read(f.text()).t.error, "tokenizer.json: normalizer Lowercase after spaces became \u2581");
}

TEST(tokenizer_json, cuts_stand_in_a_row) {
  File f;
  f.pre_tokenizer = sequence("pretokenizers", R"({"type":"Punctuation","behavior":"Contiguous"},{"type":"ByteLevel","add_prefix_space":false,"use_regex":true},
      {"type":"Digits","individual_digits":false},{"type":"Split","pattern":{"Regex":"[0-9][0-9][0-9]"},"behavior":"Isolated","invert":false})");
  const Read falcon(f.text());
  ASSERT_EQ(falcon.t.error, "");
  EXPECT_EQ(falcon.spec.pre, (PreTokenizers{PreTokenizer::punctuation_runs, PreTokenizer::gpt2, PreTokenizer::byte_digit_runs,
                                            PreTokenizer::three_ascii_digits}));
  f.pre_tokenizer = sequence("pretokenizers", kByteLevel + R"(,{"type":"Digits","individual_digits":true})");
  EXPECT_EQ(Read(f.text()).t.error, "tokenizer.json: pre_tokenizer Digits where it stands");
  std::string nine;
  for (int i = 0; i < 9; ++i) nine += R"({"type":"Digits","individual_digits":true},)";
  f.pre_tokenizer = sequence("pretokenizers", nine + kByteLevel);
  EXPECT_EQ(Read(f.text()).t.error, "tokenizer.json: pre_tokenizer of more than 8 steps");
}

TEST(tokenizer_json, a_pattern_that_nobody_knows_is_searched_for) {
  if (!pattern_engine()) GTEST_SKIP() << "built without PCRE2";
  const auto split = [](const std::string& regex, const std::string& rest) {
    return sequence("pretokenizers", R"({"type":"Split","pattern":{"Regex":")" + regex + R"("},)" + rest + "}," + kByteLevel);
  };
  File f;
  f.pre_tokenizer = split("(?<=a)b", R"("behavior":"Isolated","invert":false)");
  EXPECT_EQ(Read(f.text()).t.encode("abab"), (Ids{1, 2, 1, 2}));
  EXPECT_EQ(Read(f.text()).t.encode("\xFF" "ba"), (Ids{0, 2, 1}));  // invalid bytes match nothing and stay
  f.pre_tokenizer = split("a+b?", R"("behavior":"Removed","invert":true)");
  EXPECT_EQ(Read(f.text()).t.encode("bab b"), (Ids{3}));
  f.pre_tokenizer = split("(", R"("behavior":"Isolated")");
  EXPECT_EQ(Read(f.text()).t.error, "tokenizer: pattern (: missing closing parenthesis");
  f.pre_tokenizer = split("(a+)+$", R"("behavior":"Isolated")");  // backtracks without end
  const Read slow(f.text());
  ASSERT_EQ(slow.t.error, "");
  std::vector<uint8_t> memory(1 << 20);
  Arena scratch(memory.data(), memory.size());
  std::vector<int32_t> ids(1000);
  EXPECT_EQ(slow.t.tokenizer->encode(std::string(64, 'a') + "b", {}, ids, scratch).status().message(),
            "tokenizer: pattern search: match limit exceeded");
}

TEST(tokenizer_json, unigram_with_its_scores) {
  const auto file = [](const std::string& model, const std::string& vocabulary) {
    return R"({"added_tokens":[{"id":0,"content":"<unk>","special":true},{"id":4,"content":"<s>","special":true}],"pre_tokenizer":)" +
           metaspace(R"("prepend_scheme":"always","split":true)") + R"(,"decoder":)" + metaspace(R"("prepend_scheme":"always")") +
           R"(,"model":{"type":"Unigram",)" + model + R"("vocab":[)" + vocabulary + "]}}";
  };
  const std::string vocabulary = R"(["<unk>",0],["\u2581",-1.5],["a",-2.5],["\u2581a",-3])";
  const Read r(file(R"("unk_id":0,)", vocabulary));
  ASSERT_EQ(r.t.error, "");
  EXPECT_EQ(r.t.encode("a aa<s>xx"), (Ids{3, 3, 2, 4, 1, 0}));
  EXPECT_EQ(r.t.decode({3, 3, 2}), "a aa");
  EXPECT_EQ(Read(file(R"("unk_id":5,)", vocabulary)).t.error, "tokenizer.json: model.unk_id: 5, there are 5 tokens");
  EXPECT_EQ(Read(file("", R"(["a"])")).t.error, "tokenizer.json: model.vocab: entry 0, wanted a text and a number");
  EXPECT_EQ(Read(file("", R"("a",1)")).t.error, "tokenizer.json: model.vocab: entry 0, wanted a text and a number");
}

TEST(tokenizer_json, wordpiece_as_bert_has_it) {
  const std::string text = R"({"added_tokens":[{"id":1,"content":"[CLS]","special":true},{"id":2,"content":"[SEP]","special":true}],
      "normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},
      "pre_tokenizer":{"type":"BertPreTokenizer"},"post_processor":{"type":"BertProcessing","sep":["[SEP]",2],"cls":["[CLS]",1]},
      "decoder":{"type":"WordPiece","prefix":"##","cleanup":true},"model":{"type":"WordPiece","unk_token":"[UNK]",
      "continuing_subword_prefix":"##","max_input_chars_per_word":3,"vocab":{"[UNK]":0,"[CLS]":1,"[SEP]":2,"a":3,"##b":4,"!":5}}})";
  const Read r(text);
  ASSERT_EQ(r.t.error, "");
  EXPECT_EQ(r.t.encode("\u00C1b! abbb"), (Ids{1, 3, 4, 5, 0, 2}));
  EXPECT_EQ(r.t.decode({1, 3, 4, 5, 3, 2}), "ab! a");
}

TEST(tokenizer_json, clip_ends_words_with_a_suffix) {
  File f;
  f.model = R"("type":"BPE","end_of_word_suffix":"</w>")";
  f.vocabulary = R"("a":0,"b":1,"a</w>":2,"b</w>":3,"ab</w>":4)";
  f.merges = R"(["a","b</w>"])";
  f.normalizer = R"({"type":"Lowercase"})";
  f.pre_tokenizer = sequence("pretokenizers", R"({"type":"Split","pattern":{"Regex":"'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"},"behavior":"Removed","invert":true},)" + kByteLevel);
  const Read r(f.text());
  ASSERT_EQ(r.t.error, "");
  EXPECT_EQ(r.t.encode("aB a"), (Ids{4, 2}));
  EXPECT_EQ(r.t.decode({4, 2}), "ab a ");
}

TEST(split_pattern, spellings_that_mean_the_same) {
  constexpr std::string_view kRest = R"(|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)";
  EXPECT_EQ(known_split_pattern(R"('(?i:[sdmt]|ll|ve|re))" + std::string(kRest)), PreTokenizer::llama3);
  EXPECT_EQ(known_split_pattern(R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"), PreTokenizer::gpt2);
  EXPECT_EQ(known_split_pattern(std::string(kRest.substr(1))), std::nullopt);
  EXPECT_EQ(known_split_pattern(""), std::nullopt);
}

}  // namespace
}  // namespace synapse
