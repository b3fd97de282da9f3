// The conformance program: the same on every target, without the C++ library. Its "digest" lines are
// compared with those of the native program by tools/compare_conformance.py.
#include "base_cases.h"
#include "linear_golden.h"
#include "model_cases.h"
#include "op_digests.h"
#include "sampler_cases.h"
#include "tokenizer_cases.h"

int main() {
  using namespace synapse::conformance;
  return run_base_cases() + run_op_cases() + run_linear_golden() + run_sampler_cases() + run_tokenizer_cases() +
                     run_model_cases() == 0
             ? 0
             : 1;
}
