// What this program is: its version, the commit and compiler it was made with, the target and its kernels.
#pragma once
#include <string>

namespace synapse::cli {

// A line each, or one JSON object.
std::string version_text(bool is_json);

}  // namespace synapse::cli
