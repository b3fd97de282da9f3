// What the user gives beside flags: texts, ids, the wish to stop.
#pragma once
#include <string>
#include <vector>

#include "synapse/base/status.h"

namespace synapse::cli {

// The bytes of a file, "-" being stdin.
Result<std::string> read_text(const std::string& path);
bool stdin_is_terminal();

// The text with \n \r \t \' \" \\ and \xHH as what they stand for; other backslashes stay.
std::string unescape(const std::string& text);

// Whole numbers apart by spaces or commas; "-" reads them from stdin.
Result<std::vector<int32_t>> read_ids(const std::string& text);

// From now on the first interrupt (SIGINT) sets the flag, which is cleared, and a second one ends the program.
const bool* watch_interrupts();

}  // namespace synapse::cli
