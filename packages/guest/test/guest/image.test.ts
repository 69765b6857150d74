/** Images that mksquashfs makes: a user other than root does the same. */

import { Buffer } from 'node:buffer'
import { execFileSync } from 'node:child_process'
import {
  chownSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { USER } from '#support/ordinary-user.ts'
import { NOBODY } from '#support/privileges.ts'
import { imageOf } from '../../src/image/index.ts'
import { Tree } from '../../src/image/tree.ts'

const directory = freshDirectory(0o755)
const at = (name: string) => join(directory, name)

beforeEach(() => vi.stubEnv('XDG_CACHE_HOME', at('cache')))
afterEach(() => vi.unstubAllEnvs())

function tree(text = 'text'): Tree {
  const found = new Tree()
  writeFileSync(at('a "file"'), 'content')
  found.addFile('/bin/a "file"', at('a "file"'))
  found.addText('/etc/text', text, 0o755)
  found.addLink('/link', 'bin/a "file"')
  found.addDirectory('/tmp', 0o1777)
  return found
}

const linesOf = (image: string) =>
  execFileSync('unsquashfs', ['-lls', image], { encoding: 'utf8' }).trim().split('\n')
const listed = (image: string) =>
  linesOf(image).map(line => line.replace(/ +\d+ \d{4}-\d\d-\d\d \d\d:\d\d/, ''))

test('an image has the files, all owned by root, and the size of the memory of the machine', async () => {
  const image = await imageOf('project', tree())
  expect(listed(image)).toEqual([
    'drwxr-xr-x root/root squashfs-root',
    'drwxr-xr-x root/root squashfs-root/bin',
    '-rw-r--r-- root/root squashfs-root/bin/a "file"',
    'drwxr-xr-x root/root squashfs-root/etc',
    '-rwxr-xr-x root/root squashfs-root/etc/text',
    'lrwxrwxrwx root/root squashfs-root/link -> bin/a "file"',
    'drwxrwxrwt root/root squashfs-root/tmp',
  ])
  expect(execFileSync('unsquashfs', ['-cat', image, 'bin/a "file"'], { encoding: 'utf8' })).toBe(
    'content',
  )
  expect(execFileSync('unsquashfs', ['-s', image], { encoding: 'utf8' })).toMatch(
    /append time .* 1970\n/,
  )
  expect(linesOf(image).find(line => line.endsWith('/etc/text'))).toMatch(/ 1970-01-01 /)
  const { size, blocks } = statSync(image)
  expect([size, blocks < 100]).toEqual([2 ** 31, true])
})

/** All bytes but the zeros at the end, which take no space. */
function contentOf(image: string): Buffer {
  const about = execFileSync('unsquashfs', ['-s', image], { encoding: 'utf8' })
  const bytes = Buffer.alloc(Number(/Filesystem size (\d+) bytes/.exec(about)?.[1]))
  const fd = openSync(image, 'r')
  expect(readSync(fd, bytes)).toBe(bytes.length)
  closeSync(fd)
  return bytes
}

test('the same files make the same bytes', async () => {
  const same = tree()
  const first = contentOf(await imageOf('project', same))
  vi.stubEnv('XDG_CACHE_HOME', at('other'))
  expect(contentOf(await imageOf('project', same)).equals(first)).toBe(true)
})

test('an image is made once, and the newest images and images in use are kept', async () => {
  const same = tree()
  const first = await imageOf('project', same)
  // The time of the entry of the cache says when it was used.
  utimesSync(dirname(first), 1, 1)
  expect(await imageOf('project', same)).toBe(first)
  expect(statSync(dirname(first)).mtimeMs).toBeGreaterThan(1000)
  const others = []
  for (const text of ['1', '2', '3', '4']) {
    const path = dirname(await imageOf('project', tree(text)))
    others.push(basename(path))
    utimesSync(path, Number(text), Number(text))
  }
  const [oldest, ...newest] = others
  const kept = readdirSync(at('cache/vnet/guest'))
  expect(kept.sort()).toEqual([basename(dirname(first)), ...newest].sort())
  expect(kept).not.toContain(oldest)
  const inUse = dirname(await imageOf('project', tree('1')))
  for (const text of ['5', '6', '7', '8']) {
    await imageOf('project', tree(text))
  }
  expect(readdirSync(at('cache/vnet/guest'))).toContain(basename(inUse))
})

test('an ordinary user makes images, of files that this user can read', () => {
  const [cache, project] = [at('home'), at('project')]
  for (const name of [cache, project]) {
    mkdirSync(name)
  }
  chownSync(cache, NOBODY, NOBODY)
  writeFileSync(join(project, 'file'), 'mine')
  chownSync(join(project, 'file'), NOBODY, NOBODY)
  writeFileSync(join(project, 'secret'), '', { mode: 0o600 })
  mkdirSync(join(project, 'private'), { mode: 0o700 })
  const script = `
    import { directoryImage } from '${join(process.cwd(), 'packages/guest/dist/image/index.js')}'
    console.log(await directoryImage('${project}'))`
  const words = [
    ...USER,
    'env',
    `XDG_CACHE_HOME=${cache}`,
    process.execPath,
    '--input-type=module',
    '-e',
    script,
  ]
  const image = execFileSync(words[0] as string, words.slice(1), { encoding: 'utf8' }).trim()
  expect(listed(image)).toEqual([
    'drwxr-xr-x root/root squashfs-root',
    '-rw-r--r-- root/root squashfs-root/file',
    'drwx------ root/root squashfs-root/private',
  ])
  expect(execFileSync('unsquashfs', ['-cat', image, 'file'], { encoding: 'utf8' })).toBe('mine')
})
