// synapse quantize: a model in fewer bits, by the ecosystem's mixes.
#include <algorithm>
#include <cstdio>
#include <regex>

#include "engine.h"
#include "input.h"
#include "output.h"
#include "synapse/io/own_formats.h"
#include "synapse/quant/quantize_model.h"
#include "verbs.h"
#include "write_model.h"

namespace synapse::cli {
namespace {

struct QuantizeFlags {
  Flags flags;
  std::vector<std::string> words;  // IN [OUT] TYPE [THREADS]
  std::string type, imatrix, output_type, embedding_type;
  std::vector<std::string> tensor_types;
  bool pure = false, dry_run = false, requantize = false, force = false, json = false;
};

bool is_number(const std::string& word) {
  return !word.empty() && word.size() < 6 && std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// By name, or by the number that general.file_type has for it.
const Mix* mix_of(const std::string& word) {
  if (!is_number(word)) return find_mix(word);
  for (const Mix& mix : mixes())
    if (mix.file_type && *mix.file_type == uint32_t(std::stoi(word))) return &mix;
  return nullptr;
}

struct Words {
  std::string in, out;
  const Mix* mix = nullptr;
  int32_t threads = 0;
};

Words read_words(const QuantizeFlags& o) {
  std::string known;
  for (const Mix& mix : mixes()) known += " " + std::string(mix.name);
  std::vector<std::string> words = o.words;
  Words found;
  const bool has_type = !o.type.empty();
  if (words.size() > 2 && is_number(words.back()) && (has_type || mix_of(words[words.size() - 2]))) {
    found.threads = std::clamp(std::stoi(words.back()), 1, 256);
    words.pop_back();
  }
  std::string type = o.type;
  if (!has_type) {
    if (words.size() < 2) throw CLI::ValidationError("TYPE", "wanted: IN [OUT] TYPE; types are:" + known);
    type = words.back();
    words.pop_back();
  }
  if (words.size() > 2) throw CLI::ValidationError("words", "too many: wanted IN [OUT] TYPE");
  found.mix = mix_of(type);
  if (!found.mix) throw CLI::ValidationError("TYPE", "\"" + type + "\", there are:" + known);
  found.in = words[0];
  if (words.size() == 2) found.out = words[1];
  return found;
}

DType read_dtype(const std::string& flag, const std::string& text) {
  const std::optional<DType> dtype = dtype_from_label(text);
  if (!dtype) throw CLI::ValidationError(flag, "\"" + text + "\" is no format");
  return *dtype;
}

MixOptions read_mix(const QuantizeFlags& o, const Mix& mix) {
  MixOptions options;
  options.mix = &mix, options.pure = o.pure;
  if (!o.output_type.empty()) options.output = read_dtype("--output-tensor-type", o.output_type);
  if (!o.embedding_type.empty()) options.token_embedding = read_dtype("--token-embedding-type", o.embedding_type);
  for (const std::string& text : o.tensor_types) {
    const size_t equals = text.rfind('=');
    if (equals == text.npos || equals == 0) throw CLI::ValidationError("--tensor-type", "\"" + text + "\", wanted REGEX=TYPE");
    try {
      options.tensor_types.emplace_back(std::regex(text.substr(0, equals)), read_dtype("--tensor-type", text.substr(equals + 1)));
    } catch (const std::regex_error& error) {
      throw CLI::ValidationError("--tensor-type", "\"" + text + "\": " + error.what());
    }
  }
  return options;
}

Status put_plan(const Source& source, const Target& target, bool json) {
  const std::span<const NamedTensor> tensors = source.checkpoint().tensors;
  uint64_t bytes = 0, before = 0, n_weights = 0;
  std::string text;
  Json rows = Json::array();
  for (size_t i = 0; i < tensors.size(); ++i) {
    Tensor to = tensors[i].tensor;
    before += to.bytes();
    to.dtype = target.dtypes[i];
    const size_t in_file = is_own(to.dtype) ? parts_of(to).values.bytes() + parts_of(to).scales.bytes() : to.bytes();
    bytes += in_file, n_weights += to.size();
    std::vector<int32_t> shape;
    std::string dims;
    for (int d = 0; d < to.rank; ++d) {
      shape.push_back(to.dim(d));
      dims += (dims.empty() ? "" : " x ") + std::to_string(to.dim(d));
    }
    const std::string from(label(tensors[i].tensor.dtype)), becomes(label(to.dtype));
    if (json) {
      rows.push_back({{"name", tensors[i].name}, {"shape", shape}, {"from", from}, {"to", becomes}, {"bytes", in_file}});
      continue;
    }
    char line[320];
    std::snprintf(line, sizeof line, "%-32s %18s  %-6s %-6s %12llu\n", printable(tensors[i].name).c_str(), dims.c_str(),
                  from.c_str(), becomes.c_str(), static_cast<unsigned long long>(in_file));
    text += line;
  }
  const double bits = 8 * double(bytes) / double(n_weights);
  if (json) {
    return put_json({{"type", target.label}, {"tensors", rows}, {"weights", n_weights}, {"bytes_before", before},
                     {"bytes", bytes}, {"bits_per_weight", bits}, {"notes", target.notes}});
  }
  for (const std::string& remark : target.notes) note(remark);
  char line[160];
  std::snprintf(line, sizeof line, "%s: %s, %.2f bits a weight (before: %s)\n", target.label.c_str(), human_bytes(bytes).c_str(),
                bits, human_bytes(before).c_str());
  return put(text + line);
}

Status quantize(const QuantizeFlags& o) {
  const Words words = read_words(o);
  QuantizeOptions options;
  options.mix = read_mix(o, *words.mix), options.allow_requantize = o.requantize;
  Flags flags = o.flags;
  if (words.threads) flags.threads = words.threads;

  SYN_TRY(source, open_source(words.in, flags.family_dirs));
  std::optional<Imatrix> imatrix;
  if (!o.imatrix.empty()) {
    SYN_TRY(read, read_imatrix(o.imatrix));
    imatrix = std::move(read);
    options.imatrix = &*imatrix, options.imatrix_file = o.imatrix;
  }
  SYN_TRY(target, plan_quantization(*source, options));
  if (o.dry_run) return put_plan(*source, target, o.json);
  SYN_TRY(processor, Processor::open(flags));
  return write_model(*source, target, words.out, o.force, o.json, make_row_codec(processor->threads(), options.imatrix));
}

}  // namespace

void add_quantize(CLI::App& app, Action& action) {
  auto options = std::make_shared<QuantizeFlags>();
  QuantizeFlags& o = *options;
  CLI::App* verb = add_verb<QuantizeFlags>(app, action, "quantize",
                                     "Write a model in fewer bits; each tensor gets the format that llama-quantize would choose.",
                                     "  synapse quantize Qwen3-0.6B Q4_K_M\n"
                                     "  synapse quantize model-f16.gguf model-q2.gguf Q2_K --imatrix imatrix.gguf\n"
                                     "  synapse quantize model.gguf Q4_K_M --tensor-type \"ffn_down=Q6_K\" --dry-run",
                                     options, quantize);
  std::string types;
  for (const Mix& mix : mixes()) types += (types.empty() ? "" : ", ") + std::string(mix.name);
  verb->add_option("words", o.words, "IN [OUT] TYPE: what -m takes elsewhere; the file (default: NAME-SIZE-TYPE.gguf in this folder); "
                                     "the type, of " + types)
      ->required()
      ->expected(1, 4)
      ->type_name("IN [OUT] TYPE");
  verb->add_option("--type", o.type, "the type, instead of as the last word");
  verb->add_option("--imatrix", o.imatrix, "file of `synapse imatrix` or llama-imatrix: which columns matter how much");
  verb->add_option("--tensor-type", o.tensor_types, "format of the tensors whose name the pattern is found in; repeatable")
      ->type_name("REGEX=TYPE")
      ->expected(1)
      ->take_all();
  verb->add_option("--output-tensor-type", o.output_type, "format of output.weight")->type_name("TYPE");
  verb->add_option("--token-embedding-type", o.embedding_type, "format of token_embd.weight")->type_name("TYPE");
  verb->add_flag("--pure", o.pure, "the type's own format for every matrix");
  verb->add_flag("--allow-requantize", o.requantize, "take tensors that are quantised already");
  verb->add_flag("--dry-run", o.dry_run, "print what each tensor becomes and how large, and write nothing");
  verb->add_flag("--force", o.force, "overwrite the file");
  verb->add_flag("--json", o.json, "what was written, or the plan, as one JSON object");
  add_family_flag(*verb, o.flags);
  add_compute_flags(*verb, o.flags);
}

}  // namespace synapse::cli
