#include "synapse/runtime/gguf_pre.h"

#include <algorithm>

namespace synapse {
namespace {

constexpr PreTokenizers kDigitsGpt2 = {PreTokenizer::digits, PreTokenizer::gpt2};
constexpr PreTokenizers kDigitsBloom = {PreTokenizer::digits, PreTokenizer::bloom};
constexpr PreTokenizers kFalcon = {PreTokenizer::punctuation_runs, PreTokenizer::gpt2, PreTokenizer::three_ascii_digits};
constexpr PreTokenizers kDeepseekLlm = {PreTokenizer::newlines,       PreTokenizer::deepseek_letters, PreTokenizer::deepseek_marks,
                                        PreTokenizer::trailing_space, PreTokenizer::deepseek_cjk,     PreTokenizer::digit_runs};
constexpr PreTokenizers kDeepseekCoder = {PreTokenizer::newlines, PreTokenizer::spaced_letters, PreTokenizer::spaced_punctuation,
                                          PreTokenizer::deepseek_cjk, PreTokenizer::digits};
constexpr PreTokenizers kDeepseekV3 = {PreTokenizer::digits_by_3, PreTokenizer::deepseek_v3_cjk, PreTokenizer::deepseek_v3};

// Only names whose pattern is exactly one of ours; for gpt-4o, llama4 and tekken that of the model's own file.
constexpr GgufPre kNames[] = {
    {"gpt-2", PreTokenizer::gpt2, false, false},
    {"default", PreTokenizer::gpt2, false, false},
    {"phi-2", PreTokenizer::gpt2, false, false},
    {"mpt", PreTokenizer::gpt2, false, false},
    {"olmo", PreTokenizer::gpt2, false, false},
    {"jais", PreTokenizer::gpt2, false, false},
    {"gigachat", PreTokenizer::gpt2, false, false},
    {"a.x-4.0", PreTokenizer::gpt2, false, false},
    {"mellum", PreTokenizer::gpt2, false, false},
    {"modern-bert", PreTokenizer::gpt2, false, false},
    {"jina-es", PreTokenizer::gpt2, false, false},
    {"jina-de", PreTokenizer::gpt2, false, false},
    {"jina-v2-es", PreTokenizer::gpt2, false, false},
    {"jina-v2-de", PreTokenizer::gpt2, false, false},
    {"exaone4", PreTokenizer::gpt2, false, false},
    {"trillion", PreTokenizer::gpt2, false, false},
    {"granite-docling", PreTokenizer::gpt2, false, false},
    {"smollm", kDigitsGpt2, false, false},
    {"starcoder", kDigitsGpt2, false, false},
    {"refact", kDigitsGpt2, false, false},
    {"command-r", kDigitsGpt2, false, false},
    {"codeshell", kDigitsGpt2, false, false},
    {"exaone", kDigitsGpt2, false, false},
    {"minerva-7b", kDigitsGpt2, false, false},
    {"llama-bpe", PreTokenizer::llama3, true, true},
    {"llama3", PreTokenizer::llama3, true, true},
    {"llama-v3", PreTokenizer::llama3, true, true},
    {"falcon3", PreTokenizer::llama3, true, true},
    {"falcon-h1", PreTokenizer::llama3, true, true},
    {"pixtral", PreTokenizer::llama3, true, true},
    {"midm-2.0", PreTokenizer::llama3, true, true},
    {"lfm2", PreTokenizer::llama3, true, true},
    {"smaug-bpe", PreTokenizer::llama3, false, false},
    {"dbrx", PreTokenizer::llama3, false, false},
    {"chatglm-bpe", PreTokenizer::llama3, false, false},
    {"glm4", PreTokenizer::llama3, false, false},
    {"qwen2", PreTokenizer::qwen2, false, false},
    {"deepseek-r1-qwen", PreTokenizer::qwen2, false, false},
    {"stablelm2", PreTokenizer::qwen2, false, false},
    {"hunyuan", PreTokenizer::qwen2, false, false},
    {"megrez", PreTokenizer::qwen2, false, false},
    {"solar-open", PreTokenizer::qwen2, false, false},
    {"grok-2", PreTokenizer::qwen2, false, false},
    {"qwen35", PreTokenizer::qwen35, false, false},
    {"roberta-bpe", PreTokenizer::gpt2, false, false},
    {"viking", kDigitsBloom, false, false},
    {"bloom", PreTokenizer::bloom, false, false},
    {"poro-chat", PreTokenizer::bloom, false, false},
    {"gpt3-finnish", PreTokenizer::bloom, false, false},
    {"falcon", kFalcon, false, false},
    {"deepseek-llm", kDeepseekLlm, false, false},
    {"deepseek-coder", kDeepseekCoder, false, false},
    {"deepseek-v3", kDeepseekV3, false, false},
    {"hunyuan-dense", kDeepseekV3, false, false},
    {"gpt-4o", PreTokenizer::o200k, false, false},
    {"llama4", PreTokenizer::o200k, false, false},
    {"kanana2", PreTokenizer::o200k, false, false},
    {"tekken", PreTokenizer::tekken, true, true},
};

Status unsupported(std::string_view name) {
  char bytes[Status::kMessageBytes];
  TextBuffer text(bytes, sizeof bytes);
  text.append("tokenizer.ggml.pre: ");
  text.append(name.substr(0, 64));
  text.append(", wanted one of");
  for (const GgufPre& p : kNames) {
    text.append(' ');
    text.append(p.name);
  }
  return fail(Code::unsupported, text.view());
}

}  // namespace

Result<GgufPre> gguf_pre(std::string_view name) {
  const auto* found = std::find_if(std::begin(kNames), std::end(kNames), [&](const GgufPre& p) { return p.name == name; });
  if (found == std::end(kNames)) return unsupported(name);
  return *found;
}

std::string_view gguf_pre_name(const PreTokenizers& pre, bool ignore_merges) {
  std::string_view name;
  for (const GgufPre& p : kNames) {
    if (!(p.pre == pre)) continue;
    if (p.ignore_merges == ignore_merges) return p.name;
    if (name.empty()) name = p.name;
  }
  return name;
}

}  // namespace synapse
