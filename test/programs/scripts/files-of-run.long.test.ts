/** Which files belong to `npm test`, to `npm test -- --all` and to `npm run test:long`. */

import { expect, test } from 'vitest'
import { execute } from '../../support/setup-tree.ts'

const FOLDERS = ['test/wire/', 'test/programs/scripts/']
const [SLOW, LONG] = [/\.slow\.test\.ts$/, /\.long\.test\.ts$/]

/** Returns the files of FOLDERS that vitest would run. */
async function filesOf(env: NodeJS.ProcessEnv): Promise<string[]> {
  const args = ['node_modules/.bin/vitest', 'list', '--filesOnly', '--no-color', ...FOLDERS]
  const { code, stdout } = await execute(args, { VNET_LONG: '', VNET_QUICK: '', ...env })
  expect(code).toBe(0)
  return stdout.match(/test\/(wire|programs\/scripts)\/\S+\.test\.ts/g) ?? []
}

test('slow tests are left out of a quick run only, and long tests run only in a long run', async () => {
  const [quick, all, long] = [await filesOf({ VNET_QUICK: '1' }), await filesOf({}), await filesOf({ VNET_LONG: '1' })]
  expect(all.filter(name => !quick.includes(name))).toEqual(all.filter(name => SLOW.test(name)))
  expect(all).toContainEqual(expect.stringMatching(SLOW))
  expect(quick).not.toContainEqual(expect.stringMatching(SLOW))
  expect(long).toContain('test/programs/scripts/files-of-run.long.test.ts')
  expect(all).not.toContainEqual(expect.stringMatching(LONG))
})
