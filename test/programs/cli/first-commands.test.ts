/** The code that the first commands load: a start takes as long as the code that it loads. */
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'

const ROOT = join(import.meta.dirname, '../../..')

/** Returns the files of this repository that `vnet ARGS` loads, and its output. */
function loadedBy(...args: string[]) {
  const directory = testDirectory()
  const { stdout } = spawnSync(process.execPath, [join(ROOT, 'dist/vnet.js'), ...args], {
    encoding: 'utf8',
    env: { ...process.env, NODE_V8_COVERAGE: directory },
  })
  const reports = readdirSync(directory).map(file => readFileSync(join(directory, file), 'utf8'))
  const urls = reports.flatMap(text =>
    JSON.parse(text).result.map(({ url }: { url: string }) => url),
  )
  const own = `file://${ROOT}/`
  const files = urls.filter(url => url.startsWith(own)).map(url => url.slice(own.length))
  return { stdout, files: new Set(files) }
}

test.each(['--version', '-V'])('vnet %s loads one file', option => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const { stdout, files } = loadedBy(option)
  expect({ stdout, files: [...files] }).toEqual({ stdout: `${version}\n`, files: ['dist/vnet.js'] })
})

test('vnet list loads nothing of drivers and their devices', () => {
  const { files } = loadedBy('list')
  expect(files).toContain('dist/cli/joined-queries.js')
  expect([...files].filter(file => /driver|netdev|skb|capture/.test(file))).toEqual([])
})

test("the code of labs loads nothing of Node's fetch", () => {
  const lab = join(ROOT, 'packages/lab/dist/network/lab.js')
  const script = `await import(${JSON.stringify(lab)})
    console.log(process.moduleLoadList.filter(name => name.includes('undici')).length)`
  const args = ['--input-type=module', '--eval', script]
  expect(execFileSync(process.execPath, args, { encoding: 'utf8' })).toBe('0\n')
})
