#include "reports/report.h"

#include <memory>
#include <variant>

#include "hourglass/base/file.h"
#include "hourglass/base/status.h"
#include "reports/analysis.h"
#include "reports/compose.h"
#include "reports/format.h"
#include "reports/render.h"
#include "results_db/check.h"
#include "results_db/query.h"

namespace hourglass::reports {
namespace {

absl::Status WriteFigures(const Document& document, const std::string& folder) {
  for (const Section& section : document.sections) {
    for (const Block& block : section.blocks) {
      if (const Figure* figure = std::get_if<Figure>(&block)) {
        HG_RETURN_IF_ERROR(
            WriteFileAtomically(folder + "/" + figure->id + ".svg", figure->standalone_svg));
      }
    }
  }
  return absl::OkStatus();
}

std::string CommandOr(const ReportOptions& options, const Analysis& analysis) {
  if (!options.command.empty()) return options.command;
  return "./bazelw run //reports:hourglass_report -- --database FILE --experiment " +
         ShellWord(analysis.experiment.row.slug) + " --output FOLDER";
}

// What is wrong with the rows themselves goes above whatever is made of them.
absl::Status AddAlarm(const ReportOptions& options, Document& document) {
  constexpr size_t kMostDetails = 5;
  HG_ASSIGN_OR_RETURN(const results::CheckReport check, results::CheckDatabase(options.database));
  if (check.Clean()) return absl::OkStatus();
  int64_t errors = 0;
  for (const results::Finding& finding : check.findings) {
    if (!finding.error || ++errors > static_cast<int64_t>(kMostDetails)) continue;
    // Where the file lies is nothing about its content.
    const std::string subject = finding.subject == options.database ? "the file" : finding.subject;
    document.alarm_details.push_back(finding.kind + ": " + subject + ": " + finding.message);
  }
  const std::string count = Count(errors, "error", "errors");
  if (errors > static_cast<int64_t>(kMostDetails)) {
    document.alarm_details.push_back("and " +
                                     std::to_string(errors - static_cast<int64_t>(kMostDetails)) +
                                     " more; hourglass db check lists them all");
  }
  document.alarm = "This database fails its check (" + count +
                   "): its rows are not what was written, so nothing below can be relied on.";
  document.marks.insert(document.marks.begin(), "database fails its check");
  if (options.on_warning) {
    options.on_warning(options.database + ": fails its check (" + count + ", first: " +
                       document.alarm_details.front() + "); the report is written and says so; " +
                       "`hourglass db check " + ShellWord(options.database) +
                       "` lists them, a copy from before the damage is what to report on");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteReport(const ReportOptions& options) {
  HG_ASSIGN_OR_RETURN(const auto reader, results::ResultsReader::Open(options.database));
  HG_ASSIGN_OR_RETURN(const auto analysis, Analyse(*reader, options.experiment));
  HG_ASSIGN_OR_RETURN(Document document, Compose(*analysis, CommandOr(options, *analysis)));
  HG_RETURN_IF_ERROR(AddAlarm(options, document));
  HG_ASSIGN_OR_RETURN(const std::string html, RenderHtml(document));
  HG_ASSIGN_OR_RETURN(const std::string markdown, RenderMarkdown(document));
  const std::string folder = options.output_directory.empty() ? "." : options.output_directory;
  HG_RETURN_IF_ERROR(MakeDirectories(folder));
  HG_RETURN_IF_ERROR(WriteFigures(document, folder));
  HG_RETURN_IF_ERROR(WriteFileAtomically(folder + "/report.md", markdown));
  return WriteFileAtomically(folder + "/report.html", html);
}

}  // namespace hourglass::reports
