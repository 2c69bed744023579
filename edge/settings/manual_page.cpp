// The manual page: what the command line does in words of its own, and the directives from their
// table.
#include "edge/settings/directives.hpp"
#include "edge/settings/document.hpp"

#include <fmt/format.h>

namespace postern::edge {
namespace {

constexpr std::string_view before_directives = R"(.SH NAME
postern \- edge router for sessions that come and go
.SH SYNOPSIS
.nf
\fBpostern\fR [\fB\-c\fR \fIFILE\fR]
\fBpostern\fR [\fB\-c\fR \fIFILE\fR] \fB\-t\fR
\fBpostern\fR [\fB\-c\fR \fIFILE\fR] \fB\-s\fR \fBstop\fR|\fBquit\fR|\fBreload\fR|\fBreopen\fR
\fBpostern\fR [\fB\-c\fR \fIFILE\fR] \fBsessions\fR \fBlist\fR|\fBshow\fR|\fBset\fR|\fBrm\fR|\fBlink\fR|\fBunlink\fR ...
\fBpostern\fR [\fB\-c\fR \fIFILE\fR] \fBtable\fR \fBdump\fR|\fBcheck\fR [\fIFILE\fR]
\fBpostern\fR [\fB\-c\fR \fIFILE\fR] \fBexplain\fR \fIURL\fR [\fB\-H\fR '\fINAME: VALUE\fR'] ...
\fBpostern\fR \fBhelp\fR [\fIDIRECTIVE\fR]
\fBpostern\fR \fBversion\fR
.fi
.SH DESCRIPTION
postern gives each session a live container while it is used and a static site the rest of the time.
It looks a request's session up in a table that its processes share, and proxies to the container, or shows a
page, or the static site. It starts containers when they are wanted and stops them when they are idle.
.PP
Without a command postern runs in the foreground and logs to standard error.
.SH OPTIONS
.TP
\fB\-c\fR \fIFILE\fR
The conf; /etc/postern/postern.conf without it.
.TP
\fB\-t\fR
Checks the conf, and the files and folders that a start needs: exits with 78 where the conf is wrong, with 1 where
postern could not start with it, else with 0. What would start and not work, such as a static folder or a launcher's
program that does not exist, is a warning. Nothing is made, and addresses are not tried.
.TP
\fB\-s\fR \fISIGNAL\fR
Tells the running postern, found by the conf's \fBpid\fR, to \fBstop\fR at once, to \fBquit\fR after the requests
in flight, to \fBreload\fR its conf, or to \fBreopen\fR its logs.
.TP
\fB\-v\fR, \fB\-\-version\fR
The version.
.SH COMMANDS
.TP
\fBsessions list\fR [\fB\-\-client\fR \fIID\fR] [\fB\-\-status\fR \fISTATUS\fR] [\fB\-\-json\fR]
The sessions in the store. The sessions commands need no running postern.
.TP
\fBsessions show\fR \fIID\fR [\fB\-\-json\fR]
All that is known of one.
.TP
\fBsessions set\fR \fIID\fR [\fB\-\-status\fR \fISTATUS\fR] [\fB\-\-target\fR \fIADDRESS:PORT\fR|\fBnone\fR] [\fB\-\-client\fR \fIID\fR] \
[\fB\-\-user\fR \fIID\fR] [\fB\-\-thread\fR \fIID\fR] [\fB\-\-branch\fR \fINAME\fR] [\fB\-\-instruction\fR \fITEXT\fR] [\fB\-\-reason\fR \fITEXT\fR]
Makes or changes a session; a running postern routes by it within a second. STATUS is initializing, active,
draining, inactive or failed. A new session's thread is its ID and its client "default" where they are not given.
.TP
\fBsessions rm\fR \fIID\fR
Removes a session.
.TP
\fBsessions link\fR \fIID\fR [\fB\-\-for\fR \fITIME\fR]
Prints a signed link that opens the session where access link asks for one, for 1h or TIME, 30d at most.
.TP
\fBsessions unlink\fR \fIID\fR
Revokes all links to the session, and the cookies that they were exchanged for, at once.
.TP
\fBtable dump\fR [\fIFILE\fR], \fBtable check\fR [\fIFILE\fR]
Shows or checks a session table, the conf's or another file, also when no postern runs.
.TP
\fBexplain\fR \fIURL\fR
Says where a request for this URL would go, and why.
.TP
\fBhelp\fR [\fIDIRECTIVE\fR]
The commands and directives, or all about one; \fBhelp \-\-conf\fR writes the documented conf, \fBhelp \-\-man\fR this page.
.SH CONF
Directives end with a semicolon or hold a block in braces. # begins a comment, quotes and backslashes are as in
nginx. {name} in a path, host name or template is a capture. Relative paths start at the conf's folder.
Times have the units ms, s, m, h and d, and are seconds without one; sizes have k, m and g.
)";

constexpr std::string_view after_directives = R"(.SH SIGNALS
TERM and INT stop at once, QUIT ends after the requests in flight, HUP loads the conf again, USR1 opens the logs again.
A conf that is not right changes nothing.
.PP
HUP and USR1 start new workers and let the old ones end: WebSockets that are open on these stay until
\fBworker_shutdown_timeout\fR has passed and are ended then. So each log rotation that sends USR1 or runs
\fBpostern \-s reopen\fR ends open WebSockets once; with logrotate's \fBcopytruncate\fR and no signal, none.
.SH EXIT STATUS
0 success; 1 a failure, or postern cannot start; 64 a wrong command line; 78 a wrong conf.
.SH FILES
/etc/postern/postern.conf, /var/lib/postern, /run/postern.pid
)";

/// Text as troff takes it literally.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n'))
            out.append("\\&").append(1, c);
        else
            out += c;
    }
    return out;
}

void add(std::string& out, const directive& d) {
    out += fmt::format(".TP\n\\fB{}\\fR {}{}\n", d.name, escaped(d.arguments),
                       d.block == block_rule::required ? " { ... }" : "");
    out += fmt::format("{}.\n", escaped(d.line));
    if (!d.more.empty())
        out += escaped(d.more) + "\n";
    if (!d.standard.empty())
        out += fmt::format("Default: \\fB{}\\fR.\n", escaped(d.standard));
    out += fmt::format("Context: {}.\n", text_of_contexts(d.contexts));
}

} // namespace

std::string manual_page(std::string_view version) {
    std::string out = ".\\\" Written by \"postern help --man\".\n";
    out += fmt::format(".TH POSTERN 1 \"\" \"postern {}\" \"postern\"\n", version);
    out += before_directives;
    out += ".SH DIRECTIVES\n";
    for (const directive& d : all_directives())
        add(out, d);
    return out.append(after_directives);
}

} // namespace postern::edge
