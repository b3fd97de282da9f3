// What a model's calls cost: a device between the model and the processor that counts bytes and operations, and takes the
// time of every operation if wanted.
#pragma once
#include <string>
#include <vector>

#include "bandwidth.h"
#include "synapse/cpu/cpu_device.h"

namespace synapse::cli {

// Of one or more OpCalls. An operation is a multiplication or an addition.
struct Cost {
  double weight_bytes = 0;  // matrices read, once a call
  double kv_bytes = 0;      // keys and values that queries see, once a call
  double other_bytes = 0;   // operands of everything else
  double int8_ops = 0;      // of linears over quantised weights
  double float_ops = 0;     // of linears over float weights
  double head_rows = 0;     // of reduced heads: rows computed in full, of so many
  double head_rows_of = 0;

  void add(const Cost& c);
};
Cost cost_of(const OpCall& call);

class Meter final : public Device {
 public:
  struct Row {
    std::string op;  // the head apart: "norm_linears (head)"
    int64_t calls = 0;
    double seconds = 0;  // 0 unless timed
    Cost cost;
  };
  enum class Mode { off, counts, times };

  explicit Meter(CpuDevice& inner) : inner_(inner) {}
  void set(Mode mode, int32_t vocab_size);  // from now on; what was counted before is forgotten, the matrices are not
  Cost total() const;
  const std::vector<Row>& rows() const { return rows_; }             // in the order of their first call
  const std::vector<Bytes>& matrices() const { return matrices_; }   // every one that a counted linear read, once, where it was read

  bool screens(const Tensor& w) const override { return inner_.screens(w); }
  Result<Tensor> prepare(std::string_view name, const Tensor& w, Arena& a) override { return inner_.prepare(name, w, a); }
  size_t scratch_bytes(const OpCall& call) const override { return inner_.scratch_bytes(call); }
  void run(const OpCall& call, void* scratch) override;
  void read(void* host, const Tensor& from) override { inner_.read(host, from); }
  void write(const Tensor& to, const void* host) override { inner_.write(to, host); }
  void wait() override { inner_.wait(); }

 private:
  Row& row_of(const OpCall& call);
  void note_place(const Tensor& w);

  CpuDevice& inner_;
  Mode mode_ = Mode::off;
  int32_t vocab_size_ = 0;
  std::vector<Row> rows_;
  std::vector<Bytes> matrices_;
};

}  // namespace synapse::cli
