#pragma once
// Early-return macros for absl::Status, in the form every Abseil user knows.

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define HG_RETURN_IF_ERROR(expr)                                              \
  do {                                                                        \
    if (::absl::Status hg_status = (expr); !hg_status.ok()) return hg_status; \
  } while (false)

#define HG_STATUS_CONCAT_INNER(a, b) a##b
#define HG_STATUS_CONCAT(a, b) HG_STATUS_CONCAT_INNER(a, b)
#define HG_ASSIGN_OR_RETURN(lhs, expr) \
  HG_ASSIGN_OR_RETURN_IMPL(HG_STATUS_CONCAT(hg_status_or_, __LINE__), lhs, expr)
#define HG_ASSIGN_OR_RETURN_IMPL(result, lhs, expr)    \
  auto result = (expr);                                \
  if (!result.ok()) return std::move(result).status(); \
  lhs = std::move(result).value()
