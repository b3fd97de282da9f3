// What Linux says of the processor.
#pragma once
#include <initializer_list>
#include <string>
#include <string_view>

namespace synapse::cli {

// The value of the first line of /proc/cpuinfo that begins with one of these names; empty where there is none.
std::string cpu_info(std::initializer_list<std::string_view> names);
std::string cpu_name();

}  // namespace synapse::cli
