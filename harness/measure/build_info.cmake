# Run at every build: writes OUTPUT with the checkout's state, and only when that has changed, so
# that a build with nothing to do compiles nothing. Outside a checkout of this project: empty.
set(sha "")
set(dirty false)
find_program(git_program git)
if(git_program)
  # A source archive unpacked inside someone else's checkout is not that checkout.
  execute_process(COMMAND ${git_program} rev-parse --show-toplevel HEAD
    WORKING_DIRECTORY ${SOURCE_DIR} OUTPUT_VARIABLE answer RESULT_VARIABLE failed
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  string(REPLACE "\n" ";" answer "${answer}")
  list(LENGTH answer parts)
  if(NOT failed AND parts EQUAL 2)
    list(GET answer 0 top)
    file(REAL_PATH "${top}" top)
    file(REAL_PATH "${SOURCE_DIR}" source)
    if(top STREQUAL source)
      list(GET answer 1 sha)
      # No optional locks: a build must not get in the way of a commit.
      execute_process(COMMAND ${git_program} --no-optional-locks status --porcelain
        --untracked-files=no
        WORKING_DIRECTORY ${SOURCE_DIR} OUTPUT_VARIABLE changes ERROR_QUIET)
      if(NOT changes STREQUAL "")
        set(dirty true)
      endif()
    endif()
  endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#define RYZ_GIT_SHA \"${sha}\"
#define RYZ_GIT_DIRTY ${dirty}
" @ONLY)
