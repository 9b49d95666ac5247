// The files under templates/ and paper/, part of the program.
#pragma once

#include <string_view>

namespace hourglass::reports {

extern const std::string_view kPageHtmlTemplate;
extern const std::string_view kTableHtmlTemplate;
extern const std::string_view kPageMarkdownTemplate;
extern const std::string_view kTableMarkdownTemplate;
extern const std::string_view kStyleSheet;
extern const std::string_view kPaperData;

}  // namespace hourglass::reports
