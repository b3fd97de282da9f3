// The forms of tokenizer.json, each in a file of a few tokens.
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

TEST(split_pattern, spellings_that_mean_the_same) {
  constexpr std::string_view kRest = R"(|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)";
  EXPECT_EQ(known_split_pattern(R"('(?i:[sdmt]|ll|ve|re))" + std::string(kRest)), PreTokenizer::llama3);
  EXPECT_EQ(known_split_pattern(R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"), PreTokenizer::gpt2);
  EXPECT_EQ(known_split_pattern(std::string(kRest.substr(1))), std::nullopt);
  EXPECT_EQ(known_split_pattern(""), std::nullopt);
}

}  // namespace
}  // namespace synapse
