// llama.cpp's spellings, so that its command lines work here: a table of what each one means for us.
#pragma once
#include <string>
#include <vector>

namespace synapse::cli {

// The words of a command line in our spelling. A spelling that changes nothing here is dropped, with a remark on stderr
// where somebody may have counted on it; one that we have another way for is refused (CLI::ValidationError) by
// naming that way. Texts that follow -p, -f and the like are left alone, and everything after "--".
std::vector<std::string> known_names(int argc, char** argv);

}  // namespace synapse::cli
