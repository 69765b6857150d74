/** Three etcd in a lab from a file: a scenario cuts the leader off and lets it back. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { LabRequests } from '../support/lab-requests.ts'

const directory = freshDirectory()
const NAMES = ['one', 'two', 'three'] as const
type Name = (typeof NAMES)[number]

/** Returns the path of a lab file in which `one` is cut off from second 15 to second 25. */
function labFile(): string {
  const run = NAMES.map(name => {
    const at = (port: number) => `http://$VNET_IP4_${name.toUpperCase()}:${port}`
    const peers = NAMES.map(peer => `${peer}=http://$VNET_IP4_${peer.toUpperCase()}:2380`).join()
    const words = [
      `exec etcd --name ${name} --data-dir ${join(directory, name)} --initial-cluster ${peers}`,
      `--listen-peer-urls ${at(2380)} --initial-advertise-peer-urls ${at(2380)}`,
      `--listen-client-urls ${at(2379)} --advertise-client-urls ${at(2379)}`,
      '--heartbeat-interval 50 --election-timeout 500',
    ]
    return `  ${name}: { command: '${words.join(' ')}', ready: ready to serve client requests }`
  })
  const file = join(directory, 'etcd.yaml')
  writeFileSync(
    file,
    `hosts: [one, two, three]
lans: { cluster: { ports: [one, two, three], wire: delay 1ms } }
run:
${run.join('\n')}
scenario:
  - { at: 15s, link: cluster/one, wire: loss 100% }
  - { at: 25s, link: cluster/one, wire: delay 1ms }
`,
  )
  return file
}

test('a leader that is cut off on schedule is replaced, and follows after it is back', {
  timeout: 180_000,
}, async () => {
  await using lab = new LabRequests(labFile())
  await lab.next()
  /** Returns what etcdctl prints in a host about its member; undefined if it fails. */
  const etcdctl = async (host: Name, words: string): Promise<string | undefined> => {
    const endpoint = `--endpoints http://$VNET_IP4_${host.toUpperCase()}:2379 --command-timeout 1s`
    const env = { ETCDCTL_API: '3' }
    const { status, stdout } = await lab.ask('exec', {
      host,
      command: `etcdctl ${endpoint} ${words}`,
      env,
    })
    return status === 0 ? stdout : undefined
  }
  /** The ids of the member in a host and of the leader that it knows. */
  const statusOf = async (
    host: Name,
  ): Promise<{ readonly own?: string; readonly leader?: string }> => {
    const text = await etcdctl(host, 'endpoint status -w json')
    // The ids do not fit into a number of JavaScript.
    const [, own] = /"member_id":(\d+)/.exec(text ?? '') ?? []
    const [, leader] = /"leader":(\d+)/.exec(text ?? '') ?? []
    return { ...(own && { own }), ...(leader && leader !== '0' && { leader }) }
  }
  const isLeader = async (host: Name) => {
    const { own, leader } = await statusOf(host)
    return own !== undefined && own === leader
  }
  const { own: first = '' } = await statusOf('one')
  await expect.poll(async () => (await statusOf('two')).leader, { interval: 100 }).toBeDefined()
  for (const host of ['two', 'three'] as const) {
    if (await isLeader(host)) {
      await etcdctl(host, `move-leader ${BigInt(first).toString(16)}`)
    }
  }
  await expect.poll(() => isLeader('one'), { interval: 100 }).toBe(true)
  expect(await etcdctl('two', 'put key before')).toBe('OK\n')

  const others = async () => [await isLeader('two'), await isLeader('three')].some(Boolean)
  await expect.poll(others, { interval: 100, timeout: 60_000 }).toBe(true)
  expect(await etcdctl('two', 'put key after')).toBe('OK\n')

  const follows = async () => [
    (await statusOf('one')).leader === (await statusOf('two')).leader,
    await isLeader('one'),
  ]
  await expect.poll(follows, { interval: 100, timeout: 60_000 }).toEqual([true, false])
  await expect.poll(() => etcdctl('one', 'get key --print-value-only')).toBe('after\n')
})
