#pragma once

#include "hourglass/nn/scope.h"
#include "hourglass/ops/attention.h"

namespace hourglass {

// The sinusoids of all visible distances (A6): row p is [sin(x w_0) .. sin(x w_(d/2-1)) |
// cos(same)] with x = spacing * (MinDelta + p) and w_i = 10000^(-2i/d). [Positions(), d], d even; a
// constant, shared by all layers of one geometry.
Value RelativePositions(const Scope& scope, const AttentionGeometry& geometry, int64_t spacing,
                        int64_t d);

}  // namespace hourglass
