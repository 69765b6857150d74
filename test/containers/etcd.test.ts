/** A cluster of three etcd in containers. A schedule cuts the leader off. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { startVnet } from '#support/vnet-process.ts'
import { freshDockerd } from './dockerd.ts'

const dockerd = freshDockerd()
const directory = freshDirectory()
const NAMES = ['one', 'two', 'three'] as const
type Name = (typeof NAMES)[number]
const address = (name: Name) => `198.18.1.${10 + NAMES.indexOf(name)}`

/** The containers mount the machine's programs, because etcd is linked to libc. */
const MOUNTS = ['/usr/bin/etcd', '/lib/x86_64-linux-gnu', '/lib64'].flatMap(path => [
  '-v',
  `${path}:${path}:ro`,
])

beforeEach(async () => {
  await dockerd.docker('network', 'create', '--subnet', '198.18.1.0/24', 'etcd')
  const cluster = NAMES.map(name => `${name}=http://${address(name)}:2380`).join()
  for (const name of NAMES) {
    const at = (port: number) => `http://${address(name)}:${port}`
    const peer = ['--listen-peer-urls', at(2380), '--initial-advertise-peer-urls', at(2380)]
    const client = ['--listen-client-urls', at(2379), '--advertise-client-urls', at(2379)]
    const options = [
      '--name',
      name,
      '--initial-cluster',
      cluster,
      '--heartbeat-interval',
      '50',
      '--election-timeout',
      '500',
    ]
    const own = ['--name', name, '--network', 'etcd', '--ip', address(name), ...MOUNTS]
    await dockerd.docker(
      'run',
      '-d',
      ...own,
      'busybox',
      '/usr/bin/etcd',
      ...options,
      ...peer,
      ...client,
    )
  }
})
afterEach(async () => {
  await dockerd.removeContainers()
  await dockerd.docker('network', 'rm', 'etcd')
})

/** Asks a member by its JSON gateway. Returns undefined without a reply in half a second. */
async function ask(
  name: Name,
  path: string,
  body: object = {},
): Promise<Record<string, unknown> | undefined> {
  const data = JSON.stringify(body)
  const { status, stdout } = await dockerd.netns.run(
    `curl -s -m 0.5 -d ${data} http://${address(name)}:2379/v3/${path}`,
  )
  return status === 0 ? JSON.parse(stdout) : undefined
}

/** The id of the leader that a member knows. */
const leaderOf = async (name: Name) => (await ask(name, 'maintenance/status'))?.leader
const idOf = async (name: Name) =>
  ((await ask(name, 'maintenance/status'))?.header as { member_id?: string } | undefined)?.member_id
const base64 = (text: string) => Buffer.from(text).toString('base64')
const put = (name: Name, value: string) =>
  ask(name, 'kv/put', { key: base64('key'), value: base64(value) })
const valueAt = async (name: Name) => {
  const reply = await ask(name, 'kv/range', { key: base64('key') })
  const [found] = (reply?.kvs ?? []) as { value: string }[]
  return found === undefined ? undefined : Buffer.from(found.value, 'base64').toString()
}

/** Waits until the members know the same leader, which is not `not`, and returns its id. */
async function elected(names: readonly Name[], not?: unknown): Promise<unknown> {
  let leader: unknown
  await expect
    .poll(async () => {
      const leaders = new Set(await Promise.all(names.map(leaderOf)))
      leader = [...leaders][0]
      return leaders.size === 1 && leader !== undefined && leader !== '0' && leader !== not
    })
    .toBe(true)
  return leader
}

test('a leader that a scenario cuts off is replaced, and follows the new one when the scenario heals it', async () => {
  const first = await elected(NAMES)
  const ids = await Promise.all(NAMES.map(idOf))
  const old = NAMES[ids.indexOf(first as string)] as Name
  const others = NAMES.filter(name => name !== old)
  await expect.poll(() => put(old, 'before')).toHaveProperty('header')

  const scenario = join(directory, 'cut.yaml')
  // Long enough for an election and two writes on a slow machine.
  writeFileSync(scenario, '- at: 500ms\n  carrier: off\n- at: 15s\n  carrier: on\n')
  const { name } = dockerd.netns
  const vnet = await startVnet([
    'attach',
    '--netns',
    name,
    '--container',
    old,
    '--scenario',
    scenario,
    '--json',
  ])

  const second = await elected(others, first)
  await expect.poll(() => put(others[0] as Name, 'after')).toHaveProperty('header')
  expect(await ask(old, 'maintenance/status')).toBeUndefined()
  await vnet.line(/cable plugged in \(scenario: carrier on\)/)
  await expect.poll(() => valueAt(old)).toBe('after')
  expect(await elected(NAMES)).toBe(second)
  expect((await vnet.stop()).stdout).toContain('cable cut (scenario: carrier off)')
})
