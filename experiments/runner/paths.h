#pragma once
// Where files lie when the program is started through `bazel run`, which changes the current
// directory.

#include <string>

namespace hourglass {

// A path the caller typed: relative ones count from BUILD_WORKING_DIRECTORY if that is set.
std::string CallerPath(const std::string& path);

// Where results go unless the caller says otherwise: "results" in BUILD_WORKSPACE_DIRECTORY, else
// in the current directory.
std::string DefaultResultsFolder();

// The results database of an experiment there: "enwik8/table1" -> "enwik8-table1.db".
std::string DefaultDatabase(std::string experiment);

// The part of a path before its last slash, "." if there is none.
std::string FolderOf(const std::string& path);

}  // namespace hourglass
