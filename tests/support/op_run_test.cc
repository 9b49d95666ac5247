// OpRun has to notice kernels that write where they must not.

#include "tests/support/op_run.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "hourglass/graph/core_ops.h"

namespace hourglass::testing {
namespace {

using Body = void (*)(std::span<const TensorView> in, std::span<const TensorView> out,
                      std::span<std::byte> workspace);

class MadeUpKernel : public Kernel {
 public:
  explicit MadeUpKernel(Body body) : body_(body) {}
  size_t WorkspaceBytes() const override { return 64; }
  absl::Status Run(const RunContext&, std::span<const TensorView> in,
                   std::span<const TensorView> out, std::span<std::byte> workspace) override {
    body_(in, out, workspace);
    return absl::OkStatus();
  }
  std::string Implementation() const override { return "made up"; }

 private:
  Body body_;
};

class MadeUpBackend : public HostBackend {
 public:
  explicit MadeUpBackend(Body body) : body_(body) {}
  std::string_view Name() const override { return "made up"; }
  std::map<std::string, std::string> Describe() const override { return {}; }
  absl::StatusOr<std::unique_ptr<Kernel>> Compile(const NodeSpecs&) override {
    return std::make_unique<MadeUpKernel>(body_);
  }

 private:
  Body body_;
};

absl::StatusOr<std::vector<HostTensor>> AddWith(Body body, bool in_place = false) {
  const HostTensor x{{Shape{3}, DType::kF32}, {1, 2, 3}};
  return RunOp(std::make_shared<MadeUpBackend>(body), std::make_shared<AddOp>(), {x, x},
               {.in_place = in_place});
}

TEST(OpRun, GoodKernel) {
  const auto out = AddWith([](auto in, auto out, auto workspace) {
    std::memset(workspace.data(), 0, workspace.size());
    for (int i = 0; i < 3; ++i) {
      out[0].template As<float>()[i] =
          in[0].template As<float>()[i] + in[1].template As<float>()[i];
    }
  });
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_EQ((*out)[0].values, (std::vector<double>{2, 4, 6}));
}

TEST(OpRun, WhatIsNotWrittenIsNan) {
  const auto out = AddWith([](auto, auto, auto) {});
  ASSERT_TRUE(out.ok()) << out.status();
  for (const double value : (*out)[0].values) EXPECT_TRUE(std::isnan(value));
}

TEST(OpRun, WritingBehindAnOutputIsSeen) {
  const auto out = AddWith([](auto, auto out, auto) { out[0].template As<float>()[3] = 1; });
  EXPECT_EQ(out.status().code(), absl::StatusCode::kInternal);
}

TEST(OpRun, WritingBehindTheWorkspaceIsSeen) {
  const auto out = AddWith([](auto, auto, auto workspace) { workspace.data()[64] = std::byte{0}; });
  EXPECT_EQ(out.status().code(), absl::StatusCode::kInternal);
}

TEST(OpRun, WritingIntoAnInputIsSeen) {
  const Body body = [](auto in, auto, auto) { in[1].template As<float>()[0] = 9; };
  EXPECT_EQ(AddWith(body).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(AddWith(body, true).status().code(), absl::StatusCode::kInternal);
}

TEST(OpRun, InPlaceSharesTheMemoryThatTheOpPermits) {
  const Body body = [](auto in, auto out, auto) {
    out[0].template As<float>()[0] = in[0].data == out[0].data ? 1 : 0;
    out[0].template As<float>()[1] = in[1].data == out[0].data ? 1 : 0;
  };
  EXPECT_EQ(AddWith(body)->front().values[0], 0);
  EXPECT_EQ(AddWith(body, true)->front().values[0], 1);
  EXPECT_EQ(AddWith(body, true)->front().values[1], 0);
}

TEST(OpRun, DroppingFromTheCachesKeepsTheContent) {
  const HostTensor x{{Shape{3}, DType::kF32}, {1, 2, 3}};
  const Body body = [](auto in, auto out, auto) {
    std::memcpy(out[0].data, in[0].data, static_cast<size_t>(in[0].spec.Bytes()));
  };
  const auto run =
      OpRun::Prepare(std::make_shared<MadeUpBackend>(body), std::make_shared<AddOp>(), {x, x});
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_TRUE((*run)->Run().ok());
  (*run)->DropFromCaches();
  EXPECT_EQ((*run)->Outputs()[0].values, (std::vector<double>{1, 2, 3}));
}

}  // namespace
}  // namespace hourglass::testing
