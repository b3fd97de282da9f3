// What a source holds, as JSON: the one form that `show` prints, for people or machines.
#pragma once
#include "engine.h"
#include "output.h"

namespace synapse::cli {

Json describe_source(const Source& source);               // file, format, architecture, sizes, formats of the tensors
Json describe_vocabulary(const Vocabulary& vocabulary);
Json describe_stop_set(const Vocabulary& vocabulary);     // [{id, text}]
Json describe_tensors(const Checkpoint& checkpoint);      // [{name, shape, type, bytes}]
Json describe_metadata(const Checkpoint& checkpoint);     // {key: value}; long arrays give their first elements
Json describe_faults(const std::string& lines);           // [text]

}  // namespace synapse::cli
