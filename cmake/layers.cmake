# sl_layer(NAME RANK n LAYERS ... PRIVATE libs...): a static library sl_NAME from src/NAME/*.c.
# lock_NAME links the whole archive against the declared layers only, so that a symbol which
# reaches upward is an undefined reference: the link lock of the layer rule.
# The ranks are those of layers.txt: a layer that links one of its own rank or above does not configure.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/layers.txt)
function(sl_rank name ret)
  file(STRINGS ${CMAKE_SOURCE_DIR}/layers.txt line REGEX "^[0-9]+ ${name}( |$)")
  if(NOT line MATCHES "^([0-9]+) ")
    message(FATAL_ERROR "layers.txt does not know the layer ${name}")
  endif()
  set(${ret} ${CMAKE_MATCH_1} PARENT_SCOPE)
endfunction()

function(sl_layer name)
  cmake_parse_arguments(L "" "RANK" "LAYERS;PRIVATE" ${ARGN})
  sl_rank(${name} rank)
  if(NOT rank EQUAL L_RANK)
    message(FATAL_ERROR "${name}: rank ${L_RANK} here, ${rank} in layers.txt")
  endif()
  foreach(layer ${L_LAYERS})
    sl_rank(${layer} below)
    if(NOT below LESS rank)
      message(FATAL_ERROR "${name} (rank ${rank}) may not link ${layer} (rank ${below})")
    endif()
  endforeach()
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.c)
  list(REMOVE_ITEM sources ${CMAKE_SOURCE_DIR}/src/${name}/main.c)
  if(NOT sources) # CMake wants at least one
    set(sources ${CMAKE_SOURCE_DIR}/cmake/empty.c)
  endif()
  add_library(sl_${name} STATIC ${sources})
  target_include_directories(sl_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  foreach(layer ${L_LAYERS})
    target_link_libraries(sl_${name} PUBLIC sl_${layer})
  endforeach()
  target_link_libraries(sl_${name} PRIVATE ${L_PRIVATE})
  if(NOT SL_SANITIZE)
    set(empty ${CMAKE_BINARY_DIR}/lock_main.c)
    if(NOT EXISTS ${empty})
      file(WRITE ${empty} "int main(void)\n{\n    return 0;\n}\n")
    endif()
    add_executable(lock_${name} EXCLUDE_FROM_ALL ${empty})
    target_link_libraries(lock_${name} PRIVATE -Wl,--whole-archive sl_${name} -Wl,--no-whole-archive)
  endif()
endfunction()

# sl_embed_text(LAYER FILE NAME HEADER): a file of the tree becomes `const char NAME[]` in the layer.
function(sl_embed_text layer file name header)
  set(out ${CMAKE_BINARY_DIR}/generated/${name}.c)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DOUT=${out} -DTEXT=${CMAKE_SOURCE_DIR}/${file} -DNAME=${name} -DHEADER=${header}
      -P ${CMAKE_SOURCE_DIR}/cmake/embed_text.cmake
    DEPENDS ${CMAKE_SOURCE_DIR}/${file} ${CMAKE_SOURCE_DIR}/cmake/embed_text.cmake VERBATIM)
  target_sources(sl_${layer} PRIVATE ${out})
endfunction()

# sl_embed_lua(LAYER): src/LAYER/lua/*.lua become `const struct sl_lua_source sl_lua_sources[]` (store/scripts.h).
function(sl_embed_lua layer)
  file(GLOB scripts CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${layer}/lua/*.lua)
  file(GLOB parts CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${layer}/lua/part/*.lua)
  set(out ${CMAKE_BINARY_DIR}/generated/lua_sources.c)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DOUT=${out} "-DSCRIPTS=${scripts}" -P ${CMAKE_SOURCE_DIR}/cmake/embed_lua.cmake
    DEPENDS ${scripts} ${parts} ${CMAKE_SOURCE_DIR}/cmake/embed_lua.cmake ${CMAKE_SOURCE_DIR}/src/${layer}/store.h VERBATIM)
  target_sources(sl_${layer} PRIVATE ${out})
endfunction()
