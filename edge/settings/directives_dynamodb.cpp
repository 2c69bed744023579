// Directives about a store in DynamoDB.
#include "edge/settings/directives.hpp"

namespace postern::edge {
namespace {

const directive table[] = {
    {.name = "region",
     .contexts = context::store,
     .arguments = "NAME",
     .words_min = 1,
     .words_max = 1,
     .line = "The AWS region of the DynamoDB table",
     .more = "Without it: AWS_REGION, AWS_DEFAULT_REGION, the profile's, or the instance's own.",
     .example = "region us-east-1;"},
    {.name = "profile",
     .contexts = context::store,
     .arguments = "NAME",
     .words_min = 1,
     .words_max = 1,
     .line = "The profile of AWS's shared files whose credentials are used for the table",
     .more =
         "Without it credentials are found as AWS's tools find them: environment, web identity, "
         "shared files, the container's, the instance's.",
     .example = "profile edge;"},
    {.name = "endpoint",
     .contexts = context::store,
     .arguments = "URL [streams=URL]",
     .words_min = 1,
     .words_max = 2,
     .line = "Where DynamoDB is, and its streams where that is elsewhere",
     .more =
         "Without it: AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL, or AWS's own for the region. "
         "http is for DynamoDB Local on this host.",
     .example = "endpoint http://127.0.0.1:8000;"},
    {.name = "key",
     .contexts = context::store,
     .arguments = "ATTRIBUTE VALUE",
     .words_min = 2,
     .words_max = 2,
     .line = "A key of the table, and what its value is made of: a text, and one of the ids behind "
             "it",
     .more =
         "The first is the hash key and ends with {sessionId}; a second one is the range key, of "
         "{sessionId}, {clientId}, {userId} or {threadId}. Items whose keys begin with other "
         "texts are no sessions, and are left alone. Unless it is given: key sessionId "
         "{sessionId}.",
     .example = "key PK SESSION#{sessionId};\nkey SK USER#{userId};",
     .repeats = true},
    {.name = "map",
     .contexts = context::store,
     .arguments = "FIELD ATTRIBUTE [iso | seconds | milliseconds]",
     .words_min = 2,
     .words_max = 3,
     .line = "Another attribute of the table's items for something that postern knows of a session",
     .more =
         "FIELD is one of sessionId, clientId, userId, threadId, status, taskArn, containerIp, "
         "port, containerId, startedAt, createdAt, lastActivityAt, ttl, branch, lastCommit, "
         "isDirty, "
         "instruction, reason, requestCount, bytesTransferred, version, accessGeneration; unless "
         "it "
         "is mapped, the attribute of this name. The third word is how a new time is written; each "
         "form is read. ttl is always in seconds. Other attributes are left as they are.",
     .example = "map taskArn fargateTaskArn;\nmap lastActivityAt lastActivity seconds;",
     .repeats = true},
    {.name = "port",
     .contexts = context::store,
     .arguments = "NUMBER",
     .words_min = 1,
     .words_max = 1,
     .line = "The port of a session's container, where its item says none; 4321 unless given",
     .example = "port 8080;"},
    {.name = "containers",
     .contexts = context::store,
     .arguments = "TABLE [key=ATTRIBUTE] [ip=ATTRIBUTE] [port=ATTRIBUTE]",
     .words_min = 1,
     .words_max = 4,
     .line = "A second table with the containers' addresses, for sessions that name a container",
     .more = "A session's attribute containerId is looked up by the table's key; an address in the "
             "session's own item goes before it. Unless given, the attributes are containerId, "
             "containerIp and port.",
     .example = "containers webordinary-containers ip=privateIp;"},
    {.name = "feed",
     .contexts = context::store,
     .arguments = "streams | poll [TIME] | redis URL [user=NAME] [password_file=FILE] [ca=FILE] "
                  "[feeders=COUNT]",
     .words_min = 1,
     .words_max = 6,
     .line =
         "How changes of the table come here: by its stream, by reading it whole every TIME, or "
         "by a Redis server that two hosts feed",
     .more =
         "streams, the default, shows a change within about a second, and is for one or two "
         "hosts: DynamoDB lets no more read a stream. poll, every 30s unless given (1s to 1h), "
         "is for any number of hosts and small tables: each reading is paid for by the table's "
         "size. redis is for any number of hosts and tables of any size: of all hosts with the "
         "same conf two at a time (feeders, 0 to 2; a host with 0 only follows) read the stream "
         "and publish it to a Redis or Valkey server, which all follow. URL is "
         "redis://[[user]:password@]HOST[:PORT][/DB], rediss:// for TLS with a verified "
         "certificate (of the system's authorities, or those in the file ca), or "
         "unix:/PATH[?db=DB]. The first line of password_file is the password; the file is "
         "read for each connection, by the user that postern runs as; the URL then says user@ at "
         "most.",
     .example =
         "feed redis rediss://cache.internal:6379 password_file=/etc/postern/redis.password;"},
    {.name = "call_timeout",
     .contexts = context::store,
     .arguments = "TIME",
     .words_min = 1,
     .words_max = 1,
     .line =
         "How long the API waits for DynamoDB, all tries together, 500ms to 1m; 5s unless given",
     .example = "call_timeout 2s;"},
    {.name = "look_through",
     .contexts = context::store,
     .arguments = "off | [on] [SESSION_ID] [within=TIME] [rate=NUMBERr/s] [calls=NUMBER] "
                  "[held=NUMBER]",
     .words_min = 1,
     .words_max = 6,
     .line =
         "Whether a session that is not known here is looked for in the table; on unless given, "
         "where route_key has {sessionId}",
     .more =
         "A request for it waits, at most for within (2s unless given, 100ms to 30s), until the "
         "table has said what it has: one strong read, of the container's address as well where "
         "there are containers, shared by all who ask. That there is no such session is believed "
         "for 1.5 s.\n"
         "SESSION_ID is what a session's id is made of, with names of route_key: {sessionId} "
         "unless given, or such as {clientId}-{threadId}. Without those names in route_key the id "
         "does not follow from a URL, and nothing is asked.\n"
         "So many reads in a second (rate, 100r/s) and at one time (calls, 4) are made on this "
         "host, and so many requests (held, 256; one client asks for an eighth as many sessions) "
         "wait in each worker; what is beyond them is answered as unknown at once. Clients that "
         "ask are served "
         "in turn.",
     .example = "look_through {clientId}-{threadId} within=1s rate=50r/s;"},
};

} // namespace

std::span<const directive> dynamodb_directives() {
    return table;
}

} // namespace postern::edge
