// The one binary. What it does is said by its arguments; see edge/cli/cli.hpp.
#include "edge/cli/cli.hpp"

#include <iostream>

int main(int argc, char** argv) {
    const postern::edge::console to{std::cout, std::cerr};
    return postern::edge::run_command_line({argv + (argc > 0 ? 1 : 0), argv + argc}, to);
}
