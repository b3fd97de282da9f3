// synapse embed: texts as vectors.
#include <algorithm>
#include <cstdio>
#include <deque>

#include "engine.h"
#include "input.h"
#include "output.h"
#include "synapse/runtime/embedder.h"
#include "verbs.h"

namespace synapse::cli {
namespace {

struct EmbedFlags {
  Flags flags;
  std::optional<std::string> prompt;
  std::string file, ids, types, out, pooling;
  std::optional<bool> normalize;
  bool lines = false, truncate = false, json = false;
};

// The texts as token ids.
struct Texts {
  std::deque<std::vector<int32_t>> ids;
  std::vector<int32_t> types;  // of the one text that --ids gives
  std::vector<EmbedText> all;
};

Result<std::vector<std::string>> read_texts(const EmbedFlags& o) {
  std::string text;
  if (o.prompt) {
    text = *o.prompt;
  } else {
    SYN_TRY(read, read_text(o.file.empty() ? "-" : o.file));
    text = std::move(read);
  }
  if (!o.lines) return std::vector{text};
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const bool has_return = end > at && text[end - 1] == '\r';
    lines.push_back(text.substr(at, end - at - has_return));
    at = end + 1;
  }
  if (lines.empty()) return fail(Code::invalid, "lines: none");
  return lines;
}

// `ids` cut to `most`: the text loses its end, the special tokens around it stay. `bare` are the ids without those.
void cut(std::vector<int32_t>& ids, std::span<const int32_t> bare, size_t most) {
  if (ids.size() <= most) return;
  const auto at = std::search(ids.begin(), ids.end(), bare.begin(), bare.end());
  const size_t before = size_t(at - ids.begin()), after = at == ids.end() ? 0 : ids.size() - before - bare.size();
  if (after >= most) return ids.resize(most);
  std::copy(ids.end() - long(after), ids.end(), ids.begin() + long(most - after));
  ids.resize(most);
}

Result<Texts> tokenize(Engine& engine, const EmbedFlags& o, size_t most) {
  Texts texts;
  if (!o.ids.empty()) {
    SYN_TRY(ids, read_ids(o.ids));
    texts.ids.push_back(std::move(ids));
    if (!o.types.empty()) {
      SYN_TRY(types, read_ids(o.types));
      texts.types = std::move(types);
    }
  } else {
    SYN_TRY(lines, read_texts(o));
    for (const std::string& line : lines) {
      SYN_TRY(ids, engine.vocabulary().encode(line, {.add_special = true, .parse_special = false}));
      if (o.truncate && ids.size() > most) {
        SYN_TRY(bare, engine.vocabulary().encode(line, {.add_special = false, .parse_special = false}));
        cut(ids, bare, most);
      }
      texts.ids.push_back(std::move(ids));
    }
  }
  for (const auto& ids : texts.ids) {
    if (ids.size() > most)
      return fail(Code::invalid, "text ", texts.all.size() + 1, ": ", ids.size(), " tokens, the model takes ", most,
                  o.ids.empty() ? " (--truncate cuts it)" : "");
    texts.all.push_back({ids, texts.types});
  }
  return texts;
}

// Where the vectors go: a file, or gathered for stdout.
struct Vectors {
  NpyWriter* file = nullptr;
  std::vector<std::vector<float>> rows;

