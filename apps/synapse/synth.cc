// synapse synth: a model of published shapes with random weights, to measure with.
#include <filesystem>

#include "flags.h"
#include "output.h"
#include "synapse/cpu/kernels/kernels.h"
#include "synapse/import/synth.h"
#include "verbs.h"
