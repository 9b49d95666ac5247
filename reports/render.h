// The two forms of a document. Everything in it is escaped here.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "reports/document.h"

namespace hourglass::reports {

absl::StatusOr<std::string> RenderHtml(const Document& document);
absl::StatusOr<std::string> RenderMarkdown(const Document& document);

}  // namespace hourglass::reports
