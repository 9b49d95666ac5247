#pragma once
// Where the rows of one head of one sequence lie in the inputs (and gradients) of attention.

#include <cmath>
#include <cstdint>
#include <span>
#include <type_traits>

#include "hourglass/backends/reference/kernel.h"
#include "hourglass/ops/attention.h"

namespace hourglass::reference {

// Rows of `head_width` numbers at a fixed distance.
template <typename T>
struct Rows {
  T* first = nullptr;
  int64_t stride = 0;
  T* operator[](int64_t row) const { return first + row * stride; }
};

template <typename T>
struct HeadRows {
  Rows<T> query;   // [queries, dh]
  Rows<T> key;     // [keys, dh]
  Rows<T> value;   // [keys, dh]
  Rows<T> r;       // [Positions(), dh], if relative
  T* u = nullptr;  // [dh], if relative
  T* v = nullptr;  // [dh], if relative
};

// Columns of a head in a tensor [B, rows, columns], from column `first` on.
template <typename T>
Rows<T> RowsAt(const TensorView& tensor, int64_t sequence, int64_t first) {
  const int64_t rows = tensor.spec.shape[-2], columns = tensor.spec.shape[-1];
  return {tensor.template As<std::remove_const_t<T>>() + sequence * rows * columns + first,
          columns};
}

// `views` are laid out as the inputs of AttentionOp; the gradients of AttentionGradOp are too.
template <typename T>
HeadRows<T> HeadRowsAt(const AttentionAttributes& attributes, Views views, int64_t sequence,
                       int64_t head) {
  const AttentionInputs at = InputsOf(attributes);
  const AttentionSizes s = SizesOf(attributes, std::span<const TensorSpec>(&views[0].spec, 1));
  const TensorView& keys = views[static_cast<size_t>(at.key_value)];
  const int64_t column = head * s.head_width;
  const int64_t key_column = attributes.packed ? s.width + column : column;
  HeadRows<T> rows;
  rows.query = RowsAt<T>(views[0], sequence, column);
  rows.key = RowsAt<T>(keys, sequence, key_column);
  rows.value = RowsAt<T>(keys, sequence, key_column + s.width);
  if (attributes.relative) {
    rows.r = RowsAt<T>(views[static_cast<size_t>(at.r)], 0, column);
    rows.u = views[static_cast<size_t>(at.u)].template As<std::remove_const_t<T>>() + column;
    rows.v = views[static_cast<size_t>(at.v)].template As<std::remove_const_t<T>>() + column;
  }
  return rows;
}

// Row of r for a pair. Masked pairs have none: their products are made with the last row and thrown
// away, so that the loops do the dense work.
inline int64_t PositionRow(const AttentionGeometry& g, int64_t i, int64_t j) {
  return g.Visible(i, j) ? g.Delta(i, j) - g.MinDelta() : g.Positions() - 1;
}

template <typename T>
T Dot(const T* a, const T* b, int64_t count, Work& work) {
  T sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    sum += a[i] * b[i];
    ++work.multiply_adds;
  }
  return sum;
}

// (a + offset) . b
template <typename T>
T OffsetDot(const T* a, const T* offset, const T* b, int64_t count, Work& work) {
  T sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    sum += (a[i] + offset[i]) * b[i];
    ++work.multiply_adds;
  }
  return sum;
}

// y += factor x
template <typename T>
void AddScaled(T factor, const T* x, int64_t count, T* y, Work& work) {
  for (int64_t i = 0; i < count; ++i) {
    y[i] += factor * x[i];
    ++work.multiply_adds;
  }
}

// score(i, j) of ops/attention.h.
template <typename T>
T Score(const AttentionAttributes& attributes, const HeadRows<const T>& rows, int64_t head_width,
        int64_t i, int64_t j, Work& work) {
  const T scale = 1 / std::sqrt(static_cast<T>(head_width));
  if (!attributes.relative) return Dot(rows.query[i], rows.key[j], head_width, work) * scale;
  const T content = OffsetDot(rows.query[i], rows.u, rows.key[j], head_width, work);
  const T* r = rows.r[PositionRow(attributes.geometry, i, j)];
  const T position = OffsetDot(rows.query[i], rows.v, r, head_width, work);
  return (content + position) * scale;
}

// Row-major index of a probability in [H, queries, keys] of one sequence, for dropout.
inline int64_t ProbabilityElement(const AttentionGeometry& g, int64_t head, int64_t i, int64_t j) {
  return (head * g.queries + i) * g.keys + j;
}

}  // namespace hourglass::reference
