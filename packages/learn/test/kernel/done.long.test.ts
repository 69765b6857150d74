import { spawnSync } from 'node:child_process'
import { appendFileSync, copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { PROGRAM } from '#support/vnet-process.ts'
import { COURSE } from '../../src/folder.ts'

const directory = fileDirectory()

function vnet(...args: string[]): string {
  return spawnSync(process.execPath, [PROGRAM, ...args], { cwd: directory, encoding: 'utf8' })
    .stdout
}

test('an exercise is done once all checks have passed, until its driver changes', () => {
  vnet('learn', '02-mirror')
  const file = join(directory, '02-mirror/mirror.js')
  copyFileSync(join(COURSE, '02-mirror/solution.js'), file)
  expect(vnet('check', 'mirror')).toMatch(/^02-mirror: 8 passed\. Next: vnet learn 03-ring\n/m)
  expect(vnet('learn')).toMatch(/^02-mirror +done /m)
  appendFileSync(file, '// more\n')
  expect(vnet('learn')).toMatch(/^02-mirror +begun /m)
})
