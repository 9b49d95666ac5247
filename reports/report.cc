#include "reports/report.h"

#include <memory>
#include <variant>

#include "hourglass/base/file.h"
#include "hourglass/base/status.h"
#include "reports/analysis.h"
#include "reports/compose.h"
#include "reports/format.h"
#include "reports/render.h"
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

}  // namespace

absl::Status WriteReport(const ReportOptions& options) {
  HG_ASSIGN_OR_RETURN(const auto reader, results::ResultsReader::Open(options.database));
  HG_ASSIGN_OR_RETURN(const auto analysis, Analyse(*reader, options.experiment));
  HG_ASSIGN_OR_RETURN(const Document document, Compose(*analysis, CommandOr(options, *analysis)));
  HG_ASSIGN_OR_RETURN(const std::string html, RenderHtml(document));
  HG_ASSIGN_OR_RETURN(const std::string markdown, RenderMarkdown(document));
  const std::string folder = options.output_directory.empty() ? "." : options.output_directory;
  HG_RETURN_IF_ERROR(MakeDirectories(folder));
  HG_RETURN_IF_ERROR(WriteFigures(document, folder));
  HG_RETURN_IF_ERROR(WriteFileAtomically(folder + "/report.md", markdown));
  return WriteFileAtomically(folder + "/report.html", html);
}

}  // namespace hourglass::reports
