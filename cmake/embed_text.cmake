# Writes OUT: the file TEXT as the C array NAME, and its length as NAME_len; both are declared in HEADER.
file(READ ${TEXT} hex HEX)
string(LENGTH "${hex}" n)
math(EXPR n "${n} / 2")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
file(WRITE ${OUT} "#include \"${HEADER}\"\n\nconst char ${NAME}[] = {${bytes} 0};\nconst size_t ${NAME}_len = ${n};\n")
