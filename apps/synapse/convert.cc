// synapse convert: any model that -m takes as one GGUF file.
#include "synapse/import/convert.h"

#include "engine.h"
#include "input.h"
#include "output.h"
#include "synapse/cpu/kernels/kernels.h"
#include "verbs.h"

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

// A bar on a terminal, redrawn when a percent has passed.
class Progress {
 public:
  static bool step(void* self, uint64_t done, uint64_t all) {
    return static_cast<Progress*>(self)->show(done, all);
  }
  ~Progress() {
    if (percent_ >= 0) std::fputs("\r\x1b[K", stderr);
  }

 private:
  bool show(uint64_t done, uint64_t all) {
    const int percent = all ? int(double(done) / double(all) * 100) : 100;
    if (is_terminal_ && percent != percent_) {
      constexpr int kWidth = 40;
      percent_ = percent;
      const std::string bar = std::string(size_t(percent * kWidth / 100), '#');
      std::fprintf(stderr, "\r[%-*s] %3d%%  %s of %s\x1b[K", kWidth, bar.c_str(), percent,
                   human_bytes(done).c_str(), human_bytes(all).c_str());
    }
    return !*interrupted_;
  }

  const bool is_terminal_ = stderr_is_terminal();
  const bool* interrupted_ = watch_interrupts();
  int percent_ = -1;
};

Status convert(const ConvertFlags& o) {
  SYN_TRY(source, open_source(o.flags.model, o.flags.family_dirs));
  ConvertOptions options;
  if (!o.type.empty()) options.dtype = *dtype_from_label(o.type);
  options.path = o.out, options.overwrite = o.force, options.quantize = quantize;
  std::optional<Progress> progress(std::in_place);
  options.progress = Progress::step, options.context = &*progress;
  const Result<Converted> converted = convert_to_gguf(*source, options);
  progress.reset();
  if (!converted.ok()) return converted.status();
  for (const std::string& text : converted->notes) note(text);
  if (o.json) {
    return put_json({{"file", converted->path},
                     {"bytes", converted->bytes},
                     {"tensors", converted->n_tensors},
                     {"metadata", converted->n_metadata},
                     {"notes", converted->notes}});
  }
  return put(converted->path + "\n");
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
                   "format of the matrices: F32, F16, BF16, Q8_0, Q4_0 (default: as they are); vectors "
                   "become F32, and the "
                   "embedding and the head Q8_0 where the format has fewer bits")
      ->check(CLI::Validator(check_type, "TYPE", "type"));
  verb->add_flag("--force", o.force, "overwrite the file");
  verb->add_flag("--json", o.json, "what was written, as one JSON object");
  add_family_flag(*verb, o.flags);
  add_isa_flag(*verb, o.flags);
}

}  // namespace synapse::cli
