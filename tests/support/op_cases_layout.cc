#include "hourglass/ops/layout.h"
#include "hourglass/ops/pooling.h"
#include "hourglass/ops/rotary.h"
#include "tests/support/generators.h"

namespace hourglass::testing {
namespace {

void AddShiftRows(std::vector<OpCase>& cases) {
  struct Case {
    const char* name;
    Shape x;
    int64_t offset, rows;
    double zeros;
  };
  const Case table[] = {
      {"identity", {2, 5, 3}, 0, 5, 0.0},         {"delay_1", {2, 5, 3}, 1, 5, 0.2},
      {"delay_3", {3, 16, 7}, 3, 16, 3.0 / 16},   {"undo_delay", {3, 16, 7}, -3, 16, 3.0 / 16},
      {"pad", {2, 13, 4}, 0, 15, 2.0 / 15},       {"cut", {2, 15, 4}, 0, 13, 0.0},
      {"delay_all", {2, 3, 4}, 5, 3, 1.0},        {"one_row", {4, 1, 1}, 0, 1, 0.0},
      {"large", {2, 130, 96}, 2, 132, 2.0 / 132},
  };
  for (const Case& c : table) {
    cases.push_back({.name = std::string("shift_rows/") + c.name,
                     .make = Makes<ShiftRowsOp>(c.offset, c.rows),
                     .inputs = {Floats(c.x)},
                     .differentiable = {0},
                     .exact = true,
                     .outputs = {{.zeros = c.zeros}}});
  }
  cases.push_back({.name = "shift_rows/tokens",
                   .make = Makes<ShiftRowsOp>(1, 15),
                   .inputs = {Ids({2, 13}, Numbers({7, 1, 9, 2, 3, 4}))},
                   .exact = true,
                   .outputs = {{.zeros = 2.0 / 15}}});
}

void AddReshape(std::vector<OpCase>& cases) {
  const auto add = [&](const char* name, const Shape& from, const Shape& to) {
    cases.push_back({.name = std::string("reshape/") + name,
                     .make = Makes<ReshapeOp>(to),
                     .inputs = {Floats(from)},
                     .differentiable = {0},
                     .exact = true});
  };
  add("group", Shape{2, 12, 5}, Shape{2, 4, 15});
  add("ungroup", Shape{2, 4, 15}, Shape{2, 12, 5});
  add("flatten", Shape{3, 5, 7}, Shape{105});
}

void AddPooling(std::vector<OpCase>& cases) {
  for (const int64_t k : {1, 2, 3, 4}) {
    const std::string suffix = "_k" + std::to_string(k);
    const double mean = 1.0 / static_cast<double>(k);
    cases.push_back({.name = "pool/average" + suffix,
                     .make = Makes<PoolOp>(k, mean),
                     .inputs = {Floats({2, 5 * k, 7})},
                     .differentiable = {0},
                     .bound = {2.0, ErrorScale::kAbsoluteOp, "k - 1 sums and one product"}});
    cases.push_back({.name = "pool/sum_integers" + suffix,
                     .make = Makes<PoolOp>(k, 1.0),
                     .inputs = {Floats({3, 11 * k, 16}, Integers(1000))},
                     .differentiable = {0},
                     .exact = true});
    cases.push_back({.name = "repeat/copy" + suffix,
                     .make = Makes<RepeatOp>(k, 1.0),
                     .inputs = {Floats({2, 5, 7})},
                     .differentiable = {0},
                     .exact = true});
    cases.push_back({.name = "repeat/scaled" + suffix,
                     .make = Makes<RepeatOp>(k, mean),
                     .inputs = {Floats({3, 11, 16})},
                     .differentiable = {0},
                     .bound = {2.0, ErrorScale::kAbsoluteOp, "one product, and 1/k is rounded"}});
  }
  cases.push_back({.name = "pool/one_column",
                   .make = Makes<PoolOp>(3, 1.0 / 3),
                   .inputs = {Floats({4, 3, 1})},
                   .differentiable = {0},
                   .bound = {2.0, ErrorScale::kAbsoluteOp, "two sums and one product"}});
  cases.push_back({.name = "pool/large",
                   .make = Makes<PoolOp>(3, 1.0 / 3),
                   .inputs = {Floats({2, 300, 96})},
                   .differentiable = {0},
                   .bound = {2.0, ErrorScale::kAbsoluteOp, "two sums and one product"},
                   .slow = true});
  cases.push_back({.name = "repeat/large",
                   .make = Makes<RepeatOp>(3, 1.0),
                   .inputs = {Floats({2, 100, 96})},
                   .differentiable = {0},
                   .exact = true,
                   .slow = true});
}

void AddRotary(std::vector<OpCase>& cases) {
  struct Case {
    const char* name;
    Shape x;
    int64_t heads, spacing;
    int direction;
    bool slow = false;
  };
  const Case table[] = {
      {"one_row", {2, 1, 12}, 1, 1, 1},
      {"one_head", {2, 5, 24}, 1, 1, 1},
      {"pairs", {2, 7, 12}, 2, 3, 1},
      {"back", {2, 7, 24}, 2, 3, -1},
      {"eight_heads", {1, 17, 96}, 8, 2, 1, true},
      {"large", {2, 130, 192}, 2, 4, 1, true},
  };
  for (const Case& c : table) {
    cases.push_back({.name = std::string("rotary/") + c.name,
                     .make = Makes<RotaryOp>(c.heads, c.spacing, c.direction),
                     .inputs = {Floats(c.x)},
                     .differentiable = {0},
                     .bound = {4.0, ErrorScale::kLargest,
                               "rounded sine and cosine of an angle taken in f64, two products"},
                     .slow = c.slow});
  }
}

}  // namespace

void AddLayoutCases(std::vector<OpCase>& cases) {
  AddShiftRows(cases);
  AddReshape(cases);
  AddPooling(cases);
  AddRotary(cases);
}

}  // namespace hourglass::testing
