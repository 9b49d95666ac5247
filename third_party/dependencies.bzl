"""Every library Hourglass links, and how each arrives."""

load("//third_party:python_wheels.bzl", "python_wheels")
load("//third_party:system_library.bzl", "system_library")

_ABSL_MODULES = [
    "absl_cleanup",
    "absl_flat_hash_map",
    "absl_flat_hash_set",
    "absl_hash",
    "absl_inlined_vector",
    "absl_span",
    "absl_status",
    "absl_statusor",
    "absl_str_format",
    "absl_strings",
    "absl_synchronization",
    "absl_time",
]

def hourglass_dependencies():
    """Declares the external repositories behind //third_party."""
    system_library(
        name = "debian_absl",
        debian_package = "libabsl-dev",
        headers = ["absl/status/statusor.h"],
        modules = _ABSL_MODULES,
        static = True,
    )
    system_library(
        name = "debian_gtest",
        debian_package = "libgmock-dev",
        headers = ["gtest/gtest.h", "gmock/gmock.h"],
        modules = ["gmock", "gtest"],
    )
    system_library(
        name = "debian_gtest_main",
        debian_package = "libgmock-dev",
        headers = ["gtest/gtest.h", "gmock/gmock.h"],
        modules = ["gmock_main", "gmock", "gtest"],
    )
    system_library(
        name = "debian_benchmark",
        debian_package = "libbenchmark-dev",
        headers = ["benchmark/benchmark.h"],
        modules = ["benchmark"],
    )
    system_library(
        name = "debian_sqlitecpp",
        debian_package = "libsqlitecpp-dev",
        headers = ["SQLiteCpp/SQLiteCpp.h", "sqlite3.h"],
        linkopts = ["-lSQLiteCpp", "-lsqlite3"],
    )
    system_library(
        name = "debian_cli11",
        debian_package = "libcli11-dev",
        headers = ["CLI/CLI.hpp"],
        modules = ["CLI11"],
    )
    system_library(
        name = "debian_spdlog",
        debian_package = "libspdlog-dev",
        headers = ["spdlog/spdlog.h", "fmt/format.h"],
        modules = ["spdlog"],
    )
    system_library(
        name = "debian_nlohmann_json",
        debian_package = "nlohmann-json3-dev",
        headers = ["nlohmann/json.hpp"],
        modules = ["nlohmann_json"],
    )
    system_library(
        name = "debian_boost_math",
        debian_package = "libboost-dev",
        headers = ["boost/math/distributions/students_t.hpp"],
    )
    system_library(
        name = "debian_random123",
        debian_package = "librandom123-dev",
        headers = ["Random123/philox.h"],
    )
    system_library(
        name = "debian_highway",
        debian_package = "libhwy-dev",
        headers = ["hwy/highway.h"],
        modules = ["libhwy"],
    )
    system_library(
        name = "debian_openssl_crypto",
        debian_package = "libssl-dev",
        headers = ["openssl/evp.h"],
        modules = ["libcrypto"],
    )
    system_library(
        name = "debian_protobuf",
        debian_package = "libprotobuf-dev",
        headers = ["google/protobuf/message.h"],
        modules = ["protobuf"],
    )
    system_library(
        name = "debian_ctemplate",
        debian_package = "libctemplate-dev",
        headers = ["ctemplate/template.h"],
        modules = ["libctemplate"],
    )
    system_library(
        name = "debian_libcurl",
        debian_package = "libcurl4-openssl-dev",
        modules = ["libcurl"],
    )
    system_library(
        name = "debian_libarchive",
        debian_package = "libarchive-dev",
        headers = ["archive.h", "archive_entry.h"],
        modules = ["libarchive"],
    )
    python_wheels(
        name = "onednn",
        build_file = "//third_party/onednn:onednn.BUILD",
        keep = {
            "onednn_cpu_gomp-2023.2.0.data/data/lib/libdnnl.so.3": "lib/libdnnl.so.3",
            "onednn_cpu_gomp-2023.2.0.data/data/share/doc/onednn/LICENSE": "LICENSE",
            "onednn_devel_cpu_gomp-2023.2.0.data/data/include": "include",
        },
        wheels = {
            "onednn-cpu-gomp==2023.2.0": "2f22a54d6a890ed14bfa185d42a4be65d8b5b1df85dc1f0f3a9abe31620416fb",
            "onednn-devel-cpu-gomp==2023.2.0": "9763c69e8c907e119056bd52ad918ca84ac9ba939d130a99dfa95ccca3e5e284",
        },
    )
