// Every run, and those that do not count with the reason.

#include "reports/compose.h"
#include "reports/compose_parts.h"
#include "reports/format.h"
#include "reports/names.h"
#include "results_db/metrics.h"

namespace hourglass::reports {
namespace {

std::optional<double> FinalOr(const results::RunRecord& run, std::string_view metric,
                              std::string_view fallback) {
  const auto final_value = run.Value(metric, "final");
  return final_value ? final_value : run.Value(metric, fallback);
}

void Append(std::string& list, const std::string& text) {
  if (!text.empty()) list += (list.empty() ? "" : "; ") + text;
}

// Why a run does not count; empty: it does.
std::string Exclusion(const Group& group, const results::RunRecord& run) {
  const auto counted = group.by_replica.find(run.cell.replica);
  if (counted != group.by_replica.end() && counted->second == &run) return "";
  if (run.status == results::RunStatus::kOk) return "an earlier run of the seed counts";
  if (run.status == results::RunStatus::kRunning) return "unfinished";
  return counted != group.by_replica.end() ? "run " + counted->second->id + " counts instead"
                                           : "lost: no run of this seed ended ok";
}

std::string LastStep(const results::RunRecord& run) {
  for (const std::string_view metric : {results::kTrainLossNats, results::kTrainBitsPerByte}) {
    const auto found = run.summaries.find(metric);
    if (found == run.summaries.end()) continue;
    const auto last = found->second.find("last");
    if (last != found->second.end()) return Grouped(last->second.n);
  }
  return std::string(kMissing);
}

std::string Remarks(const results::RunRecord& run) {
  std::string remarks;
  Append(remarks, run.outcome.error);
  for (const std::string& warning : run.run.warnings) Append(remarks, warning);
  if (run.run.parent_run) {
    Append(remarks, std::string(results::ToString(run.run.reason)) + " of " + *run.run.parent_run);
  }
  return remarks;
}

Table LostTable(const Analysis& analysis) {
  Table table;
  table.id = "lost-table";
  table.caption = "Runs that do not count, with the reason";
  table.columns = ModelColumns(analysis, {{"Run", "", false},
                                          {"Seed", "", true},
                                          {"Status", "", false},
                                          {"Excluded because", "", false},
                                          {"Last step stored", "", true},
                                          {"What it said", "", false}});
  for (const Group& group : analysis.groups) {
    for (const results::RunRecord* run : group.runs) {
      const std::string why = Exclusion(group, *run);
      if (why.empty()) continue;
      table.rows.push_back(RunRow(
          analysis, group, *run,
          {run->id, std::to_string(run->cell.replica), std::string(results::ToString(run->status)),
           why, LastStep(*run), Remarks(*run)}));
    }
  }
  return table;
}

Table RunsTable(const Analysis& analysis) {
  Table table;
  table.id = "runs-table";
  table.caption = "Every run of the experiment, failed ones included";
  table.columns = ModelColumns(analysis, {{"Run", "", false},
                                          {"Seed", "", true},
                                          {"Attempt", "", true},
                                          {"Status", "", false},
                                          {"Validation", BitsUnit(analysis), true},
                                          {"Training speed", analysis.unit + "s/s", true},
                                          {"Started", "UTC", false, true},
                                          {"Remarks", "", false}});
  for (const Group& group : analysis.groups) {
    for (const results::RunRecord* run : group.runs) {
      table.rows.push_back(
          RunRow(analysis, group, *run,
                 {run->id, std::to_string(run->cell.replica), std::to_string(run->attempt),
                  std::string(results::ToString(run->status)),
                  Fixed(FinalOr(*run, results::kValidBitsPerByte, "last"), 4),
                  GroupedRounded(FinalOr(*run, results::kTrainBytesPerSecond, "median")),
                  Minute(run->started_at), Remarks(*run)}));
    }
  }
  return table;
}

// What to type to train one line again; empty if the stored command is for a part already.
std::string CommandOf(const std::string& command, const results::RunRecord& run) {
  for (const char* flag : {" --cell", " --replica", " --budget", " --force"}) {
    if (command.empty() || command.find(flag) != std::string::npos) return "";
  }
  return command + (command.find(" -- ") == std::string::npos ? " --" : "") + " --cell " +
         ShellWord(run.config.label) + " --replica " + std::to_string(run.cell.replica) +
         " --budget " + std::to_string(run.cell.budget) + " --force";
}

// One line for each cell that was run, in the order of the table.
Verbatim CommandsOfCells(const Analysis& analysis) {
  Verbatim commands{"Commands that train one line again, as a further attempt", ""};
  for (const Group& group : analysis.groups) {
    std::string last;
    for (const results::RunRecord* run : group.runs) {
      const std::string command = CommandOf(analysis.experiment.row.command, *run);
      if (command != last) commands.text += command + "\n";
      last = command;
    }
  }
  return commands;
}

}  // namespace

Section RunsSection(const Analysis& analysis) {
  Section section{"runs", "Every run", {}};
  if (analysis.runs.empty()) return section;
  Table lost = LostTable(analysis);
  if (lost.rows.empty()) {
    Add(section, Paragraph{"Every run ended ok and counts; none was excluded."});
  } else {
    Add(section, std::move(lost));
  }
  Add(section, RunsTable(analysis));
  Verbatim commands = CommandsOfCells(analysis);
  if (!commands.text.empty()) Add(section, std::move(commands));
  return section;
}

}  // namespace hourglass::reports
