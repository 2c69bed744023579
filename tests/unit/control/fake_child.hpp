// Programs that the launcher tests start: this test program itself, which turns into the wanted one
// before main.
#pragma once

#include <string>
#include <vector>

namespace postern::control::test {

/// The command that runs a fake: {program, "--fake-child", BEHAVIOUR, arguments...}. See
/// fake_child_test.cpp for them.
[[nodiscard]] std::vector<std::string> fake_child(const std::string& behaviour,
                                                  const std::vector<std::string>& arguments = {});

} // namespace postern::control::test
