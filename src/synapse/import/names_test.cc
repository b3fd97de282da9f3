// Names looked up in folders made here: a Hugging Face cache, an ollama store.
#include "synapse/import/names.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>

#include "synapse/import/hf_cache.h"
#include "synapse/import/ollama_store.h"

namespace synapse {
namespace {

namespace fs = std::filesystem;

const std::string kCommit(40, 'c'), kHash(64, 'a');

class Names : public testing::Test {
 protected:
  fs::path root = fs::temp_directory_path() / ("synapse-names-" + std::to_string(getpid()));
  std::map<std::string, std::optional<std::string>> before;

  void SetUp() override {
    for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HOME",
                             "OLLAMA_MODELS", "SYNAPSE_MODELS"}) {
      const char* value = std::getenv(name);
      before[name] = value ? std::optional<std::string>(value) : std::nullopt;
      unsetenv(name);
    }
    set("HOME", root / "home");
    set("OLLAMA_MODELS", root / "ollama");
    set("HF_HUB_CACHE", root / "hub");
  }
  void TearDown() override {
    for (const auto& [name, value] : before)
      value ? setenv(name.c_str(), value->c_str(), 1) : unsetenv(name.c_str());
    fs::remove_all(root);
  }
  static void set(const char* name, const fs::path& value) { setenv(name, value.c_str(), 1); }

