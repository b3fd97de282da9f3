// Speculation on whole models: many prompts, greedily and at a temperature, every drafter; the ids are those of plain
// decoding. $SYNAPSE_SPECULATIVE_PROMPTS and _TOKENS set how many, _OUT a JSON file for the counts: bench/speculative.py.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <map>

#include "synapse/import/source.h"
#include "synapse/platform/region.h"
#include "synapse/runtime/speculative.h"
#include "tiny_model.h"

namespace synapse::test {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = SYNAPSE_SOURCE_DIR;

fs::path outside_data() {
  const char* given = std::getenv("SYNAPSE_TEST_DATA");
  return given ? fs::path(given) : kSource / ".." / "shared" / "data";
}

int32_t number(const char* name, int32_t otherwise) {
  const char* given = std::getenv(name);
  return given ? std::max(std::atoi(given), 2) : otherwise;
}
int32_t n_prompts() { return number("SYNAPSE_SPECULATIVE_PROMPTS", 2); }
int32_t n_tokens() { return number("SYNAPSE_SPECULATIVE_TOKENS", 32); }  // of a continuation

// Of every two prompts the second repeats two words, which small models go on with.
std::string prompt_text(int32_t i) {
  static const char* who[] = {"a little girl", "the old dog", "Tom", "Lily", "a red bird", "the king", "my friend Ben", "a small cat"};
  static const char* did[] = {"went to", "looked for", "wanted", "saw", "was afraid of", "played with", "found", "gave away"};
  static const char* what[] = {"the big park", "a shiny stone", "her lost ball", "the dark forest", "a warm cake", "the blue boat", "an empty box"};
  static const char* open[] = {"Once upon a time, ", "One day, ", "In the morning ", "", "At night "};
  static const char* word[] = {"red", "blue", "no", "big", "Tom", "ball", "the cat", "go", "Lily", "a box", "up"};
  if (i % 2 == 0) return std::string(open[i % 5]) + who[i / 2 % 8] + " " + did[i * 3 / 2 % 8] + " " + what[i / 3 % 7];
  std::string text;
  for (int32_t k = 0; k < 8; ++k) text += std::string(word[i % 11]) + ", " + word[i * 5 / 2 % 11] + ", ";
  return text + word[i % 11] + ",";
}

// A model, and another made of its first layers, which stands for a small one with the same vocabulary.
struct Subject {
  std::string name;
  bool repeats = false;                  // what repeats itself in its prompt
  int32_t most_prompts = INT32_MAX;
  std::unique_ptr<Source> source;
  std::unique_ptr<TinyCheckpoint> formula;
  Region region;
  const Tokenizer* tokenizer = nullptr;
  Checkpoint target, draft;
  std::vector<MetaEntry> metadata;
  std::vector<NamedTensor> tensors;
  std::vector<uint8_t> memory = std::vector<uint8_t>(1 << 16);

