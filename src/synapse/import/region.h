// Region lies with the platform, where the C interface can use it too.
#pragma once
#include "synapse/platform/region.h"
