// A model into a mix of storage formats: which tensor becomes what, and the rows themselves.
#pragma once
#include "synapse/import/convert.h"
#include "synapse/platform/threads.h"
#include "synapse/quant/imatrix.h"
#include "synapse/quant/mix.h"

namespace synapse {

struct QuantizeOptions {
  MixOptions mix;
  const Imatrix* imatrix = nullptr;
  std::string imatrix_file = {};   // for the file's metadata
  bool allow_requantize = false;   // take tensors that have lost precision already
};

// What every tensor becomes, with general.file_type and, with an imatrix, quantize.imatrix.*. An error names a tensor
// that is quantised already, whose format is not read or made, or that the imatrix does not fit.
Result<Target> plan_quantization(const Source& source, const QuantizeOptions& options);

// Rows to formats and back on all threads of `pool`, weighted by `imatrix` where it is not null and has the tensor. Both
// must outlive the codec. The same bytes for any number of threads.
RowCodec make_row_codec(platform::ThreadPool& pool, const Imatrix* imatrix);

}  // namespace synapse
