# The public library: libstatuslist.so, whose only symbols are those of include/statuslist, and libstatuslist.a, in which
# all others are made local. Both have what they need of base and core inside.
include(GNUInstallDirs)
file(GLOB library_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/lib/*.c)
foreach(name base/base64url base/assert core/status_list)
  list(APPEND library_sources ${CMAKE_SOURCE_DIR}/src/${name}.c)
endforeach()
add_library(statuslist_objects OBJECT ${library_sources})
target_include_directories(statuslist_objects PRIVATE src include)
set_target_properties(statuslist_objects PROPERTIES C_VISIBILITY_PRESET hidden POSITION_INDEPENDENT_CODE ON)
target_compile_options(statuslist_objects PRIVATE -fPIC) # after -fPIE of the programs
target_link_libraries(statuslist_objects PRIVATE OpenSSL::Crypto PkgConfig::JANSSON ZLIB::ZLIB)

add_library(statuslist SHARED)
target_link_libraries(statuslist PRIVATE statuslist_objects OpenSSL::Crypto PkgConfig::JANSSON ZLIB::ZLIB m)
get_directory_property(options LINK_OPTIONS)
list(REMOVE_ITEM options -pie) # is for programs
set_target_properties(statuslist PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION 0 LINK_OPTIONS "${options};-Wl,--no-undefined")
if(SL_SANITIZE) # the program brings the sanitizer's symbols
  set_target_properties(statuslist PROPERTIES LINK_OPTIONS "${options}")
endif()

set(archive ${CMAKE_BINARY_DIR}/libstatuslist.a)
add_custom_command(OUTPUT ${archive}
  COMMAND ${CMAKE_LINKER} -r -o statuslist.o $<TARGET_OBJECTS:statuslist_objects>
  COMMAND ${CMAKE_OBJCOPY} --localize-hidden statuslist.o
  COMMAND ${CMAKE_COMMAND} -E rm -f ${archive}
  COMMAND ${CMAKE_AR} qcs ${archive} statuslist.o
  DEPENDS statuslist_objects $<TARGET_OBJECTS:statuslist_objects>
  COMMAND_EXPAND_LISTS VERBATIM)
add_custom_target(statuslist_archive ALL DEPENDS ${archive})

configure_file(cmake/statuslist.pc.in ${CMAKE_BINARY_DIR}/statuslist.pc @ONLY)
