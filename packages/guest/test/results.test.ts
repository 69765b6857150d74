import { Buffer } from 'node:buffer'
import { execFileSync } from 'node:child_process'
import {
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Results } from '../src/results.ts'

let directory = ''

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'vnet-test-results-')))
})

afterEach(() => rmSync(directory, { recursive: true }))

/** As native/guest/files.cc: mode, length of the path, path, content. */
function file(path: string, content: string, mode = 0o644) {
  const head = Buffer.alloc(8)
  head.writeUInt32LE(mode)
  head.writeUInt32LE(Buffer.byteLength(path), 4)
  return {
    kind: 'f',
    time: 0n,
    content: Buffer.concat([head, Buffer.from(path), Buffer.from(content)]),
  }
}

const more = (content: string) => ({ kind: 'g', time: 0n, content: Buffer.from(content) })
const link = (path: string, target: string) => ({
  kind: 'l',
  time: 0n,
  content: Buffer.from(`${path}\0${target}`),
})

test('changed files get into the directory with their modes, and new directories are made', () => {
  writeFileSync(join(directory, 'old'), 'a longer content than the new one')
  const results = new Results(directory)
  for (const record of [
    file('old', 'new'),
    file('a/b/run.sh', 'one ', 0o755),
    more('two'),
    link('a/to', 'b'),
  ]) {
    results.take(record)
  }
  results.close()
  expect(readFileSync(join(directory, 'old'), 'utf8')).toBe('new')
  expect(readFileSync(join(directory, 'a/b/run.sh'), 'utf8')).toBe('one two')
  expect(statSync(join(directory, 'a/b/run.sh')).mode & 0o777).toBe(0o755)
  expect(readlinkSync(join(directory, 'a/to'))).toBe('b')
  expect(results.files).toEqual(['old', 'a/b/run.sh', 'a/to'])
})

test('without a directory, files are only named', () => {
  const results = new Results(undefined)
  results.take(file('a', 'x'))
  results.take(more('y'))
  expect(results.files).toEqual(['a'])
})

test.each(['../out', 'a/../../out', '/etc/out', 'a//b', '.'])(
  'a path such as %s is refused',
  path => {
    const results = new Results(directory)
    results.take(file(path, 'x'))
    expect(results.failures).toEqual([
      `${path} of the guest is not written back: it is not in ${directory}`,
    ])
  },
)

test('nothing is written through a link that leads out of the directory', () => {
  const outside = realpathSync(mkdtempSync(join(tmpdir(), 'vnet-test-results-')))
  try {
    symlinkSync(outside, join(directory, 'away'))
    const results = new Results(directory)
    results.take(file('away/x', 'x'))
    results.take(file('away/deep/x', 'x'))
    expect(results.failures).toHaveLength(2)
    expect(existsSync(join(outside, 'deep'))).toBe(false)
    expect(existsSync(join(outside, 'x'))).toBe(false)
  } finally {
    rmSync(outside, { recursive: true })
  }
})

test('a file replaces a link, and leaves its target alone', () => {
  writeFileSync(join(directory, 'target'), 'kept')
  symlinkSync('target', join(directory, 'name'))
  const results = new Results(directory)
  results.take(file('name', 'x'))
  results.close()
  expect(results.failures).toEqual([])
  expect(lstatSync(join(directory, 'name')).isFile()).toBe(true)
  expect(readFileSync(join(directory, 'name'), 'utf8')).toBe('x')
  expect(readFileSync(join(directory, 'target'), 'utf8')).toBe('kept')
})

test('a file of a directory that guests do not get remains as it is', () => {
  mkdirSync(join(directory, '.git'))
  writeFileSync(join(directory, '.git/config'), 'kept')
  symlinkSync('.git', join(directory, 'alias'))
  const results = new Results(directory)
  for (const path of ['.git/config', 'sub/.hg/hooks/x', 'node_modules/.cache/x', 'alias/hooks/x']) {
    results.take(file(path, 'x', 0o755))
  }
  results.take(link('.git/link', 'x'))
  expect(results.failures).toEqual([
    `alias/hooks/x of the guest is not written back: it is not in ${directory}`,
  ])
  expect(readFileSync(join(directory, '.git/config'), 'utf8')).toBe('kept')
  expect([readdirSync(directory).sort(), readdirSync(join(directory, '.git'))]).toEqual([
    ['.git', 'alias'],
    ['config'],
  ])
})

