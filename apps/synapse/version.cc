#include "version.h"

#include "output.h"
#include "synapse/cpu/kernels/kernels.h"
#include "synapse_commit.h"

namespace synapse::cli {

std::string version_text(bool is_json) {
  Json names = Json::array();
  for (const Kernels& variant : kernel_variants()) names.push_back(std::string(variant.isa));
  if (is_json) {
    return Json{{"version", SYNAPSE_VERSION}, {"commit", SYNAPSE_COMMIT}, {"compiler", SYNAPSE_COMPILER},
                {"target", SYNAPSE_TARGET},   {"kernels", names}}.dump();
  }
  std::string kernels;
  for (const auto& name : names) kernels += " " + name.get<std::string>();
  return "synapse " SYNAPSE_VERSION "\ncommit    " SYNAPSE_COMMIT "\ncompiler  " SYNAPSE_COMPILER "\ntarget    " SYNAPSE_TARGET
         "\nkernels  " + kernels;
}

}  // namespace synapse::cli
