# The static pugixml of Debian's package, whose own CMake file knows the shared one only.
find_library(PUGIXML_LIBRARY pugixml REQUIRED)
find_path(PUGIXML_INCLUDE_DIR pugixml.hpp REQUIRED)
if(NOT TARGET pugixml::pugixml)
  add_library(pugixml::pugixml STATIC IMPORTED GLOBAL)
  set_target_properties(
    pugixml::pugixml PROPERTIES IMPORTED_LOCATION ${PUGIXML_LIBRARY}
                                INTERFACE_INCLUDE_DIRECTORIES ${PUGIXML_INCLUDE_DIR})
endif()
set(pugixml_FOUND TRUE)
