/** The commands of to-the-kernel.md do what the page shows. */
import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { readPages } from '#support/pages.ts'
import { PROGRAM } from '#support/vnet-process.ts'
import { COURSE } from '../../src/folder.ts'
import { findKernelFiles } from '../../src/kernel/build.ts'
import { checkModule, LIMIT_MS } from '../support/kernel-module.ts'

const directory = freshDirectory()
const page = readPages('packages/learn/docs/to-the-kernel.md')

test('vnet learn --kernel and vnet check --kernel print what the page shows', {
  timeout: LIMIT_MS,
}, async () => {
  const [, transcript = ''] = /```\n(\$ vnet learn --kernel 03-ring\n[\s\S]*?)```/.exec(page) ?? []
  const run = async (...args: string[]) => {
    // What the check leaves when it is killed would be in TMPDIR, which does not exist.
    const options = { cwd: directory, env: { ...process.env, TMPDIR: join(directory, 'none') } }
    // The text shows which check failed.
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [PROGRAM, ...args],
      options,
    ).catch(error => error)
    return `$ vnet ${args.join(' ')}\n${stdout}`
  }
  const learned = await run('learn', '--kernel', '03-ring')
  copyFileSync(join(COURSE, '03-ring/kernel/solution.c'), join(directory, '03-ring/ring.c'))
  expect(learned + (await run('check', '--kernel', '03-ring'))).toBe(transcript)
})

test('the kernel of the virtual machine is the one that the page names', () => {
  const [, debian, linux] =
    /^.*with (Debian \d+), on which it is tested, that is\s([\d.]+)\.\s/m.exec(page) ?? []
  expect(debian).toBe('Debian 12')
  const { release } = findKernelFiles(() => {})
  expect(release.startsWith(`${linux}.`)).toBe(true)
})

test('make in course/kernel builds a solution, as the page shows', {
  timeout: LIMIT_MS,
}, async () => {
  const [, command = ''] = /`make -C (packages\/learn\/course\/kernel 03-ring)`/.exec(page) ?? []
  const args = [
    ...command.split(' '),
    `KDIR=${findKernelFiles(() => {}).headers}`,
    `OUT=${directory}`,
  ]
  await promisify(execFile)('make', ['-C', ...args], { cwd: join(COURSE, '../../..') })
  expect(existsSync(join(directory, '03-ring/ring.ko'))).toBe(true)
})

test('mirror.c is loaded, replies to the ping and is removed with the parameter and address of the page', {
  timeout: LIMIT_MS,
}, async () => {
  const shown = (pattern: RegExp) => pattern.exec(page)?.[1]
  expect(shown(/^\$ sudo insmod mirror\.ko (.*)$/m)).toBe('delay=50')
  expect(shown(/^\$ sudo ip addr add (.*) dev mirror0 /m)).toBe('198.18.0.1/24')
  const ping = shown(/^\$ (ping .*)$/m)?.split(' ')
  const own = join(directory, '20-mirror')
  mkdirSync(own)
  for (const name of ['README.md', 'mirror.js']) {
    writeFileSync(join(own, name), '')
  }
  writeFileSync(
    join(own, 'exercise.js'),
    `import { numberOf, verify } from '@vnet/learn'
    async function run({ vnet, run }) {
      const { interfaces } = await vnet('--delay', '50')
      const { status } = await run(...${JSON.stringify(ping)})
      // The first frames are slow in any case, without KVM.
      const { stdout } = await run('ping', '-c', '5', '-i', '0.3', '198.18.0.9')
      const fastest = numberOf(/mdev = ([\\d.]+)/, stdout)
      const seen = interfaces + ': ' + status + ', then ' + fastest + ' ms'
      verify(/^mirror0: 0, then \\d{3,}/.test(seen), { seen, expected: 'a reply, after twice the delay' })
    }
    const live = [{ title: 'the ping of the page', needs: ['ping'], read: '', run }]
    export const exercise = { version: 1, driver: 'mirror.js', title: '', summary: '', memory: [], live }`,
  )
  const module = join(import.meta.dirname, '../../../../examples/to-the-kernel/mirror.c')
  const { status, results, errors } = await checkModule('20-mirror', module, '--from', directory)
  expect(results.map(({ result, seen }) => seen ?? result)).toEqual(['passed'])
  expect([status, errors]).toEqual([0, ''])
})
