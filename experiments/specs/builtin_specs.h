#pragma once

#include <span>
#include <string_view>

namespace hourglass {

// A spec that ships inside the program.
struct BuiltinSpec {
  std::string_view name;  // "enwik8/table1"
  std::string_view file;  // "experiments/specs/enwik8/table1.textproto", for error messages
  std::string_view text;
};

// By name.
std::span<const BuiltinSpec> BuiltinSpecs();

}  // namespace hourglass
