/** The limit of the programs that tests start: test/support/program-limit.ts. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SkBuffPool } from '#src/skb/pool.ts'
import { outcome } from '#support/netns.ts'
import {
  FRAME_MEMORY_GROWTH,
  killPrograms,
  limitPrograms,
  runningPrograms,
  withLimit,
} from '#support/program-limit.ts'

test.each([
  ['spawnSync', spawnSync],
  ['execFileSync', execFileSync],
])('%s of a program that does not end throws an error that names the program', (_, call) => {
  const limited = withLimit(call as (...words: readonly unknown[]) => unknown, 100)
  expect(() => limited('sleep', ['60'], { encoding: 'utf8' })).toThrow(
    'sleep 60: still running after 0.1 s, killed',
  )
  expect(() => limited('sleep', ['60'])).toThrow('sleep 60: still running after 0.1 s, killed')
})

test.each([
  ['spawnSync', spawnSync],
  ['execFileSync', execFileSync],
])('what a program that does not end had printed by %s is in the error', (_, call) => {
  const limited = withLimit(call as (...words: readonly unknown[]) => unknown, 1000)
  const script = 'echo out; echo err >&2; exec sleep 60'
  expect(() => limited('sh', ['-c', script], { stdio: 'pipe' })).toThrow(
    /still running after 1 s, killed; so far:\nout\n\nerr\n$/,
  )
})

test('a program that ends within its limit has the same result and error as in Node', () => {
  expect(spawnSync('cat', { input: 'in', encoding: 'utf8' })).toMatchObject({
    status: 0,
    stdout: 'in',
  })
  expect(execFileSync('cat', { input: 'in', encoding: 'utf8' })).toBe('in')
  expect(spawnSync('/no/such/program').error).toMatchObject({ code: 'ENOENT' })
  expect(() => execFileSync('false')).toThrow('Command failed: false')
})

test('a program that a test started is killed at the limit and reported, an older one is not', async () => {
  const older = spawn('cat', { stdio: 'pipe' })
  const others: ReadonlySet<ChildProcess> = new Set(runningPrograms().keys())
  const child = spawn('sleep', ['60'], { stdio: 'pipe' })
  const ended = expect(outcome(child)).rejects.toThrow(
    'sleep 60: still running after 2 s, killed; so far: ',
  )
  killPrograms(others, 2000)
  await ended
  expect(older.killed).toBe(false)
  const status = outcome(older)
  older.stdin.end()
  expect(await status).toMatchObject({ status: 0 })
  expect([...runningPrograms().keys()]).not.toContain(older)
})

test('the programs of a test are killed before its time is over', async () => {
  limitPrograms(1000)
  const child = spawn('sleep', ['60'], { stdio: 'pipe' })
  await expect(outcome(child)).rejects.toThrow('sleep 60: still running after 0.9 s, killed')
})

test('only modules that vitest loads before each file add hooks when they are loaded: those of others would run in one file of a process', () => {
  const folder = join(import.meta.dirname, '../support')
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name =>
    name.endsWith('.ts'),
  )
  const addsHook = (name: string) =>
    /^(before|after)(Each|All)\(/m.test(readFileSync(join(folder, name), 'utf8'))
  expect(names.filter(addsHook).sort()).toEqual([
    'cpu-by-file.ts',
    'program-limit.ts',
    'temporary-files.ts',
  ])
})

describe('the frame memory of devices', () => {
  const pools: SkBuffPool[] = []
  const { gc } = globalThis
  let collected = 0
  beforeAll(() => {
    // Tests before may have left more, which V8 has freed since.
    const left = Symbol.for('vnet.test.frame-memory-left')
    Reflect.set(globalThis, left, process.memoryUsage().arrayBuffers)
    globalThis.gc = async () => {
      collected++
      await gc?.()
    }
  })
  afterAll(() => {
    Object.assign(globalThis, { gc })
  })

  test('may grow by much in a test', () => {
    const frameMemory = () => process.memoryUsage().arrayBuffers
    const limit = frameMemory() + FRAME_MEMORY_GROWTH
    while (frameMemory() < limit) {
      pools.push(new SkBuffPool({ reserve: 1 << 18 }))
    }
  })

  test('is collected before the next test', () => {
    expect(collected).toBe(1)
  })

  test('is not collected again, in vain, while it is held', () => {
    expect(collected).toBe(1)
    pools.length = 0
  })
})
