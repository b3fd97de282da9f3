#include "synapse/import/tokenizer_files.h"

#include <algorithm>
#include <vector>

#include "synapse/import/rwkv_vocab.h"
#include "synapse/import/sentencepiece.h"
#include "synapse/import/tokenizer_json.h"

namespace synapse {
namespace fs = std::filesystem;
namespace {

using platform::MappedFile;

constexpr size_t kFloorBytes = size_t(1) << 20;
constexpr std::string_view kRwkvVocab = "rwkv_vocab_v20230424.txt";
constexpr std::string_view kFiles[] = {"tokenizer.json", "tokenizer.model", "vocab.json", kRwkvVocab};

// An absent file is an empty one; any other trouble is an error.
Result<MappedFile> open_if_there(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return MappedFile();
  return MappedFile::open(path.c_str());
}

Result<JsonValue> parse_if_there(std::string_view name, const MappedFile& file, Arena& arena) {
  if (file.bytes().empty()) return JsonValue();
  const auto document = parse_json(file.bytes(), arena);
  if (!document.ok()) return fail(Code::corrupt, name, ": ", document.status().message());
  return document->root();
}

// Tokens that end a generation by their text, and EOS.
Status find_ends(TokenizerSpec& spec, Arena& arena) {
  std::vector<int32_t> ends(spec.end_ids.begin(), spec.end_ids.end());
  for (const AddedToken& token : spec.added) {
    const bool known = std::ranges::find(ends, token.id) != ends.end();
    if (token.special && !known && ends_generation(token.text)) ends.push_back(token.id);
  }
  SYN_TRY(table, arena.zeroed<int32_t>(ends.size(), "end ids"));
  std::ranges::copy(ends, table.begin());
  spec.end_ids = table;
  return {};
}

// What a SentencePiece model leaves to the program: legacy programs put a space before the text after each
// special token too, and BOS stands before a text unless add_bos_token says otherwise.
Status apply_sentencepiece_config(JsonValue config, TokenizerSpec& spec, Arena& arena) {
  spec.space_prefix_every_segment = config["legacy"].as_bool().value_or(true);
  if (!config["add_bos_token"].is_null() || spec.bos_id < 0 || !spec.prefix.empty()) return {};
  SYN_TRY(prefix, arena.zeroed<int32_t>(1, "tokenizer ids"));
  prefix[0] = spec.bos_id;
  spec.prefix = prefix;
  return {};
}

std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

}  // namespace

std::string_view tokenizer_file_of(const fs::path& folder) {
  std::error_code absent;
  for (const std::string_view name : kFiles) {
    if (fs::exists(folder / name, absent) &&
        (name != "vocab.json" || fs::exists(folder / "merges.txt", absent)))
      return name;
  }
  return {};
}

Result<TokenizerSpec> read_folder_tokenizer(const fs::path& folder, Region& region,
                                            std::vector<MappedFile>& files) {
  const std::string_view name = tokenizer_file_of(folder);
  if (name.empty()) return TokenizerSpec{};
  SYN_TRY(main, MappedFile::open((folder / name).c_str()));
  SYN_TRY(config_file, open_if_there(folder / "tokenizer_config.json"));
  SYN_TRY(added_file, open_if_there(folder / "added_tokens.json"));
  SYN_TRY(map_file, open_if_there(folder / "special_tokens_map.json"));
  SYN_TRY(merges_file, open_if_there(folder / "merges.txt"));
  size_t bytes = kFloorBytes + 32 * merges_file.bytes().size();
  if (name == kRwkvVocab) bytes += rwkv_vocab_arena_bytes(main.bytes());
  if (name == "tokenizer.model") bytes += sentencepiece_arena_bytes(main.bytes());
  for (const MappedFile* file : {&main, &config_file, &added_file, &map_file})
    bytes += 2 * tokenizer_json_arena_bytes(file->bytes());
  SYN_TRY(made, Region::make(bytes));
  region = std::move(made);
  Arena& arena = region.arena();

  TokenizerSpec spec;
  if (name == kRwkvVocab) {
    SYN_TRY(read, read_rwkv_vocab(main.bytes(), arena));
    spec = read;
  } else if (name == "tokenizer.json") {
    SYN_TRY(read, read_tokenizer_json(main.bytes(), arena));
    spec = read;
    if (!config_file.bytes().empty())
      SYN_RETURN_IF_ERROR(apply_tokenizer_config(config_file.bytes(), spec, arena));
  } else {
    SYN_TRY(config, parse_if_there("tokenizer_config.json", config_file, arena));
    SYN_TRY(added, parse_if_there("added_tokens.json", added_file, arena));
    if (name == "tokenizer.model") {
      SYN_TRY(read, read_sentencepiece(main.bytes(), arena));
      spec = read;
    } else {
      SYN_TRY(vocab, parse_if_there("vocab.json", main, arena));
      SYN_TRY(read, read_vocab_merges(vocab, text_of(merges_file), config, arena));
      spec = read;
    }
    SYN_RETURN_IF_ERROR(add_tokens(config, added, spec, arena));
    if (!map_file.bytes().empty()) SYN_RETURN_IF_ERROR(apply_tokenizer_config(map_file.bytes(), spec, arena));
    if (!config_file.bytes().empty())
      SYN_RETURN_IF_ERROR(apply_tokenizer_config(config_file.bytes(), spec, arena));
    if (name == "tokenizer.model") SYN_RETURN_IF_ERROR(apply_sentencepiece_config(config, spec, arena));
    SYN_RETURN_IF_ERROR(find_ends(spec, arena));
  }
  for (MappedFile* file : {&main, &config_file, &added_file, &map_file, &merges_file})
    files.push_back(std::move(*file));
  return spec;
}

}  // namespace synapse
