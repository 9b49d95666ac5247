#pragma once
// Two small models on made-up text, run into a folder of the test's own.

#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "experiments/cli/command.h"
#include "experiments/runner/run_experiment.h"
#include "experiments/runner/spec_loader.h"
#include "hourglass/base/file.h"
#include "results_db/query.h"

namespace hourglass {

inline constexpr char kTiny[] = R"(name: "tiny"
title: "two small models"
data { corpus: "synthetic" }
backend: "onednn"
replicas: 2
model { d_model: 16 d_ff: 32 n_heads: 2 dropout: 0.1 }
training {
  batch: 2 micro_batches: 2 length: 25 steps: 4
  schedule: "warmup_cosine_once" peak_rate: 1e-2 warmup_steps: 2 log_every: 2
}
evaluation { every_steps: 2 max_windows: 3 }
cells { label: "2@1" model { hierarchy: "2@1" } }
cells { label: "1@1 1@3 1@1" model { hierarchy: "1@1 1@3 1@1" } }
)";

class TinyExperimentTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "/run_" +
              testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    ASSERT_TRUE(WriteFileAtomically(folder_ + "/tiny.textproto", kTiny).ok());
    options_.database = folder_ + "/deep/results.db";
    options_.command = "hourglass run tiny";
    options_.argv = {"hourglass", "run", "tiny"};
    options_.stamp = {std::string(40, '1'), std::string(40, '2'), "none",
                      "2021-10-26T12:00:00+00:00", false};
    options_.threads = 1;
    options_.log = &log_;
  }

  absl::StatusOr<RunSummary> Run(const std::vector<std::string>& assignments = {}) {
    const auto spec = ResolveSpec(ParseSpec(kTiny, "tiny").value(), "", assignments);
    if (!spec.ok()) return spec.status();
    return RunExperiment(*spec, options_);
  }
  std::vector<results::RunRecord> Records(const std::string& experiment) {
    return results::ResultsReader::Open(options_.database).value()->Runs(experiment).value();
  }
  // Of the only experiment in the database.
  std::vector<results::RunRecord> Records() {
    const auto reader = results::ResultsReader::Open(options_.database).value();
    return reader->Runs(reader->Experiments().value().at(0).id).value();
  }
  int Cli(const std::vector<std::string>& args) {
    CliContext context;
    out_.str("");
    context.out = &out_;
    context.err = &log_;
    context.stamp = options_.stamp;
    context.stop = options_.stop;
    context.args = args;
    return RunCli(context);
  }

  std::string folder_;
  RunOptions options_;
  std::ostringstream log_, out_;
};

}  // namespace hourglass
