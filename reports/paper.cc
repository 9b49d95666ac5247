#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>

#include "reports/claims.h"
#include "reports/templates.h"

namespace hourglass::reports {
namespace {

// Errors of a spec from a database are no news for the reader of the report.
class Silent : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int, google::protobuf::io::ColumnNumber, const std::string&) override {}
};

const paper::Chapter* ChapterOf(const paper::Paper& paper, const std::string& slug) {
  for (const paper::Chapter& chapter : paper.chapters()) {
    const auto& slugs = chapter.experiments();
    if (std::find(slugs.begin(), slugs.end(), slug) != slugs.end()) return &chapter;
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PaperView>> ReadPaper(const Analysis& analysis) {
  auto view = std::make_unique<PaperView>();
  if (!google::protobuf::TextFormat::ParseFromString(std::string(kPaperData), &view->paper)) {
    return absl::InternalError("reports/paper/paper.textproto is malformed");
  }
  google::protobuf::TextFormat::Parser parser;
  Silent silent;
  parser.RecordErrorsTo(&silent);
  parser.AllowUnknownField(true);
  if (!parser.ParseFromString(analysis.experiment.row.spec_text, &view->spec)) view->spec.Clear();
  view->chapter = ChapterOf(view->paper, analysis.experiment.row.slug);
  return view;
}

}  // namespace hourglass::reports
