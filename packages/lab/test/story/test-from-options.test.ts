/** The options of vnet test-from that write and explore. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { runMain } from '#support/run-main.ts'
import { writeRepeatedRequest } from '../support/repeated-request.ts'

const directory = fileDirectory()
const capture = writeRepeatedRequest(directory)

test('--write makes a test once, without contents, and --with-content with them', async () => {
  const written = join(directory, 'retry.test.js')
  const { status, stdout } = await runMain('test-from', capture, '--write', written)
  expect([status, stdout]).toEqual([0, expect.stringContaining(`npx vitest run ${written}`)])
  const text = readFileSync(written, 'utf8')
  expect(text).toContain("'drop client-server ab tcp client:* > server:80 seq 1'")
  expect(text).toContain('"GET /xxxx/xx HTTP/1.1"')
  expect(text).not.toMatch(/anna|s3cr3t|failed\.pcap/)
  const again = await runMain('test-from', capture, '--write', written)
  expect([again.status, again.stderr]).toEqual([
    1,
    expect.stringContaining(`${written}: exists already`),
  ])
  const other = join(directory, 'content.test.js')
  await runMain('test-from', capture, '--write', other, '--with-content')
  expect(readFileSync(other, 'utf8')).toMatch(/anna.*s3cr3t/)
})

test('--client and --server are imported by paths that are relative to the test', async () => {
  const [client, written] = [join(directory, 'client.mjs'), join(directory, 'program.test.js')]
  writeFileSync(client, 'export default () => {}')
  await runMain('test-from', capture, '--write', written, '--client', client)
  expect(readFileSync(written, 'utf8')).toContain("import clientProgram from './client.mjs'")
  const without = await runMain('test-from', capture, '--client', client)
  expect([without.status, without.stderr]).toEqual([
    2,
    expect.stringContaining('--write and --explore'),
  ])
  const folder = await runMain('test-from', capture, '--explore', '--client', directory)
  expect([folder.status, folder.stderr]).toEqual([
    2,
    expect.stringContaining('it is a directory, not a module'),
  ])
  const broken = join(directory, 'broken.mjs')
  writeFileSync(broken, 'export default 5 5')
  const unloaded = await runMain('test-from', capture, '--explore', '--client', broken)
  expect([unloaded.status, unloaded.stderr]).toEqual([
    2,
    expect.stringMatching(/^vnet: the scenario does not load: [^%]+$/),
  ])
  const json = await runMain(
    'test-from',
    capture,
    '--json',
    '--write',
    join(directory, 'json.test.js'),
  )
  expect([json.status, json.stderr]).toEqual([2, expect.stringContaining('--json')])
  const none = await runMain(
    'test-from',
    capture,
    '--explore',
    '--client',
    join(directory, 'none.mjs'),
  )
  expect([none.status, none.stderr]).toEqual([1, expect.stringContaining('none.mjs')])
})
