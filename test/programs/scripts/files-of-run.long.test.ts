/**
 * Which files belong to `npm test`, to `npm test -- --all`, to `npm run test:long` and to the runs
 * of .ci/run, on Linux and elsewhere.
 */

import { expect, test } from 'vitest'
import { execute } from '#support/setup-tree.ts'

const FOLDERS = ['test/wire/', 'test/programs/scripts/']
const [SLOW, LONG] = [/\.slow\.test\.ts$/, /\.long\.test\.ts$/]

/** Returns the files of FOLDERS that vitest would run. */
async function filesOf(env: NodeJS.ProcessEnv): Promise<string[]> {
  const args = ['node_modules/.bin/vitest', 'list', '--filesOnly', '--no-color', ...FOLDERS]
  const { code, stdout } = await execute(args, {
    VNET_LONG: '',
    VNET_QUICK: '',
    VNET_UNSCALED: '',
    ...env,
  })
  expect(code).toBe(0)
  return stdout.match(/test\/(wire|programs\/scripts)\/\S+\.test\.ts/g) ?? []
}

test('slow tests are left out of a quick run only, and long tests run only in a long run', async () => {
  const [quick, all, long] = [
    await filesOf({ VNET_QUICK: '1' }),
    await filesOf({}),
    await filesOf({ VNET_LONG: '1' }),
  ]
  expect(all.filter(name => !quick.includes(name))).toEqual(all.filter(name => SLOW.test(name)))
  expect(all).toContainEqual(expect.stringMatching(SLOW))
  expect(quick).not.toContainEqual(expect.stringMatching(SLOW))
  expect(long).toContain('test/programs/scripts/files-of-run.long.test.ts')
  expect(all).not.toContainEqual(expect.stringMatching(LONG))
})

test('an unscaled long run has the long files alone', async () => {
  const [all, long] = [await filesOf({}), await filesOf({ VNET_LONG: '1' })]
  const unscaled = await filesOf({ VNET_LONG: '1', VNET_UNSCALED: '1' })
  expect(unscaled).toEqual(long.filter(name => LONG.test(name)))
  expect(unscaled.filter(name => all.includes(name))).toEqual([])
  expect(unscaled.length).toBeLessThan(long.length)
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
    const { code, stdout, stderr } = await execute(args, {
      CI: '1',
      VNET_LONG: '',
      VNET_QUICK: '',
      VNET_UNSCALED: '',
    })
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
