/** Which files vitest runs, by its environment, on Linux and elsewhere. */

import { expect, test } from 'vitest'
import { execute } from '#support/setup-tree.ts'
import { filesOfRun } from '../../../scripts/test-selection.mjs'

const FOLDERS = ['test/wire/', 'test/programs/scripts/', 'test/kernel/']

/** Returns the files of FOLDERS that vitest would run. */
async function filesOf(env: NodeJS.ProcessEnv): Promise<string[]> {
  const args = ['node_modules/.bin/vitest', 'list', '--filesOnly', '--no-color', ...FOLDERS]
  const { code, stdout } = await execute(args, env)
  expect(code).toBe(0)
  const names = Array.from(stdout.matchAll(/\] (\S+\.test\.ts)/g), ([, name]) => name as string)
  return names.sort()
}

test.each([
  [{}, 'all'],
  [{ VNET_QUICK: '1' }, 'quick'],
  [{ VNET_LONG: '1' }, 'long'],
  [{ VNET_LONG: '1', VNET_UNSCALED: '1' }, 'unscaled'],
])('with the variables %j vitest has the files of the run %s', async (env, run) => {
  const expected = filesOfRun('.', run).filter(name => FOLDERS.some(at => name.includes(at)))
  expect(expected.length).toBeGreaterThan(0)
  expect(await filesOf(env)).toEqual(expected.sort())
})

test('vitest runs exactly the files that VNET_TEST_FILES names', async () => {
  const names = ['test/kernel/tap-api.test.ts', 'test/wire/fit.slow.test.ts']
  expect(await filesOf({ VNET_QUICK: '1', VNET_TEST_FILES: names.join('\n') })).toEqual(names)
})

/** Node's options for another system. vitest loads its programs for this one before. */
const elsewhere = (platform: string) => {
  const code = `await import('${import.meta.resolve('vitest/node')}')
    Object.defineProperty(process, 'platform', { value: '${platform}' })
    delete process.getuid`
  return `--import=data:text/javascript,${encodeURIComponent(code)}`
}

test.each(['darwin', 'win32'])(
  'on %s only the tests in memory run, also in CI, and a line names them',
  async name => {
    const args = [elsewhere(name), 'node_modules/.bin/vitest', 'list', '--filesOnly', '--no-color']
    const { code, stdout, stderr } = await execute(args, { CI: '1' })
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(
        `^kernel tests are skipped: this is ${name}, where only the tests in memory run: .*\n$`,
      ),
    })
    const folders = /: ([^:]*)\n$/.exec(stderr)?.[1]?.split(', ') ?? []
    const files = Array.from(stdout.matchAll(/\] (\S+\.test\.ts)/g), ([, file]) => file as string)
    expect(folders).toContain('packages/lab/test/memory/')
    for (const folder of folders) {
      expect(files).toContainEqual(expect.stringMatching(`^${folder}`))
    }
    expect(files.filter(file => !folders.some(folder => file.startsWith(folder)))).toEqual([])
  },
)
