import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { UsageError } from '#src/base/usage-error.ts'
import { SkBuffPool } from '#src/skb/pool.ts'
import { CHECKSUM_PARTIAL, SKB_GSO_TCPV4, type SkBuff } from '#src/skb/sk-buff.ts'
import { DecisionFile } from '#src/wire/decision-file.node.ts'
import { LinuxWireResources } from '#src/wire/wire-resources.node.ts'
import { fileDirectory } from '#support/fresh-directory.ts'
import { linesOf } from './decision-lines.ts'

const directory = fileDirectory()

function frame(octets: number[]): SkBuff {
  const skb = new SkBuffPool({ large: 2, small: 2 }).alloc(octets.length) as SkBuff
  skb.bytes.set(octets, skb.put(octets.length))
  return skb
}

test('arrivals, decisions and changes are one JSON line each', async () => {
  const path = join(directory, 'log')
  const log = new DecisionFile(path)
  log.set('ab', 5, 'match \'a "b"\' (loss 1%)', 7)
  log.arrival('ab', 10, 1, frame([1, 2, 254]))
  log.decision('ab', 10, 1, 'loss 2', 'drop', undefined, 'loss')
  log.decision('ba', 20, 3, 'delay', 'delay', 2e7, undefined)
  await log[Symbol.asyncDispose]()
  await log[Symbol.asyncDispose]()
  expect(linesOf(path)).toEqual([
    { format: 2 },
    {
      t: 5,
      direction: 'ab',
      stage: 'wire',
      verdict: 'set',
      text: 'match \'a "b"\' (loss 1%)',
      seed: 7,
    },
    { t: 10, direction: 'ab', n: 1, stage: 'wire', verdict: 'arrive', amount: 3, head: '0102fe' },
    { t: 10, direction: 'ab', n: 1, stage: 'loss 2', verdict: 'drop', why: 'loss' },
    { t: 20, direction: 'ba', n: 3, stage: 'delay', verdict: 'delay', amount: 2e7 },
  ])
})

test('a GSO frame is logged with its segment size, type and transport offset', async () => {
  const path = join(directory, 'gso')
  const log = new DecisionFile(path)
  const skb = frame(new Array(200).fill(0))
  Object.assign(skb, {
    gsoSize: 50,
    gsoType: SKB_GSO_TCPV4,
    ipSummed: CHECKSUM_PARTIAL,
    csumStart: skb.data + 34,
  })
  log.arrival('ab', 1, 1, skb)
  await log[Symbol.asyncDispose]()
  expect(linesOf(path)[1]).toMatchObject({
    amount: 200,
    gso: [50, SKB_GSO_TCPV4, 34],
    head: '00'.repeat(128),
  })
})

test('a disk that takes no more ends the log, which is reported once and immediately', async () => {
  const errors: string[] = []
  const log = new DecisionFile('/dev/full', { failed: error => errors.push(error.message) })
  log.decision('ab', 1, 1, 'loss', 'drop', undefined, 'loss')
  await vi.waitFor(() => expect(errors).toHaveLength(1))
  log.decision('ab', 2, 2, 'loss', 'drop', undefined, 'loss')
  const message = 'write /dev/full: ENOSPC, no space left on device; the log ends here'
  await expect(log[Symbol.asyncDispose]()).rejects.toThrow(message)
  expect(errors).toEqual([message])
})

/**
 * Returns a log whose file has two lines: the format, and a decision on packet 1, which is so long
 * that it is written immediately.
 */
async function logOfOne(path: string, failed?: (error: Error) => void): Promise<DecisionFile> {
  const log = new DecisionFile(path, { failed })
  log.decision('ab', 10, 1, 'x'.repeat(2 ** 16), 'drop', undefined, undefined)
  await log.written()
  return log
}

test.each<[what: string, rotate: (path: string) => void]>([
  ['is renamed', path => renameSync(path, `${path}.1`)],
  [
    'is renamed and an empty one takes its place',
    path => {
      renameSync(path, `${path}.1`)
      writeFileSync(path, '')
    },
  ],
  ['is emptied', path => truncateSync(path)],
])('a log whose file %s continues at its path', async (what, rotate) => {
  const path = join(directory, what)
  const log = await logOfOne(path)
  rotate(path)
  log.decision('ab', 20, 2, 'loss', 'drop', undefined, 'loss')
  await log[Symbol.asyncDispose]()
  expect(linesOf(path)).toMatchObject([{ format: 2 }, { t: 20, n: 2 }])
})

test('the file that a log had before its rename keeps the lines until then', async () => {
  const path = join(directory, 'former')
  const log = await logOfOne(path)
  renameSync(path, `${path}.1`)
  log.decision('ab', 20, 2, 'loss', 'drop', undefined, 'loss')
  await log[Symbol.asyncDispose]()
  expect(linesOf(`${path}.1`).map(({ n }) => n)).toEqual([undefined, 1])
})

test('a log that ends after a rename without another line makes no file', async () => {
  const path = join(directory, 'silent')
  const log = await logOfOne(path)
  renameSync(path, `${path}.1`)
  await log[Symbol.asyncDispose]()
  expect(existsSync(path)).toBe(false)
})

test('a log whose path can no longer be written ends, and says so', async () => {
  const path = join(directory, 'taken')
  const errors: string[] = []
  const log = await logOfOne(path, error => errors.push(error.message))
  renameSync(path, `${path}.1`)
  mkdirSync(path)
  log.decision('ab', 20, 2, 'loss', 'drop', undefined, 'loss')
  const message = `write ${path}: EISDIR, is a directory; the log ends here`
  await expect(log[Symbol.asyncDispose]()).rejects.toThrow(message)
  expect(errors).toEqual([message])
})

test.each([
  [
    'a link takes its place',
    'ELOOP, too many symbolic links',
    (path: string) => {
      writeFileSync(`${path}.2`, '')
      symlinkSync(`${path}.2`, path)
    },
  ],
  [
    'a file of another user takes its place',
    'EEXIST, ',
    (path: string) => {
      writeFileSync(path, '')
      vi.spyOn(process, 'geteuid').mockReturnValue(-2)
    },
  ],
])('a log whose file is renamed and %s ends', async (what, text, replace) => {
  const path = join(directory, what.replaceAll(' ', '-'))
  const errors: string[] = []
  const log = await logOfOne(path, error => errors.push(error.message))
  renameSync(path, `${path}.1`)
  const before = readFileSync(`${path}.1`)
  replace(path)
  log.decision('ab', 20, 2, 'loss', 'drop', undefined, 'loss')
  await expect(log[Symbol.asyncDispose]()).rejects.toThrow(text)
  vi.restoreAllMocks()
  expect(errors).toEqual([expect.stringContaining(text)])
  expect(readFileSync(`${path}.1`)).toEqual(before)
  expect(readFileSync(path)).toEqual(Buffer.alloc(0))
})

test('a log that cannot be created is a usage error that names the file', async () => {
  await using resources = new LinuxWireResources()
  expect(() => resources.log('/nowhere/log')).toThrow(UsageError)
  expect(() => resources.log('/nowhere/log')).toThrow('/nowhere/log: no such file or directory')
})

test('one path has one log', async () => {
  await using resources = new LinuxWireResources()
  const path = join(directory, 'shared')
  expect(resources.log(path)).toBe(resources.log(path))
})

test('a missing file of a wire spec is a usage error that names it', async () => {
  await using resources = new LinuxWireResources()
  expect(() => resources.file('/nowhere/trace')).toThrow(
    '/nowhere/trace: no such file or directory',
  )
})
