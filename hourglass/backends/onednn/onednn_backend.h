#pragma once
// The CPU backend: products by oneDNN, except for most weight gradients in bf16 and those inside
// attention; everything else by own kernels vectorised with Highway. f32, and bf16 where the CPU
// multiplies it; instruction sets are chosen at run time.

#include <memory>

#include "hourglass/runtime/backend.h"

namespace hourglass {

// Kernels are compiled for the ThreadCount() of that moment. Results depend on the instruction set
// and, in products, on the number of threads, and on nothing else.
std::shared_ptr<Backend> MakeOneDnnBackend();

// True where this CPU multiplies bf16 in hardware (AVX512-BF16 or AMX) and oneDNN may use it. The
// environment variable ONEDNN_MAX_CPU_ISA can forbid it.
bool CpuSupportsBf16();
// True where oneDNN may use AMX for that.
bool CpuHasAmx();

}  // namespace hourglass
