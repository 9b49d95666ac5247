#pragma once
// HG_CHECK stops the program on a broken promise inside it. What the outside can cause is a Status.

#include <cstdio>
#include <cstdlib>

#define HG_CHECK(condition)                                                                \
  do {                                                                                     \
    if (!(condition)) {                                                                    \
      std::fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                        \
    }                                                                                      \
  } while (false)
