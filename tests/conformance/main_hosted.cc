// The conformance program where there is a file system: what the freestanding one does, and
//   conformance --linear FILE.json    worked examples of the quantised linear from a file
#include <cstdio>
#include <string_view>

#include "base_cases.h"
#include "linear_golden.h"
#include "model_cases.h"
#include "op_digests.h"
#include "sampler_cases.h"
#include "synapse/platform/platform.h"
#include "tokenizer_cases.h"

namespace {

using namespace synapse;

Result<conformance::Tally> check_file(const char* path) {
  SYN_TRY(file, platform::MappedFile::open(path));
  return conformance::check_linear(file.bytes());
}

}  // namespace

int main(int argc, char** argv) {
  using namespace synapse::conformance;
  if (argc == 1) {
    return run_base_cases() + run_op_cases() + run_linear_golden() + run_sampler_cases() + run_tokenizer_cases() +
                       run_model_cases() == 0
               ? 0
               : 1;
  }
  if (argc != 3 || std::string_view(argv[1]) != "--linear") {
    std::fprintf(stderr, "usage: conformance [--linear FILE.json]\n");
    return 2;
  }
  const auto tally = check_file(argv[2]);
  if (!tally.ok()) {
    std::printf("%.*s\n0 passed, 1 failed\n", int(tally.status().message().size()), tally.status().message().data());
    return 1;
  }
  std::printf("%d passed, %d failed, %d skipped\n", tally->passed, tally->failed, tally->skipped);
  return tally->failed == 0 && tally->passed > 0 ? 0 : 1;
}
