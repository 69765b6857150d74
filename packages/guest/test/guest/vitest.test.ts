/** Tests of '@vnet/lab/vitest' with the world 'guest'. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Consumer } from '#support/consumer.ts'
import { cacheWithKernel } from '../support/guest-runs.ts'

const PROGRAM = `
import { afterAll, beforeAll, beforeEach, describe, expect, test as plain } from 'vitest'
import { test } from '@vnet/lab/vitest'

const inside = process.env.VNET_GUEST === '1'
const say = text => console.log(text + (inside ? ' inside' : ' outside'))

plain('of vitest alone', () => say('plain'))
test.extend({ world: 'memory' })('in memory', { timeout: 60_000 }, async ({ lab }) => say(lab.world))
describe('in the guest', () => {
  beforeAll(() => say('before all'))
  beforeEach(() => say('before each'))
  afterAll(() => say('after all'))
  test('waits a day', async ({ lab }) => {
    const start = Date.now()
    await lab.sleep('24h')
    expect(Date.now() - start).toBeGreaterThanOrEqual(86_400_000)
    say(lab.world + ' with seed ' + lab.seed)
  })
  test('fails', async ({ lab }) => {
    const [client, server] = lab.hosts('client', 'server')
    const link = await lab.cable(client, server, { capture: true })
    await link.ab.drop('icmp', { nth: 1 })
    const { stdout } = await client.exec('ping', ['-4', '-c2', 'server'])
    expect(stdout).toContain(' 0% packet loss')
  })
  test('times out', { timeout: 5000 }, ({ lab }) => lab.sleep('1h'))
  test.fails('fails as it should', ({ lab }) => { throw new Error('on purpose') })
  test('skips itself', ({ lab, skip }) => skip('for a reason'))
  test('fails three times', { retry: 2 }, () => { throw new Error('again') })
  test.skip('is skipped', () => say('never'))
})
`

const consumer = new Consumer({ copies: true })
afterAll(() => consumer[Symbol.dispose]())
const env = { XDG_CACHE_HOME: cacheWithKernel(), VNET_WORLD: 'guest' }
const LIMIT_MS = 1_200_000

test(
  'a file has its results in a guest, and its hooks run only where a test of them does',
  () => {
    consumer.write('a.test.js', PROGRAM)
    const args = ['a.test.js', '--reporter=verbose', '--disable-console-intercept']
    const { status, stdout, stderr } = consumer.vitest(args, { env, timeout: LIMIT_MS })
    const results = [
      ...stdout.matchAll(/^ ([✓×↓]) a\.test\.js > (.*?)(?: \d+ms.*?)?(?: \[(.*)\])?$/gm),
    ]
    expect(
      results.map(([, mark, title, note]) => [mark, title, note].filter(Boolean).join(' ')),
    ).toEqual([
      '✓ of vitest alone',
      '✓ in memory',
      '✓ in the guest > waits a day',
      '× in the guest > fails',
      '× in the guest > times out',
      '✓ in the guest > fails as it should',
      '↓ in the guest > skips itself for a reason',
      '× in the guest > fails three times',
      '↓ in the guest > is skipped',
    ])
    const each = Array.from({ length: 8 }, () => 'before each inside')
    const said = [...stdout.matchAll(/^.* (inside|outside)$/gm)].map(([line]) => line)
    expect(said.filter(line => !each.includes(line))).toEqual([
      'before all inside',
      expect.stringMatching(/^guest with seed \d+ inside$/),
      'after all inside',
      'plain outside',
      'memory outside',
    ])
    expect(said.filter(line => each.includes(line))).toEqual(each)
    expect(stdout).toContain(
      "vnet: dropped on client-server ab: 1 by drop 'icmp' nth 1\nvnet: the seed was VNET_SEED=",
    )
    const line = PROGRAM.split('\n').findIndex(text => text.includes('0% packet loss')) + 1
    expect(stderr).toContain(`❯ a.test.js:${line}:`)
    expect(stderr).toContain('Error: Test timed out in 5000ms.')
    const [, capture = ''] = /^vnet: captured in (.*)$/m.exec(stderr) ?? []
    expect(readFileSync(capture).subarray(0, 4).toString('hex')).toBe('0a0d0d0a')
    expect(status).toBe(1)
  },
  LIMIT_MS,
)

test(
  'an extension puts its tests into a guest, and the signal of a terminal ends it without a trace',
  async () => {
    consumer.write(
      'b.test.js',
      `import { writeFileSync } from 'node:fs'
     import { test } from '@vnet/lab/vitest'
     test.extend({ world: 'guest' })('is busy', () => { console.log('started'); for (;;); })`,
    )
    const TMPDIR = join(consumer.directory, 'node_modules/.cache/tmp')
    mkdirSync(TMPDIR, { recursive: true })
    const program = join(consumer.directory, 'node_modules/vitest/vitest.mjs')
    const { VNET_WORLD: _, ...own } = { ...process.env, ...env, TMPDIR }
    const child = spawn(process.execPath, [program, 'run', 'b.test.js'], {
      cwd: consumer.directory,
      env: own,
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = new Promise(resolve => child.on('close', resolve))
    await expect
      .poll(() => processesWith(TMPDIR).join(' '), { timeout: LIMIT_MS })
      .toContain('qemu')
    process.kill(-(child.pid as number), 'SIGINT')
    await ended
    await expect
      .poll(() => [...processesWith(TMPDIR), ...readdirSync(TMPDIR).filter(isOurs)], {
        timeout: 60_000,
      })
      .toEqual([])
  },
  LIMIT_MS,
)

/** Vitest leaves an empty directory. */
const isOurs = (name: string): boolean => name.startsWith('vnet-')

/** Returns the command lines of running programs that have a text in them. */
function processesWith(text: string): string[] {
  const ids = readdirSync('/proc').filter(name => /^\d+$/.test(name))
  return ids.flatMap(id => {
    const path = `/proc/${id}/cmdline`
    const line = existsSync(path) ? readFileSync(path, 'utf8') : ''
    return line.includes(text) ? line : []
  })
}
