"""Libraries that arrive as Python wheels: downloaded by pip, pinned by hash, unpacked."""

_HELP = """third_party: cannot get {wheels}:
  {why}
  What to do: run `{python} -m pip download --no-deps {wheels}` and repair what it complains about
  (network, pip configuration); where there is no index, put the wheels into a folder and name it
  in the environment variable PIP_FIND_LINKS."""

def _python_with_pip(repository_ctx):
    candidates = [repository_ctx.which("python3"), repository_ctx.path("/usr/bin/python3")]
    for python in candidates:
        if python and python.exists:
            if repository_ctx.execute([python, "-m", "pip", "--version"]).return_code == 0:
                return python
    fail("third_party: no python3 with pip, start the build through ./bazelw, which installs it")

def _python_wheels_impl(repository_ctx):
    python = _python_with_pip(repository_ctx)
    wheels = repository_ctx.attr.wheels
    repository_ctx.file("requirements.txt", "".join([
        "%s --hash=sha256:%s\n" % (wheel, wheels[wheel])
        for wheel in wheels
    ]))
    downloaded = repository_ctx.execute(
        [
            python,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--only-binary=:all:",
            "--require-hashes",
            "--dest=wheels",
            "--requirement=requirements.txt",
        ],
        timeout = 1800,
    )
    if downloaded.return_code != 0:
        fail(_HELP.format(
            python = python,
            wheels = " ".join(wheels.keys()),
            why = "\n  ".join(downloaded.stderr.strip().split("\n")[-3:]),
        ))
    for wheel in repository_ctx.path("wheels").readdir():
        unpacked = repository_ctx.execute([python, "-m", "zipfile", "-e", wheel, "unpacked"])
        if unpacked.return_code != 0:
            fail("third_party: cannot unpack %s: %s" % (wheel, unpacked.stderr))
    for found, wanted in repository_ctx.attr.keep.items():
        repository_ctx.execute(["mkdir", "-p", str(repository_ctx.path(wanted).dirname)])
        moved = repository_ctx.execute(["mv", "unpacked/" + found, wanted])
        if moved.return_code != 0:
            fail("third_party: no %s in the wheels: %s" % (found, moved.stderr))
    repository_ctx.delete("wheels")
    repository_ctx.delete("unpacked")
    repository_ctx.symlink(repository_ctx.attr.build_file, "BUILD")

python_wheels = repository_rule(
    implementation = _python_wheels_impl,
    doc = "Files out of wheels, with a BUILD overlay.",
    attrs = {
        "build_file": attr.label(mandatory = True, allow_single_file = True),
        "keep": attr.string_dict(
            mandatory = True,
            doc = "Path inside the unpacked wheels -> path in the repository; the rest is dropped.",
        ),
        "wheels": attr.string_dict(
            mandatory = True,
            doc = "name==version -> SHA-256 of the wheel.",
        ),
    },
)
