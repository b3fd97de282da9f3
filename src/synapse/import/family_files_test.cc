#include "synapse/import/family_files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace synapse {
namespace {

namespace fs = std::filesystem;

constexpr const char* kModel = R"({"architectures": ["zebra"], "layer": [{"block": "ffn"}]})";
constexpr const char* kWeights = R"({"hf_model_types": ["zebra"], "gguf_architectures": ["zebra"]})";

class FamilyFilesTest : public testing::Test {
 protected:
  FamilyFilesTest() { fs::create_directories(root_); }
  ~FamilyFilesTest() override { fs::remove_all(root_); }
  void write(const std::string& file, const std::string& text) {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }
  std::string at(const std::string& folder) const { return (root_ / folder).string(); }
  static std::string error(const std::vector<std::string>& folders) {
    const auto read = FamilyFiles::read(folders);
    return read.ok() ? "" : std::string(read.status().message());
  }

  fs::path root_ = fs::temp_directory_path() / ("synapse-families-" + std::to_string(getpid()));
};

TEST_F(FamilyFilesTest, a_folder_is_a_family_or_holds_families_and_the_first_goes_before) {
  write("more/b/model.json", kModel), write("more/a/model.json", kModel), write("more/a/weights.json", kWeights);
  write("more/notes/readme", "no family");
  write("one/model.json", kModel);
  const std::string folders[] = {at("one/"), at("more")};
  auto read = FamilyFiles::read(folders);
  ASSERT_TRUE(read.ok()) << read.status().message();
  const FamilyFiles moved = std::move(*read);
  const FamilyList list = moved.list();
  ASSERT_EQ(list.added.size(), 3u);
  EXPECT_EQ(list[0].name, "one");
  EXPECT_EQ(list[1].name, "a");
  EXPECT_EQ(list[2].name, "b");
  EXPECT_EQ(list[1].weights_json, kWeights);
  EXPECT_EQ(list[2].weights_json, "");
  EXPECT_EQ(list.size(), 3 + families().size());
  EXPECT_EQ(list[3].name, families()[0].name);
}

TEST_F(FamilyFilesTest, what_is_wrong_is_named_with_its_file) {
  EXPECT_EQ(error({at("nowhere")}), at("nowhere") + ": no folder of families");
  fs::create_directories(root_ / "empty");
  EXPECT_EQ(error({at("empty")}), at("empty") + ": no model.json or weights.json in it or in its folders");
  const auto wrong = [&](const std::string& model, const std::string& weights) {
    write("f/model.json", model), write("f/weights.json", weights);
    return error({at("f")});
  };
  const std::string model = at("f") + "/model.json: ", weights = at("f") + "/weights.json: ";
  EXPECT_EQ(wrong(R"({"architectures": "a"})", kWeights), model + "\"architectures\": wanted a list of names");
  EXPECT_EQ(wrong(R"({"architectures": [], "layer": [{}]})", "{}"), weights + "\"hf_model_types\": wanted a list of names");
  EXPECT_EQ(wrong(R"({"architectures": ["a", 1], "layer": [{}]})", kWeights), model + "\"architectures\": wanted a list of names");
  EXPECT_EQ(wrong(R"({"architectures": ["a"], "layer": {}})", kWeights), model + "\"layer\": wanted a list of blocks");
  EXPECT_EQ(wrong("[]", kWeights), model + "wanted an object");
  EXPECT_EQ(wrong("{", kWeights).substr(0, model.size() + 5), model + "json:");
  EXPECT_EQ(wrong(kModel, R"({"hf_model_types": ["a"]})"), weights + "\"gguf_architectures\": wanted a list of names");
  EXPECT_EQ(wrong(kModel, R"({"hf_model_types": [], "gguf_architectures": ["a"]})"), weights + "\"hf_model_types\": wanted a list of names");
  EXPECT_EQ(wrong(std::string(kModel) + std::string(20000, ' '), kWeights), model + "20057 bytes, wanted at most 16384");
  EXPECT_EQ(wrong(kModel, std::string(70000, ' ')), weights + "70000 bytes, wanted at most 65536");
  std::string many = R"({"architectures": ["a"], "layer": [)";
  for (int i = 0; i < 5000; ++i) many += "1,";
  EXPECT_EQ(wrong(many + "1]}", kWeights), model + "too many values");
  for (size_t i = 0; i <= FamilyFiles::kMaxFamilies; ++i) write("all/" + std::to_string(i) + "/model.json", kModel);
  EXPECT_NE(error({at("all")}).find("more than 256 families"), std::string::npos);
}

TEST(families, those_that_are_built_in_pass_the_same_checks) {
  for (const Family& family : families()) {
    const Status status = check_family(family);
    EXPECT_TRUE(status.ok()) << status.message();
  }
}

}  // namespace
}  // namespace synapse
