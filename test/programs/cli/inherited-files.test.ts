/** Files that the starting shell left open. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { openFiles } from '#support/open-files.ts'

const program = resolve(import.meta.dirname, '../../../dist/vnet.js')

test('a vnet keeps no file that its shell left open, except one that an argument names', async () => {
  const directory = testDirectory()
  for (const name of ['secret', 'named']) {
    writeFileSync(join(directory, name), '')
  }
  const script = 'exec 7<. 8<secret 9<named; exec "$@"'
  const { NODE_OPTIONS: _, ...env } = process.env
  const words = ['-c', script, 'sh', process.execPath, program, 'web', '0', '/dev/fd/9']
  const vnet = spawn('sh', words, { cwd: directory, env, stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void vnet.kill('SIGKILL'))
  await once(vnet.stdout, 'data')
  const open = openFiles(`/proc/${vnet.pid}/fd`)
  expect(open.filter(path => path.startsWith(directory))).toEqual([join(directory, 'named')])
})
