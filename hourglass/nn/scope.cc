#include "hourglass/nn/scope.h"

#include "absl/strings/str_cat.h"
#include "hourglass/graph/core_ops.h"
#include "hourglass/ops/dropout.h"

namespace hourglass {

std::string Scope::Join(std::string_view name) const {
  return path_.empty() ? std::string(name) : absl::StrCat(path_, ".", std::string(name));
}

Scope Scope::Sub(std::string_view name) const { return Scope(context_, Join(name)); }

Value Scope::SharedParameter(const std::string& full_name, Shape shape,
                             Initializer initializer) const {
  if (!context_->parameters->Has(full_name)) {
    context_->parameters->Add({full_name, shape, {{full_name, shape, 0, initializer}}});
  }
  return graph().State(full_name, {std::move(shape), TypeFor(Consumer::kStream)});
}

Value Scope::Parameter(std::string_view name, Shape shape, Initializer initializer) const {
  return SharedParameter(Join(name), std::move(shape), initializer);
}

Value Scope::PackedParameter(std::string_view joined, std::span<const std::string_view> parts,
                             std::string_view kind, const Shape& part_shape,
                             Initializer initializer) const {
  const std::string full_name = absl::StrCat(Join(joined), ".", std::string(kind));
  Shape shape = part_shape;
  shape.Set(-1, part_shape[-1] * static_cast<int64_t>(parts.size()));
  if (!context_->parameters->Has(full_name)) {
    hourglass::Parameter parameter{full_name, shape, {}};
    for (size_t i = 0; i < parts.size(); ++i) {
      parameter.parts.push_back({absl::StrCat(Join(parts[i]), ".", std::string(kind)), part_shape,
                                 static_cast<int64_t>(i) * part_shape[-1], initializer});
    }
    context_->parameters->Add(std::move(parameter));
  }
  return graph().State(full_name, {std::move(shape), TypeFor(Consumer::kStream)});
}

Value Scope::Operand(Value x) const { return Cast(graph(), x, TypeFor(Consumer::kProduct)); }

RandomSite Scope::SiteOf(std::string_view name) const { return MakeRandomSite(Join(name)); }

Value Scope::Dropout(Value x, std::string_view name) const {
  const double rate = DropoutRate();
  if (rate == 0.0) return x;
  return graph().Add1(std::make_shared<DropoutOp>(rate, SiteOf(name)), {x, context_->random});
}

}  // namespace hourglass
