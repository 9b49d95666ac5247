// Is a results file still what was written into it?
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace hourglass::results {

struct Finding {
  bool error = true;  // false: worth knowing, nothing is wrong
  // "integrity", "foreign key", "schema", "hash", "unsealed", "id", "bits", "unfinished"
  std::string kind;
  std::string subject;  // what it is about: a run, a table, an object of the schema
  std::string message;
};

struct CheckReport {
  int schema = 0;
  int64_t runs = 0;
  int64_t points = 0;
  std::vector<Finding> findings;  // in the order of the kinds above

  bool Clean() const;  // no finding is an error
};

// Reads the whole file, changes nothing:
//   integrity    SQLite's own check of pages and indexes
//   foreign key  rows that point at rows that are not there
//   schema       migrations by their SHA-256; tables, indexes, triggers and views that are missing
//                or changed. Objects a user added are nobody's business.
//   hash         row and trace hash and the hash of all measured rows of every run that has ended,
//                derived again
//   unsealed     runs without a hash of their rows; never an error
//   id           content ids of what a run points at, derived again
//   bits         stored values against their stored bits
//   unfinished   runs that are `running`: not finished, alive or to be resumed; never an error
// A damaged file of ours is a finding; what is no results file of this schema is an error of
// ResultsReader::Open.
absl::StatusOr<CheckReport> CheckDatabase(const std::string& path);

}  // namespace hourglass::results
