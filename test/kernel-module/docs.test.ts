/** The transcript of docs/to-the-kernel.md is what its commands print. */
import { execFile } from 'node:child_process'
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { COURSE } from '../../src/course/folder.ts'
import { freshDirectory } from '../support/fresh-directory.ts'
import { LIMIT_MS } from '../support/kernel-module.ts'
import { PROGRAM } from '../support/vnet-process.ts'

const directory = freshDirectory()

test('vnet learn --kernel and vnet check --kernel print what the page shows', { timeout: LIMIT_MS }, async () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/to-the-kernel.md'), 'utf8')
  const [, transcript = ''] = /```\n(\$ vnet learn --kernel 03-ring\n[\s\S]*?)```/.exec(page) ?? []
  const run = async (...args: string[]) => {
    // What the check leaves when it is killed would be in TMPDIR, which does not exist.
    const options = { cwd: directory, env: { ...process.env, TMPDIR: join(directory, 'none') } }
    // The text shows which check failed.
    const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, ...args], options).catch(error => error)
    return `$ vnet ${args.join(' ')}\n${stdout}`
  }
  const learned = await run('learn', '--kernel', '03-ring')
  copyFileSync(join(COURSE, '03-ring/kernel/solution.c'), join(directory, '03-ring/ring.c'))
  expect(learned + (await run('check', '--kernel', '03-ring'))).toBe(transcript)
})
