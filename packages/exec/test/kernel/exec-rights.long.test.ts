/**
 * A program under root's `vnet exec` may do what its own user may and no more, whatever identity it
 * claims.
 */
import { execFileSync } from 'node:child_process'
import { chownSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { outcome } from '#support/netns.ts'
import { asNobodyIn, NOBODY } from '#support/privileges.ts'
import { spawnVnet } from '#support/vnet-process.ts'
import { standIn } from '../support/stand-in-driver.ts'

const path = (file: string) => fileURLToPath(new URL(file, import.meta.url))
const EXEC = [process.execPath, path('../../../../dist/vnet.js'), 'exec', '--']
const OPENER = ['python3', path('../support/opener.py')]

const directory = fileDirectory()
let client: string
const { netns } = freshQuietNamespaces('netns')

beforeAll(() => {
  execFileSync('chmod', ['755', directory])
  client = join(directory, 'client')
  execFileSync('gcc', ['-O1', '-o', client, path('../support/client.c'), '-lpthread'])
})

const snull = () => spawnVnet(['snull', '--json'], { within: ['ip', 'netns', 'exec', netns.name] })
const said = async (...words: string[]) => (await outcome(netns.spawn(words))).stdout.trim()

test.each([
  ['without CAP_NET_ADMIN', ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin']],
  ['in a user namespace of its own', ['unshare', '--user', '--map-root-user']],
  [
    'with a user namespace of its own, as an ordinary user',
    ['setpriv', `--reuid=${NOBODY}`, '--clear-groups', 'unshare', '-Ur'],
  ],
])('root %s reads, and changes nothing', async (_, lowered) => {
  const vnet = await snull()
  expect(await said(...EXEC, ...lowered, client, 'ioctl', 'sn0', '89f1')).toBe('0 ok data=0 mtu=0')
  expect(await said(...EXEC, ...lowered, client, 'ioctl', 'sn0', '89f0')).toBe(
    '-1 EPERM data=0 mtu=0',
  )
  expect(await said(...EXEC, client, 'ioctl', 'sn0', '89f0')).toBe('0 ok data=0 mtu=0')
  await vnet.stop()
})

test('root without CAP_NET_ADMIN cannot change anything by vnet_nl, nor join the group', async () => {
  const vnet = await snull()
  const lowered = [...EXEC, 'setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin', client]
  expect(await said(...lowered, 'ask', '4')).toBe('-1 EPERM')
  expect(await said(...lowered, 'events', 'group', '1')).toBe('-1 EPERM')
  await vnet.stop()
})

test.each([0, NOBODY])(
  'a socket of user %i has the rights that it has without vnet exec',
  async user => {
    const bare = await said(...OPENER, `${user}`)
    expect(bare).toBe(user === 0 ? '0 0' : `${NOBODY} -1`)
    expect(await said(...EXEC, ...OPENER, `${user}`)).toBe(bare)
  },
)

test('a program in another user namespace gets the kernel’s own socket', async () => {
  const script =
    'import socket; print(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16).fileno() < 960)'
  expect(await said(...EXEC, 'unshare', '-Ur', 'python3', '-c', script)).toBe('True')
  expect(await said(...EXEC, 'python3', '-c', script)).toBe('False')
})

test('a vnet sees the user of each program, root’s own as root', async () => {
  using driver = standIn({ name: 'vnet0', netns: netns.name })
  const script = `${client} ioctl vnet0 89f2; setpriv --reuid=${NOBODY} --clear-groups ${client} ioctl vnet0 89f2`
  await said(...EXEC, 'sh', '-c', script)
  expect(driver.asked.map(({ uid }) => uid)).toEqual([0, NOBODY])
})

test('root sends no request to a vnet of another user, which could claim any interface', async () => {
  const lure = join(tmpdir(), `vnet-${NOBODY}`)
  rmSync(lure, { recursive: true, force: true })
  using driver = standIn({ name: 'vnet0', netns: netns.name, directory: lure })
  for (const file of ['', ...readdirSync(lure)]) {
    chownSync(join(lure, file), NOBODY, NOBODY)
  }
  expect(await said(...EXEC, client, 'ioctl', 'vnet0', '89f2')).toBe('-1 ENODEV data=0 mtu=0')
  expect(driver.asked).toEqual([])
  chownSync(lure, 0, 0)
})

test('a vnet that is stopped delays no call about the interface of another', async () => {
  const [stopped, vnet] = [
    await spawnVnet(['loop', '--no-address', '--json'], {
      within: ['ip', 'netns', 'exec', netns.name],
    }),
    await snull(),
  ]
  process.kill(stopped.pid, 'SIGSTOP')
  try {
    const words = [...EXEC, 'sh', '-c', `for i in 1 2 3; do ${client} ioctl sn0 89f1; done`]
    expect(await said(...words)).toBe(Array(3).fill('0 ok data=0 mtu=0').join('\n'))
  } finally {
    process.kill(stopped.pid, 'SIGCONT')
  }
  await stopped.stop()
  await vnet.stop()
})

test('an ordinary user’s program reads vnet_nl as root’s does, and cannot change anything', async () => {
  const vnet = await snull()
  const nobody = [...asNobodyIn(netns).slice(4), ...EXEC, client]
  expect(await said(...nobody, 'echo', 'hallo', 'sendmsg')).toMatch(
    /vnet_nl=0x3f0 text=hallo from=0/,
  )
  expect(await said(...nobody, 'ask', '4')).toBe('-1 EPERM')
  await vnet.stop()
})
