// Shows that check_template.mjs finds what it is there for: each planted error, by its message.
//
//   PROJECT_DIR=... NODE_MODULES=... node --test check_template_test.mjs

import assert from 'node:assert/strict';
import test from 'node:test';

import { makeChecker, readProject } from './check_template.mjs';

const project = readProject(process.env.PROJECT_DIR);
const check = makeChecker(process.env.NODE_MODULES);

/** What is found once `from` is `to` in one of the files. */
function planted(from, to, file = 'template') {
  const text = project[file];
  assert.ok(text.includes(from), `${JSON.stringify(from)} is not in the file`);
  return check({ ...project, [file]: text.replace(from, to) });
}

function finds(name, from, to, message, file) {
  test(name, () => {
    const found = planted(from, to, file);
    assert.ok(found.some((line) => line.includes(message)), `found only: ${found.join('; ') || 'nothing'}`);
  });
}

test('the project itself has no problem', () => assert.deepEqual(check(project), []));

// The shape of YAML and of the template.
finds('not YAML', 'Resources:\n', 'Resources: [\n', 'not YAML');
finds('an unknown function', '!Equals [', '!Equal [', 'not YAML');
finds('a name twice', '  OutputBucket:\n', '  InputBucket:\n', 'not YAML');
finds('an unknown section', 'Outputs:\n', 'Output:\n', 'there is no section Output');

// AWS's specification: names, types, values, what is required.
finds('a wrong type of resource', 'AWS::DynamoDB::Table', 'AWS::DynamoDB::Tabel', 'no resource type AWS::DynamoDB::Tabel');
finds('a wrong property', 'BillingMode:', 'BilingMode:', 'ResultTable: has no property BilingMode');
finds('a wrong property inside', 'BlockPublicAcls', 'BlockPublicACLs', 'has no property BlockPublicACLs');
finds('a wrong property in a list', 'KeyType: HASH', 'KeyTyp: HASH', 'ResultTable.KeySchema[0]: has no property KeyTyp');
finds('a wrong property of a SAM function', 'Architectures: [arm64]', 'Architecture: arm64', 'has no property Architecture');
finds('a wrong property in the globals', 'Timeout: 60', 'TimeOut: 60', 'has no property TimeOut');
finds('text for a number', 'MemorySize: 6144', 'MemorySize: "6144"', 'MemorySize: must be a number');
finds('text for a boolean', 'BlockPublicAcls: true', 'BlockPublicAcls: "true"', 'BlockPublicAcls: must be true or false');
finds('a number for text', 'WORKER_COUNT: "4"', 'WORKER_COUNT: 4', 'WORKER_COUNT: must be text');
finds('a map for a list', 'Rules: [{ObjectOwnership: BucketOwnerEnforced}]', 'Rules: {ObjectOwnership: BucketOwnerEnforced}', 'Rules: must be a list');
finds('a reference for a list', 'Architectures: [arm64]', 'Architectures: !Ref LogLevel', 'Architectures: must be a list');
finds('a value that is none', 'SSEAlgorithm: AES256', 'SSEAlgorithm: AES265', 'SSEAlgorithm: is "AES265"');
finds('an architecture that is none', 'Architectures: [arm64]', 'Architectures: [aarch64]', 'Architectures: is "aarch64"');
finds('a log format that is none', 'LogFormat: JSON', 'LogFormat: Json', 'LogFormat: is "Json"');
finds('more memory than there is', 'MemorySize: 6144', 'MemorySize: 16384', 'MemorySize: is 16384');
finds('a runtime that is gone', 'provided.al2023', 'provided.al2', 'Runtime: is "provided.al2"');
finds('a required property that is missing', '      Principal: events.amazonaws.com\n', '', 'needs Principal');
finds('a required property missing inside', 'SSEAlgorithm: AES256', '', 'needs SSEAlgorithm');
finds('a SAM function without handler', '    Handler: bootstrap\n', '', 'needs Handler');

