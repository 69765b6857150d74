/** Which files vitest runs, by its environment, on Linux and elsewhere. */

import { expect, test } from 'vitest'
import { execute } from '#support/setup-tree.ts'
import { filesOfRun } from '../../../scripts/test-selection.mjs'

/** With it, no program of the tests is missing, and no file is searched for their names. */
const { PATH } = process.env

/** Prints the files of all projects of the configuration, which names each. */
const INCLUDED = `
  const { default: config } = await import('${import.meta.resolve('../../../vitest.config.mjs')}')
  console.log(JSON.stringify(config.test.projects.flatMap(({ test }) => test.include)))`

/** Runs that after options of Node. Returns the files, too. */
async function included(env: NodeJS.ProcessEnv, ...options: string[]) {
  const args = [...options, '--input-type=module', '-e', INCLUDED]
  const ended = await execute(args, { PATH, ...env })
  return { ...ended, files: (JSON.parse(ended.stdout) as string[]).sort() }
}

test.each([
  [{}, 'all'],
  [{ VNET_QUICK: '1' }, 'quick'],
  [{ VNET_LONG: '1' }, 'long'],
  [{ VNET_LONG: '1', VNET_UNSCALED: '1' }, 'unscaled'],
])('with the variables %j the projects have the files of the run %s', async (env, run) => {
  const { code, files } = await included(env)
  expect(code).toBe(0)
  expect(files.length).toBeGreaterThan(10)
  expect(files).toEqual(filesOfRun('.', run).sort())
})

test('vitest runs exactly the files that VNET_TEST_FILES names', async () => {
  const names = ['test/kernel/tap-api.test.ts', 'test/wire/fit.slow.test.ts']
  const args = ['node_modules/.bin/vitest', 'list', '--filesOnly', '--no-color']
  const env = { PATH, VNET_QUICK: '1', VNET_TEST_FILES: names.join('\n') }
  const { code, stdout } = await execute(args, env)
  expect(code).toBe(0)
  const listed = Array.from(stdout.matchAll(/\] (\S+\.test\.ts)/g), ([, name]) => name)
  expect(listed.sort()).toEqual(names)
})

/** Node's options for another system. What vitest loads is loaded for this one before. */
const elsewhere = (platform: string) => {
  const code = `await import('${import.meta.resolve('vitest/config')}')
    Object.defineProperty(process, 'platform', { value: '${platform}' })
    delete process.getuid`
  return `--import=data:text/javascript,${encodeURIComponent(code)}`
}

test.each(['darwin', 'win32'])(
  'on %s only the tests in memory run, also in CI, and a line names them',
  async name => {
    const { code, stderr, files } = await included({ CI: '1' }, elsewhere(name))
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(
        `^kernel tests are skipped: this is ${name}, where only the tests in memory run: .*\n$`,
      ),
    })
    const folders = /: ([^:]*)\n$/.exec(stderr)?.[1]?.split(', ') ?? []
    expect(folders).toContain('packages/lab/test/memory/')
    for (const folder of folders) {
      expect(files).toContainEqual(expect.stringMatching(`^${folder}`))
    }
    expect(files.filter(file => !folders.some(folder => file.startsWith(folder)))).toEqual([])
  },
)
