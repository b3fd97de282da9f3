// synapse tokenize and detokenize: texts to ids and back.
#include <cstdio>

#include "engine.h"
#include "input.h"
#include "output.h"
#include "verbs.h"

namespace synapse::cli {
namespace {

struct TokenizeOptions {
  Flags flags;
  std::optional<std::string> prompt;
  std::string file;
  bool ids = false, no_bos = false, no_special = false, null = false, json = false;
};

struct DetokenizeOptions {
  Flags flags;
  std::string ids;
};

struct OpenVocabulary {
  std::unique_ptr<Source> source;
  std::unique_ptr<Vocabulary> vocabulary;
};

Result<OpenVocabulary> open_vocabulary(const Flags& flags) {
  SYN_TRY(source, open_source(flags.model, flags.family_dirs));
  SYN_TRY(vocabulary, Vocabulary::open(*source));
  return OpenVocabulary{std::move(source), std::move(vocabulary)};
}

Status print_ids(const Vocabulary& vocabulary, std::span<const int32_t> ids, const TokenizeOptions& o) {
  std::string out;
  if (o.json) {
    Json pieces = Json::array();
    for (int32_t id : ids) pieces.push_back(vocabulary.piece(id));
    return put_json({{"ids", ids}, {"pieces", pieces}});
  }
  for (int32_t id : ids) {
    if (o.ids) {
      out += (out.empty() ? "" : " ") + std::to_string(id);
    } else {
      char number[16];
      std::snprintf(number, sizeof number, "%8d  ", id);
      out += number + printable(vocabulary.piece(id)) + "\n";
    }
  }
  return put(o.ids ? out + "\n" : out);
}

Status tokenize(const TokenizeOptions& o) {
  if (!o.prompt && o.file.empty() && stdin_is_terminal()) {
    throw CLI::ValidationError("text", "wanted: -p TEXT, -f FILE, or text on stdin");
  }
  SYN_TRY(open, open_vocabulary(o.flags));
  std::string text;
  if (o.prompt) {
    text = *o.prompt;
  } else {
    SYN_TRY(read, read_text(o.file.empty() ? "-" : o.file));
    text = std::move(read);
  }

  const EncodeOptions options{.add_special = !o.no_bos && !o.no_special, .parse_special = !o.no_special};
  std::string_view rest = text;
  for (bool more = true; more;) {
    const size_t end = o.null ? rest.find('\0') : std::string_view::npos;
    more = end != std::string_view::npos;
    SYN_TRY(ids, open.vocabulary->encode(rest.substr(0, end), options));
    SYN_RETURN_IF_ERROR(print_ids(*open.vocabulary, ids, o));
    if (more) rest.remove_prefix(end + 1);
  }
  return {};
}

Status detokenize(const DetokenizeOptions& o) {
  SYN_TRY(ids, read_ids(o.ids));
  SYN_TRY(open, open_vocabulary(o.flags));
  const Tokenizer& tokenizer = *open.vocabulary->tokenizer;
  for (int32_t id : ids) {
    if (id < 0 || id >= tokenizer.vocab_size()) {
      return fail(Code::invalid, "ids: ", id, ", the vocabulary has 0 to ", tokenizer.vocab_size() - 1);
    }
  }
  std::string text, piece(tokenizer.max_piece_bytes() * 3 + 16, 0);
  Detokenizer detokenizer(tokenizer, true);
  for (int32_t id : ids) text.append(piece.data(), detokenizer.push(id, piece.data()));
  text.append(piece.data(), detokenizer.finish(piece.data()));
  return put(text + "\n");
}

}  // namespace

void add_tokenize(CLI::App& app, Action& action) {
  auto options = std::make_shared<TokenizeOptions>();
  TokenizeOptions& o = *options;
  CLI::App* verb = add_verb<TokenizeOptions>(
      app, action, "tokenize", "Show the tokens of a text. Not a byte of it is dropped or added.",
      "  synapse tokenize -m synapse-story-4m -p \"Hello\"\n"
      "  synapse tokenize -m tokenizer-folder -f text.txt --ids --no-bos",
      options, tokenize);
  add_model_flag(*verb, o.flags);
  CLI::Option* prompt = verb->add_option("-p,--prompt,TEXT", o.prompt, "the text");
  verb->add_option("-f,--file", o.file, "a file that holds it, - for stdin (default: stdin)")->excludes(prompt);
  verb->add_flag("--ids", o.ids, "ids alone, apart by spaces, on one line");
  verb->add_flag("--no-bos", o.no_bos, "add no tokens around the text");
  verb->add_flag("--no-special", o.no_special, "that, and special tokens written in the text are plain text");
  verb->add_flag("--null", o.null, "the text is several, apart by NUL bytes; a line or object for each");
  verb->add_flag("--json", o.json, "ids and pieces as a JSON object");
  add_isa_flag(*verb, o.flags);
}

void add_detokenize(CLI::App& app, Action& action) {
  auto options = std::make_shared<DetokenizeOptions>();
  DetokenizeOptions& o = *options;
  CLI::App* verb = add_verb<DetokenizeOptions>(app, action, "detokenize", "Show the text of token ids, special ones too.",
                                               "  synapse detokenize -m synapse-story-4m --ids \"614 564 258 471\"\n"
                                               "  synapse tokenize -m M -f text.txt --ids | synapse detokenize -m M --ids -",
                                               options, detokenize);
  add_model_flag(*verb, o.flags);
  verb->add_option("--ids", o.ids, "ids apart by spaces or commas; - reads them from stdin")->required();
  add_isa_flag(*verb, o.flags);
}

}  // namespace synapse::cli
