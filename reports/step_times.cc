// The raw step times of every run, in the order the runs were started: drift is visible there.

#include <algorithm>
#include <map>

#include "hourglass/base/status.h"
#include "reports/analysis.h"

namespace hourglass::reports {
namespace {

constexpr char kStepBench[] = "train_step";
constexpr size_t kSlices = 12;

struct RunTimes {
  const Group* group = nullptr;
  const results::RunRecord* run = nullptr;
  std::vector<double> ms;
};

std::vector<RunTimes> RunsByStart(const Analysis& analysis) {
  std::vector<RunTimes> runs;
  for (const Group& group : analysis.groups) {
    for (const auto& [replica, run] : group.by_replica) runs.push_back({&group, run, {}});
  }
  std::sort(runs.begin(), runs.end(), [](const RunTimes& a, const RunTimes& b) {
    return std::pair(a.run->started_at, a.run->id) < std::pair(b.run->started_at, b.run->id);
  });
  return runs;
}

StepTimes Describe(const RunTimes& times, int64_t order, double group_median) {
  StepTimes result;
  result.group = times.group;
  result.run = times.run;
  result.order = order;
  result.steps = static_cast<int64_t>(times.ms.size());
  result.median_ms = Median(times.ms);
  result.low_ms = Quantile(times.ms, 0.1);
  result.high_ms = Quantile(times.ms, 0.9);
  result.slowest_ms = *std::max_element(times.ms.begin(), times.ms.end());
  const size_t slices = std::min(kSlices, times.ms.size());
  for (size_t i = 0; i < slices; ++i) {
    const size_t from = i * times.ms.size() / slices, to = (i + 1) * times.ms.size() / slices;
    const std::vector<double> part(times.ms.begin() + static_cast<int64_t>(from),
                                   times.ms.begin() + static_cast<int64_t>(to));
    result.slices.push_back({static_cast<double>(order - 1) +
                                 (static_cast<double>(i) + 0.5) / static_cast<double>(slices),
                             Median(part) / group_median, Quantile(part, 0.1) / group_median,
                             Quantile(part, 0.9) / group_median});
  }
  return result;
}

}  // namespace

absl::Status MakeStepTimes(results::ResultsReader& reader, Analysis& analysis) {
  std::vector<RunTimes> runs = RunsByStart(analysis);
  std::map<const Group*, std::vector<double>> by_group;
  for (RunTimes& times : runs) {
    HG_ASSIGN_OR_RETURN(const auto samples, reader.Timings(times.run->id));
    for (const results::Timing& sample : samples) {
      analysis.has_aa_control |= sample.arm == "base2";
      if (sample.bench != kStepBench || sample.ns <= 0 || sample.iters <= 0) continue;
      times.ms.push_back(static_cast<double>(sample.ns) * 1e-6 / static_cast<double>(sample.iters));
    }
    std::vector<double>& all = by_group[times.group];
    all.insert(all.end(), times.ms.begin(), times.ms.end());
  }
  int64_t order = 0;
  for (const RunTimes& times : runs) {
    if (times.ms.empty()) continue;
    analysis.step_times.push_back(Describe(times, ++order, Median(by_group[times.group])));
  }
  return absl::OkStatus();
}

}  // namespace hourglass::reports
