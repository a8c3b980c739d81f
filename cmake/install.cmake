# cmake --install BUILD [--prefix DIR]: the programs, the library with its headers and its pkg-config file, the manual pages,
# the completion. DESTDIR is honoured.
install(TARGETS statuslistd statuslistctl RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS statuslist LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${CMAKE_BINARY_DIR}/libstatuslist.a DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/statuslist DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(CODE "get_filename_component(prefix \"\${CMAKE_INSTALL_PREFIX}\" ABSOLUTE)
file(READ \"${CMAKE_BINARY_DIR}/statuslist.pc\" text)
string(REGEX REPLACE \"^prefix=[^\n]*\" \"prefix=\${prefix}\" text \"\${text}\")
file(WRITE \"${CMAKE_BINARY_DIR}/installed/statuslist.pc\" \"\${text}\")") # of this installation, whatever was configured
install(FILES ${CMAKE_BINARY_DIR}/installed/statuslist.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES man/statuslistctl.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES man/statuslist.3 DESTINATION ${CMAKE_INSTALL_MANDIR}/man3)
install(FILES man/statuslistd.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES completions/statuslistctl DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES completions/statuslistctl.zsh RENAME _statuslistctl DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES completions/statuslistctl.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(FILES examples/verify.c DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
