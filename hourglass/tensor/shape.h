#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "hourglass/base/check.h"

namespace hourglass {

// Extents of a dense row-major tensor, outermost first. Rank 0 is a scalar.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) : dims_(dims) {}
  template <typename Iterator>
  Shape(Iterator first, Iterator last) : dims_(first, last) {}

  int rank() const { return static_cast<int>(dims_.size()); }
  // Negative axes count from the end.
  int64_t operator[](int axis) const { return dims_[Index(axis)]; }
  void Set(int axis, int64_t extent) { dims_[Index(axis)] = extent; }
  int64_t Elements() const {
    int64_t product = 1;
    for (const int64_t dim : dims_) product *= dim;
    return product;
  }
  // Elements divided by the last extent: the rows of the tensor seen as a matrix.
  int64_t Rows() const {
    return dims_.empty() || dims_.back() == 0 ? 1 : Elements() / dims_.back();
  }

  auto begin() const { return dims_.begin(); }
  auto end() const { return dims_.end(); }
  friend bool operator==(const Shape& a, const Shape& b) { return a.dims_ == b.dims_; }
  std::string ToString() const;  // "[4, 1026, 512]"

 private:
  size_t Index(int axis) const {
    const int index = axis < 0 ? axis + rank() : axis;
    HG_CHECK(index >= 0 && index < rank());
    return static_cast<size_t>(index);
  }
  absl::InlinedVector<int64_t, 4> dims_;
};

}  // namespace hourglass
