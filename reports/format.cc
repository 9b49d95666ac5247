#include "reports/format.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

namespace hourglass::reports {
namespace {

// Length of the UTF-8 sequence at the head of `text`, 0 if it is none.
size_t SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](size_t from, size_t to) {
    if (to > text.size()) return false;
    for (size_t i = from; i < to; ++i) {
      if ((byte(i) & 0xc0) != 0x80) return false;
    }
    return true;
  };
  if (byte(0) < 0x80) return 1;
  if (byte(0) >= 0xc2 && byte(0) < 0xe0) return continues(1, 2) ? 2 : 0;
  if ((byte(0) & 0xf0) == 0xe0 && continues(1, 3)) {
    const bool overlong = byte(0) == 0xe0 && byte(1) < 0xa0;
    const bool surrogate = byte(0) == 0xed && byte(1) >= 0xa0;
    return overlong || surrogate ? 0 : 3;
  }
  if (byte(0) >= 0xf0 && byte(0) < 0xf5 && continues(1, 4)) {
    const bool overlong = byte(0) == 0xf0 && byte(1) < 0x90;
    const bool too_large = byte(0) == 0xf4 && byte(1) >= 0x90;
    return overlong || too_large ? 0 : 4;
  }
  return 0;
}

std::string Plain(double value, int decimals) {
  char buffer[400];
  const auto end =
      std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::fixed, decimals);
  return std::string(buffer, end.ptr);
}

bool IsZero(std::string_view digits) {
  return digits.find_first_not_of("0.") == std::string_view::npos;
}

// Clean text with every character replaced by what `replace` makes of it.
template <typename Replace>
std::string Replaced(std::string_view text, const Replace& replace) {
  std::string result;
  for (const char c : CleanText(text)) result += replace(c);
  return result;
}

// The character as HTML writes it in text and in attributes.
std::string HtmlEntity(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return std::string(1, c);
  }
}

}  // namespace

std::string Fixed(double value, int decimals) {
  if (std::isnan(value)) return "not a number";
  if (std::isinf(value)) return value > 0 ? "infinite" : "−infinite";
  const std::string digits = Plain(std::abs(value), decimals);
  return (value < 0 && !IsZero(digits) ? "−" : "") + digits;
}

std::string Fixed(const std::optional<double>& value, int decimals) {
  return value ? Fixed(*value, decimals) : std::string(kMissing);
}

std::string Signed(double value, int decimals) {
  const std::string text = Fixed(value, decimals);
  return value > 0 && !std::isinf(value) && !IsZero(text) ? "+" + text : text;
}

int DecimalsFor(const std::optional<double>& half_width) {
  if (!half_width || !(*half_width > 0) || !std::isfinite(*half_width)) return 3;
  return std::clamp(1 - static_cast<int>(std::floor(std::log10(*half_width))), 2, 5);
}

std::string Probability(double p) {
  if (std::isnan(p)) return Fixed(p, 0);
  if (p < 0.001) return "< 0.001";
  std::string text = Fixed(p, p < 0.1 ? 4 : 3);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string Grouped(int64_t value) {
  std::string digits = std::to_string(value);
  const bool negative = digits[0] == '-';
  if (negative) digits.erase(0, 1);
  for (size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return (negative ? "−" : "") + digits;
}

std::string GroupedRounded(const std::optional<double>& value) {
  if (!value || !std::isfinite(*value) || std::abs(*value) > 9e18) return std::string(kMissing);
  return Grouped(std::llround(*value));
}

std::string Significant(double value) {
  if (value == 0 || !std::isfinite(value)) return Fixed(value, 0);
  const int magnitude = static_cast<int>(std::floor(std::log10(std::abs(value))));
  if (magnitude >= 3 && magnitude < 15) return Grouped(std::llround(value));
  return Fixed(value, std::clamp(3 - magnitude, 0, 12));
}

Scale ScaleFor(double largest) {
  constexpr const char* kPrefixes[] = {"", "k", "M", "G", "T", "P", "E"};
  Scale scale;
  for (const char* prefix : kPrefixes) {
    scale.prefix = prefix;
    if (!(std::abs(largest) >= scale.divisor * 1000)) break;
    scale.divisor *= 1000;
  }
  if (scale.divisor > 1e18) scale = {"E", 1e18};
  return scale;
}

std::string Count(int64_t n, std::string_view singular, std::string_view plural) {
  return Grouped(n) + " " + std::string(n == 1 ? singular : plural);
}

std::string Minute(std::string_view time) {
  std::string text = CleanText(time.substr(0, 16));
  if (text.size() == 16 && text[10] == 'T') text[10] = ' ';
  return text;
}

std::string Capitalised(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] += 'A' - 'a';
  return text;
}

std::string Uncapitalised(std::string text) {
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] += 'a' - 'A';
  return text;
}

std::string Listed(const std::vector<std::string>& items) {
  std::string text;
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) text += i + 1 < items.size() ? ", " : " and ";
    text += items[i];
  }
  return text;
}

std::string ShellWord(std::string_view text) {
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '/' || c == '_' || c == '-' ||
           c == '.' || c == '=' || c == ':' || c == '@';
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return std::string(text);
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string CleanText(std::string_view text) {
  std::string clean;
  while (!text.empty()) {
    const size_t length = SequenceLength(text);
    const unsigned char head = static_cast<unsigned char>(text[0]);
    const bool control =
        length == 1 && ((head < 0x20 && head != '\n' && head != '\t') || head == 0x7f);
    if (length == 0 || control) {
      clean += "\xef\xbf\xbd";
      text.remove_prefix(1);
    } else {
      clean += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return clean;
}

std::string EscapeHtml(std::string_view text) {
  return Replaced(text, [](char c) { return HtmlEntity(c); });
}

std::string EscapeMarkdown(std::string_view text) {
  return Replaced(text, [](char c) -> std::string {
    if (c == '\n' || c == '\t') return " ";
    if (std::string_view("\\|*_`[]#").find(c) != std::string_view::npos) return {'\\', c};
    // Quotes mean nothing to Markdown.
    return c == '"' || c == '\'' ? std::string(1, c) : HtmlEntity(c);
  });
}

}  // namespace hourglass::reports