  void make_draft() {
    metadata.assign(target.metadata.begin(), target.metadata.end());
    uint64_t all = 0, n_layers = 0;
    for (MetaEntry& entry : metadata)
      if (entry.key.ends_with(".block_count")) all = entry.value.u, n_layers = entry.value.u = std::max<uint64_t>(all / 2, 1);
    for (MetaEntry& entry : metadata)
      if (entry.value.type == MetaType::array && entry.value.count == all) entry.value.count = n_layers;  // a number a layer
    for (const NamedTensor& t : target.tensors)
      if (!t.name.starts_with("blk.") || uint64_t(std::atoi(std::string(t.name.substr(4)).c_str())) < n_layers) tensors.push_back(t);
    draft = target;
    draft.metadata = metadata, draft.tensors = tensors;
    Arena arena(memory.data(), memory.size());
    ASSERT_TRUE(draft.index(arena).ok());
  }
  std::vector<int32_t> encode(const std::string& text) {
    std::vector<int32_t> ids;
    if (!tokenizer) {
      for (const char c : text) ids.push_back(uint8_t(c) % 64);
      return ids;
    }
    ids.resize(tokenizer->max_ids(text.size()));
    Region scratch = std::move(*Region::make(tokenizer->encode_scratch_bytes(text.size())));
    ids.resize(*tokenizer->encode(text, {}, ids, scratch.arena()));
    return ids;
  }
};

std::unique_ptr<Subject> open_file(const std::string& name, const fs::path& path) {
  if (!fs::exists(path)) return nullptr;
  auto s = std::make_unique<Subject>();
  char text[4096];
  Faults faults(text);
  auto source = Source::open(path.string(), faults);
  if (!source.ok()) return nullptr;
  s->name = name, s->source = std::move(*source), s->target = s->source->checkpoint();
  const auto& spec = s->source->tokenizer();
  s->region = std::move(*Region::make(Tokenizer::bytes(*spec)));
  s->tokenizer = *Tokenizer::build(*spec, s->region.arena());
  s->make_draft();
  return s;
}

std::unique_ptr<Subject> make_formula(const std::string& name, std::string_view architecture, int32_t window) {
  auto s = std::make_unique<Subject>();
  Shape shape;
  shape.n_layers = 4, shape.vocab_size = 64, shape.window = window;
  s->name = name;
  s->formula = std::make_unique<TinyCheckpoint>(architecture, DType::q4_0, shape);
  s->target = s->formula->get();
  s->make_draft();
  return s;
}

struct Total {
  SpeculativeCounts all, repetitive;
  void add(const SpeculativeCounts& c, bool is_repetitive) {
    for (SpeculativeCounts* to : {&all, &repetitive}) {
      if (to == &repetitive && !is_repetitive) continue;
      to->drafted += c.drafted, to->accepted += c.accepted, to->tokens += c.tokens, to->passes += c.passes;
    }
  }
};

double ratio(int64_t a, int64_t b) { return b ? double(a) / double(b) : 0; }

class Report {
 public:
  void add(const std::string& model, double temperature, const char* drafter, int32_t n, const Total& t) {
    char line[400];
    std::snprintf(line, sizeof line,
                  "    {\"model\": \"%s\", \"temperature\": %.1f, \"drafter\": \"%s\", \"prompts\": %ld, \"equal\": %ld, \"tokens\": %lld, "
                  "\"drafted\": %lld, \"acceptance\": %.3f, \"tokens_per_pass\": %.2f, \"tokens_per_pass_repetitive\": %.2f}",
                  model.c_str(), temperature, drafter, long(n), long(n), static_cast<long long>(t.all.tokens),
                  static_cast<long long>(t.all.drafted), ratio(t.all.accepted, t.all.drafted), ratio(t.all.tokens, t.all.passes),
                  ratio(t.repetitive.tokens, t.repetitive.passes));
    lines_ += (lines_.empty() ? "" : ",\n") + std::string(line);
  }
  void write() const {
    const char* path = std::getenv("SYNAPSE_SPECULATIVE_OUT");
    if (!path) return;
    std::FILE* f = std::fopen(path, "w");
    ASSERT_TRUE(f) << path;
    std::fprintf(f, "{\n  \"tokens_each\": %ld,\n  \"runs\": [\n%s\n  ]\n}\n", long(n_tokens()), lines_.c_str());
    std::fclose(f);
  }

