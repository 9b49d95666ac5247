"""Bazel's own rule sets, from Debian's packages, so that no build needs the network for them."""

_DEBIAN_RULES = "/usr/share/bazel"

# Debian's rules_cc is newer than its Bazel: these files load a function Bazel 4 does not have.
_TOO_NEW = [
    "cc/private/rules_impl/cc_flags_supplier.bzl",
    "cc/private/rules_impl/compiler_flag.bzl",
]

def _debian_rules_cc_impl(repository_ctx):
    source = _DEBIAN_RULES + "/rules/cc"
    if not repository_ctx.path(source).exists:
        fail("%s is missing: start the build through ./bazelw, which installs bazel-rules-cc" %
             source)
    copied = repository_ctx.execute(["cp", "-RL", source + "/.", "."])
    if copied.return_code != 0:
        fail("cannot copy %s: %s" % (source, copied.stderr))
    for path in _TOO_NEW:
        text = repository_ctx.read(path)
        text = text.replace(", \"use_cpp_toolchain\"", "")
        text = text.replace(
            "use_cpp_toolchain()",
            "[\"@bazel_tools//tools/cpp:toolchain_type\"]",
        )
        repository_ctx.file(path, text, executable = False)

_debian_rules_cc = repository_rule(implementation = _debian_rules_cc_impl)

def bazel_rules():
    """Declares rules_cc, rules_java, rules_proto, platforms and remote_coverage_tools."""
    _debian_rules_cc(name = "rules_cc")
    native.local_repository(name = "rules_java", path = _DEBIAN_RULES + "/rules/java")
    native.local_repository(name = "rules_proto", path = _DEBIAN_RULES + "/rules/proto")
    native.local_repository(name = "platforms", path = _DEBIAN_RULES + "/platforms")

    # Every test rule names this target, used or not; the real one would be downloaded.
    native.new_local_repository(
        name = "remote_coverage_tools",
        build_file_content = "filegroup(name = \"coverage_report_generator\", " +
                             "visibility = [\"//visibility:public\"])",
        path = "third_party/empty",
    )
