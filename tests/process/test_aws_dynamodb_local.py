"""sync/aws against a real DynamoDB: what it writes an independent client reads, and the other way round."""
import pytest
from aws_driver import AwsCall, Failed


@pytest.fixture
def aws(dynamodb):
    with AwsCall(endpoint=dynamodb.endpoint) as driver:
        yield driver


def test_a_table_is_made_written_and_read(aws, dynamodb):
    name = "made-by-postern"
    made = aws.call("CreateTable", {"TableName": name, "BillingMode": "PAY_PER_REQUEST",
                                    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                                    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}]})
    assert made["TableDescription"]["TableName"] == name
    item = {"id": {"S": "grün ✓ \u0001\"\\"}, "n": {"N": "12"}, "b": {"B": "AAEC"}, "m": {"M": {"l": {"L": [{"NULL": True}]}}}}
    aws.call("PutItem", {"TableName": name, "Item": item})
    assert dynamodb.client.get_item(TableName=name, Key={"id": item["id"]})["Item"] == {**item, "b": {"B": bytes([0, 1, 2])}}
    assert aws.call("GetItem", {"TableName": name, "Key": {"id": item["id"]}, "ConsistentRead": True})["Item"] == item


def test_a_scan_goes_over_all_pages(aws, dynamodb):
    name = dynamodb.create_table()
    dynamodb.put_all(name, [{"sessionId": {"S": f"s{i}"}, "fill": {"S": "x" * 2000}} for i in range(300)])
    seen, start = [], {}
    while True:
        page = aws.call("Scan", {"TableName": name, "Limit": 70, **start})
        seen += [item["sessionId"]["S"] for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            break
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert sorted(seen) == sorted(f"s{i}" for i in range(300))


def test_a_stream_is_read(aws, dynamodb):
    name = dynamodb.create_table()
    arn = aws.call("DescribeTable", {"TableName": name})["Table"]["LatestStreamArn"]
    shard = aws.call("DescribeStream", {"StreamArn": arn}, "streams")["StreamDescription"]["Shards"][0]["ShardId"]
    at = aws.call("GetShardIterator", {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}, "streams")
    dynamodb.client.put_item(TableName=name, Item={"sessionId": {"S": "one"}})
    dynamodb.client.delete_item(TableName=name, Key={"sessionId": {"S": "one"}})
    records = aws.call("GetRecords", {"ShardIterator": at["ShardIterator"]}, "streams")["Records"]
    assert [r["eventName"] for r in records] == ["INSERT", "REMOVE"]
    assert records[0]["dynamodb"]["NewImage"] == {"sessionId": {"S": "one"}}


def test_errors_of_the_service_are_told_apart(aws, dynamodb):
    name = dynamodb.create_table()
    key = {"sessionId": {"S": "there"}}
    aws.call("PutItem", {"TableName": name, "Item": {**key, "n": {"N": "7"}}})
    arn = dynamodb.client.describe_table(TableName=name)["Table"]["LatestStreamArn"]
    wrong = [
        ("not_found", "ResourceNotFoundException", "GetItem", {"TableName": "nothing-here", "Key": key}, "dynamodb"),
        ("validation", "ValidationException", "GetItem", {"TableName": name, "Key": {"other": {"S": "x"}}}, "dynamodb"),
        ("conflict", "ResourceInUseException", "CreateTable",
         {"TableName": name, "BillingMode": "PAY_PER_REQUEST", "KeySchema": [{"AttributeName": "sessionId", "KeyType": "HASH"}],
          "AttributeDefinitions": [{"AttributeName": "sessionId", "AttributeType": "S"}]}, "dynamodb"),
        ("condition_failed", "TransactionCanceledException", "TransactWriteItems", {"TransactItems": [{"Put": {
            "TableName": name, "Item": key, "ConditionExpression": "attribute_not_exists(sessionId)"}}]}, "dynamodb"),
        ("not_found", "ResourceNotFoundException", "DescribeStream", {"StreamArn": arn.rpartition("/")[0] + "/2001-01-01T00:00:00.000"}, "streams"),
    ]
    for error, service_name, operation, body, service in wrong:
        with pytest.raises(Failed) as failed:
            aws.call(operation, body, service)
        assert (failed.value.error, failed.value.name) == (error, service_name), failed.value
        assert service_name in failed.value.what and operation in failed.value.what
    assert aws.counters()["attempts"] == len(wrong) + 1  # none of these is tried again


def test_a_failed_condition_gives_the_item_that_stood_in_the_way(aws, dynamodb):
    name = dynamodb.create_table()
    update = {"TableName": name, "Key": {"sessionId": {"S": "a"}}, "UpdateExpression": "SET n = :n",
              "ConditionExpression": "attribute_exists(sessionId) AND n < :n", "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
              "ExpressionAttributeValues": {":n": {"N": "5"}}}
    with pytest.raises(Failed) as no_item:
        aws.call("UpdateItem", update)
    assert no_item.value.error == "condition_failed" and "Item" not in no_item.value.details
    dynamodb.client.put_item(TableName=name, Item={"sessionId": {"S": "a"}, "n": {"N": "9"}})
    with pytest.raises(Failed) as newer:
        aws.call("UpdateItem", update)
    assert newer.value.details["Item"] == {"sessionId": {"S": "a"}, "n": {"N": "9"}}


def test_two_megabytes_come_in_one_answer(aws, dynamodb):
    name = dynamodb.create_table(stream=False)
    for i in range(6):
        aws.call("PutItem", {"TableName": name, "Item": {"sessionId": {"S": str(i)}, "fill": {"S": "é" * 150_000}}})
    got = aws.call("BatchGetItem", {"RequestItems": {name: {"Keys": [{"sessionId": {"S": str(i)}} for i in range(6)]}}})
    assert sorted(item["sessionId"]["S"] for item in got["Responses"][name]) == list("012345")
    assert all(item["fill"]["S"] == "é" * 150_000 for item in got["Responses"][name])
    assert aws.counters()["bytes_received"] > 1_800_000


def test_a_server_that_went_away_and_came_back(tmp_path):
    import dynamodb as dynamodb_local
    with dynamodb_local.DynamoDBLocal(tmp_path) as server, AwsCall(endpoint=server.endpoint, transient_ms=1) as aws:
        assert aws.call("ListTables") == {"TableNames": []}
        server.kill()
        with pytest.raises(Failed) as away:
            aws.call("ListTables")
        assert away.value.error == "down" and "4 attempts" in away.value.what
        server.start()
        assert aws.call("ListTables") == {"TableNames": []}
