// Weights by canonical name. A plain table that model/ fills from a checkpoint and train/ from an
// initialiser; scope("blk.3.") narrows it. What is missing or has another shape is noted as a fault, all of
// them, and the caller gets an empty Tensor.
#pragma once
#include <span>

#include "synapse/base/faults.h"
#include "synapse/tensor/tensor.h"

namespace synapse {

struct NamedWeight {
  std::string_view name;
  Tensor tensor;
  bool used = false;  // somebody asked for it
};

class Weights {
 public:
  // `table` is sorted by name.
  Weights(std::span<NamedWeight> table, Faults& faults) : table_(table), faults_(&faults) {}

  Weights scope(std::string_view prefix) const;  // "blk.3."

  bool has(std::string_view name) const { return look(name) != nullptr; }
  Tensor get(std::string_view name, std::initializer_list<int32_t> dims) const;  // a fault when absent
  Tensor find(std::string_view name, std::initializer_list<int32_t> dims) const;  // empty when absent
  Tensor find_row(std::string_view name, int32_t n) const;  // (n) or (1, n), as (1, n)
  Tensor get_vector(std::string_view name, int32_t n) const;   // f32; a fault in any other format
  Tensor find_vector(std::string_view name, int32_t n) const;
  Tensor get_any(std::string_view name, int32_t n) const;  // n elements in f32, in the shape that they are stored in
  void ignore(std::string_view name) const;                // it may be there, and is not needed

 private:
  NamedWeight* look(std::string_view name) const;
  Tensor checked(NamedWeight& weight, std::initializer_list<int32_t> dims) const;

  std::span<NamedWeight> table_;
  Faults* faults_;
  Text<64> prefix_{""};
};

}  // namespace synapse
