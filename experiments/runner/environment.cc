#include "experiments/runner/environment.h"

#include <elf.h>
#include <gnu/libc-version.h>
#include <google/protobuf/stubs/common.h>
#include <hwy/highway.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <CLI/Version.hpp>
#include <boost/version.hpp>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

#include "absl/base/config.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "experiments/runner/pinned_dependencies.h"
#include "hourglass/base/file.h"
#include "hourglass/base/hash.h"
#include "hourglass/base/status.h"
#include "nlohmann/json.hpp"
#include "oneapi/dnnl/dnnl.h"

extern char** environ;

namespace hourglass {
namespace {

constexpr char kUnknown[] = "unknown";
constexpr char kUntracked[] = "untracked files:";  // the line before their names in a diff
// A diff beyond this is no review any more; its head and size are kept.
constexpr size_t kLargestDiff = 4u << 20;

std::string Stripped(const std::string& text) {
  return std::string(absl::StripAsciiWhitespace(text));
}

// First line of a small file of the kernel; "unknown" without it.
std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  return std::getline(file, line) && !line.empty() ? Stripped(line) : kUnknown;
}

std::string CpuInfo(const std::string& key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':');
    if (colon != std::string::npos && Stripped(line.substr(0, colon)) == key) {
      return Stripped(line.substr(colon + 1));
    }
  }
  return kUnknown;
}

// The flags that decide which kernels run, sorted.
std::string VectorFeatures() {
  const std::vector<std::string> flags = absl::StrSplit(CpuInfo("flags"), ' ');
  std::set<std::string> kept;
  for (const std::string& flag : flags) {
    for (const char* prefix : {"avx", "amx", "fma", "f16c", "sse4"}) {
      if (absl::StartsWith(flag, prefix)) kept.insert(flag);
    }
  }
  return kept.empty() ? kUnknown : absl::StrJoin(kept, " ");
}

std::string MemoryBytes() {
  const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  return absl::StrCat(static_cast<int64_t>(pages) * size);
}

std::string KernelRelease() {
  utsname name = {};
  return uname(&name) == 0 ? absl::StrCat(name.sysname, " ", name.release) : kUnknown;
}

// Output of a command; empty if it fails.
std::string OutputOf(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return "";
  std::string output;
  char piece[4096];
  for (size_t size; (size = fread(piece, 1, sizeof(piece), pipe)) > 0;) output.append(piece, size);
  return pclose(pipe) == 0 ? output : "";
}

std::string ShellQuoted(const std::string& text) {
  return absl::StrCat("'", absl::StrJoin(absl::StrSplit(text, '\''), "'\\''"), "'");
}

std::string WorkTreeDiff(const std::string& commit) {
  const char* workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  std::string diff;
  if (workspace != nullptr && *workspace != '\0' && commit != kUnknown) {
    const std::string git = absl::StrCat("git -C ", ShellQuoted(workspace), " ");
    diff = OutputOf(
        absl::StrCat(git, "diff --no-color --no-ext-diff --binary ", commit, " 2>/dev/null"));
    const std::string untracked =
        OutputOf(absl::StrCat(git, "ls-files --others --exclude-standard 2>/dev/null"));
    if (!untracked.empty()) absl::StrAppend(&diff, kUntracked, "\n", untracked);
  }
  if (diff.empty()) return "the difference to the commit could not be read from git\n";
  if (diff.size() > kLargestDiff) {
    const std::string hash = Sha256Hex(diff);
    const size_t size = diff.size();
    diff.resize(kLargestDiff);
    absl::StrAppend(&diff, "\n[cut: ", size, " bytes, sha256 ", hash, "]\n");
  }
  return diff;
}

results::SourceRev MakeSource(const SourceStamp& stamp) {
  results::SourceRev source;
  source.commit_sha = stamp.commit;
  source.tree_sha = stamp.tree;
  if (stamp.parent != "none") source.parent_sha = stamp.parent;
  source.committed_at = stamp.committed_at;
  source.dirty = stamp.dirty;
  if (stamp.dirty) source.diff = WorkTreeDiff(stamp.commit);
  return source;
}

