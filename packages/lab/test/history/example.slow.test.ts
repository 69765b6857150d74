/** The example of a history in packages/lab/docs/explore-further.md fails with its reason. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { explore } from '../../src/index.ts'

const file = readFileSync(new URL('../../docs/explore-further.md', import.meta.url), 'utf8')
const page = file.slice(file.indexOf('## Histories of operations'))
const directory = mkdtempSync(join(tmpdir(), 'vnet-history-'))
const module = join(directory, 'replica.scenario.mjs')

beforeAll(() => {
  const [, code = ''] = /```js\n(.*?)```/s.exec(page) ?? []
  // The file is outside of the package, so that Node does not find it by name.
  writeFileSync(
    module,
    code.replace('@vnet/lab/history', new URL('../../dist/history/index.js', import.meta.url).href),
  )
})
afterAll(() => rmSync(directory, { recursive: true }))

test('the example passes without faults', async () => {
  await explore.repeat(module, [], { world: 'memory' })
})

test('the example fails at the fault and with the reason that the page shows', async () => {
  const [, fault = '', reason = ''] =
    /FAILED .*: (drop .*)\n(?: {6}\S.*\n)*?( {6}not (?:.*\n)(?: {8}.*\n)*)/.exec(page) ?? []
  const expected = reason.replace(/^ {6}/gm, '').trimEnd()
  expect(expected).toContain("read -> 'a'")
  await expect(explore.repeat(module, [fault], { world: 'memory' })).rejects.toThrow(expected)
})
