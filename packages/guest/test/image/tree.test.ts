import { Buffer } from 'node:buffer'
import { chmodSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { directoryTree } from '../../src/image/index.ts'
import { HostTree, Tree } from '../../src/image/tree.ts'

const directory = freshDirectory()
afterEach(() => vi.unstubAllEnvs())
const at = (name: string) => join(directory, name)
const linesOf = (tree: Tree) =>
  tree
    .definitions(() => '/text')
    .split('\n')
    .filter(Boolean)

function write(name: string, text = ''): string {
  mkdirSync(join(at(name), '..'), { recursive: true })
  writeFileSync(at(name), text)
  return at(name)
}

test('files, texts, links and directories are definitions of mksquashfs, each below its directory', () => {
  const source = write('source')
  const tree = new Tree()
  tree.addFile('/a/b', source)
  tree.addText('/a/c', 'text')
  tree.addLink('/a/d', '../x y')
  tree.addDirectory('/tmp', 0o1777)
  expect(linesOf(tree)).toEqual([
    '/a D 0 755 0 0',
    `/a/b l ${source}`,
    '/a/c l /text',
    '/a/d S 0 777 0 0 ../x y',
    '/tmp D 0 1777 0 0',
  ])
})

test('spaces, quotation marks and backslashes in paths follow a backslash', () => {
  const source = write('a "b"\\c')
  const tree = new Tree()
  tree.addFile('/a "b"\\c', source)
  expect(linesOf(tree)).toEqual([`/a\\ \\"b\\"\\\\c l ${directory}/a\\ \\"b\\"\\\\c`])
})

test('a path with a newline, which mksquashfs cannot read, is left out', () => {
  const tree = new Tree()
  tree.addFile('/a\nb', write('source'))
  expect(linesOf(tree)).toEqual([])
})

test('a text is stored with its mode', () => {
  const tree = new Tree()
  tree.addText('/a', 'text', 0o755)
  const stored: unknown[] = []
  tree.definitions((content, mode) => `/${stored.push(Buffer.from(content).toString(), mode)}`)
  expect(stored).toEqual(['text', 0o755])
})

test.each([
  ['the content', () => write('source', 'other')],
  ['the time', () => utimesSync(at('source'), 1, 1)],
  ['the mode', () => chmodSync(at('source'), 0o700)],
])('a change of %s of a file changes the name of the content', (_, change) => {
  write('source', 'text')
  const digest = () => {
    const tree = new Tree()
    tree.addFile('/a', at('source'))
    return tree.digest()
  }
  const before = digest()
  expect(digest()).toBe(before)
  change()
  expect(digest()).not.toBe(before)
})

const hostTree = (...paths: readonly string[]) => {
  const tree = new HostTree()
  for (const path of paths) {
    tree.addHost(path)
  }
  return tree
}

test('a tree has a file below a link at its real path, and the link', () => {
  write('usr/bin/sh')
  symlinkSync('usr/bin', at('bin'))
  const tree = hostTree(at('bin/sh'))
  expect(tree.has(at('usr/bin/sh'))).toBe(true)
  expect(tree.has(at('bin/sh'))).toBe(false)
  expect(linesOf(tree)).toContain(`${at('bin')} S 0 777 0 0 usr/bin`)
})

test('a link brings what it refers to, through other links', () => {
  write('lib/real')
  symlinkSync('lib/real', at('second'))
  symlinkSync(at('second'), at('first'))
  const tree = hostTree(at('first'))
  for (const name of ['first', 'second', 'lib/real']) {
    expect(tree.has(at(name))).toBe(true)
  }
})

test('links in a circle, and paths that do not exist, are left alone', () => {
  symlinkSync('b', at('a'))
  symlinkSync('a', at('b'))
  symlinkSync('none/file', at('c'))
  const tree = hostTree(at('a'), at('c'), at('a/file'), at('none/file'), at('file'))
  expect(tree.has(at('a'))).toBe(true)
  expect(tree.has(at('file'))).toBe(false)
})

test('a file of the kernel is left out, and a link to it is kept', () => {
  symlinkSync('/proc/self/mounts', at('mtab'))
  const tree = hostTree(at('mtab'))
  expect(linesOf(tree)).toContain(`${at('mtab')} S 0 777 0 0 /proc/self/mounts`)
  expect(tree.paths.filter(path => path.startsWith('/proc/'))).toEqual([])
})

test('documents of packages are left out', () => {
  expect(hostTree('/usr/share/doc', '/usr/share/man', '/usr/share').paths).toEqual([
    '/usr',
    '/usr/share',
  ])
})

test("the user's directory is the root of its image, without version control", () => {
  write('src/a.ts')
  write('.git/config')
  write('src/.gitignore')
  write('node_modules/.vite/results.json')
  symlinkSync('src', at('link'))
  const tree = directoryTree(directory)
  expect(tree.paths).toEqual(['/link', '/node_modules', '/src', '/src/.gitignore', '/src/a.ts'])
  expect(linesOf(tree)).toContain(`/src/a.ts l ${at('src/a.ts')}`)
})

test("the user's directory may contain the cache", () => {
  vi.stubEnv('XDG_CACHE_HOME', at('.cache'))
  write('.cache/vnet/guest/boot-1/memory')
  write('.cache/other')
  expect(directoryTree(directory).paths).toEqual(['/.cache', '/.cache/other'])
})

test("a directory of the user's that is too large is refused in one line", () => {
  write('a', 'x'.repeat(1000))
  write('b')
  const advice = 'start in a smaller directory, and name others by --file'
  expect(() => directoryTree(directory, { bytes: 999, files: 2 })).toThrow(advice)
  expect(() => directoryTree(directory, { bytes: 1000, files: 1 })).toThrow(advice)
  expect(directoryTree(directory, { bytes: 1000, files: 2 }).bytes).toBe(1000)
})

test('the signature of a file changes with its content, and no other', () => {
  const signaturesOf = (text: string) => {
    const tree = new Tree()
    tree.addText('/etc/passwd', text)
    tree.addLink('/bin', 'usr/bin')
    return tree.signatures()
  }
  const [before, now] = [signaturesOf('root'), signaturesOf('user')]
  expect(Object.keys(now)).toEqual(['/etc', '/etc/passwd', '/bin'])
  expect(Object.keys(now).filter(path => before[path] !== now[path])).toEqual(['/etc/passwd'])
})
