# sl_layer(NAME RANK n LAYERS ... PRIVATE libs...): a static library sl_NAME from src/NAME/*.c.
# lock_NAME links the whole archive against the declared layers only, so that a symbol which
# reaches upward is an undefined reference: the link lock of the layer rule.
function(sl_layer name)
  cmake_parse_arguments(L "" "RANK" "LAYERS;PRIVATE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.c)
  list(REMOVE_ITEM sources ${CMAKE_SOURCE_DIR}/src/daemon/main.c)
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

# sl_embed_lua(LAYER): src/LAYER/lua/*.lua become `const struct sl_lua_source sl_lua_sources[]` (store/scripts.h).
function(sl_embed_lua layer)
  file(GLOB scripts CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${layer}/lua/*.lua)
  set(out ${CMAKE_BINARY_DIR}/generated/lua_sources.c)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DOUT=${out} "-DSCRIPTS=${scripts}" -P ${CMAKE_SOURCE_DIR}/cmake/embed_lua.cmake
    DEPENDS ${scripts} ${CMAKE_SOURCE_DIR}/cmake/embed_lua.cmake VERBATIM)
  target_sources(sl_${layer} PRIVATE ${out})
endfunction()
