// From facts to the document: which tables, figures and sentences a report has, and in which order.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "reports/analysis.h"
#include "reports/claims.h"
#include "reports/document.h"

namespace hourglass::reports {

// `command`: what makes this report again. Draws the figures, so it needs gnuplot where there are
// numbers to draw.
absl::StatusOr<Document> Compose(const Analysis& analysis, const std::string& command);

// The parts, in the order of the page. A section without blocks is left out.
void ComposeHead(const Analysis& analysis, const PaperView& view, const Claims& claims,
                 const std::string& command, Document& document);
Section ClaimsSection(const Analysis& analysis, const Claims& claims);
// Without quality where the experiment is about cost.
Section ResultsSection(const Analysis& analysis);
absl::StatusOr<Section> CostsSection(const Analysis& analysis);
absl::StatusOr<Section> QualitySection(const Analysis& analysis);
// Quality against memory: the figure that the quality section ends with.
absl::Status AddMemory(const Analysis& analysis, Section& section);
absl::StatusOr<Section> ParetoSection(const Analysis& analysis, const PaperView& view);
absl::StatusOr<Section> SpeedSection(const Analysis& analysis);
absl::StatusOr<Section> DifferencesSection(const Analysis& analysis);
Section DeviationsSection(const Analysis& analysis, const PaperView& view);
Section SettingsSection(const Analysis& analysis);
Section RunsSection(const Analysis& analysis);
Section ProvenanceSection(const Analysis& analysis);
Section MethodsSection(const Analysis& analysis);
Section GlossarySection(const Analysis& analysis);

}  // namespace hourglass::reports
