# Run while building: writes OUT, a header that names the commit of SOURCE_DIR, and touches it only when that changed.
execute_process(COMMAND git -C ${SOURCE_DIR} describe --always --abbrev=12 --dirty --exclude=*
                OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
  set(commit unknown)  # a source tree without its history
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "#pragma once\n#define SYNAPSE_COMMIT \"@commit@\"\n" @ONLY)
