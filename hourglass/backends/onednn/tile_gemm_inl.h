// The register blocks of a tile product for one kind of arithmetic `M`: included inside the
// namespace and the target options of an instruction set, so it has no guard and includes nothing.
//
//   Element       what the factors are made of; Vec, kLanes: floats of a sum
//   Right         a vector of b: kLanes columns of one step of the depth, kRight elements
//   kVectorsAtOnce, RowsFor(vectors): registers for sums, rows x vectors of them
//   Zero() Load(c) Store(sum, c) Add(sum, sum); LoadRight(b) Broadcast(a) MulAdd(a, b, sum)

// One block of registers. Pointers and strides come as single arguments: in registers.
template <class M, int kRows, int kVectors, bool kAccumulate>
HWY_INLINE void Tile(int64_t depth, const typename M::Element* HWY_RESTRICT a, int64_t a_row,
                     int64_t a_depth, const typename M::Element* HWY_RESTRICT b, int64_t b_stride,
                     float* HWY_RESTRICT c, int64_t c_stride) {
  typename M::Vec sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[r][v] = M::Zero();
  }
  for (int64_t k = 0; k < depth; ++k) {
    typename M::Right right[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) right[v] = M::LoadRight(b + v * M::kRight);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const typename M::Right x = M::Broadcast(a + r * a_row);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sum[r][v] = M::MulAdd(x, right[v], sum[r][v]);
    }
    a += a_depth;
    b += b_stride;
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      float* to = c + v * M::kLanes;
      if constexpr (kAccumulate) sum[r][v] = M::Add(M::Load(to), sum[r][v]);
      M::Store(sum[r][v], to);
    }
    c += c_stride;
  }
}

// All whole groups of kRows rows, then those left over.
template <class M, int kRows, int kVectors, bool kAccumulate>
HWY_NOINLINE void Rows(int64_t rows, int64_t depth, const typename M::Element* a, int64_t a_row,
                       int64_t a_depth, const typename M::Element* b, int64_t b_stride, float* c,
                       int64_t c_stride) {
  for (; rows >= kRows; rows -= kRows) {
    Tile<M, kRows, kVectors, kAccumulate>(depth, a, a_row, a_depth, b, b_stride, c, c_stride);
    a += kRows * a_row;
    c += kRows * c_stride;
  }
  if constexpr (kRows > 1) {
    if (rows > 0) {
      Rows<M, kRows - 1, kVectors, kAccumulate>(rows, depth, a, a_row, a_depth, b, b_stride, c,
                                                c_stride);
    }
  }
}

template <class M, int kVectors>
HWY_INLINE void Columns(int64_t rows, int64_t depth, const typename M::Element* a, int64_t a_row,
                        int64_t a_depth, const typename M::Element* b, int64_t b_stride, float* c,
                        int64_t c_stride, bool accumulate) {
  constexpr int kRows = M::RowsFor(kVectors);
  if (accumulate) {
    Rows<M, kRows, kVectors, true>(rows, depth, a, a_row, a_depth, b, b_stride, c, c_stride);
  } else {
    Rows<M, kRows, kVectors, false>(rows, depth, a, a_row, a_depth, b, b_stride, c, c_stride);
  }
}

template <class M>
HWY_INLINE void AllColumns(int64_t rows, int64_t columns, int64_t depth,
                           const typename M::Element* a, int64_t a_row, int64_t a_depth,
                           const typename M::Element* b, int64_t b_stride, float* c,
                           int64_t c_stride, bool accumulate) {
  constexpr int64_t kWidth = M::kVectorsAtOnce * M::kLanes;
  for (; columns >= kWidth; columns -= kWidth) {
    Columns<M, M::kVectorsAtOnce>(rows, depth, a, a_row, a_depth, b, b_stride, c, c_stride,
                                  accumulate);
    b += M::kVectorsAtOnce * M::kRight;
    c += kWidth;
  }
  if constexpr (M::kVectorsAtOnce == 4) {
    const int64_t left = columns / M::kLanes;
    if (left == 3) {
      Columns<M, 3>(rows, depth, a, a_row, a_depth, b, b_stride, c, c_stride, accumulate);
    } else if (left == 2) {
      Columns<M, 2>(rows, depth, a, a_row, a_depth, b, b_stride, c, c_stride, accumulate);
    } else if (left == 1) {
      Columns<M, 1>(rows, depth, a, a_row, a_depth, b, b_stride, c, c_stride, accumulate);
    }
  }
}
