#include "describe.h"

#include <algorithm>
#include <map>

namespace synapse::cli {
namespace {

constexpr uint64_t kShownElements = 8;

Json scalar(const MetaValue& value) {
  if (value.type == MetaType::string) return std::string(value.text);
  if (value.type == MetaType::boolean) return value.u != 0;
  if (value.type == MetaType::f32 || value.type == MetaType::f64) return value.f;
  if (const auto i = value.as_int()) return *i;
  return value.u;
}

Json array(const MetaValue& value) {
  if (value.element == MetaType::array) return {{"arrays", value.count}};
  Json shown = Json::array();
  if (value.element == MetaType::string) {
    std::string_view text;
    for (StringWalk walk(value); shown.size() < kShownElements && walk.next(text);) shown.push_back(std::string(text));
  } else {
    const uint64_t n = std::min(value.count, kShownElements);
    for (uint64_t i = 0; i < n; ++i) shown.push_back(scalar(meta_element(value, i)));
  }
  if (value.count <= kShownElements) return shown;
  return {{"count", value.count}, {"first", shown}};
}

const char* kind_name(TokenizerKind kind) {
  static constexpr const char* kNames[] = {"none", "byte-level BPE", "SentencePiece BPE", "unigram", "WordPiece", "trie"};
  static_assert(sizeof kNames / sizeof kNames[0] == size_t(TokenizerKind::trie) + 1);
  return kNames[size_t(kind)];
}

}  // namespace

Json describe_source(const Source& source) {
  const Checkpoint& checkpoint = source.checkpoint();
  Json all = {{"file", source.path().string()},
              {"n_files", source.n_files()},
              {"file_bytes", source.file_bytes()},
              {"format", checkpoint.format}};
  if (!checkpoint.architecture().empty()) all["architecture"] = std::string(checkpoint.architecture());
  if (const MetaValue* name = checkpoint.find("general.name"); name && name->as_text()) {
    all["name"] = std::string(*name->as_text());
  }
  uint64_t parameters = 0;
  std::map<std::string, uint64_t> types;
  for (const NamedTensor& named : checkpoint.tensors) {
    parameters += named.tensor.size();
    ++types[std::string(label(named.tensor.dtype))];
  }
  all["parameters"] = parameters;
  all["types"] = types;
  return all;
}

Json describe_vocabulary(const Vocabulary& vocabulary) {
  const Tokenizer& tokenizer = *vocabulary.tokenizer;
  return {{"kind", kind_name(vocabulary.kind)},
          {"vocab_size", tokenizer.vocab_size()},
          {"bos_id", tokenizer.bos_id()},
          {"eos_id", tokenizer.eos_id()},
          {"bytes", vocabulary.bytes}};
}

Json describe_stop_set(const Vocabulary& vocabulary) {
  Json stop = Json::array();
  for (int32_t id : vocabulary.end_ids) {
    const bool is_known = id >= 0 && id < vocabulary.tokenizer->vocab_size();
    stop.push_back({{"id", id}, {"text", is_known ? vocabulary.piece(id) : "(not in the vocabulary)"}});
  }
  return stop;
}

Json describe_tensors(const Checkpoint& checkpoint) {
  Json tensors = Json::array();
  for (const auto& [name, tensor] : checkpoint.tensors) {
    tensors.push_back({{"name", std::string(name)},
                       {"shape", std::vector<int32_t>(tensor.dims.begin(), tensor.dims.begin() + tensor.rank)},
                       {"type", std::string(label(tensor.dtype))},
                       {"bytes", tensor.bytes()}});
  }
  return tensors;
}

Json describe_metadata(const Checkpoint& checkpoint) {
  Json metadata = Json::object();
  for (const auto& [key, value] : checkpoint.metadata) {
    metadata[std::string(key)] = value.type == MetaType::array ? array(value) : scalar(value);
  }
  return metadata;
}

Json describe_faults(const std::string& lines) {
  Json faults = Json::array();
  for (size_t at = 0, end; (end = lines.find('\n', at)) != std::string::npos; at = end + 1) {
    faults.push_back(lines.substr(at, end - at));
  }
  return faults;
}

}  // namespace synapse::cli