// The compiler's own record of how this file was compiled (section .GCC.command.line, written
// because of -frecord-gcc-switches). All files of the project get the same options.
std::string RecordedSwitches(const std::string& binary) {
  Elf64_Ehdr header;
  if (binary.size() < sizeof(header)) return kUnknown;
  std::memcpy(&header, binary.data(), sizeof(header));
  const auto section = [&](size_t index, Elf64_Shdr* out) {
    const size_t offset = header.e_shoff + index * sizeof(Elf64_Shdr);
    if (offset + sizeof(Elf64_Shdr) > binary.size()) return false;
    std::memcpy(out, binary.data() + offset, sizeof(Elf64_Shdr));
    return out->sh_type == SHT_NOBITS || out->sh_offset + out->sh_size <= binary.size();
  };
  Elf64_Shdr names;
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || !section(header.e_shstrndx, &names)) {
    return kUnknown;
  }
  for (size_t i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr candidate;
    if (!section(i, &candidate) || candidate.sh_name >= names.sh_size) continue;
    const char* name = binary.data() + names.sh_offset + candidate.sh_name;
    if (std::strcmp(name, ".GCC.command.line") != 0) continue;
    return std::string(binary.data() + candidate.sh_offset);
  }
  return kUnknown;
}

// "GNU C++20 12.2.0 -march=... -O2": without what only says where headers lie.
std::string CompilerFlags(const std::string& binary) {
  const std::vector<std::string> words = absl::StrSplit(RecordedSwitches(binary), ' ');
  std::vector<std::string> flags;
  for (const std::string& word : words) {
    const bool about_options = absl::StartsWith(word, "-") && !absl::StartsWith(word, "-I") &&
                               !absl::StartsWith(word, "-W") &&
                               !absl::StartsWith(word, "-frandom-seed");
    if (about_options) flags.push_back(word);
  }
#ifdef NDEBUG
  flags.push_back("-DNDEBUG");
#endif
  return flags.empty() ? kUnknown : absl::StrJoin(flags, " ");
}

absl::StatusOr<results::Build> MakeBuild() {
  HG_ASSIGN_OR_RETURN(const std::string binary, ReadFile("/proc/self/exe"));
  results::Build build;
  build.binary_sha256 = Sha256Hex(binary);
  build.compiler = absl::StrCat("gcc ", __VERSION__);
  build.flags = CompilerFlags(binary);
  build.bazel_version = kUnknown;
  build.deps_sha256 = PinnedDependenciesSha256();
  build.deps = LibraryVersions();
  return build;
}

std::map<std::string, std::string> MachineFacts() {
  return {
      {"cores", absl::StrCat(sysconf(_SC_NPROCESSORS_ONLN))},
      {"cpu_features", VectorFeatures()},
      {"cpu_model", CpuInfo("model name")},
      {"governor", FirstLine("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")},
      {"kernel", KernelRelease()},
      {"libc", absl::StrCat("glibc ", gnu_get_libc_version())},
      {"machine_id_sha256", Sha256Hex(FirstLine("/etc/machine-id"))},
      {"memory_bytes", MemoryBytes()},
      {"smt", FirstLine("/sys/devices/system/cpu/smt/active")},
  };
}

std::string ValueOr(const std::map<std::string, std::string>& map, const std::string& key) {
  const auto found = map.find(key);
  return found == map.end() ? kUnknown : found->second;
}

results::Host MakeHost(const Environment& environment, const std::string& backend, int threads,
                       const std::string& dtype) {
  results::Host host;
  host.fingerprint = MachineFacts();
  host.fingerprint["isa"] = ValueOr(environment.backend, "isa");
  std::map<std::string, std::string> speed;
  for (const char* key :
       {"cpu_model", "cores", "smt", "governor", "memory_bytes", "kernel", "libc", "isa"}) {
    speed[key] = host.fingerprint[key];
  }
  speed["compiler"] = environment.build.compiler;
  speed["flags"] = environment.build.flags;
  speed["oneDNN"] = ValueOr(environment.build.deps, "oneDNN");
  speed["threads"] = absl::StrCat(threads);
  host.perf_class = results::ClassOf(speed);
  host.numeric_class = results::ClassOf({{"backend", backend},
                                         {"compiler", environment.build.compiler},
                                         {"dtype", dtype},
                                         {"flags", environment.build.flags},
                                         {"isa", host.fingerprint["isa"]},
                                         {"oneDNN", ValueOr(environment.build.deps, "oneDNN")},
                                         {"libc", host.fingerprint["libc"]},
                                         {"threads", absl::StrCat(threads)}});
  return host;
}

