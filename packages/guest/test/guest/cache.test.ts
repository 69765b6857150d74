/** The cache of guests, if several runs make it, if one is killed, or if it does not fit. */
import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { builtFile } from '#src/linux/native.ts'
import { fileDirectory } from '#support/fresh-directory.ts'
import { baseImage, directoryImage } from '../../src/image/index.ts'
import { cachedKernel, findKernel } from '../../src/kernel.ts'
import { QEMU } from '../../src/machine.ts'
import { GuestRun, jobText, replyText } from '../../src/run.ts'
import { bootSnapshot } from '../../src/snapshot.ts'
import {
  cacheWithKernel,
  complaints,
  digestOf,
  shell,
  startVnet,
  vnet,
} from '../support/guest-runs.ts'

const directory = fileDirectory()
const cwd = join(directory, 'project')
const tools = join(directory, 'tools')
for (const path of [cwd, tools]) {
  mkdirSync(path)
}
const PATH = `${tools}:${process.env.PATH}`
const NEWS = 'vnet: starting the kernel of the guest, once'

function program(name: string, text: string): void {
  writeFileSync(join(tools, name), `#!/bin/sh\n${text}\n`)
  chmodSync(join(tools, name), 0o755)
}

/** A new cache, and its entries by kinds. */
function emptyCache(name: string) {
  const XDG_CACHE_HOME = cacheWithKernel(join(directory, name))
  const entries = () =>
    readdirSync(join(XDG_CACHE_HOME, 'vnet/guest')).map(each => each.replace(/-.*/, ''))
  return { XDG_CACHE_HOME, entries }
}

test('runs that start at the same time with an empty cache are the same', async () => {
  program('found-later', 'echo found')
  const { XDG_CACHE_HOME, entries } = emptyCache('shared')
  const run = () =>
    shell('found-later; cat /proc/sys/kernel/random/uuid', { cwd, env: { XDG_CACHE_HOME, PATH } })
  const [one, other] = await Promise.all([run(), run()])
  expect([one.status, one.stdout, complaints(one)]).toEqual([
    0,
    expect.stringMatching(/^found\n/),
    [],
  ])
  expect([other.status, other.stdout, complaints(other)]).toEqual([0, one.stdout, []])
  expect(digestOf(other)).toBe(digestOf(one))
  expect(new Set(entries())).toEqual(
    new Set(['boot', 'image', 'lookups', 'programs.json', 'project']),
  )
})

test('runs of a lab that bring it up at the same time are the same', async () => {
  writeFileSync(
    join(cwd, 'net.yaml'),
    'hosts: [a, b]\ncables: { a-b: { ends: [a, b], wire: delay 5ms } }\n',
  )
  const words = ['lab', 'net.yaml', '--time', 'virtual', '--', 'ping', '-c', '2', 'b']
  const [one, other] = await Promise.all([vnet(words, { cwd }), vnet(words, { cwd })])
  expect([one.status, one.stdout, complaints(one)]).toEqual([
    0,
    expect.stringContaining('2 received'),
    [],
  ])
  expect([other.status, other.stdout, digestOf(other)]).toEqual([0, one.stdout, digestOf(one)])
})

test('a guest continues after a stop, also if its files in the cache are removed meanwhile', async () => {
  const { XDG_CACHE_HOME } = emptyCache('removed')
  vi.stubEnv('XDG_CACHE_HOME', XDG_CACHE_HOME)
  onTestFinished(() => {
    vi.unstubAllEnvs()
  })
  const kernel = findKernel(() => {})
  const snapshot = await bootSnapshot(kernel, 512, () => {})
  const init = builtFile('vnet-guest', 'the init of guests')
  const image = await baseImage({ programs: [], files: [], init, kernel, directory: cwd }, () => {})
  const script = 'echo stop here > /dev/vnet-guest; head -c 8 /dev/vnet-reply | tail -c 4; date +%Y'
  const job = {
    command: ['sh', '-c', script],
    seed: 1,
    date: Date.UTC(2030, 0),
    env: { PATH: '/bin' },
    cwd,
    directory: cwd,
  }
  const run = new GuestRun(
    snapshot,
    { image, project: await directoryImage(cwd) },
    jobText(job),
    true,
  )
  onTestFinished(() => run.close())
  expect(await run.next(() => {})).toMatchObject({ why: 'here' })
  rmSync(XDG_CACHE_HOME, { recursive: true })
  run.reply(replyText('gone'))
  let output = ''
  const { end } = await run.next(({ content }) => {
    output += content
  })
  expect([end?.status, output]).toEqual([0, 'gone2030\n'])
})

test('a killed vnet leaves no part of a snapshot, and the next run makes another one', async () => {
  const { XDG_CACHE_HOME, entries } = emptyCache('killed')
  const env = { XDG_CACHE_HOME }
  const run = startVnet(['guest', '--', 'true'], { cwd, env })
  await run.printed(NEWS, 'stderr')
  await expect.poll(entries).toEqual(['making'])
  run.kill('SIGKILL')
  await run.ended
  await expect.poll(entries).toEqual([])
  const end = await shell('echo whole', { cwd, env })
  expect([end.status, end.stdout, end.stderr.includes(NEWS)]).toEqual([0, 'whole\n', true])
})

test('the snapshot of another version of QEMU is not used', async () => {
  const env = emptyCache('versions')
  const text = (version: string) =>
    `[ "$1" = --version ] && { echo QEMU emulator version ${version}; exit; }\nexec /usr/bin/${QEMU} "$@"`
  const news = []
  for (const version of ['7.2.22', '7.2.22', '7.2.23']) {
    program(QEMU, text(version))
    const end = await shell('echo ran', { cwd, env: { XDG_CACHE_HOME: env.XDG_CACHE_HOME, PATH } })
    expect(end.stdout).toBe('ran\n')
    news.push(end.stderr.includes(NEWS))
  }
  expect(news).toEqual([true, false, true])
})

// Only root may mount a file system of this size.
test.skipIf(process.getuid?.() !== 0).each([
  { size: '100k', why: /.*\/initramfs: no space left on device/ },
  { size: '20m', why: /the guest has ended: no space left for its memory/ },
  { size: '150m', why: /mksquashfs failed: Write failed because No space left on device/ },
])('a disk of $size for the cache is too small, which is one line', async ({ size, why }) => {
  const cache = join(directory, 'full')
  mkdirSync(cache, { recursive: true })
  const { image = '', modules = '' } = cachedKernel() ?? {}
  const end = await shell('echo never', {
    cwd,
    env: {
      XDG_CACHE_HOME: cache,
      VNET_KERNEL: image,
      VNET_KERNEL_MODULES: modules,
      TMPDIR: directory,
    },
    within: [
      'unshare',
      '-m',
      'sh',
      '-c',
      `mount -t tmpfs -o size=${size} tmpfs ${cache} && exec "$@"`,
      'sh',
    ],
  })
  const line = new RegExp(
    `^vnet: ${why.source}: the files of guests are in ${cache}/vnet/guest and ${directory}$`,
  )
  expect([end.status, end.stdout, complaints(end)]).toEqual([1, '', [expect.stringMatching(line)]])
})
