// The files of a model: one, or the parts of a split one beside each other.
#pragma once
#include "synapse/platform/region.h"

namespace synapse::capi {

// Number of parts of the model that the mapped file `first` at `path` belongs to; an error when it has several and the
// name does not say how the others are called (NAME-00001-of-0000N.gguf).
Result<int32_t> count_parts(std::string_view path, const platform::MappedFile& first);

// Maps part `part` (from 1) of `n_parts`, any of which is at `path`.
Result<platform::MappedFile> open_part(std::string_view path, int32_t part, int32_t n_parts);

// The same error, with the file that it is about.
Status about(std::string_view path, const Status& status);

}  // namespace synapse::capi
