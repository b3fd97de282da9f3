// synapse convert: any model that -m takes as one GGUF file.
#include "engine.h"
#include "output.h"
#include "synapse/cpu/kernels/kernels.h"
#include "synapse/quant/quantize_model.h"
#include "verbs.h"
#include "write_model.h"

namespace synapse::cli {
namespace {

struct ConvertFlags {
  Flags flags;
  std::string out, type;
  bool force = false, json = false;
};

std::string check_type(const std::string& type) {
  std::string known;
  for (const FileType& t : kFileTypes) {
    if (!kernels().formats[size_t(t.dtype)].quantize) continue;
    if (dtype_from_label(type) == t.dtype) return {};
    known += " " + std::string(label(t.dtype));
  }
  return "type: \"" + type + "\", there are:" + known;
}

Status convert(const ConvertFlags& o) {
  SYN_TRY(source, open_source(o.flags.model, o.flags.family_dirs));
  SYN_TRY(processor, Processor::open(o.flags));
  SYN_TRY(target, plan_conversion(*source, o.type.empty() ? std::nullopt : dtype_from_label(o.type)));
  return write_model(*source, target, o.out, o.force, o.json, make_row_codec(processor->threads(), nullptr));
}

}  // namespace

void add_convert(CLI::App& app, Action& action) {
  auto options = std::make_shared<ConvertFlags>();
  ConvertFlags& o = *options;
  CLI::App* verb = add_verb<ConvertFlags>(app, action, "convert",
                                     "Write any model that -m takes as one GGUF file; prints its name.",
                                     "  synapse convert Qwen3-0.6B\n"
                                     "  synapse convert folder model-Q8_0.gguf --type Q8_0\n"
                                     "  synapse convert stories260K.bin --type F16 --force",
                                     options, convert);
  verb->add_option("source", o.flags.model, "what -m takes elsewhere: file, folder or name")->required();
  verb->add_option("output", o.out, "the file (default: NAME-SIZE-TYPE.gguf in this folder)");
  verb->add_option("--type", o.type,
                   "format of the matrices: F32, F16, BF16, Q8_0, Q5_1, Q5_0, Q4_1, Q4_0 (default: as they are); vectors "
                   "become F32, and the "
                   "embedding and the head Q8_0 where the format has fewer bits")
      ->check(CLI::Validator(check_type, "TYPE", "type"));
  verb->add_flag("--force", o.force, "overwrite the file");
  verb->add_flag("--json", o.json, "what was written, as one JSON object");
  add_family_flag(*verb, o.flags);
  add_isa_flag(*verb, o.flags);
}

}  // namespace synapse::cli
