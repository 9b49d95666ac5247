#include "hourglass/model/hierarchy.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

// Larger numbers are typing errors, and would overflow sizes or fill the memory further on.
constexpr int64_t kMostLayers = 4096;
constexpr int64_t kLargestFactor = 1 << 20;

using Item = std::pair<int64_t, int64_t>;  // layers, factor

absl::Status Wrong(std::string_view text, const std::string& problem) {
  return absl::InvalidArgumentError(
      absl::StrCat("hierarchy \"", std::string(text), "\": ", problem,
                   "; a hierarchy looks like \"2@1 8@3 2@1\" (layers@cumulative factor)"));
}

absl::StatusOr<Item> ParseItem(std::string_view text, const std::string& item) {
  const std::vector<std::string> halves = absl::StrSplit(item, '@');
  int64_t layers = 0, factor = 0;
  const auto is_number = [](const std::string& half, int64_t most, int64_t* number) {
    return !half.empty() && half.find_first_not_of("0123456789") == std::string::npos &&
           absl::SimpleAtoi(half, number) && *number <= most;
  };
  if (halves.size() != 2 || !is_number(halves[0], kMostLayers, &layers) ||
      !is_number(halves[1], kLargestFactor, &factor) || factor < 1) {
    return Wrong(text, absl::StrCat("\"", item, "\" is not layers@factor with at most ",
                                    kMostLayers, " layers"));
  }
  return Item{layers, factor};
}

absl::Status CheckItems(std::string_view text, const std::vector<Item>& items) {
  const size_t count = items.size(), middle = count / 2;
  if (count % 2 == 0) return Wrong(text, absl::StrCat("it has ", count, " items, an even number"));
  for (size_t i = 0; i < middle; ++i) {
    if (items[i].second != items[count - 1 - i].second) {
      return Wrong(text, "the factors do not read the same from both ends");
    }
    if (i > 0 && items[i].first != items[count - 1 - i].first) {
      return Wrong(text, "the inner layer counts do not read the same from both ends");
    }
  }
  if (items[0].second != 1) return Wrong(text, "the outermost factor is not 1");
  for (size_t i = 1; i <= middle; ++i) {
    if (items[i].second % items[i - 1].second != 0) {
      return Wrong(text, absl::StrCat("factor ", items[i].second, " is not divisible by ",
                                      items[i - 1].second, ", the one outside it"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Hierarchy> Hierarchy::Parse(std::string_view text) {
  std::vector<Item> items;
  for (const auto& word : absl::StrSplit(absl::string_view(text.data(), text.size()),
                                         absl::ByAnyChar(" \t\n"), absl::SkipEmpty())) {
    HG_ASSIGN_OR_RETURN(Item item, ParseItem(text, std::string(word)));
    items.push_back(item);
  }
  HG_RETURN_IF_ERROR(CheckItems(text, items));
  Hierarchy hierarchy;
  const size_t middle = items.size() / 2;
  for (size_t i = 0; i < middle; ++i) {
    hierarchy.levels_.push_back(
        {items[i].first, items[i].second, items[items.size() - 1 - i].first});
  }
  hierarchy.levels_.push_back({items[middle].first, items[middle].second, 0});
  return hierarchy;
}

int64_t Hierarchy::PaddedLength(int64_t length) const {
  const int64_t factor = TotalFactor();
  return (length + factor - 1) / factor * factor;
}

std::string Hierarchy::ToString() const {
  std::vector<std::string> items;
  for (const HierarchyLevel& level : levels_) {
    items.push_back(absl::StrCat(level.pre_layers, "@", level.factor));
  }
  for (size_t i = levels_.size() - 1; i-- > 0;) {
    items.push_back(absl::StrCat(levels_[i].post_layers, "@", levels_[i].factor));
  }
  return absl::StrJoin(items, " ");
}

}  // namespace hourglass
