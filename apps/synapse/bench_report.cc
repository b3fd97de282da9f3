// Rows of a bench as JSON objects, and those as tables.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <numeric>

#include "bench.h"
#include "cpu_info.h"
#include "synapse_commit.h"

namespace synapse::cli {
namespace {

std::string fixed(double value, int digits) {
  char text[40];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string text_of(const Json& row, const char* field) {
  return row[field].is_string() ? row[field].get<std::string>() : row[field].dump();
}

template <int kDigits>
std::string number_of(const Json& row, const char* field) { return fixed(row[field].get<double>(), kDigits); }

std::string percent_of(const Json& row, const char* field) { return fixed(100 * row[field].get<double>(), 0) + " %"; }

struct Spread {
  double mean, deviation;  // of a sample
};
Spread spread_of(const std::vector<double>& values) {
  const double n = double(values.size()), mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double v : values) squares += (v - mean) * (v - mean);
  return {mean, values.size() > 1 ? std::sqrt(squares / (n - 1)) : 0};
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::string lower_label(DType dtype) {
  std::string text(label(dtype));
  for (char& c : text) c = char(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// As CSV has it: everything in quotes, a quote twice.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

std::string csv(const std::vector<Json>& rows) {
  std::string text;
  for (size_t i = 0; i <= rows.size(); ++i) {  // the names, then the rows
    std::string line;
    for (const auto& [name, value] : rows[i ? i - 1 : 0].items()) {
      if (value.is_array()) continue;
      line += (line.empty() ? "" : ",") + (i ? quoted(value.is_string() ? value.get<std::string>() : value.dump()) : name);
    }
    text += line + "\n";
  }
  return text;
}

std::string markdown(const std::vector<Json>& rows, std::span<const BenchColumn> columns) {
  std::vector<std::vector<std::string>> cells;
  std::vector<bool> is_number;
  std::vector<size_t> widths;
  for (const BenchColumn& column : columns) {
    auto& cell = cells.emplace_back(std::vector<std::string>{column.title});
    for (const Json& row : rows) cell.push_back(column.show(row));
    is_number.push_back(!rows[0][column.field].is_string());
    size_t width = 3;
    for (const std::string& text : cell) width = std::max(width, text.size());
    widths.push_back(width);
  }
  std::string text;
  for (size_t row = 0; row <= rows.size(); ++row) {
    for (size_t c = 0; c < cells.size(); ++c) {
      const std::string space(widths[c] - cells[c][row].size(), ' ');
      text += "| " + (is_number[c] ? space + cells[c][row] : cells[c][row] + space) + " ";
    }
    text += "|\n";
    if (row) continue;
    for (size_t c = 0; c < cells.size(); ++c) text += "| " + std::string(widths[c] - 1, '-') + (is_number[c] ? ": " : "- ");
    text += "|\n";
  }
  return text;
}

constexpr BenchColumn kOfTests[] = {
    {"model_type", "model", [](const Json& r) { return text_of(r, "model_type"); }},
    {"model_size", "size", [](const Json& r) { return human_bytes(r["model_size"].get<uint64_t>()); }},
    {"model_n_params", "params", [](const Json& r) { return human_count(r["model_n_params"].get<uint64_t>()); }},
    {"n_threads", "threads", [](const Json& r) { return text_of(r, "n_threads"); }},
    {"n_ubatch", "batch", [](const Json& r) { return text_of(r, "n_ubatch"); }},
    {"type_k", "cache", [](const Json& r) { return text_of(r, "type_k") + "/" + text_of(r, "type_v"); }},
    {"test", "test", [](const Json& r) { return text_of(r, "test"); }},
    {"tok_s", "t/s", [](const Json& r) { return number_of<2>(r, "tok_s"); }},
    {"spread", "spread", [](const Json& r) { return percent_of(r, "spread"); }},
    {"roofline", "roofline", [](const Json& r) { return percent_of(r, "roofline"); }},
    {"limit", "of", [](const Json& r) { return text_of(r, "limit"); }},
};
constexpr BenchColumn kOfOperations[] = {
    {"model_type", "model", [](const Json& r) { return text_of(r, "model_type"); }},
    {"n_threads", "threads", [](const Json& r) { return text_of(r, "n_threads"); }},
    {"test", "test", [](const Json& r) { return text_of(r, "test"); }},
    {"op", "operation", [](const Json& r) { return text_of(r, "op"); }},
    {"calls_per_token", "calls/token", [](const Json& r) { return number_of<2>(r, "calls_per_token"); }},
    {"us_per_token", "us/token", [](const Json& r) { return number_of<2>(r, "us_per_token"); }},
    {"share", "share", [](const Json& r) { return fixed(100 * r["share"].get<double>(), 1) + " %"; }},
    {"gb_s", "GB/s", [](const Json& r) { return number_of<1>(r, "gb_s"); }},
    {"gop_s", "GOP/s", [](const Json& r) { return number_of<1>(r, "gop_s"); }},
};

}  // namespace

const std::span<const BenchColumn> kTestColumns(kOfTests), kOperationColumns(kOfOperations);

Json bench_row_json(const BenchRow& row) {
  const BenchTest& test = row.test;
  Engine& engine = *row.setup->engine;
  const Ceiling& ceiling = *row.setup->ceiling;
  const SessionOptions& options = row.streams->options();
  std::vector<double> rates, ns;
  for (const double s : row.seconds) rates.push_back(double(test.n_tokens()) / s), ns.push_back(s * 1e9);
  const Spread rate = spread_of(rates), time = spread_of(ns);
  const double tok_s = median(rates), least = ceiling.least_seconds(row.cost);
  uint64_t n_params = 0;
  for (const NamedTensor& t : engine.source().checkpoint().tensors) n_params += t.tensor.size();
  return {{"build_commit", SYNAPSE_COMMIT},
          {"cpu_info", cpu_name()},
          {"backends", "CPU"},
          {"model_filename", engine.source().path().string()},
          {"model_type", engine.source().path().stem().string()},
          {"model_size", engine.model().weight_bytes()},
          {"model_n_params", n_params},
          {"n_batch", options.chunk},
          {"n_ubatch", options.chunk},
          {"n_threads", engine.processor().n_threads()},
          {"head_rows_share", row.cost.head_rows_of > 0 ? Json(row.cost.head_rows / row.cost.head_rows_of) : Json(nullptr)},
          {"repack", engine.processor().device().packed() != nullptr},
          {"type_k", lower_label(options.k_dtype)},
          {"type_v", lower_label(options.v_dtype)},
          {"text", row.setup->text.empty() ? "random" : "file"},
          {"n_prompt", test.n_prompt},
          {"n_gen", test.n_gen},
          {"n_depth", test.n_depth},
          {"test_time", utc_now()},
          {"avg_ns", std::llround(time.mean)},
          {"stddev_ns", std::llround(time.deviation)},
          {"avg_ts", rate.mean},
          {"stddev_ts", rate.deviation},
          {"samples_ns", ns},
          {"samples_ts", rates},
          {"test", test.name()},
          {"n_streams", test.n_streams},
          {"tok_s", tok_s},
          {"spread", (std::ranges::max(rates) - std::ranges::min(rates)) / tok_s},
          {"roofline", least / median(row.seconds)},
          {"limit", ceiling.bound_by_memory(row.cost) ? "memory" : "arithmetic"},
          {"roofline_tok_s", double(test.n_tokens()) / least},
          {"weight_bytes", row.cost.weight_bytes},
          {"kv_bytes", row.cost.kv_bytes},
          {"int8_ops", row.cost.int8_ops},
          {"float_ops", row.cost.float_ops},
          {"read_bytes_per_second", ceiling.read_bytes_per_second()},
          {"int8_ops_per_second", ceiling.int8_ops_per_second()},
          {"float_ops_per_second", ceiling.float_ops_per_second()},
          {"kernels", engine.processor().kernels().isa},
          {"pinned", row.setup->pinned}};
}

std::string bench_text(const std::vector<Json>& rows, const std::string& form, std::span<const BenchColumn> columns,
                       const std::string& remark) {
  std::string text;
  if (form == "json") return Json(rows).dump(2) + "\n";
  if (form == "csv") return csv(rows);
  if (form == "md") return markdown(rows, columns) + "\n" + remark;
  for (const Json& row : rows) text += row.dump() + "\n";
  return text;
}

}  // namespace synapse::cli
