// The conformance program: the same on every target, without the C++ library. Its "digest" lines are
// compared with those of the native program by tools/compare_conformance.py.
#include "base_cases.h"

int main() { return synapse::conformance::run_base_cases() == 0 ? 0 : 1; }