std::map<std::string, std::string> RelevantVariables() {
  std::map<std::string, std::string> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    for (const char* prefix : {"OMP_", "GOMP_", "ONEDNN_", "DNNL_", "MALLOC_", "HOURGLASS_"}) {
      if (equals != std::string::npos && absl::StartsWith(text, prefix)) {
        kept[text.substr(0, equals)] = text.substr(equals + 1);
      }
    }
  }
  return kept;
}

}  // namespace

absl::StatusOr<Environment> CaptureEnvironment(const SourceStamp& stamp, const Backend& backend,
                                               int threads, const std::string& dtype) {
  Environment environment;
  environment.source = MakeSource(stamp);
  HG_ASSIGN_OR_RETURN(environment.build, MakeBuild());
  environment.backend = backend.Describe();
  environment.host = MakeHost(environment, std::string(backend.Name()), threads, dtype);
  environment.env = RelevantVariables();
  nlohmann::json describe = environment.backend;
  describe["backend"] = std::string(backend.Name());
  environment.describe_json = describe.dump();
#ifndef NDEBUG
  environment.debug_build = true;
  environment.warnings.push_back("debug build: timings are not stored");
#endif
  return environment;
}

std::map<std::string, std::string> LibraryVersions() {
  const dnnl_version_t& onednn = *dnnl_version();
  return {
      {"Abseil", absl::StrCat(ABSL_LTS_RELEASE_VERSION, ".", ABSL_LTS_RELEASE_PATCH_LEVEL)},
      {"Boost", BOOST_LIB_VERSION},
      {"CLI11", CLI11_VERSION},
      {"Highway", absl::StrCat(HWY_MAJOR, ".", HWY_MINOR)},
      {"OpenSSL", OpenSSL_version(OPENSSL_VERSION)},
      {"SQLite", sqlite3_libversion()},
      {"glibc", gnu_get_libc_version()},
      {"nlohmann-json", absl::StrCat(NLOHMANN_JSON_VERSION_MAJOR, ".", NLOHMANN_JSON_VERSION_MINOR,
                                     ".", NLOHMANN_JSON_VERSION_PATCH)},
      {"oneDNN",
       absl::StrCat(onednn.major, ".", onednn.minor, ".", onednn.patch, " ", onednn.hash)},
      {"protobuf", absl::StrCat(GOOGLE_PROTOBUF_VERSION)},
  };
}

std::vector<std::string> ChangedFiles(const std::string& diff) {
  std::vector<std::string> files;
  bool untracked = false;
  for (const absl::string_view line : absl::StrSplit(diff, '\n')) {
    if (line == kUntracked) {
      untracked = true;
    } else if (untracked && !line.empty()) {
      files.emplace_back(line);
    } else if (absl::StartsWith(line, "diff --git ")) {
      files.emplace_back(line.substr(line.rfind(" b/") + 3));
    }
  }
  return files;
}

std::optional<double> LoadAverage() {
  const std::vector<std::string> words = absl::StrSplit(FirstLine("/proc/loadavg"), ' ');
  double load = 0;
  if (words.empty() || !absl::SimpleAtod(words[0], &load)) return std::nullopt;
  return load;
}

std::string LoadJson() {
  const std::optional<double> load = LoadAverage();
  return load ? nlohmann::json({{"load_average_1m", *load}}).dump() : "";
}

int64_t PeakResidentBytes() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<int64_t>(usage.ru_maxrss) * 1024;
}

std::string ChosenWord(const std::string& text) {
  const size_t open = text.find('['), close = text.find(']');
  if (open == std::string::npos || close == std::string::npos || close < open) return kUnknown;
  return text.substr(open + 1, close - open - 1);
}

std::string HugePageSetting() {
  return ChosenWord(FirstLine("/sys/kernel/mm/transparent_hugepage/enabled"));
}

std::optional<int64_t> HugePageBytes() {
  std::ifstream file("/proc/self/smaps_rollup");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string key;
    int64_t kilobytes = 0;
    if (words >> key >> kilobytes && key == "AnonHugePages:") return kilobytes * 1024;
  }
  return std::nullopt;
}

}  // namespace hourglass
