// Feeds every file of the folders named to a fuzz target, and some inputs that need no file: the corpus
// as a plain test, without libFuzzer.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  const std::vector<uint8_t> zeros(4096, 0), ones(4096, 0xFF);
  for (size_t n : {size_t(0), size_t(1), size_t(24), zeros.size()}) {
    LLVMFuzzerTestOneInput(zeros.data(), n);
    LLVMFuzzerTestOneInput(ones.data(), n);
  }
  int n_files = 0;
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) continue;
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      const std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
      std::fprintf(stderr, "%s\n", entry.path().c_str());
      LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
      ++n_files;
    }
  }
  std::printf("%d files and 8 made-up inputs\n", n_files);
}
