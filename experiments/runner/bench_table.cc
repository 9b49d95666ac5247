#include "experiments/runner/bench_table.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace hourglass {
namespace {

using Json = nlohmann::ordered_json;

std::string Text(const Json& value) { return value.get<std::string>(); }
double Number(const Json& value) { return value.get<double>(); }

// "83.1%"; "-" where nothing was measured to hold it against.
std::string Percent(const Json& share) {
  return share.is_number() ? absl::StrFormat("%.1f%%", 100 * Number(share)) : "-";
}

// A rate of an op that does no such work is none.
std::string RateOrDash(double rate) { return rate > 0 ? absl::StrFormat("%.1f", rate) : "-"; }

std::string ModelLines(const Json& result) {
  const Json& model = result["model"];
  std::string text = absl::StrFormat("%s, d_model %d, d_ff %d, %d heads, %s, %d parameters\n",
                                     Text(model["hierarchy"]), model["d_model"].get<int64_t>(),
                                     model["d_ff"].get<int64_t>(), model["heads"].get<int64_t>(),
                                     Text(model["attention"]), result["parameters"].get<int64_t>());
  absl::StrAppendFormat(&text, "length %d, batch %d, %s, %d threads, %d steps\n",
                        result["length"].get<int64_t>(), result["batch"].get<int64_t>(),
                        Text(result["dtype"]), result["threads"].get<int64_t>(),
                        result["steps"].get<int64_t>());
  absl::StrAppend(&text, Text(result["cpu"]), ", ", Text(result["isa"]), ", ",
                  Text(result["library"]), "\n\n");
  return text;
}

void AppendSpeed(const Json& result, const char* title, const std::string& name,
                 std::string& text) {
  absl::StrAppendFormat(&text, "%-14s %10.2f %10.2f %12.1f %12.1f %13s\n", title,
                        Number(result[name + "_ms_median"]), Number(result[name + "_ms_p20"]),
                        Number(result[name + "_tokens_per_s"]),
                        Number(result["needed_" + name + "_gflop_per_s"]),
                        Percent(result[name + "_product_peak_share"]));
}

void AppendPeak(const Json& peak, const char* title, const char* unit, const char* key,
                std::string& text) {
  if (!peak.is_object()) return;
  absl::StrAppendFormat(&text, "%-14s %.1f %s: %s; %d rounds, spread %.1f%%\n", title,
                        Number(peak[key]), unit, Text(peak["what"]), peak["rounds"].size(),
                        100 * Number(peak["spread"]));
}

std::string Facts(const Json& result) {
  std::string text = "\n";
  AppendPeak(result["product_peak"], "product peak", "GFLOP/s", "gflop_per_s", text);
  AppendPeak(result["memory_peak"], "memory peak", "GB/s", "gb_per_s", text);
  absl::StrAppendFormat(&text, "%-14s planned %.1f MiB (parameters, gradients, moments %.1f), ",
                        "memory", Number(result["planned_mb"]), Number(result["state_mb"]));
  absl::StrAppendFormat(&text, "resident at most %.1f MiB\n", Number(result["peak_rss_mb"]));
  absl::StrAppendFormat(&text, "%-14s %s", "huge pages", Text(result["huge_pages"]));
  if (result["huge_pages_mb"].is_number()) {
    absl::StrAppendFormat(&text, ", %.1f MiB in them", Number(result["huge_pages_mb"]));
  }
  absl::StrAppendFormat(&text, "\n%-14s training %.1f%%, drift %+.1f%%; forward %.1f%%, %+.1f%%",
                        "spread", 100 * Number(result["train_spread"]),
                        100 * Number(result["train_drift"]), 100 * Number(result["forward_spread"]),
                        100 * Number(result["forward_drift"]));
  if (result["load_average_at_start"].is_number()) {
    absl::StrAppendFormat(&text, "; load average %.1f at the start",
                          Number(result["load_average_at_start"]));
  }
  return text + "\n";
}

std::string OpTable(const char* title, const Json& ops) {
  std::string text = absl::StrFormat("\n%-22s %-46s %5s %9s %6s %8s %8s %7s %8s %8s %7s\n", title,
                                     "implementation", "nodes", "ms", "share", "GFLOP", "GFLOP/s",
                                     "of peak", "MiB", "GB/s", "of peak");
  for (const Json& op : ops) {
    const bool products = Number(op["gflop_per_step"]) > 0;
    absl::StrAppendFormat(&text, "%-22s %-46s %5d %9.3f %5.1f%% %8s %8s %7s %8.1f %8s %7s\n",
                          Text(op["op"]), Text(op["implementation"]), op["nodes"].get<int64_t>(),
                          Number(op["ms_per_step"]), 100 * Number(op["share"]),
                          products ? absl::StrFormat("%.3f", Number(op["gflop_per_step"])) : "-",
                          RateOrDash(Number(op["gflop_per_s"])),
                          products ? Percent(op["product_peak_share"]) : "-",
                          Number(op["mb_per_step"]), RateOrDash(Number(op["gb_per_s"])),
                          Percent(op["memory_peak_share"]));
  }
  return text;
}

}  // namespace

std::string BenchText(const Json& result) {
  std::string text = ModelLines(result);
  absl::StrAppendFormat(&text, "%-14s %10s %10s %12s %12s %13s\n", "", "median ms", "20% ms",
                        "tokens/s", "GFLOP/s*", "of the peak");
  AppendSpeed(result, "training step", "train", text);
  AppendSpeed(result, "forward pass", "forward", text);
  absl::StrAppend(&text, Facts(result));
  if (result.contains("ops")) {
    absl::StrAppend(&text, OpTable("training step", result["ops"]),
                    OpTable("forward pass", result["forward_ops"]));
  }
  return text + "\n* needed products: the causal half, nothing computed twice\n";
}

}  // namespace hourglass
