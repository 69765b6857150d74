/**
 * The commands and the client for programs, on a running vnet and on a fake one.
 */
import { on, once } from 'node:events'
import { fstatSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ControlClient } from '#src/control/index.ts'
import { makeRunDirectory, RUN_DIRECTORY } from '#src/control/sockets/run-directory.ts'
import { type Answers, FakeVnet } from '#support/fake-vnet.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { type Netns, outcome } from '#support/netns.ts'
import { asNobodyIn } from '#support/privileges.ts'
import { runCommand, withoutLabs } from '#support/vnet-commands.ts'
import { jsonLines, PROGRAM, spawnVnet } from '#support/vnet-process.ts'

const example = fileURLToPath(new URL('../../examples/drops.js', import.meta.url))

/** Other vnets may run in other namespaces of the machine. */
const NOT_RUNNING = /^vnet: no vnet is running in this network namespace.*\n$/

const { own, near, far } = freshQuietNamespaces('near', 'far')

const vnetIn = (netns: Netns, ...args: string[]) => runCommand(netns, args)

describe('a running vnet', () => {
  test('every user can list and show a vnet, with its interfaces in all namespaces', async () => {
    const within = ['ip', 'netns', 'exec', near.name]
    const vnet = await spawnVnet(['snull', 'sn0', `${far.name}/sn1`, '--json'], { within })
    const [sn0] = vnet.interfaces()
    expect(await vnetIn(near, 'list', '--names')).toEqual({
      status: 0,
      stdout: `sn0\n${far.name}/sn1\n`,
      stderr: '',
    })
    const { stdout } = await vnetIn(near, 'list', '--json')
    const { name, ifindex, txqs, rxqs } = sn0!
    expect(jsonLines(stdout)).toMatchObject([
      {
        event: 'list',
        interfaces: [
          {
            name,
            ifindex,
            txqs,
            rxqs,
            netns: null,
            vnet: expect.stringMatching(/^\/run\/vnet\/\d+-[0-9a-f]+\.sock$/),
          },
          { name: 'sn1', netns: far.name },
        ],
      },
    ])
    const nobody = [
      ...asNobodyIn(near),
      process.execPath,
      PROGRAM,
      'show',
      `${far.name}/sn1`,
      '--json',
    ]
    expect(jsonLines((await near.run(nobody.join(' '))).stdout)).toMatchObject([
      { event: 'show', name: 'sn1', txqs: 1 },
    ])
    // An interface is found in its namespace, although its vnet was started elsewhere.
    expect(await vnetIn(far, 'list', '--names')).toEqual({
      status: 0,
      stdout: `${far.name}/sn1\n`,
      stderr: '',
    })
    expect((await vnetIn(far, 'stats', 'sn1')).status).toBe(0)
    expect(await vnetIn(own.addQuiet(), 'list')).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(NOT_RUNNING),
    })
    await vnet.stop()
    expect(await vnetIn(near, 'list')).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(NOT_RUNNING),
    })
  })

  test('vnet stats --watch prints until a signal or the end of the vnet', async () => {
    const within = ['ip', 'netns', 'exec', near.name]
    const vnet = await spawnVnet(['--name', 'w0', '--json'], { within })
    const watch = () =>
      near.spawn([process.execPath, PROGRAM, 'stats', 'w0', '--watch', '20ms', '--json'])
    const child = watch()
    const ended = outcome(child)
    let lines = 0
    for await (const [text] of on(child.stdout, 'data')) {
      lines += (text as string).split('\n').length - 1
      if (lines >= 3) break
    }
    child.kill('SIGINT')
    const { status, stdout, stderr } = await ended
    expect([status, stderr]).toEqual([0, ''])
    for (const line of jsonLines(stdout)) {
      expect(line).toMatchObject({ event: 'statistics', interfaces: [{ name: 'w0' }] })
    }

    const other = watch()
    const otherEnded = outcome(other)
    await once(other.stdout, 'data')
    await vnet.stop()
    expect(await otherEnded).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('"error":"no '),
    })
  })
})

describe('a fake vnet', () => {
  let fake: FakeVnet
  let dropped = 5n
  beforeEach(() => {
    makeRunDirectory([RUN_DIRECTORY])
    const { ino } = fstatSync(near.fd)
    const answers: Answers = {
      2: () => [b => b.u32(1, 7).string(2, 'sn0')],
      3: () => [
        b => {
          b.u32(1, 7).string(2, 'sn0')
          b.nested(9, all =>
            all.nested(1, drop => drop.u8(1, 0).string(2, 'NEIGH').u64(3, dropped)),
          )
        },
      ],
      10: () => [],
    }
    fake = new FakeVnet(RUN_DIRECTORY, answers, {
      netns: ino,
      interfaces: [{ name: 'sn0', ifindex: 7, inode: ino }],
    })
  })
  afterEach(() => fake[Symbol.dispose]())

  test('the example of docs/control-programs.md prints why frames were dropped, and again when more are', async () => {
    const child = near.spawn(withoutLabs([process.execPath, example]))
    const ended = outcome(child)
    let text = ''
    let look = () => {}
    child.stdout.on('data', more => {
      text += more
      look()
    })
    const until = (line: string) =>
      new Promise<void>(resolve => {
        look = () => {
          if (text.includes(line)) {
            resolve()
          }
        }
        look()
      })
    await until('sn0 { tx: { NEIGH: 5 }, rx: {} }\n')
    await fake.hears(10)
    dropped = 105n
    fake.event(b => b.u32(1, 7).string(2, 'sn0').u32(28, 6).u64(31, 105n))
    await until('sn0 { tx: { NEIGH: 105 }, rx: {} }\n')
    // A subscription keeps the process alive, until it ends.
    fake[Symbol.dispose]()
    expect(await ended).toMatchObject({ status: 0, stderr: '' })
  })

  test('vnet events reports a vnet that starts meanwhile from start to end, and ends with the last vnet', async () => {
    const child = near.spawn(withoutLabs([process.execPath, PROGRAM, 'events', '--json']))
    const ended = outcome(child)
    const isUp = new Promise<void>(resolve => {
      let text = ''
      child.stdout.on('data', more => {
        text += more
        if (text.includes('"up"')) {
          resolve()
        }
      })
    })
    await fake.hears(10)
    const vnet = await spawnVnet(['--name', 'late0', '--json'], {
      within: ['ip', 'netns', 'exec', near.name],
    })
    await isUp
    await vnet.stop()
    fake[Symbol.dispose]()
    const { status, stdout, stderr } = await ended
    expect([status, stderr]).toEqual([
      1,
      '{"event":"error","error":"no vnet is running any more"}\n',
    ])
    expect(jsonLines(stdout).map(({ event, name }) => [event, name])).toEqual(
      ['registered', 'up', 'down', 'unregistered'].map(event => [event, 'late0']),
    )
  })

  test('a subscription gets the events of a vnet and ends with it', async () => {
    using client = ControlClient.open()
    let hear = (_: unknown) => {}
    const heard = new Promise(resolve => {
      hear = resolve
    })
    const subscription = await client.subscribe(fake.path, event => hear(event))
    fake.event(b => b.u32(1, 7).string(2, 'sn0').u32(28, 3))
    expect(await heard).toMatchObject({ event: 'up', name: 'sn0' })
    fake[Symbol.dispose]()
    await subscription.ended
  })
})
