// What convert and quantize have in common: a source written as a GGUF file under a bar, and what is said of it.
#pragma once
#include "synapse/import/convert.h"

namespace synapse::cli {

// Prints the remarks, then the file's name or, as JSON, what was written.
Status write_model(Source& source, const Target& target, const std::string& path, bool overwrite, bool json, RowCodec codec);

}  // namespace synapse::cli
