#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "experiments/cli/command.h"
#include "experiments/data_sets/data_set.h"
#include "experiments/data_sets/fetch.h"
#include "experiments/runner/paths.h"
#include "experiments/runner/progress.h"
#include "hourglass/base/json_text.h"
#include "hourglass/base/status.h"
#include "nlohmann/json.hpp"

namespace hourglass {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kMega = 1e6;

struct Flags {
  std::string name;  // of a data set, or a file
  std::string folder;
  std::string address;
  bool quiet = false;
  bool json = false;
};

Json ToJson(const ByteRange& range) { return {range.begin, range.end}; }

// What is known about a data set, wherever it lies.
Json Describe(const DataSet& set) {
  const SplitRanges& parts = set.corpus.parts;
  Json json = {{"name", set.name()},           {"summary", set.summary},
               {"bytes", set.corpus.bytes},    {"sha256", set.corpus.sha256},
               {"train", ToJson(parts.train)}, {"valid", ToJson(parts.valid)},
               {"test", ToJson(parts.test)},   {"window_stride", set.window_stride},
               {"licence", set.corpus.licence}};
  if (!set.address.empty()) {
    json["archive"] = {
        {"address", set.address}, {"bytes", set.archive.bytes}, {"sha256", set.archive.sha256}};
  }
  return json;
}

// "verified", "missing", or "bad" with the reason.
void AddState(const DataSet& set, Json& json) {
  const absl::StatusOr<std::string> path = PathOfDataSet(set);
  const absl::Status status = path.ok() ? VerifyDataSet(set, *path) : path.status();
  if (path.ok()) json["path"] = *path;
  json["state"] = status.ok() ? "verified" : absl::IsNotFound(status) ? "missing" : "bad";
  if (!status.ok()) json["detail"] = std::string(status.message());
}

void Print(const Json& json, std::ostream& out) {
  const auto part = [&](const char* name) {
    return absl::StrFormat("%s %d .. %d", name, json[name][0].get<int64_t>(),
                           json[name][1].get<int64_t>());
  };
  const auto line = [&](const char* key, const std::string& text) {
    out << absl::StrFormat("  %-9s %s\n", key, text);
  };
  out << absl::StrFormat("%s: %s\n", json["name"].get<std::string>(),
                         json["state"].get<std::string>());
  line("what", json["summary"]);
  if (json.contains("path")) line("where", json["path"]);
  if (json.contains("detail")) line("problem", json["detail"]);
  line("bytes", absl::StrFormat("%d, SHA-256 %s", json["bytes"].get<int64_t>(),
                                json["sha256"].get<std::string>()));
  line("parts", absl::StrCat(part("train"), ", ", part("valid"), ", ", part("test")));
  line("windows", absl::StrFormat("the paper trains on windows that start every %d bytes",
                                  json["window_stride"].get<int64_t>()));
  if (json.contains("archive")) {
    const Json& archive = json["archive"];
    line("from",
         absl::StrFormat("%s (%d bytes, SHA-256 %s)", archive["address"].get<std::string>(),
                         archive["bytes"].get<int64_t>(), archive["sha256"].get<std::string>()));
  }
  line("licence", json["licence"]);
}

absl::StatusOr<ExitCode> List(const Flags& flags, const CliContext& context) {
  Json list = Json::array();
  for (const DataSet& set : DataSets()) {
    list.push_back(Describe(set));
    AddState(set, list.back());
  }
  if (flags.json) {
    *context.out << JsonText(list, 2) << "\n";
    return kExitOk;
  }
  for (const Json& set : list) Print(set, *context.out);
  return kExitOk;
}

// Megabytes and time left, counted from the first byte of this call.
class FetchProgress {
 public:
  FetchProgress(const std::string& name, const CliContext& context, bool quiet)
      : name_(name), context_(context), quiet_(quiet) {}

