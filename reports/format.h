// Numbers and text in fixed forms: the same on every machine and in every locale.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hourglass::reports {

inline constexpr std::string_view kMissing = "–";

// "2.3087"; "not a number", "infinite".
std::string Fixed(double value, int decimals);
std::string Fixed(const std::optional<double>& value, int decimals);  // empty: kMissing
// "+0.0276", "−0.0041" (with a real minus sign), "0.0000".
std::string Signed(double value, int decimals);
// Decimals that show two digits of `half_width`: 2 to 5; 3 where there is none.
int DecimalsFor(const std::optional<double>& half_width);
// "0.25", "0.0312", "< 0.001"; never "0.000".
std::string Probability(double p);
// "34,419,968".
std::string Grouped(int64_t value);
// "12,345": rounded to an integer.
std::string GroupedRounded(const std::optional<double>& value);
// "1.234": four significant digits, no exponent between 0.001 and 999,999.
std::string Significant(double value);

// One unit for a whole column, chosen by its largest value: 1e6 -> {"MFLOP", 1e6}.
struct Scale {
  std::string prefix;  // "", "k", "M", "G", "T", "P"
  double divisor = 1;
};
Scale ScaleFor(double largest);

// "3 runs", "1 run".
std::string Count(int64_t n, std::string_view singular, std::string_view plural);

// "2021-10-26 12:00" of an ISO-8601 time.
std::string Minute(std::string_view time);

// `text` with its first letter in upper or lower case (ASCII).
std::string Capitalised(std::string text);
std::string Uncapitalised(std::string text);

// "a, b and c".
std::string Listed(const std::vector<std::string>& items);

// A word of a shell command: quoted unless it is plain.
std::string ShellWord(std::string_view text);

std::string EscapeHtml(std::string_view text);
// For running text and table cells: characters that Markdown or HTML would read are escaped, line
// ends become spaces.
std::string EscapeMarkdown(std::string_view text);

// The text with control characters and bytes that are not UTF-8 replaced by U+FFFD.
std::string CleanText(std::string_view text);

}  // namespace hourglass::reports