 private:
  std::string lines_;
};

void check_subject(Subject& subject, Report& report) {
  SCOPED_TRACE(subject.name);
  SessionOptions o;
  o.max_seq_len = 256, o.logit_rows = 9;
  Engine engine(subject.target, kernels(), 1, o), small(subject.draft, kernels(), 1, o);
  ASSERT_TRUE(engine.status().ok()) << engine.status().message();
  ASSERT_TRUE(small.status().ok()) << small.status().message();
  Session &plain = engine.session(), &fast = engine.session(), &draft = small.session();
  constexpr struct {
    Drafter drafter;
    const char* name;
  } kDrafters[] = {{Drafter::model, "draft"}, {Drafter::lookup, "ngram"}, {Drafter::early, "early"}};
  const int32_t n = std::min(n_prompts(), subject.most_prompts);
  for (const float temperature : {0.0f, 0.8f}) {
    Total totals[3];
    for (int32_t i = 0; i < n; ++i) {
      const auto ids = subject.encode(prompt_text(i));
      SamplerOptions sampler;
      sampler.temperature = temperature, sampler.seed = uint64_t(i), sampler.with_logprob = false;
      ASSERT_TRUE(plain.truncate(0).ok());
      ASSERT_TRUE(plain.feed(ids).ok());
      std::vector<int32_t> wanted;
      for (int32_t t = 0; t < n_tokens(); ++t) wanted.push_back(plain.next(sampler)->id);
      for (const auto& [drafter, name] : kDrafters) {
        ASSERT_TRUE(fast.truncate(0).ok());
        ASSERT_TRUE(fast.feed(ids).ok());
        SpeculativeOptions how;
        how.drafter = drafter, how.early_layers = std::max(engine.model().config().n_layers / 2, 1);
        auto speculator = *Speculator::make(fast, drafter == Drafter::model ? &draft : nullptr, how);
        for (int32_t t = 0; t < n_tokens(); ++t) {
          const auto pick = speculator.next(sampler, {}, n_tokens() - t);
          ASSERT_TRUE(pick.ok()) << pick.status().message();
          ASSERT_EQ(pick->id, wanted[size_t(t)]) << name << " prompt " << i << " token " << t;
        }
        totals[size_t(drafter)].add(speculator.counts(), i % 2 == 1);
      }
    }
    for (const auto& [drafter, name] : kDrafters) {
      const Total& total = totals[size_t(drafter)];
      report.add(subject.name, double(temperature), name, n, total);
      EXPECT_GT(total.all.drafted, 0) << name;
      EXPECT_LE(total.all.passes, total.all.tokens) << name;
      EXPECT_LE(total.all.accepted, total.all.drafted) << name;
      // Two calls where there were three, or fewer.
      if (drafter == Drafter::lookup && temperature == 0 && subject.repeats) {
        EXPECT_GE(ratio(total.repetitive.tokens, total.repetitive.passes), 1.5);
      }
    }
  }
}

TEST(speculative_models, the_text_is_that_of_plain_decoding) {
  Report report;
  std::vector<std::unique_ptr<Subject>> subjects;
  subjects.push_back(open_file("synapse-story-4m Q8_0", kSource / "models" / "bundled" / "synapse-story-4m-Q8_0.gguf"));
  subjects.push_back(open_file("stories260K F32", outside_data() / "weights" / "stories260K" / "stories260K-f32.gguf"));
  subjects.push_back(make_formula("formula, window 40", "qwen3", 40));
  subjects.push_back(make_formula("formula, Mamba-2 and attention", "falcon-h1", 0));
  ASSERT_TRUE(subjects[0]);
  // The model of 260,000 weights goes on with the first of these prompts, the other one of stories with none.
  if (subjects[1]) subjects[1]->repeats = n_prompts() == 2;
  subjects[2]->repeats = true;
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const fs::path models = (cache && *cache ? fs::path(cache) : fs::path(std::getenv("HOME") ? std::getenv("HOME") : "") / ".cache") / "synapse/models";
  if (n_prompts() > 2)
    if (auto gemma = open_file("Gemma 3 270M Q4_K_M", models / "gemma3-270m-Q4_K_M.gguf")) {  // slow
      gemma->repeats = true, gemma->most_prompts = 20;
      subjects.push_back(std::move(gemma));
    }
  for (const auto& subject : subjects)
    if (subject) check_subject(*subject, report);
  report.write();
}

}  // namespace
}  // namespace synapse::test