  // False when a signal asked for the end.
  bool Update(int64_t done, int64_t total) {
    if (!progress_) {
      before_ = done;
      progress_.emplace(*context_.err, DefaultProgress(quiet_), static_cast<double>(total - done));
      progress_->StartPart("fetching " + name_);
    }
    progress_->Update(static_cast<double>(done - before_),
                      absl::StrFormat("%.1f of %.1f MB", static_cast<double>(done) / kMega,
                                      static_cast<double>(total) / kMega));
    return !(context_.stop && context_.stop());
  }

 private:
  const std::string name_;
  const CliContext& context_;
  const bool quiet_;
  int64_t before_ = 0;
  std::optional<Progress> progress_;
};

absl::Status CheckAddress(const std::string& address) {
  for (const char* scheme : {"http://", "https://"}) {
    if (address.empty() || address.rfind(scheme, 0) == 0) return absl::OkStatus();
  }
  return UsageError(absl::StrCat("--from ", address, ": give an http:// or https:// address"));
}

absl::StatusOr<ExitCode> Fetch(const Flags& flags, const CliContext& context) {
  HG_RETURN_IF_ERROR(CheckAddress(flags.address));
  HG_ASSIGN_OR_RETURN(const DataSet* set, FindDataSet(flags.name));
  FetchOptions options;
  options.folder = flags.folder.empty() ? DefaultDataFolder() : CallerPath(flags.folder);
  options.address = flags.address;
  FetchProgress progress(set->name(), context, flags.quiet);
  options.progress = [&](int64_t done, int64_t total) { return progress.Update(done, total); };
  HG_ASSIGN_OR_RETURN(const Fetched fetched, FetchDataSet(*set, options));
  if (flags.json) {
    *context.out << JsonText(Json({{"name", set->name()},
                                   {"path", fetched.path},
                                   {"bytes", set->corpus.bytes},
                                   {"sha256", set->corpus.sha256},
                                   {"already_there", fetched.already_there},
                                   {"downloaded_bytes", fetched.downloaded}}),
                             2)
                 << "\n";
    return kExitOk;
  }
  *context.out << absl::StrFormat(
      "%s: verified, %s%s\n", set->name(), fetched.path,
      fetched.already_there ? " (was there)"
                            : absl::StrFormat(" (%d bytes downloaded)", fetched.downloaded));
  if (!flags.folder.empty() && !fetched.already_there) {
    *context.out << absl::StrFormat("use it with --set data.path=%s or HOURGLASS_DATA=%s\n",
                                    fetched.path, options.folder);
  }
  return kExitOk;
}

// The file of the named data set, or what the named file is.
absl::StatusOr<KnownFile> Examine(const Flags& flags, std::string& path) {
  const absl::StatusOr<const DataSet*> set = FindDataSet(flags.name);
  if (set.ok()) {
    HG_ASSIGN_OR_RETURN(path, PathOfDataSet(**set));
    HG_RETURN_IF_ERROR(VerifyDataSet(**set, path));
    return KnownFile{*set, (*set)->corpus};
  }
  path = CallerPath(flags.name);
  absl::StatusOr<KnownFile> known = IdentifyFile(path);
  if (!absl::IsNotFound(known.status())) return known;
  return absl::NotFoundError(
      absl::StrCat(known.status().message(), "; and ", set.status().message()));
}

absl::StatusOr<ExitCode> Verify(const Flags& flags, const CliContext& context) {
  std::string path;
  const absl::StatusOr<KnownFile> known = Examine(flags, path);
  if (flags.json) {
    Json json = {{"path", path}, {"ok", known.ok()}};
    if (known.ok()) {
      json["is"] = known->identity.name;
      json["data_set"] = known->set->name();
      json["bytes"] = known->identity.bytes;
      json["sha256"] = known->identity.sha256;
    } else {
      json["error"] = std::string(known.status().message());
    }
    *context.out << JsonText(json, 2) << "\n";
  }
  HG_RETURN_IF_ERROR(known.status());
  if (!flags.json) {
    *context.out << absl::StrFormat("%s: is %s (%d bytes, SHA-256 %s)\n", path,
                                    known->identity.name, known->identity.bytes,
                                    known->identity.sha256);
  }
  return kExitOk;
}

using Action = absl::StatusOr<ExitCode> (*)(const Flags&, const CliContext&);

CLI::App& AddAction(CLI::App& verb, const char* name, const char* summary, const char* footer,
                    Action action, const std::shared_ptr<Flags>& flags, Verb& chosen) {
  CLI::App* one = verb.add_subcommand(name, summary);
  one->add_flag("--json", flags->json, "One JSON document");
  one->footer(footer);
  one->callback([action, flags, &chosen] {
    chosen = [action, flags](const CliContext& context) { return action(*flags, context); };
  });
  return *one;
}

constexpr char kVerbFooter[] =
    R"(Examples:
  hourglass data list                      the data sets, their licence, and whether they are here
  hourglass data fetch enwik8              download, check, unpack; again after an interruption
  hourglass data verify enwik8             read it and compare size and SHA-256
  hourglass run enwik8/table1 --profile paper    finds it by itself
list and verify take --json, fetch too; `hourglass data fetch --help` tells where files go.)";

