#pragma once
// The oracle: every op as naive loops in f32 or f64, written to be read beside the formulas in
// hourglass/ops. One thread, so the order of every sum is the order of the source.

#include <memory>

#include "hourglass/runtime/backend.h"

namespace hourglass {

// Compiles every op of graph/ and ops/ where all floating tensors are f64, or each is f32 or bf16:
// then it computes in f32 and rounds bf16 results once. Casts are between any floating types,
// shift_rows in any dtype. Anything else is Unimplemented.
std::shared_ptr<Backend> MakeReferenceBackend();

}  // namespace hourglass
