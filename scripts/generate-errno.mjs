/**
 * node scripts/generate-errno.mjs: generates src/base/errno-table.generated.ts, which set-up does,
 * from src/base/errno.txt. Browsers load the module, and cannot read the text.
 */

import { readFileSync, writeFileSync } from 'node:fs'

const text = new URL('../src/base/errno.txt', import.meta.url)
const generated = new URL('../src/base/errno-table.generated.ts', import.meta.url)

const lines = readFileSync(text, 'utf8')
  .split('\n')
  .filter(line => line !== '' && !line.startsWith('#'))
const entries = lines.map(line => {
  const [, number, name, meaning] = /^(\d+) (E\w+) (\S.*)$/.exec(line) ?? []
  if (meaning === undefined) throw new Error(`${text.pathname}: '${line}' is not a number, a name and a meaning`)
  return `  ${name}: [${number}, ${JSON.stringify(meaning)}],\n`
})
const head = '/** Error numbers with their meanings. Generated from errno.txt by set-up: edit that file. */\n'
writeFileSync(generated, `${head}export const ERRNO_TABLE = {\n${entries.join('')}} as const\n`)
