// From facts to the document: which tables, figures and sentences a report has, and in which order.
#pragma once

#include "absl/status/statusor.h"
#include "reports/analysis.h"
#include "reports/document.h"

namespace hourglass::reports {

// Draws the figures, so it needs gnuplot where there are curves or differences.
absl::StatusOr<Document> Compose(const Analysis& analysis);

// The parts, in the order of the page. A section without blocks is left out.
Section VerdictSection(const Analysis& analysis);
Section ResultsSection(const Analysis& analysis);
absl::Status AddCurveFigures(const Analysis& analysis, Section& section);
absl::Status AddDifferenceFigure(const Analysis& analysis, Section& section);
Section SettingsSection(const Analysis& analysis);
Section RunsSection(const Analysis& analysis);
Section ProvenanceSection(const Analysis& analysis);
Section GlossarySection(const Analysis& analysis);

}  // namespace hourglass::reports
