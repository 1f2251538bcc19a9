// As lifetime.py, for the peers that run on Node.js: one line of JSON when ready, the end with the
// end of standard input or on SIGTERM.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = path.dirname(fileURLToPath(import.meta.url))
const installed = path.join(here, '../../../build/npm/tests/lambda/peers')

// Ends the process with one line on standard error.
export function fail(message) {
  console.error(`${path.basename(process.argv[1])}: ${message}`)
  process.exit(2)
}

// A package of package.json: installed under build/, where a plain import would not look.
export function load(name) {
  if (!existsSync(path.join(installed, 'node_modules'))) {
    fail(`the npm package ${name} is missing; run tools/npm-install tests/lambda/peers`)
  }
  return createRequire(path.join(installed, 'package.json'))(name)
}

export function announce(fields) {
  console.log(JSON.stringify(fields))
}

export function endWithInput() {
  process.on('SIGTERM', () => process.exit(0))
  process.on('SIGINT', () => process.exit(0))
  process.stdin.on('end', () => process.exit(0))
  process.stdin.resume()
}