// What names something else.
finds('a dangling Ref', '!Ref InputBucket', '!Ref InputBuckets', 'there is no InputBuckets');
finds('a dangling GetAtt', '!GetAtt CsvEtlRole.Arn', '!GetAtt CsvRole.Arn', 'there is no CsvRole');
finds('an attribute that is none', '!GetAtt ResultTable.Arn', '!GetAtt ResultTable.ARN', 'has no ARN');
finds('a dangling Sub', 'dynamodb://${ResultTable}', 'dynamodb://${ResultsTable}', 'there is no ResultsTable');
finds('a dangling attribute in Sub', '${InputBucket.Arn}/records', '${InputBucket.Arm}/records', 'has no Arm');
finds('a dangling condition', 'Condition: Benchmark', 'Condition: Benchmarks', 'there is no condition Benchmarks');
finds('an unused parameter', 'ApplicationLogLevel: !Ref LogLevel', 'ApplicationLogLevel: INFO', 'LogLevel: is used nowhere');
finds('a circle', 'Type: AWS::DynamoDB::Table\n', 'Type: AWS::DynamoDB::Table\n    DependsOn: CsvEtlFunction\n', 'circle: ');
finds('a dangling output', 'Value: !Ref EveryFile', 'Value: !Ref EachFile', 'there is no EachFile');

// The project's own rules.
finds('code that nobody writes', 'zip/arm64/bcrypt/', 'zip/arm64/bcript/', 'nothing that tools/package-lambda writes');
finds('code for the other machine', 'zip/arm64/csv-etl/', 'zip/x86_64/csv-etl/', 'the code is for x86_64');
test('a handler without function', () => {
  const found = check({ ...project, handlers: [...project.handlers, 'new'] });
  assert.deepEqual(found, ['the template has no function for the handler new']);
});
finds('a configuration that is missing', 'millrace-bench-arm64-3vcpu-4096mb', 'millrace-bench-arm64-3vcpu-4095mb', 'the benchmark lacks millrace-bench-arm64-3vcpu-4096mb');
finds('a configuration of another size', 'MemorySize: 10240', 'MemorySize: 10239', 'the benchmark lacks');
finds('seven workers', 'WORKER_COUNT: "4"', 'WORKER_COUNT: "7"', 'WORKER_COUNT is 7');
finds('a variable that nobody reads', 'IMAGE_FILTER_FILTER:', 'IMAGE_FILTER_FILTERS:', "sets IMAGE_FILTER_FILTERS, which image-filter doesn't read");
finds('a variable of another handler', 'IMAGE_FILTER_FILTER: grayscale', 'CSV_ETL_OUTPUT: grayscale', "sets CSV_ETL_OUTPUT, which image-filter doesn't read");
finds('no table for the results', '          CSV_ETL_OUTPUT: !Sub "dynamodb://${ResultTable}"\n', '', "CsvEtlFunction: doesn't set CSV_ETL_OUTPUT");
finds('no bucket for the images', '          IMAGE_FILTER_OUTPUT_BUCKET: !Ref OutputBucket\n', '', "ImageFilterFunction: doesn't set IMAGE_FILTER_OUTPUT_BUCKET");
finds('no bucket for the tables', '          CSV_TRANSFORM_OUTPUT_BUCKET: !Ref OutputBucket\n', '', "CsvTransformFunction: doesn't set CSV_TRANSFORM_OUTPUT_BUCKET");
finds('any action', 'Action: [s3:GetObject]', 'Action: ["*"]', 'allows *');
finds('any action of a service', 'Action: [s3:GetObject]', 'Action: ["s3:*"]', 'allows s3:*');
finds('any resource', '!Sub "${InputBucket.Arn}/records/*"', '"*"', 'allows s3:GetObject on *');
finds('a whole bucket', '${InputBucket.Arn}/records/*', '${InputBucket.Arn}/*', 'allows s3:GetObject on');
finds('managed policies', '      Policies:\n', '      ManagedPolicyArns: [arn:aws:iam::aws:policy/AdministratorAccess]\n      Policies:\n', 'managed policies');
finds('a public bucket', 'RestrictPublicBuckets: true', 'RestrictPublicBuckets: false', "doesn't block all public access");
finds('a bucket that keeps unfinished uploads', 'Status: Enabled', 'Status: Disabled', 'keeps unfinished uploads');

// The state machine.
finds('a state that is not there', '"Next": "Failed"', '"Next": "Fail"', 'state machine: ', 'stateMachine');
finds('a wrong field of a state', '"ErrorEquals": ["States.ALL"]', '"ErrorEqual": ["States.ALL"]', 'state machine: ', 'stateMachine');
finds('nothing to put in', '${CsvEtlFunctionArn}', '${CsvFunctionArn}', 'nothing to put for ${CsvFunctionArn}', 'stateMachine');
