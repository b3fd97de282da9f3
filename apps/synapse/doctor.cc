// synapse doctor: what this machine offers, what was chosen and why, what is missing.
#include <algorithm>
#include <cstdio>
#include <sstream>

#include "bandwidth.h"
#include "cpu_info.h"
#include "engine.h"
#include "output.h"
#include "synapse/cpu/kernels/kernels.h"
#include "synapse/import/names.h"
#include "verbs.h"

namespace synapse::cli {
namespace {

struct DoctorFlags {
  Flags flags;
  bool json = false;
};

// Those of the processor's features that kernels exist or may come to exist for.
std::vector<std::string> cpu_features() {
  static constexpr std::string_view kOfInterest[] = {
      "sse4_2",      "avx",      "avx2", "fma",     "f16c",    "avx_vnni", "avx512f", "avx512bw", "avx512vl", "avx512dq",
      "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16", "asimd", "asimddp", "asimdhp",
      "i8mm",        "bf16",     "sve"};
  std::istringstream all(cpu_info({"flags", "Features"}));
  std::vector<std::string> found;
  for (std::string word; all >> word;) {
    if (std::find(std::begin(kOfInterest), std::end(kOfInterest), word) != std::end(kOfInterest)) found.push_back(word);
  }
  return found;
}

std::string joined(const Json& words) {
  std::string text;
  for (const Json& word : words) {
    if (!text.empty()) text += ' ';
    text += word.get<std::string>();
  }
  return text.empty() ? "none" : text;
}

std::string why_threads(const Flags& flags, const platform::Resources& r) {
  if (flags.threads) return "asked for";
  std::string why = std::to_string(r.physical_cores) + " cores in " + std::to_string(r.affinity_cpus) + " logical processors";
  if (r.cpu_quota > 0) {
    char quota[48];
    std::snprintf(quota, sizeof quota, ", a quota of %.2f processors", r.cpu_quota);
    why += quota;
  }
  return why;
}

Json examine(const Flags& flags, Processor& processor) {
  const platform::Resources r = platform::resources();
  Json variants = Json::array(), missing = Json::array();
  for (const Kernels& variant : kernel_variants()) variants.push_back(variant.isa);
  std::vector<std::string> names;
  for (const NamedModel& model : list_models()) names.push_back(model.name);
  if (names.empty()) {
    std::string where;
    for (const auto& folder : model_folders()) where += " " + folder.lexically_normal().string();
    missing.push_back("a model by name; looked in" + where);
  }
  const Bandwidth read = measure_read_bandwidth(processor.kernels(), processor.threads(), r.memory_available);
  if (read.bytes_per_second == 0) missing.push_back("memory to measure its bandwidth with");
  return {{"version", SYNAPSE_VERSION},
          {"cpu", cpu_name()},
          {"features", cpu_features()},
          {"kernels", processor.kernels().isa},
          {"kernels_why", flags.isa.empty() ? "the best of those this processor has" : "asked for"},
          {"kernel_variants", variants},
          {"threads", processor.n_threads()},
          {"threads_why", why_threads(flags, r)},
          {"logical_processors", r.affinity_cpus},
          {"cores", r.physical_cores},
          {"cpu_quota", r.cpu_quota},
          {"memory_total", r.memory_total},
          {"memory_available", r.memory_available},
          {"read_bytes_per_second", read.bytes_per_second},
          {"read_how", read.how},
          {"models", names},
          {"missing", missing}};
}

std::string human(const Json& j) {
  const auto word = [&](const char* name) { return j[name].get<std::string>(); };
  const std::pair<const char*, std::string> rows[] = {
      {"version", word("version")},
      {"processor", word("cpu")},
      {"features", joined(j["features"])},
      {"kernels", word("kernels") + " (" + word("kernels_why") + "; there are: " + joined(j["kernel_variants"]) + ")"},
      {"threads", j["threads"].dump() + " (" + word("threads_why") + ")"},
      {"memory", human_bytes(j["memory_available"]) + " available of " + human_bytes(j["memory_total"]) +
                     ", limits of the control group included"},
      {"bandwidth", human_bytes(j["read_bytes_per_second"]) + "/s (" + word("read_how") + ")"},
      {"models", joined(j["models"])},
  };
  std::string text;
  const auto add = [&](std::string name, const std::string& value) {
    name.resize(13, ' ');
    text += name + value + "\n";
  };
  for (const auto& [name, value] : rows) add(name, value);
  for (const Json& thing : j["missing"]) add("missing", thing);
  return text;
}

Status doctor(const DoctorFlags& o) {
  SYN_TRY(processor, Processor::open(o.flags));
  const Json found = examine(o.flags, *processor);
  return o.json ? put_json(found) : put(human(found));
}

}  // namespace

void add_doctor(CLI::App& app, Action& action) {
  auto options = std::make_shared<DoctorFlags>();
  DoctorFlags& o = *options;
  CLI::App* verb = add_verb<DoctorFlags>(app, action, "doctor", "Show what this machine offers, what was chosen and what is missing.",
                                     "  synapse doctor\n"
                                     "  SYNAPSE_ISA=scalar synapse doctor --json",
                                     options, doctor);
  add_compute_flags(*verb, o.flags);
  verb->add_flag("--json", o.json, "as one JSON object");
}

}  // namespace synapse::cli