  fs::path write(const fs::path& below, std::string_view text = "x") const {
    fs::create_directories((root / below).parent_path());
    std::ofstream(root / below) << text;
    return root / below;
  }
  fs::path in_snapshot(const std::string& repository, const std::string& file) const {
    write(fs::path("hub") / repository / "refs/main", kCommit);
    return write(fs::path("hub") / repository / "snapshots" / kCommit / file);
  }
  void write_manifest(const std::string& where, const std::string& digest) const {
    write("ollama/manifests/" + where,
          R"({"layers":[{"mediaType":"application/vnd.ollama.image.license","digest":"x"},
      {"mediaType":"application/vnd.ollama.image.model","digest":")" +
              digest + "\"}]}");
  }
  static std::string error(const std::string& name) {
    return std::string(find_model(name).status().message());
  }
};

TEST_F(Names, what_get_models_fetched_has_a_name_and_a_tag) {
  const fs::path file = write("home/.cache/synapse/models/gemma3-270m-Q4_K_M.gguf");
  const fs::path folder = write("home/.cache/synapse/models/tiny/config.json").parent_path();
  write("home/.cache/synapse/models/.fetching-x/part");
  EXPECT_EQ(*find_model("gemma3:270m"), file);
  EXPECT_EQ(*find_model("gemma3-270m-Q4_K_M"), file);
  EXPECT_EQ(*find_model("tiny"), folder);
  for (const char* no : {"gemma3:271m", "gemma3:", ":270m", "..:x", "gemma3:270m:x"}) EXPECT_FALSE(find_model(no).ok()) << no;
  std::vector<std::string> names;
  for (const NamedModel& m : list_models())
    if (m.source == "fetched") names.push_back(m.name);
  EXPECT_EQ(names, (std::vector<std::string>{"gemma3-270m-Q4_K_M", "tiny"}));
  write("home/.cache/synapse/models/gemma3-270m-Q8_0.gguf");
  EXPECT_NE(error("gemma3:270m").find("more than one"), std::string::npos);
  set("XDG_CACHE_HOME", "/x");
  EXPECT_EQ(fetched_folder(), "/x/synapse/models");
}

TEST_F(Names, the_cache_folder_is_the_first_that_the_environment_gives) {
  EXPECT_EQ(hf_cache_folder(), root / "hub");
  unsetenv("HF_HUB_CACHE");
  EXPECT_EQ(hf_cache_folder(), root / "home/.cache/huggingface/hub");
  set("XDG_CACHE_HOME", "/x");
  EXPECT_EQ(hf_cache_folder(), "/x/huggingface/hub");
  set("HF_HOME", "/h");
  EXPECT_EQ(hf_cache_folder(), "/h/hub");
  set("HUGGINGFACE_HUB_CACHE", "/g");
  EXPECT_EQ(hf_cache_folder(), "/g");
}

TEST_F(Names, a_repository_is_its_snapshot_or_one_of_its_files) {
  in_snapshot("models--org--full", "config.json");
  const fs::path weights = in_snapshot("models--org--full", "model.safetensors");
  const fs::path small = in_snapshot("models--org--many", "m-Q4_K_M.gguf"),
                 large = in_snapshot("models--org--many", "m-q8_0.gguf");
  in_snapshot("models--org--many", "mmproj-F16.gguf");
  const fs::path part = in_snapshot("models--org--split", "Q6_K/s-Q6_K-00001-of-00002.gguf");
  in_snapshot("models--org--split", "Q6_K/s-Q6_K-00002-of-00002.gguf");
  in_snapshot("models--org--two", "t-Q5_0.gguf"), in_snapshot("models--org--two", "t-Q5_1.gguf");

  EXPECT_EQ(*find_model("org/full"), weights.parent_path());
  EXPECT_EQ(*find_model("org/many"), small);
  EXPECT_EQ(*find_model("org/many:Q8_0"), large);
  EXPECT_EQ(*find_model("org/many:q4_k_m"), small);
  EXPECT_EQ(*find_model("org/split"), part);
  EXPECT_EQ(error("org/many:Q4_K"),
            "org/many:Q4_K: no Q4_K file; NAME:QUANT chooses one of m-Q4_K_M.gguf, m-q8_0.gguf");
  EXPECT_EQ(error("org/two"), "org/two: no Q4_K_M file; NAME:QUANT chooses one of t-Q5_0.gguf, t-Q5_1.gguf");

  std::vector<std::string> names;
  for (const NamedModel& m : list_hf_cache()) {
    names.push_back(m.name);
    EXPECT_TRUE(find_model(m.name).ok()) << m.name;
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(joined(names), "org/full, org/many:Q4_K_M, org/many:q8_0, org/split, org/two:Q5_0, org/two:Q5_1");
}

TEST_F(Names, an_ollama_name_is_the_blob_of_its_manifest) {
  const fs::path blob = write("ollama/blobs/sha256-" + kHash);
  write_manifest("registry.ollama.ai/library/tiny/latest", "sha256:" + kHash);
  write_manifest("registry.ollama.ai/me/own/v1", "sha256:" + kHash);
  write_manifest("hf.co/org/far/Q8_0", "sha256:" + kHash);
  for (const char* name : {"tiny", "tiny:latest", "me/own:v1", "hf.co/org/far:Q8_0", "library/tiny"}) {
    const auto found = find_model(name);
    ASSERT_TRUE(found.ok()) << found.status().message();
    EXPECT_EQ(*found, blob) << name;
  }
  std::vector<std::string> names;
  for (const NamedModel& m : list_ollama_store()) names.push_back(m.name);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(joined(names), "hf.co/org/far:Q8_0, me/own:v1, tiny:latest");

  for (const std::string& bad :
       {std::string("sha256:../../etc/passwd"), "sha256:" + std::string(63, 'a') + "/", "sha256:" + std::string(63, 'a'), std::string("")}) {
    write_manifest("registry.ollama.ai/library/bad/latest", bad);
    EXPECT_NE(error("bad").find("wanted sha256: and 64 digits"), std::string::npos) << error("bad");
  }
  write_manifest("registry.ollama.ai/library/gone/latest", "sha256:" + std::string(64, 'b'));
  EXPECT_NE(error("gone").find("which is not there"), std::string::npos);
  write("ollama/manifests/registry.ollama.ai/library/broken/latest", "{");
  EXPECT_NE(error("broken").find("broken/latest: "), std::string::npos);
}

TEST_F(Names, no_name_leads_out_of_its_folder) {
  write("secret/snapshots/x/model-Q4_K_M.gguf");
  write("ollama/secret/latest", "{}");
  for (const char* name :
       {"../secret", "org/../../secret", "..:..", "a/b/c/d", "org/x--y", "-a/b", "a/b:../c", "a/",
        "a/b:", "../../../../ollama/secret", ":", "a:b:c", "a/b\n", ""}) {
    const auto found = find_model(name);
    ASSERT_FALSE(found.ok()) << name;
    EXPECT_EQ(found.status().code(), Code::not_found) << name;
  }
  write("hub/models--org--evil/refs/main", "../../../secret");
  write("hub/models--org--evil/snapshots/a/x"), write("hub/models--org--evil/snapshots/b/x");
  EXPECT_NE(error("org/evil").find("has no snapshot that refs/main names"), std::string::npos);
}

TEST_F(Names, what_is_not_found_says_which_names_there_are) {
  in_snapshot("models--org--one", "one-Q4_0.gguf");
  const std::string message = error("absent");
  EXPECT_NE(message.find("absent: no such file, folder or model name; names are: "), std::string::npos)
      << message;
  EXPECT_NE(message.find("org/one"), std::string::npos) << message;
  EXPECT_NE(error(std::string(5000, 'x')).find("no such file"), std::string::npos);
}

}  // namespace
}  // namespace synapse
