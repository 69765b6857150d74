/**
 * Programs that people use keep their promises when their hosts and links fail. The scenarios are
 * examples/nemesis; packages/lab/records/hunted.md has a table of what this prints.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { explore } from '../../src/index.ts'

/** Milliseconds for the runs of a program: its budget, and the runs that it cuts. */
const LIMIT = { timeout: 600_000 }
const BUDGET = '120s'

const directory = fileDirectory()
const moduleOf = (name: string) => pathToFileURL(join(directory, `${name}.mjs`))

beforeAll(() => {
  const source = new URL('../../../../examples/nemesis', import.meta.url)
  cpSync(source, directory, { recursive: true, filter: path => !path.includes('node_modules') })
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock'], {
    cwd: directory,
  })
}, 300_000)

const programs = [
  'redis',
  'mqtt',
  'nats',
  'http',
  'undici',
  'postgresql',
  'rsync',
  'mosquitto',
  'etcd',
  'amqp',
]

test.each(programs)(
  '%s keeps its promises with each fault of its hosts and links',
  LIMIT,
  async name => {
    const report = await explore(moduleOf(name), { budget: BUDGET, reuse: true, captures: false })
    const tried = report.size - report.count('skipped')
    console.log(
      `${report}\n${name}: ${tried} of ${report.size} points, ${(report.ms / 1000).toFixed(0)} s`,
    )
    expect(report.cleanErrors).toEqual([])
    expect(report.failures.map(({ faults }) => faults.join())).toEqual([])
    expect(tried).toBeGreaterThan(0)
  },
)

test(
  'redis-server without a log loses an acknowledged write, which the scenario notices',
  LIMIT,
  async () => {
    const text = readFileSync(moduleOf('redis'), 'utf8')
    writeFileSync(
      moduleOf('redis-without-log'),
      text.replace('--appendonly yes', '--appendonly no'),
    )
    const fault = 'restart 500ms on server client-server ab tcp client:* > server:6379 seq 181'
    await expect(explore.repeat(moduleOf('redis-without-log'), [fault])).rejects.toThrow(
      'acknowledged writes are lost: 1',
    )
  },
)
