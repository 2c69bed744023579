"""One offence for each house rule: check.py makes a small tree of it and expects the rule to complain.

A rule that cannot fail is worth nothing. The key is the rule's name; the value is files that break it and nothing else's
business.
"""

header = "// What it is for.\n#pragma once\n"

offences: dict[str, dict[str, str]] = {
    "includes_follow_the_arrows": {
        "cache/a.cpp": '// A.\n#include "sync/b.hpp"\n',
        "sync/b.hpp": header,
    },
    "own_headers_are_named_from_the_root": {"cache/a.cpp": '// A.\n#include "b.hpp"\n', "cache/b.hpp": header},
    "libraries_stay_in_their_wrappers": {"control/api/a.cpp": "// A.\n#include <sqlite3.h>\n"},
    "files_are_short": {"base/a.cpp": "// A.\n" + "int x;\n" * 400},
    "headers_are_guarded_and_described": {"base/a.hpp": "// A.\nint x;\n"},
    "lines_are_clean": {"base/a.cpp": "// A.\n\tint x;\n"},
    "nothing_is_left_for_later": {"base/a.cpp": "// A. TO" + "DO: the rest\n"},
    "only_the_project_is_spoken_of": {"README.md": "See /ho" + "me/someone/notes.\n"},
    "locks_name_no_host": {"site/package-lock.json": '{ "resolved": "https://example.org/a.tgz" }\n'},
    "packages_are_pinned": {"site/package.json": '{ "dependencies": { "astro": "^5.0.0" } }\n'},
    "each_folder_says_what_it_is_for": {"cache/a.cpp": "// A.\n"},
    "tests_mirror_the_code": {"tests/unit/cache/nothing_test.cpp": "#include <gtest/gtest.h>\n"},
    "links_lead_somewhere": {"README.md": "[there](nowhere.md)\n"},
    "sources_are_formatted": {"base/a.cpp": "// A.\nint   x ;\n"},
}
