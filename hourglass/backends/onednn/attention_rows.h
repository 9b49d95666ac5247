#pragma once
// The parts of attention that are not products, on rows of floats: packing (of weight gradients in
// bf16 as well), softmax, its gradient, dropout. One thread; instructions are chosen at run time.
// Strides are in elements. What lies outside the kernel may be bf16; inside, the factors of
// products are f32, or bf16 in pairs (tile_gemm.h), and all else is f32.

#include <cstdint>

#include "hourglass/base/counter_rng.h"
#include "hourglass/tensor/dtype.h"

namespace hourglass::onednn {

// src [rows, width] -> panels of kPanelColumns columns, each [width, kPanelColumns]: row r becomes
// column first_column + r. Other columns of the panels up to `columns` are set to zero.
void PackTransposed(const float* src, int64_t src_stride, int64_t rows, int64_t width,
                    int64_t first_column, int64_t columns, float* panels);
void PackTransposed(const BFloat16* src, int64_t src_stride, int64_t rows, int64_t width,
                    int64_t first_column, int64_t columns, float* panels);
// Pairs along the width, which is even: [width / 2, kPanelColumns] pairs a panel.
void PackTransposed(const BFloat16* src, int64_t src_stride, int64_t rows, int64_t width,
                    int64_t first_column, int64_t columns, BFloat16* panels);

// dst [rows, padded] = (src [rows, width] + bias [width]) * factor, zero behind width; bias may be
// null.
void PackRows(const float* src, int64_t src_stride, int64_t rows, int64_t width, int64_t padded,
              const float* bias, float factor, float* dst);
void PackRows(const BFloat16* src, int64_t src_stride, int64_t rows, int64_t width, int64_t padded,
              const float* bias, float factor, float* dst);
void PackRows(const BFloat16* src, int64_t src_stride, int64_t rows, int64_t width, int64_t padded,
              const float* bias, float factor, BFloat16* dst);

// A right factor whose depth are the rows: [rows, padded], zero behind width; for bf16
// [(rows + 1) / 2, padded] pairs of neighbouring rows, with a row of zeros behind the last.
void PackDepth(const float* src, int64_t src_stride, int64_t rows, int64_t width, int64_t padded,
               float* dst);
void PackDepth(const BFloat16* src, int64_t src_stride, int64_t rows, int64_t width, int64_t padded,
               float* dst);
void PackDepth(const BFloat16* src, int64_t src_stride, int64_t rows, int64_t width, int64_t padded,
               BFloat16* dst);

// dst = count pairs (first[i], second[i]); count is a multiple of 16, second may be null: zeros.
void PairRows(const BFloat16* first, const BFloat16* second, int64_t count, BFloat16* dst);

// dst [rows, width] = (src + other) * factor; `other` lies like src, [rows, width] with rows
// src_stride apart, and may be null.
void UnpackRows(const float* src, const float* other, int64_t src_stride, int64_t rows,
                int64_t width, float factor, float* dst, int64_t dst_stride);
void UnpackRows(const float* src, const float* other, int64_t src_stride, int64_t rows,
                int64_t width, float factor, BFloat16* dst, int64_t dst_stride);

// row [width] *= factor.
void ScaleRow(int64_t width, float factor, float* row);

// sum [width] += factor * (rows of src summed).
void AddRowSum(const float* src, int64_t src_stride, int64_t rows, int64_t width, float factor,
               float* sum);

// dots[r] = x row r . y row r; both have rows `stride` apart.
void RowDots(const float* x, const float* y, int64_t stride, int64_t rows, int64_t width,
             float* dots);
void RowDots(const BFloat16* x, const BFloat16* y, int64_t stride, int64_t rows, int64_t width,
             float* dots);

// Bytes 1 (kept) or 0 for elements [first, first + count) of a stream; keep has 64 bytes to spare
// behind its end. Returns where in keep the first one lies (below 4).
int64_t DrawKept(const CounterRng& rng, uint64_t first, int64_t count, uint32_t threshold,
                 uint8_t* keep);

// Which probabilities dropout keeps; keep is null without dropout. Row stride in bytes.
struct KeptRows {
  const uint8_t* keep = nullptr;
  int64_t stride = 0;
  float scale = 1.0f;  // 1 / (1 - rate)
};

// Softmax to the base 2, block after block of columns: scores of `rows` rows become
// 2^(score - maximum); maximum and sum of each row are carried on, and rescale says by which factor
// what was summed with the old maximum shrinks. Row t has clamp(first_visible + t, 0, columns)
// columns; at least 16 numbers behind them become zero. With `narrow` the results are bf16, at the
// beginning of the memory of their row.
struct SoftmaxState {
  float* maximum;  // [rows]
  float* sum;      // [rows]
  float* rescale;  // [rows]
};
void SoftmaxRows(float* strip, int64_t stride, int64_t rows, int64_t first_visible, int64_t columns,
                 bool first_block, SoftmaxState state, KeptRows kept, bool narrow);

// probabilities: scores become the probabilities p = 2^(score - log_sum[row]) (those that met the
// values: dropout included); gradients: d_p become p (d_p - delta[row]). Columns as in SoftmaxRows.
void SoftmaxGradientRows(float* probabilities, float* gradients, int64_t stride, int64_t rows,
                         int64_t first_visible, int64_t columns, const float* log_sum,
                         const float* delta, KeptRows kept, bool narrow);

}  // namespace hourglass::onednn