constexpr char kListFooter[] =
    R"(Example:
  hourglass data list --json
State: verified (it was read: size and SHA-256 are right), missing, or bad with the reason.
Data lies in $HOURGLASS_DATA, else in `data` of the workspace folder.)";

constexpr char kFetchFooter[] =
    R"(Examples:
  hourglass data fetch enwik8
  hourglass data fetch enwik8 --to /big/disk
  hourglass data fetch enwik8 --from https://mirror.example/enwik8.zip
The archive grows as ARCHIVE.part. Stopped in any way (Ctrl-C, no network, full disk), the same
command goes on where it was, if the server still has the same file. Size and SHA-256 decide, wherever
it comes from; what does not match is removed. Proxies: http_proxy, https_proxy, no_proxy.
No network? Put the archive into the folder by other means, the same command unpacks it.
Folder: --to, else $HOURGLASS_DATA, else `data` in the workspace folder.
Exit codes: 65 not the right file, 66 no such data set, 69 network or server, 74 disk full or folder
not writable, 75 another fetch is at work there, 130 interrupted.)";

constexpr char kVerifyFooter[] =
    R"(Examples:
  hourglass data verify enwik8
  hourglass data verify ~/Downloads/enwik8.zip
A name is looked up where `data fetch` puts it; anything else is a file, recognised by its size and
SHA-256 whatever it is called. Exit codes: 65 wrong or damaged, 66 not there.)";

}  // namespace

void AddDataCommand(CLI::App& app, Verb& chosen) {
  CLI::App* verb = app.add_subcommand("data", "Data sets: which there are, fetch, verify");
  verb->require_subcommand(1);
  verb->footer(kVerbFooter);
  auto flags = std::make_shared<Flags>();
  AddAction(*verb, "list", "The data sets and whether they are here", kListFooter, List, flags,
            chosen);
  CLI::App& fetch = AddAction(*verb, "fetch", "Download a data set, resume, check, unpack",
                              kFetchFooter, Fetch, flags, chosen);
  fetch.add_option("NAME", flags->name, "As `hourglass data list` prints it")->required();
  fetch.add_option("--to", flags->folder, "Folder to put it into; created if need be");
  fetch.add_option("--from", flags->address, "Address of the archive, if not its own");
  fetch.add_flag("--quiet", flags->quiet, "No progress");
  CLI::App& verify = AddAction(*verb, "verify", "Read a data set or a file and tell what it is",
                               kVerifyFooter, Verify, flags, chosen);
  verify.add_option("NAME-or-FILE", flags->name, "A data set, or the path of a file")->required();
}

}  // namespace hourglass
