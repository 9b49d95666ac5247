#pragma once
// The place in a model from which ops are recorded: path, parameters, precision, dropout.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hourglass/base/counter_rng.h"
#include "hourglass/graph/graph.h"
#include "hourglass/nn/parameter.h"

namespace hourglass {

// Who takes a result, which decides its type in a bf16 model: products and attention take bf16, the
// residual stream, norms and the loss f32.
enum class Consumer : uint8_t { kProduct, kStream };

// What recording needs to know beside the model itself; shared by all Scopes of one graph.
struct RecordingContext {
  Graph* graph = nullptr;
  ParameterTable* parameters = nullptr;
  DType dtype = DType::kF32;  // of the operands of products; all else has its WideType
  bool training = false;      // dropout is recorded only when training
  double dropout = 0.0;
  Value random;  // u32[4] (ops/dropout.h); valid only when training with dropout
  int64_t batch = 1;
};

class Scope {
 public:
  Scope(RecordingContext* context, std::string path) : context_(context), path_(std::move(path)) {
    graph().set_scope(path_);
  }
  // The scope of a named part; its nodes carry the path "path.name".
  Scope Sub(std::string_view name) const;

  Graph& graph() const { return *context_->graph; }
  const RecordingContext& context() const { return *context_; }
  const std::string& path() const { return path_; }

  // Value of a parameter "path.name", declared in the table at its first use.
  Value Parameter(std::string_view name, Shape shape, Initializer initializer) const;
  // One stored parameter "path.joined.kind" made of equally shaped [in, out] (or [out]) parts
  // "path.part.kind" side by side.
  Value PackedParameter(std::string_view joined, std::span<const std::string_view> parts,
                        std::string_view kind, const Shape& part_shape,
                        Initializer initializer) const;
  // A parameter whose full name is given, for those that the whole model shares.
  Value SharedParameter(const std::string& full_name, Shape shape, Initializer initializer) const;

  // The type of a result for that consumer.
  DType TypeFor(Consumer consumer) const {
    return consumer == Consumer::kProduct ? context_->dtype : WideType(context_->dtype);
  }
  // x as an operand of a product: cast if the model multiplies in another type.
  Value Operand(Value x) const;

  // Dropout at the rate of the model; `name` completes the random site "path.name". Identity when
  // not training.
  Value Dropout(Value x, std::string_view name) const;
  RandomSite SiteOf(std::string_view name) const;
  double DropoutRate() const { return context_->training ? context_->dropout : 0.0; }

  // Makes nodes recorded from now on carry this scope's path (after a Sub was used).
  const Scope& Enter() const {
    graph().set_scope(path_);
    return *this;
  }

 private:
  std::string Join(std::string_view name) const;
  RecordingContext* context_;
  std::string path_;
};

}  // namespace hourglass
