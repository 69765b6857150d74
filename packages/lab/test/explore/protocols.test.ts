/**
 * Servers and clients that people use survive every single fault (packages/lab/records/hunted.md).
 */
import { execFileSync } from 'node:child_process'
import { cpSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import type { ExploreReport } from '../../src/explore/report.ts'
import { explore, type WorldName } from '../../src/index.ts'
import { unknownDifferences } from './both-worlds.ts'
import { writeCertificate } from './certificate.ts'

/** Milliseconds for the runs of a protocol: some hundred, of which most time is for processes. */
const LIMIT = { timeout: 900_000 }

const directory = fileDirectory()

const run = (program: string, ...args: readonly string[]) =>
  execFileSync(program, args, {
    cwd: directory,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })

beforeAll(() => {
  cpSync(new URL('protocols', import.meta.url), directory, { recursive: true })
  run('npm', 'install', '--no-audit', '--no-fund', '--no-package-lock')
  writeCertificate(directory)
  run(process.execPath, 'pglite-data.mjs')
  // The one version that Debian has.
  const [version = ''] = readdirSync('/usr/lib/postgresql')
  const bin = `/usr/lib/postgresql/${version}/bin`
  process.env.POSTGRES = `${bin}/postgres`
  run('install', '-d', '-o', 'postgres', 'postgresql-data')
  const options = ['--auth=trust', '--no-sync', '--wal-segsize=1', '-D', 'postgresql-data']
  run('chmod', '755', directory)
  run(
    'setpriv',
    '--reuid=postgres',
    '--regid=postgres',
    '--clear-groups',
    `${bin}/initdb`,
    ...options,
  )
  run('sh', '-c', 'echo "host all all all trust" >> postgresql-data/pg_hba.conf')
}, 300_000)

afterAll(() => {
  delete process.env.POSTGRES
})

/** Explores a scenario, and checks that every fault was tried and none breaks it. */
async function explored(name: string, world: WorldName): Promise<ExploreReport> {
  const began = performance.now()
  const faults = ['drop', 'duplicate', 'delay', 'corrupt']
  const report = await explore(pathToFileURL(join(directory, `${name}.mjs`)), { world, faults })
  console.log(`${name} (${world}), ${((performance.now() - began) / 1000).toFixed(1)} s\n${report}`)
  expect(report.cleanErrors).toEqual([])
  expect(report.points).toHaveLength(report.packets.length * 4)
  expect(report.count('skipped')).toBe(0)
  // Only retransmissions and segments without data, which depend on time, may be left out.
  expect(report.unstable.filter(packet => !/ (ack|rst|copy) \d+$/.test(packet))).toEqual([])
  expect(report.failures.map(({ faults }) => faults.join())).toEqual([])
  return report
}

test.each(['tls', 'http2', 'websocket', 'mqtt', 'postgresql', 'redis', 'nats', 'dns'])(
  'every fault of every packet of %s is tried in both worlds, with the same verdicts',
  LIMIT,
  async name => {
    const [memory, kernel] = [await explored(name, 'memory'), await explored(name, 'kernel')]
    expect(unknownDifferences(memory, kernel)).toEqual([])
  },
)

test.each(['postgresql-program', 'redis-program', 'nats-program', 'dns-cares'])(
  'every fault of every packet of %s is tried in the kernel, and none breaks it',
  LIMIT,
  async name => {
    await explored(name, 'kernel')
  },
)
