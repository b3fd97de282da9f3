// Importance matrices: for every linear of a model, how large its inputs are, column by column, over a text. Written as
// llama.cpp's GGUF form (general.type "imatrix"; tensors NAME.in_sum2 and NAME.counts); that and its older .dat are read.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "synapse/base/status.h"

namespace synapse {

struct ImatrixEntry {
  std::vector<float> sums;    // (matrices, columns) of x^2 over all rows x that met the matrix
  std::vector<float> counts;  // (matrices) of such rows; matrices is 1 but for experts

  // (matrices, columns) mean of x^2; 1 where nothing was seen.
  std::vector<float> importance() const;
};

struct Imatrix {
  std::map<std::string, ImatrixEntry> entries;  // by name of the weight
  std::vector<std::string> datasets;
  uint32_t n_chunks = 0, chunk_size = 0;        // windows of text, tokens of each
};

Result<Imatrix> read_imatrix(const std::string& path);
Result<uint64_t> write_imatrix(const std::string& path, const Imatrix& imatrix, bool overwrite);  // bytes written

}  // namespace synapse