test('a file that existed gets its new mode, and replaces a FIFO', () => {
  writeFileSync(join(directory, 'run.sh'), 'old', { mode: 0o644 })
  execFileSync('mkfifo', [join(directory, 'fifo')])
  const results = new Results(directory)
  for (const record of [file('run.sh', 'new', 0o755), file('fifo', 'x')]) {
    results.take(record)
  }
  results.close()
  expect(results.failures).toEqual([])
  expect(statSync(join(directory, 'run.sh')).mode & 0o777).toBe(0o755)
  expect(statSync(join(directory, 'fifo')).isFile()).toBe(true)
})

test('a file in place of a directory, or below a file, is reported, and other files are written', () => {
  mkdirSync(join(directory, 'inner'))
  writeFileSync(join(directory, 'file'), 'old')
  const results = new Results(directory)
  for (const record of [
    file('inner', 'x'),
    more('y'),
    file('file/below', 'x'),
    file('other', 'new'),
  ]) {
    results.take(record)
  }
  results.close()
  expect(results.failures).toEqual([
    'inner of the guest is not written back: it is a directory here',
    'file/below of the guest is not written back: not a directory',
  ])
  expect(readFileSync(join(directory, 'other'), 'utf8')).toBe('new')
})

test('a file with another link gets new content and a new mode, and the other link keeps both', () => {
  const store = join(directory, 'store.js')
  writeFileSync(store, 'of the store', { mode: 0o600 })
  linkSync(store, join(directory, 'index.js'))
  const results = new Results(directory)
  for (const record of [file('index.js', 'of the ', 0o755), more('guest')]) {
    results.take(record)
  }
  results.close()
  expect(readFileSync(join(directory, 'index.js'), 'utf8')).toBe('of the guest')
  expect(statSync(join(directory, 'index.js')).mode & 0o777).toBe(0o755)
  expect([readFileSync(store, 'utf8'), statSync(store).mode & 0o777]).toEqual([
    'of the store',
    0o600,
  ])
  expect(readdirSync(directory).sort()).toEqual(['index.js', 'store.js'])
})

test('a file has its old content until the new one is complete, and keeps its owner', () => {
  const path = join(directory, 'kept')
  writeFileSync(path, 'old')
  if (process.geteuid?.() === 0) {
    chownSync(path, 65_534, 65_534)
  }
  const { uid } = statSync(path)
  const results = new Results(directory)
  results.take(file('kept', 'ne'))
  expect(readFileSync(path, 'utf8')).toBe('old')
  results.take(more('w'))
  results.close()
  expect([readFileSync(path, 'utf8'), statSync(path).uid]).toEqual(['new', uid])
})

test('a directory in the place of a file remains, and a line says so without control characters', () => {
  mkdirSync(join(directory, 'a\nb'))
  const results = new Results(directory)
  results.take(file('a\nb', 'x'))
  results.take(more('y'))
  results.close()
  expect(results.failures).toEqual([
    'a\\x0ab of the guest is not written back: it is a directory here',
  ])
  expect(readdirSync(directory)).toEqual(['a\nb'])
})

test('repositories that Git would use are named, if the guest has changed something in them', () => {
  for (const name of ['bare', 'other']) {
    for (const part of ['objects', 'refs']) {
      mkdirSync(join(directory, name, part), { recursive: true })
    }
    writeFileSync(join(directory, name, 'HEAD'), '')
  }
  const results = new Results(directory)
  for (const path of [
    'bare/config',
    'new/HEAD',
    'new/objects/x',
    'new/refs/x',
    'bare/hooks/pre-commit',
    'x',
  ]) {
    results.take(file(path, ''))
  }
  results.close()
  expect(results.repositories).toEqual(['bare', 'new'])
})
