#!/usr/bin/env node
// Does with AWS's own SDK what a test needs done, or looked at, by somebody else than our clients.
//
// usage: aws_sdk.mjs SERVICE COMMAND [ARGUMENT]...
//        aws_sdk.mjs                                 (a JSON array of the same words per line)
//
//   s3 create-bucket BUCKET
//   s3 put BUCKET KEY FILE              from FILE, in one request
//   s3 get BUCKET KEY FILE              into FILE
//   s3 list BUCKET                      the keys, their sizes and ETags
//   s3 uploads BUCKET                   the multipart uploads that are still open
//   dynamodb create-table TABLE         with the keys PK and SK, both strings
//   dynamodb delete-table TABLE
//   dynamodb scan TABLE                 all items, in DynamoDB's own JSON
//
// Prints one line of JSON for each: what it found, or {"error", "message"}. Without arguments the
// first line is {"ready": true}, and it ends with its input. Where the services are and the keys
// come from the environment: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL_DYNAMODB, AWS_ACCESS_KEY_ID,
// AWS_SECRET_ACCESS_KEY, AWS_REGION.
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { announce, fail, load } from './lifetime.mjs'

process.removeAllListeners('warning') // which versions of Node.js the SDK will want in future

function once(make) {
  let made
  return () => (made ??= make())
}

const s3 = once(() => {
  const { S3 } = load('@aws-sdk/client-s3')
  return new S3({
    forcePathStyle: true,
    // Swift's S3 interface is older than the checksums that the SDK adds by default.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
})

const dynamodb = once(() => {
  const { DynamoDB } = load('@aws-sdk/client-dynamodb')
  return new DynamoDB({})
})

// Everything that comes in pages, `next` being the arguments for the page after `page`.
async function pages(call, next, take) {
  const all = []
  for (let more = {}; more; ) {
    const page = await call(more)
    all.push(...(take(page) ?? []))
    more = next(page)
  }
  return all
}

const commands = {
  's3 create-bucket': async (Bucket) => {
    await s3().createBucket({ Bucket })
    return {}
  },
  's3 put': async (Bucket, Key, file) => {
    const { ETag } = await s3().putObject({ Bucket, Key, Body: readFileSync(file) })
    return { etag: ETag }
  },
  's3 get': async (Bucket, Key, file) => {
    const { Body, ETag, ContentType } = await s3().getObject({ Bucket, Key })
    const bytes = await Body.transformToByteArray()
    writeFileSync(file, bytes)
    return {
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      etag: ETag,
      content_type: ContentType,
    }
  },
  's3 list': async (Bucket) =>
    pages(
      (more) => s3().listObjectsV2({ Bucket, ...more }),
      (page) => page.IsTruncated && { ContinuationToken: page.NextContinuationToken },
      (page) => page.Contents?.map(({ Key, Size, ETag }) => ({ key: Key, size: Size, etag: ETag })),
    ),
  's3 uploads': async (Bucket) =>
    ((await s3().listMultipartUploads({ Bucket })).Uploads ?? []).map(({ Key }) => Key),
  'dynamodb create-table': async (TableName) => {
    await dynamodb().createTable({
      TableName,
      AttributeDefinitions: [
        { AttributeName: 'PK', AttributeType: 'S' },
        { AttributeName: 'SK', AttributeType: 'S' },
      ],
      KeySchema: [
        { AttributeName: 'PK', KeyType: 'HASH' },
        { AttributeName: 'SK', KeyType: 'RANGE' },
      ],
      BillingMode: 'PAY_PER_REQUEST',
    })
    return {}
  },
  'dynamodb delete-table': async (TableName) => {
    await dynamodb().deleteTable({ TableName })
    return {}
  },
  'dynamodb scan': async (TableName) =>
    pages(
      (more) => dynamodb().scan({ TableName, ConsistentRead: true, ...more }),
      (page) => page.LastEvaluatedKey && { ExclusiveStartKey: page.LastEvaluatedKey },
      (page) => page.Items,
    ),
}

async function run([service, command, ...rest]) {
  const found = commands[`${service} ${command}`]
  if (!found) return { error: 'UnknownCommand', message: `${service} ${command}` }
  if (found.length !== rest.length) {
    return { error: 'UnknownCommand', message: `${service} ${command} wants ${found.length} words` }
  }
  try {
    return await found(...rest)
  } catch (error) {
    return { error: error.name, message: error.message }
  }
}

const words = process.argv.slice(2)
if (words.length > 0) {
  const answer = await run(words)
  announce(answer)
  process.exit(answer.error ? 1 : 0)
}
announce({ ready: true })
for await (const line of createInterface({ input: process.stdin })) {
  let asked
  try {
    asked = JSON.parse(line)
  } catch (error) {
    fail(`not JSON: ${error.message}`)
  }
  announce(await run(asked))
}
