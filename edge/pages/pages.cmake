# Puts edge/pages/*.html into generated/edge/pages/built_in_pages.cpp, with {{>head}}, {{>script}} and {{>gate}} filled in.
set(pages_dir ${CMAKE_SOURCE_DIR}/edge/pages)
set(pages_out ${CMAKE_BINARY_DIR}/generated/edge/pages/built_in_pages.cpp)
set(page_names loading resume failed reconnecting not_found error) # in the order of enum class page
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${pages_dir}/shared.css
  ${pages_dir}/shared_head.html ${pages_dir}/shared.js ${pages_dir}/gate.svg)

file(READ ${pages_dir}/shared.css pages_style)
file(READ ${pages_dir}/shared_head.html pages_head)
string(REPLACE "{{>style}}" "${pages_style}" pages_head "${pages_head}")
file(READ ${pages_dir}/shared.js pages_script)
file(READ ${pages_dir}/gate.svg pages_gate)
string(REGEX REPLACE " (=|=>|===|!==|&&|<|[|][|]|[?]) " "\\1" pages_script "${pages_script}")
string(APPEND pages_cpp "// Made by edge/pages/pages.cmake from edge/pages/*.html.\n"
  "#include \"edge/pages/built_in_pages.hpp\"\n\nnamespace postern::edge {\n\n"
  "const std::array<std::string_view, static_cast<std::size_t>(page::count_)> built_in_pages{\n")
foreach(name ${page_names})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${pages_dir}/${name}.html)
  file(READ ${pages_dir}/${name}.html page_html)
  string(REPLACE "{{>head}}" "${pages_head}" page_html "${page_html}")
  string(REPLACE "{{>gate}}" "${pages_gate}" page_html "${page_html}")
  string(REPLACE "{{>script}}" "${pages_script}" page_html "${page_html}")
  # Indentation and comments mean nothing to a browser, and every page is sent many times.
  string(REGEX REPLACE "\n *//[^\n]*" "" page_html "${page_html}")
  string(REGEX REPLACE "\n[ \n]+" "\n" page_html "${page_html}")
  string(APPEND pages_cpp "    std::string_view{R\"page(${page_html})page\"},\n")
endforeach()
string(APPEND pages_cpp "};\n\n} // namespace postern::edge\n")

file(WRITE ${pages_out}.new "${pages_cpp}")
file(COPY_FILE ${pages_out}.new ${pages_out} ONLY_IF_DIFFERENT)
target_sources(postern_pages PRIVATE ${pages_out})
