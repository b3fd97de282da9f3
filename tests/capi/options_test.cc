// Options and plans: sizes of structs, ranges, and the budget.
#include <cstring>

#include "story.h"

namespace synapse::test {
namespace {

TEST(CapiOptions, versions_and_names) {
  EXPECT_EQ(syn_abi_version(), SYN_ABI_VERSION);
  EXPECT_EQ(std::string(syn_version()).find_first_not_of("0123456789."), std::string::npos);
  EXPECT_STREQ(syn_status_name(SYN_OK), "ok");
  EXPECT_STREQ(syn_status_name(SYN_ERROR_BUSY), "busy");
  EXPECT_STREQ(syn_status_name(-1), "unknown");
  EXPECT_STREQ(syn_status_name(10), "unknown");
}

TEST(CapiOptions, a_shorter_struct_is_an_older_program) {
  syn_model_options options;
  std::memset(&options, 0x55, sizeof options);
  const size_t old = offsetof(syn_model_options, progress);
  syn_model_options_default(&options, old);
  EXPECT_EQ(options.struct_size, old);
  EXPECT_EQ(options.preload, 1);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(options.progress) & 0xFF, 0x55u) << "wrote beyond the caller's struct";
  load(kStory, &options);
}

TEST(CapiOptions, a_longer_struct_is_a_newer_program) {
  struct Newer {
    syn_model_options options;
    uint64_t more;
  } newer;
  syn_model_options_default(&newer.options, sizeof newer);
  EXPECT_EQ(newer.more, 0u);
  load(kStory, &newer.options);
  newer.more = 1;
  syn_model* model = nullptr;
  EXPECT_EQ(syn_model_load(kStory.c_str(), &newer.options, &model, nullptr), SYN_ERROR_UNSUPPORTED);
}

TEST(CapiOptions, a_struct_that_was_not_filled_is_refused) {
  syn_model_options options = {};
  syn_model* model = nullptr;
  syn_error error;
  EXPECT_EQ(syn_model_load(kStory.c_str(), &options, &model, &error), SYN_ERROR_INVALID);
  EXPECT_NE(std::string(error.message).find("struct_size"), std::string::npos);
  syn_model_options_default(nullptr, 64);
  syn_model_options_default(&options, 2);
}

TEST(CapiOptions, out_of_range_is_refused_by_name) {
  syn_model_options options = defaults(syn_model_options_default);
  syn_model* none = nullptr;
  syn_error error;
  options.isa = "vax";
  EXPECT_EQ(syn_model_load(kStory.c_str(), &options, &none, &error), SYN_ERROR_INVALID);
  EXPECT_NE(std::string(error.message).find("\"vax\""), std::string::npos) << error.message;
  options = defaults(syn_model_options_default);
  options.n_threads = 257;
  EXPECT_EQ(syn_model_load(kStory.c_str(), &options, &none, &error), SYN_ERROR_INVALID);

  const ModelHandle model = load();
  const auto refused = [&](auto change, const char* name) {
    syn_session_options o = defaults(syn_session_options_default);
    change(o);
    syn_session* session = nullptr;
    EXPECT_EQ(syn_session_create(model.get(), &o, &session, &error), SYN_ERROR_INVALID) << name;
    EXPECT_EQ(session, nullptr);
    EXPECT_NE(std::string(error.message).find(name), std::string::npos) << error.message;
  };
  refused([](auto& o) { o.n_ctx = -1; }, "n_ctx");
  refused([](auto& o) { o.n_ctx = 1 << 30; }, "n_ctx");
  refused([](auto& o) { o.n_batch = 0; }, "n_batch");
  refused([](auto& o) { o.n_threads = -1; }, "n_threads");
  refused([](auto& o) { o.n_threads = 1000; }, "n_threads");
  refused([](auto& o) { o.cache_type_k = 7; }, "cache_type_k");
  refused([](auto& o) { o.cache_type_v = -1; }, "cache_type_v");
}

syn_plan plan_of(const syn_model_options* options, syn_status wanted, int32_t n_ctx = 0) {
  syn_session_options session = defaults(syn_session_options_default);
  session.n_threads = 1;
  session.n_ctx = n_ctx;
  syn_plan plan = {};
  plan.struct_size = sizeof plan;
  syn_error error;
  EXPECT_EQ(syn_plan_file(kStory.c_str(), options, &session, &plan, &error), wanted) << error.message;
  return plan;
}

TEST(CapiOptions, the_plan_of_a_file_is_that_of_its_session) {
  const syn_plan before = plan_of(nullptr, SYN_OK);
  EXPECT_EQ(before.total_bytes, before.weight_bytes + before.table_bytes + before.cache_bytes + before.scratch_bytes);
  EXPECT_GT(before.cache_bytes, 0u);
  const ModelHandle model = load();
  const SessionHandle session = open(model.get());
  syn_plan after = {};
  after.struct_size = sizeof after;
  ASSERT_EQ(syn_session_get_plan(session.get(), &after, nullptr), SYN_OK);
  EXPECT_EQ(after.total_bytes, before.total_bytes);
  EXPECT_EQ(after.n_ctx, before.n_ctx);
}

TEST(CapiOptions, a_budget_bounds_the_context_and_refuses_what_cannot_fit) {
  const syn_plan whole = plan_of(nullptr, SYN_OK);
  syn_model_options options = defaults(syn_model_options_default);
  options.memory_budget = whole.total_bytes - whole.cache_bytes / 2;
  const syn_plan less = plan_of(&options, SYN_OK);
  EXPECT_LT(less.n_ctx, whole.n_ctx);
  EXPECT_GE(less.n_ctx, 64);
  EXPECT_LE(less.total_bytes, options.memory_budget);
  const syn_plan refused = plan_of(&options, SYN_ERROR_MEMORY, whole.n_ctx);
  EXPECT_EQ(refused.total_bytes, whole.total_bytes) << "a refused plan is told all the same";
  options.memory_budget = 1000;
  plan_of(&options, SYN_ERROR_MEMORY);
  syn_model* model = nullptr;
  EXPECT_EQ(syn_model_load(kStory.c_str(), &options, &model, nullptr), SYN_ERROR_MEMORY);
}

TEST(CapiOptions, the_sessions_of_a_model_share_its_budget) {
  syn_model_options options = defaults(syn_model_options_default);
  const syn_plan one = plan_of(nullptr, SYN_OK, 256);
  options.memory_budget = one.total_bytes + (one.cache_bytes + one.scratch_bytes) / 2;
  const ModelHandle model = load(kStory, &options);
  SessionHandle first = open(model.get(), 1, 256);
  syn_session_options more = defaults(syn_session_options_default);
  more.n_threads = 1;
  more.n_ctx = 256;
  syn_session* second = nullptr;
  EXPECT_EQ(syn_session_create(model.get(), &more, &second, nullptr), SYN_ERROR_MEMORY);
  first.reset();
  EXPECT_EQ(syn_session_create(model.get(), &more, &second, nullptr), SYN_OK);
  syn_session_free(second);
}

TEST(CapiOptions, remarks_go_to_the_log_callback) {
  std::vector<std::string> lines;
  const syn_plan whole = plan_of(nullptr, SYN_OK);
  syn_model_options options = defaults(syn_model_options_default);
  options.memory_budget = whole.total_bytes - whole.cache_bytes / 2;
  options.log = [](void* user, int32_t, const char* text) { static_cast<std::vector<std::string>*>(user)->push_back(text); };
  options.log_user = &lines;
  const ModelHandle model = load(kStory, &options);
  const SessionHandle session = open(model.get());
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find("fit the budget"), std::string::npos) << lines[0];
}

TEST(CapiOptions, plans_refuse_null) {
  syn_plan plan = {};
  const ModelHandle model = load();
  EXPECT_EQ(syn_plan_file(nullptr, nullptr, nullptr, &plan, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_plan_file(kStory.c_str(), nullptr, nullptr, nullptr, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_plan_file(kStory.c_str(), nullptr, nullptr, &plan, nullptr), SYN_ERROR_INVALID) << "struct_size is 0";
  EXPECT_EQ(syn_plan_session(nullptr, nullptr, &plan, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_plan_session(model.get(), nullptr, nullptr, nullptr), SYN_ERROR_INVALID);
  plan.struct_size = sizeof plan;
  EXPECT_EQ(syn_plan_session(model.get(), nullptr, &plan, nullptr), SYN_OK);
  EXPECT_GT(plan.total_bytes, 0u);
}

}  // namespace
}  // namespace synapse::test
