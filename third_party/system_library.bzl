"""Libraries that Debian installs: asked from pkg-config, or found by one of their headers."""

_BUILD = """# Written by //third_party:system_library.bzl.
cc_library(
    name = "{name}",
    defines = {defines},
    linkopts = {linkopts},
    visibility = ["//visibility:public"],
)
"""

def _pkg_config(repository_ctx, arguments):
    tool = repository_ctx.which("pkg-config")
    if not tool:
        fail("pkg-config is missing: start the build through ./bazelw, which installs it")
    result = repository_ctx.execute([tool] + arguments + repository_ctx.attr.modules)
    if result.return_code != 0:
        fail("third_party: install Debian's %s (./bazelw does): %s" %
             (repository_ctx.attr.debian_package, result.stderr.strip()))
    return [word for word in result.stdout.replace("\n", " ").split(" ") if word]

# The compiler looks by itself into /usr/include and its folder for the processor.
def _searched_anyway(folder):
    return folder == "/usr/include" or (
        folder.startswith("/usr/include/") and folder.endswith("-linux-gnu")
    )

def _system_library_impl(repository_ctx):
    for header in repository_ctx.attr.headers:
        if not repository_ctx.path("/usr/include/" + header).exists:
            fail("third_party: /usr/include/%s is missing, install Debian's %s (./bazelw does)" %
                 (header, repository_ctx.attr.debian_package))
    defines = []
    linkopts = list(repository_ctx.attr.linkopts)
    if repository_ctx.attr.modules:
        for word in _pkg_config(repository_ctx, ["--cflags"]):
            if word.startswith("-D"):
                defines.append(word[2:])
            elif word.startswith("-I") and not _searched_anyway(word[2:]):
                fail("third_party: %s wants %s, only headers under /usr/include are expected" %
                     (repository_ctx.name, word))
        libs = ["--libs"] + (["--static"] if repository_ctx.attr.static else [])
        linkopts = _pkg_config(repository_ctx, libs) + linkopts
    repository_ctx.file("BUILD", _BUILD.format(
        name = repository_ctx.name,
        defines = repr(defines),
        linkopts = repr(linkopts),
    ))

system_library = repository_rule(
    implementation = _system_library_impl,
    doc = "One cc_library, named like the repository, for a library under /usr.",
    attrs = {
        "debian_package": attr.string(mandatory = True, doc = "Named in the error message."),
        "headers": attr.string_list(doc = "Must exist under /usr/include."),
        "linkopts": attr.string_list(doc = "Where pkg-config does not know the library."),
        "modules": attr.string_list(doc = "Names pkg-config knows."),
        "static": attr.bool(doc = "Ask pkg-config for the libraries behind the library, too."),
    },
    # Installing a package must be seen by the next build.
    configure = True,
    local = True,
)
