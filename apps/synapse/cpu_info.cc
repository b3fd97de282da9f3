#include "cpu_info.h"

#include <fstream>

namespace synapse::cli {

std::string cpu_info(std::initializer_list<std::string_view> names) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    for (std::string_view name : names) {
      const size_t colon = line.find(": ");
      if (line.starts_with(name) && colon != std::string::npos) return line.substr(colon + 2);
    }
  }
  return {};
}

std::string cpu_name() { return cpu_info({"model name", "CPU part"}); }

}  // namespace synapse::cli
