#include "hourglass/base/status.h"

#include <gtest/gtest.h>

#include <memory>

namespace hourglass {
namespace {

absl::Status ReturnIfError(const absl::Status& status, bool& reached) {
  HG_RETURN_IF_ERROR(status);
  reached = true;
  return absl::OkStatus();
}

absl::StatusOr<int> AssignTwice(absl::StatusOr<std::unique_ptr<int>> a,
                                const absl::StatusOr<int>& b) {
  HG_ASSIGN_OR_RETURN(const std::unique_ptr<int> left, std::move(a));
  HG_ASSIGN_OR_RETURN(const int right, b);
  return *left + right;
}

TEST(Status, ReturnIfErrorReturnsOnlyErrors) {
  bool reached = false;
  EXPECT_EQ(ReturnIfError(absl::DataLossError("x"), reached), absl::DataLossError("x"));
  EXPECT_FALSE(reached);
  EXPECT_TRUE(ReturnIfError(absl::OkStatus(), reached).ok());
  EXPECT_TRUE(reached);
}

TEST(Status, AssignOrReturnMovesTheValueOut) {
  EXPECT_EQ(AssignTwice(std::make_unique<int>(3), 4).value(), 7);
}

TEST(Status, AssignOrReturnReturnsTheFirstError) {
  EXPECT_EQ(AssignTwice(absl::NotFoundError("a"), absl::DataLossError("b")).status(),
            absl::NotFoundError("a"));
  EXPECT_EQ(AssignTwice(std::make_unique<int>(3), absl::DataLossError("b")).status(),
            absl::DataLossError("b"));
}

}  // namespace
}  // namespace hourglass
