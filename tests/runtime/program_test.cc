#include "hourglass/runtime/program.h"

#include <gtest/gtest.h>

#include <cmath>

#include "hourglass/backends/reference/reference_backend.h"
#include "hourglass/graph/core_ops.h"
#include "hourglass/ops/elementwise.h"
#include "hourglass/ops/matmul.h"
#include "hourglass/ops/optimizer.h"
#include "hourglass/runtime/compare_programs.h"

namespace hourglass {
namespace {

const TensorSpec kMatrix{Shape{2, 2}, DType::kF64};

std::unique_ptr<Program> Compile(Graph graph, std::shared_ptr<State> state = nullptr,
                                 ProgramOptions options = {}) {
  auto program =
      Program::Compile(std::move(graph), MakeReferenceBackend(), std::move(state), options);
  EXPECT_TRUE(program.ok()) << program.status();
  return *std::move(program);
}

TEST(Program, RunsAndRunsAgain) {
  Graph graph;
  const Value x = graph.Input("x", kMatrix);
  const Value c = graph.Constant("c", kMatrix, [](int64_t i) { return static_cast<double>(i); });
  graph.MarkOutput(Matmul(graph, x, c), "y");
  const auto program = Compile(std::move(graph));
  for (const double scale : {1.0, 2.0}) {
    const double in[] = {scale, 0, 0, scale};
    double out[4];
    ASSERT_TRUE(program->SetInput("x", in, sizeof(in)).ok());
    ASSERT_TRUE(program->Run().ok());
    ASSERT_TRUE(program->GetOutput("y", out, sizeof(out)).ok());
    for (int i = 0; i < 4; ++i) EXPECT_EQ(out[i], scale * i);
  }
}

TEST(Program, ReportsTheFirstRecordingErrorWithScopeAndShapes) {
  Graph graph;
  const Value x = graph.Input("x", kMatrix);
  graph.set_scope("pre.0.feed_forward");
  const Value bad = Matmul(graph, x, graph.Input("w", {Shape{3, 2}, DType::kF64}));
  Gelu(graph, bad);
  const auto program = Program::Compile(std::move(graph), MakeReferenceBackend(), nullptr);
  ASSERT_FALSE(program.ok());
  const std::string message(program.status().message());
  EXPECT_NE(message.find("matmul"), std::string::npos) << message;
  EXPECT_NE(message.find("pre.0.feed_forward"), std::string::npos) << message;
  EXPECT_NE(message.find("f64[3, 2]"), std::string::npos) << message;
}

class UnknownOp : public Op {
  std::string_view Name() const override { return "unknown"; }
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override {
    return std::vector<TensorSpec>(in.begin(), in.end());
  }
};

TEST(Program, AnOpWithoutKernelIsFoundBeforeTheFirstStep) {
  Graph graph;
  graph.set_scope("post.1");
  graph.Add1(std::make_shared<UnknownOp>(), {graph.Input("x", kMatrix)});
  const auto program = Program::Compile(std::move(graph), MakeReferenceBackend(), nullptr);
  ASSERT_FALSE(program.ok());
  EXPECT_EQ(program.status().code(), absl::StatusCode::kUnimplemented);
  const std::string message(program.status().message());
  EXPECT_NE(message.find("'reference' has no kernel for unknown(f64[2, 2])"), std::string::npos)
      << message;
  EXPECT_NE(message.find("post.1"), std::string::npos) << message;
}

TEST(Program, InputsAndOutputsAreCheckedByNameAndSize) {
  Graph graph;
  graph.MarkOutput(Gelu(graph, graph.Input("x", kMatrix)), "y");
  const auto program = Compile(std::move(graph));
  double numbers[5] = {};
  EXPECT_EQ(program->SetInput("z", numbers, 32).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(program->SetInput("x", numbers, 40).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(program->GetOutput("y", numbers, 8).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(program->GetScalar("y").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Program, ProgramsShareOneState) {
  StateSpec spec;
  spec.Add("arena", "total", kMatrix);
  const auto state = State::Create(std::move(spec), MakeReferenceBackend());
  ASSERT_TRUE(state.ok());
  const auto add = [](double by) {
    Graph graph;
    const Value flag = graph.Constant("no", {Shape{1}, DType::kU32}, [](int64_t) { return 0.0; });
    graph.Add(std::make_shared<AccumulateOp>(),
              {graph.State("total", kMatrix), Fill(graph, kMatrix, by), flag});
    return graph;
  };
  const auto one = Compile(add(1), *state), ten = Compile(add(10), *state);
  for (Program* program : {one.get(), ten.get(), one.get()}) ASSERT_TRUE(program->Run().ok());
  double total[4];
  ASSERT_TRUE((*state)->Download("total", total, sizeof(total)).ok());
  EXPECT_EQ(total[3], 12.0);
}

Graph SmallGraph(DType dtype) {
  Graph graph;
  const TensorSpec spec{Shape{2, 2}, dtype};
  graph.set_scope("a");
  const Value x = graph.Input("x", spec);
  const Value y = Gelu(graph, x);
  graph.set_scope("b");
  graph.MarkOutput(Add(graph, y, Matmul(graph, x, y)), "out");
  return graph;
}

TEST(Program, DumpIsStableAndComplete) {
  const std::string dump = Compile(SmallGraph(DType::kF64))->Dump();
  EXPECT_EQ(dump, Compile(SmallGraph(DType::kF64))->Dump());
  EXPECT_EQ(dump,
            "0 gelu(x:f64[2, 2]@input+0) -> %1:f64[2, 2]@temporary+0 'a'\n"
            "1 matmul{transpose_a=0 transpose_b=0 bias=0}(x:f64[2, 2]@input+0, "
            "%1:f64[2, 2]@temporary+0) -> %2:f64[2, 2]@temporary+64 'b'\n"
            "2 add(%1:f64[2, 2]@temporary+0, %2:f64[2, 2]@temporary+64) -> "
            "%3:f64[2, 2]@output+0 'b'\n"
            "memory: input 64 output 64 constant 0 temporary 128 state 0 bytes\n");
}

// x and `steps` times its GELU, each with memory of its own, summed up.
std::unique_ptr<Program> Chain(int steps, const Program* share_with) {
  Graph graph;
  const Value x = graph.Input("x", kMatrix);
  Value sum = x;
  std::vector<Value> all;
  for (int i = 0; i < steps; ++i) all.push_back(Gelu(graph, x));
  for (const Value value : all) sum = Add(graph, sum, value);
  graph.MarkOutput(sum, "y");
  ProgramOptions options;
  options.share_with = share_with;
  auto program = Program::Compile(std::move(graph), MakeReferenceBackend(), nullptr, options);
  EXPECT_TRUE(program.ok()) << program.status();
  return *std::move(program);
}

double RunChain(Program& program, double x) {
  const double in[4] = {x, x, x, x};
  double out[4] = {};
  EXPECT_TRUE(program.SetInput("x", in, sizeof(in)).ok());
  EXPECT_TRUE(program.Run().ok());
  EXPECT_TRUE(program.GetOutput("y", out, sizeof(out)).ok());
  return out[3];
}

TEST(Program, SharesMemoryThatIsLargeEnoughAndNothingThatIsReadBetweenRuns) {
  auto large = Chain(9, nullptr);
  const auto small = Chain(4, large.get()), alone = Chain(4, nullptr);
  EXPECT_EQ(alone->OwnBytes(), alone->memory().PeakBytes());
  EXPECT_EQ(small->OwnBytes(), alone->OwnBytes() - small->memory().temporary_bytes);
  EXPECT_EQ(Chain(9, alone.get())->OwnBytes(), large->OwnBytes());
  const double want_large = RunChain(*large, 0.5), want_small = RunChain(*small, 0.25);
  EXPECT_EQ(want_small, RunChain(*alone, 0.25));
  EXPECT_EQ(RunChain(*large, 0.5), want_large);
  double still[4] = {};
  ASSERT_TRUE(small->GetOutput("y", still, sizeof(still)).ok());
  EXPECT_EQ(still[3], want_small);
  large.reset();  // what is shared lives as long as one of them
  EXPECT_EQ(RunChain(*small, 0.25), want_small);
}

TEST(Program, TheLargestWorkspaceIsThatOfTheProgram) {
  const auto backend = MakeReferenceBackend();
  const Graph graph = SmallGraph(DType::kF64);
  EXPECT_EQ(LargestWorkspace(graph, *backend).value(),
            Compile(SmallGraph(DType::kF64))->memory().workspace_bytes);
  Graph unknown;
  unknown.Add1(std::make_shared<UnknownOp>(), {unknown.Input("x", kMatrix)});
  EXPECT_EQ(LargestWorkspace(unknown, *backend).status().code(), absl::StatusCode::kUnimplemented);
}

TEST(Program, ProfileNamesEveryNode) {
  const auto program = Compile(SmallGraph(DType::kF64));
  program->set_profiling(true);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(program->Run().ok());
  const auto profile = program->Profile();
  ASSERT_EQ(profile.size(), 3u);
  EXPECT_EQ(profile[1].op, "matmul");
  EXPECT_EQ(profile[1].scope, "b");
  EXPECT_EQ(profile[1].runs, 3);
  EXPECT_EQ(profile[1].executed_flops, 16);
}

// The reference with one op that is wrong in the last place it matters: gelu with the erf form.
class WrongBackend : public HostBackend {
 public:
  std::string_view Name() const override { return "wrong"; }
  std::map<std::string, std::string> Describe() const override { return {}; }
  absl::StatusOr<std::unique_ptr<Kernel>> Compile(const NodeSpecs& node) override;

 private:
  std::shared_ptr<Backend> right_ = MakeReferenceBackend();
};

class ErfGelu : public Kernel {
  absl::Status Run(const RunContext&, std::span<const TensorView> in,
                   std::span<const TensorView> out, std::span<std::byte>) override {
    for (int64_t i = 0; i < in[0].spec.Elements(); ++i) {
      const double x = in[0].As<double>()[i];
      out[0].As<double>()[i] = 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0)));
    }
    return absl::OkStatus();
  }
  std::string Implementation() const override { return "erf"; }
};

absl::StatusOr<std::unique_ptr<Kernel>> WrongBackend::Compile(const NodeSpecs& node) {
  if (node.op->Name() == "gelu") return std::make_unique<ErfGelu>();
  return right_->Compile(node);
}

TEST(ComparePrograms, NamesTheFirstNodeThatDiffers) {
  ProgramOptions options;
  options.memory.keep_all = true;
  const auto right = Compile(SmallGraph(DType::kF64), nullptr, options);
  const auto wrong =
      Program::Compile(SmallGraph(DType::kF64), std::make_shared<WrongBackend>(), nullptr, options);
  ASSERT_TRUE(wrong.ok()) << wrong.status();
  const double in[] = {0.5, -1, 2, 1};
  ASSERT_TRUE(right->SetInput("x", in, sizeof(in)).ok());
  const auto difference = ComparePrograms(*right, **wrong, 1e-12);
  ASSERT_TRUE(difference.ok()) << difference.status();
  EXPECT_EQ(difference->node, 0);
  EXPECT_NE(difference->description.find("'gelu' in 'a'"), std::string::npos);
  // Charged to the node that makes it: with the limit above gelu's error no other node is blamed.
  const auto loose = ComparePrograms(*right, **wrong, 1e-2);
  ASSERT_TRUE(loose.ok());
  EXPECT_EQ(loose->node, -1);
  EXPECT_GT(loose->worst, 1e-5);
}

TEST(ComparePrograms, SinglePrecisionAgreesToItsRounding) {
  ProgramOptions options;
  options.memory.keep_all = true;
  const auto wide = Compile(SmallGraph(DType::kF64), nullptr, options);
  const auto narrow = Compile(SmallGraph(DType::kF32), nullptr, options);
  const double in[] = {0.5, -1, 2, 1};
  ASSERT_TRUE(wide->SetInput("x", in, sizeof(in)).ok());
  const auto difference = ComparePrograms(*wide, *narrow, 1e-6);
  ASSERT_TRUE(difference.ok());
  EXPECT_EQ(difference->node, -1) << difference->description;
  EXPECT_GT(difference->worst, 0.0);
}

}  // namespace
}  // namespace hourglass
