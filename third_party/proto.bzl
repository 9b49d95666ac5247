"""Protocol buffers with the protoc and the library of Debian."""

def cc_proto(name, src, visibility = None):
    """A cc_library of the messages in one .proto file.

    Include it by its path from the repository root: #include "experiments/specs/spec.pb.h".

    Args:
      name: name of the cc_library.
      src: the .proto file, in the package of the caller.
      visibility: of the library.
    """
    if not src.endswith(".proto"):
        fail("cc_proto %s: src %s is not a .proto file" % (name, src))
    stem = src[:-len(".proto")]
    native.genrule(
        name = name + "_generated",
        srcs = [src],
        outs = [stem + ".pb.cc", stem + ".pb.h"],
        cmd = "/usr/bin/protoc --proto_path=. --cpp_out=$(GENDIR) $(location %s)" % src,
        visibility = ["//visibility:private"],
    )
    native.cc_library(
        name = name,
        srcs = [stem + ".pb.cc"],
        hdrs = [stem + ".pb.h"],
        # Generated code keeps none of our warning rules.
        copts = ["-w"],
        visibility = visibility,
        deps = ["//third_party:protobuf"],
    )
