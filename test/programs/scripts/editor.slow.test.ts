/** Types in an editor: the configurations of the projects need no compiled package. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PACKAGES } from '../../../scripts/packages.mjs'

const ROOT = join(import.meta.dirname, '../../..')
const TSC = join(ROOT, 'node_modules/.bin/tsc')

const projects = [
  ...PACKAGES.filter(name => name !== 'packages/create-vnet-driver'),
  'packages/web/src/page',
]

test.each(projects)('the types of %s are those of sources alone', project => {
  const args = [TSC, '-p', project, '--listFilesOnly']
  const files = execFileSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' })
    .trim()
    .split('\n')
  const own = files.filter(
    file => file.startsWith(`${ROOT}/`) && !file.startsWith(`${ROOT}/node_modules/`),
  )
  expect(own.length).toBeGreaterThan(10)
  expect(own.filter(file => !/\/src\/.*\.(ts|tsx|json)$/.test(file))).toEqual([])
})