  static Status take(void* context, size_t, std::span<const float> vector) {
    Vectors& v = *static_cast<Vectors*>(context);
    if (v.file) return v.file->append(vector);
    v.rows.emplace_back(vector.begin(), vector.end());
    return {};
  }
};

Status print(const Vectors& vectors, const Texts& texts, const EmbedOptions& used, const EmbedFlags& o) {
  if (!o.json) {
    std::string out;
    for (const auto& row : vectors.rows) {
      for (size_t i = 0; i < row.size(); ++i) {
        char number[32];
        std::snprintf(number, sizeof number, "%s%.9g", i ? " " : "", double(row[i]));
        out += number;
      }
      out += "\n";
    }
    return put(out);
  }
  Json json = {{"pooling", std::string(kPoolingNames[size_t(used.pooling)])}, {"normalized", used.normalize}};
  const bool many = o.lines || used.pooling == Pooling::none;
  if (o.lines) {
    Json tokens = Json::array();
    for (const EmbedText& text : texts.all) tokens.push_back(text.ids.size());
    json["tokens"] = tokens;
  } else {
    json["tokens"] = texts.all[0].ids.size();
  }
  if (many) json["embeddings"] = vectors.rows;
  else json["embedding"] = vectors.rows[0];
  return put_json(json);
}

// The most tokens of a text: what the checkpoint says its texts are cut to, else the model's positions.
size_t most_tokens(const Checkpoint& checkpoint, const Model& model) {
  const int64_t positions = model.config().max_seq_len;
  const MetaValue* value = checkpoint.find("synapse.embedding.max_tokens");
  const int64_t said = value ? value->as_int().value_or(positions) : positions;
  return size_t(said >= 1 && said < positions ? said : positions);
}

Status embed(const EmbedFlags& o) {
  if (!o.prompt && o.file.empty() && o.ids.empty() && stdin_is_terminal())
    throw CLI::ValidationError("text", "wanted: -p TEXT, -f FILE, --ids, or text on stdin");
  const bool* interrupted = watch_interrupts();
  SYN_TRY(engine, Engine::open(o.flags));
  if (o.ids.empty()) SYN_RETURN_IF_ERROR(engine->read_vocabulary());
  SYN_RETURN_IF_ERROR(require_model(*engine, false));
  const Model& model = engine->model();
  const Checkpoint& checkpoint = engine->source().checkpoint();
  SYN_TRY(options, default_embed_options(checkpoint, model));
  for (size_t i = 0; i < std::size(kPoolingNames); ++i)
    if (o.pooling == kPoolingNames[i]) options.pooling = Pooling(i);
  if (o.normalize) options.normalize = *o.normalize;
  if (o.lines && options.pooling == Pooling::none)
    return fail(Code::invalid, "pooling: none gives a vector for every token, which --lines has no place for");
  const size_t cut_at = o.truncate ? most_tokens(checkpoint, model) : size_t(model.config().max_seq_len);
  SYN_TRY(texts, tokenize(*engine, o, cut_at));
  for (const EmbedText& text : texts.all) options.max_rows = std::max(options.max_rows, int32_t(text.ids.size()));

  SYN_RETURN_IF_ERROR(engine->pack_weights());
  Device& device = engine->processor().device();
  const StateLayout& layout = model.state_layout();
  SYN_TRY(pages, Region::make(Embedder::cache_bytes(model, options)));
  SYN_TRY(region, Region::make(PagePool::arena_bytes(layout, options.k_dtype, options.v_dtype, pages.bytes().size()) +
                               Embedder::arena_bytes(model, device, options) + Arena::kAlign));
  SYN_TRY(pool, PagePool::make(device, layout, options.k_dtype, options.v_dtype, pages.bytes(), region.arena()));
  SYN_TRY(embedder, Embedder::open(model, device, *pool, options, region.arena()));
  embedder->cancel_on(interrupted);

  Vectors vectors;
  std::optional<NpyWriter> file;
  if (!o.out.empty()) {
    const bool by_token = options.pooling == Pooling::none;
    const uint64_t shape[] = {by_token ? texts.all[0].ids.size() : texts.all.size(), uint64_t(model.config().dim)};
    SYN_TRY(made, NpyWriter::create(o.out, std::span(shape).subspan(o.lines || by_token ? 0 : 1)));
    file.emplace(std::move(made));
    vectors.file = &*file;
  }
  SYN_RETURN_IF_ERROR(embedder->embed(texts.all, {Vectors::take, &vectors}));
  if (file) return file->finish();
  return print(vectors, texts, options, o);
}

}  // namespace

void add_embed(CLI::App& app, Action& action) {
  auto options = std::make_shared<EmbedFlags>();
  EmbedFlags& o = *options;
  CLI::App* verb = add_verb<EmbedFlags>(
      app, action, "embed", "Compute the embedding of a text: one vector for all of it.",
      "  synapse embed -m all-MiniLM-L6-v2 -p \"How do I reset my password?\" --json\n"
      "  synapse embed -m all-MiniLM-L6-v2 -f questions.txt --lines -o questions.npy\n"
      "  synapse embed -m bert-base -p \"A text\" --pooling cls --no-normalize",
      options, embed);
  add_model_flag(*verb, o.flags);
  CLI::Option* prompt = verb->add_option("-p,--prompt,PROMPT", o.prompt, "the text");
  CLI::Option* text_file = verb->add_option("-f,--file", o.file, "a file that holds it, - for stdin")->excludes(prompt);
  CLI::Option* lines = verb->add_flag("--lines", o.lines, "every line is a text of its own");
  CLI::Option* ids = verb->add_option("--ids", o.ids, "token ids apart by spaces or commas in place of a text; - reads them from stdin")
                         ->excludes(prompt)->excludes(text_file)->excludes(lines);
  verb->add_option("--token-types", o.types, "with --ids: the segment of each id (default: all 0)")->needs(ids);
  verb->add_option("-o,--output", o.out, "a NumPy float32 file: (dim), with --lines (texts, dim), with --pooling none (tokens, dim)");
  verb->add_option("--pooling", o.pooling,
                   "how the rows of the tokens become one: mean, cls (the first), last, or none (default: the model's, else mean)")
      ->envname("SYNAPSE_POOLING")
      ->check(CLI::IsMember(std::vector<std::string>(std::begin(kPoolingNames), std::end(kPoolingNames))));
  verb->add_flag_function("--normalize,!--no-normalize", [&o](int64_t n) { o.normalize = n > 0; },
                          "vectors of length 1, or as they are (default: the model's, else length 1)");
  verb->add_flag("--truncate", o.truncate, "cut texts to what the model takes, where longer ones are an error");
  verb->add_flag("--json", o.json, "an object with the vector or vectors, tokens, pooling");
  add_compute_flags(*verb, o.flags);
}

}  // namespace synapse::cli
