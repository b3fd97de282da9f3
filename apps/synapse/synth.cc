// synapse synth: a model of a published shape with random weights, to measure with where no weights are at hand.
#include "synapse/import/synth.h"

#include <algorithm>

#include "engine.h"
#include "flags.h"
#include "synapse/cpu/kernels/kernels.h"
#include "verbs.h"

namespace synapse::cli {
namespace {

struct SynthFlags {
  Flags flags;
  std::string name, out;
  std::string type = "Q8_0";
  uint64_t seed = 0;
  bool force = false;
};

std::string check_shape(const std::string& name) {
  std::string known;
  for (const SynthShape& shape : synth_shapes()) {
    if (shape.name == name) return {};
    known += " " + std::string(shape.name);
  }
  return "shape: \"" + name + "\", there are:" + known;
}

std::string check_type(const std::string& type) {
  std::string known;
  for (size_t i = 0; i < kNDTypes; ++i) {
    if (!kernels().formats[i].quantize || !find_file_type(DType(i))) continue;
    if (dtype_from_label(type) == DType(i)) return {};
    known += " " + std::string(kDTypes[i].label);
  }
  return "type: \"" + type + "\", there are:" + known;
}

// n values as `dtype`, the same bytes from every variant of the kernels; false when there is no quantiser for it.
bool to_format(DType dtype, void* out, const float* in, size_t n) {
  const auto convert = kernels().formats[size_t(dtype)].quantize;
  if (convert) convert(out, in, n);
  return convert != nullptr;
}

Status synth(const SynthFlags& o) {
  const auto shapes = synth_shapes();
  const auto shape = std::find_if(shapes.begin(), shapes.end(), [&](const SynthShape& s) { return s.name == o.name; });
  return write_synth(*shape, *dtype_from_label(o.type), o.seed, to_format, o.out, o.force);
}

}  // namespace

void add_synth(CLI::App& app, Action& action) {
  auto options = std::make_shared<SynthFlags>();
  SynthFlags& o = *options;
  CLI::App* verb = add_verb<SynthFlags>(
      app, action, "synth", "Make a GGUF of a published shape, with random weights and a made-up tokenizer.",
      "  synapse synth qwen3-0.6b --type Q4_0 -o qwen3.gguf\n"
      "  synapse synth tiny-llama -o tiny.gguf --seed 7 --force",
      options, synth);
  verb->add_option("name", o.name, "the shape; an unknown one lists those there are")
      ->required()
      ->check(CLI::Validator(check_shape, "SHAPE", "shape"));
  verb->add_option("--type", o.type, "format of the matrices: F32, F16, BF16, Q8_0, Q5_1, Q5_0, Q4_1, Q4_0 (default: Q8_0)")
      ->check(CLI::Validator(check_type, "TYPE", "type"));
  verb->add_option("-o,--output", o.out, "the file")->required();
  verb->add_option("-s,--seed", o.seed, "names the weights (default: 0)")->envname("SYNAPSE_SEED");
  verb->add_flag("--force", o.force, "overwrite the file");
  add_isa_flag(*verb, o.flags);
}

}  // namespace synapse::cli
