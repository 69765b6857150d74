/**
 * `vnet node`: attachments of many clients, which are back after a restart;
 * test/kernel/agent/daemon.slow.test.ts has one of each.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  lstatSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { startAgent, useAgentSocket } from '#support/agent.ts'
import { interfacesOf, makeVeth } from '#support/attach.ts'
import { countFrames } from '#support/bpf.ts'
import { freshEngine } from '#support/fake-engine.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { OwnNetns } from '#support/netns.ts'
import { runMain } from '#support/run-main.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import { jsonLines, PROGRAM, type Running, spawnVnet } from '#support/vnet-process.ts'

const { near, far, directory } = freshQuietNamespaces('near', 'far')
useAgentSocket(directory)
const engine = freshEngine(directory)
let inner: string

beforeEach(() => {
  makeVeth(near, far)
  inner = `${near.name}/inner`
})

const attach = (...args: string[]) => runMain('attach', '--node', ...args)
const socket = () => process.env.VNET_NODE_SOCKET as string
/** Listens, ends its first thread, and then prints a line. The other thread keeps the socket. */
const ENDING = `
import ctypes, os, socket, sys, threading
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
def wait():
    while open(f'/proc/{os.getpid()}/stat').read().rsplit(')', 1)[1].split()[0] != 'Z':
        pass
    print('ending', flush=True)
    threading.Event().wait()
threading.Thread(target=wait).start()
ctypes.CDLL(None).pthread_exit(None)
`
/** How many programs the kernel takes in a direction of an interface. */
const PROGRAMS_MAX = 63
const state = () => JSON.parse(readFileSync(join(directory, 'node.state'), 'utf8'))
const wireOf = async (name: string) => (await runMain('wire', name)).stdout.split('\n').slice(0, 2)

describe('a client', () => {
  test('names a container, which the daemon finds', async () => {
    await startAgent()
    const { stderr } = await attach('--container', 'nosuch')
    expect(stderr).toMatch(/^vnet: container nosuch: there is no such container/)
    engine.containers.set('ended', { pid: 0 })
    expect((await attach('--container', 'ended')).stderr).toMatch(/it is not running\n$/)
  })

  test('does not wait while an engine does not reply to another client', async () => {
    await startAgent()
    const asked = new Promise<void>(resolve => {
      engine.slow = resolve
    })
    const other = attach('--container', 'slow')
    await asked
    expect((await attach(inner)).status).toBe(0)
    await engine.close()
    expect((await other).stderr).toMatch(/the engine does not answer/)
  })

  test.each([
    [['--wire', 'loss 1% los 2%'], 2, "wire, column 9: 'los' is not a word of a wire"],
    [['--wire', 'trace /etc/shadow'], 2, 'only plain names of files in --files are taken'],
    [['--scenario', '/etc/shadow'], 2, 'only plain names of files in --files are taken'],
    [
      ['--wire', "match 'host example' ( loss 1% )"],
      2,
      "'example' is not a word of pcap-filter(7), and names are not looked up",
    ],
    [['--log', 'decisions'], 2, '--node: the daemon does not take --log'],
    [['--capture', 'a.pcapng'], 2, '--node: the daemon does not take --capture'],
    [['--for', '1s'], 2, '--node: the daemon does not take --for'],
    [['--container', 'web'], 2, 'attach: name interfaces, or --container or --pid, not both'],
  ])(
    'attach --node IF %j is refused in one line, and nothing is attached',
    async (args, expected, why) => {
      await startAgent('--files', directory)
      const { status, stdout, stderr } = await attach(inner, ...args)
      expect([status, stdout]).toEqual([expected, ''])
      expect(stderr.trimEnd().split('\n')).toEqual([expect.stringContaining(why)])
      expect([state(), interfacesOf(near)]).toEqual([[], ['inner']])
    },
  )

  test('names a scenario in the directory of --files', async () => {
    const daemon = await startAgent('--files', directory)
    writeFileSync(join(directory, 'link.yaml'), '- at: 0ms\n  wire-in: delay 1ms\n')
    expect((await attach(inner, '--scenario', 'link.yaml')).status).toBe(0)
    await daemon.line(/inner: wire in \(ab\): delay 1ms|wire in \(ab\): delay 1ms/)
  })

  test('gets an error for an interface that does not exist, and for an attached one', async () => {
    await startAgent()
    expect((await attach(`${near.name}/nosuch`)).stderr).toMatch(
      /^vnet: attach nosuch: there is no such interface/,
    )
    await attach(inner)
    expect((await attach(inner)).stderr).toMatch(
      /^vnet: attach .*inner: process \d+ is attached to it\n$/,
    )
    expect((await runMain('detach', `${near.name}/nosuch`)).stderr).toMatch(
      /nosuch: vnet node has no attachment of this name\n$/,
    )
  })

  test('that is refused by the kernel gets no attachment later', async () => {
    using own = new OwnNetns()
    const daemon = await startAgent()
    for (let i = 0; i < PROGRAMS_MAX; i++) {
      countFrames(own, near, 'inner', 'tcx egress, last')
    }
    const { status, stderr } = await attach(inner, '--wire', 'delay 1ms')
    expect([status, stderr.trimEnd().split('\n').length]).toEqual([1, 1])
    // What followed the refusal, if anything, has begun before these.
    for (const name of ['a', 'b', 'c']) {
      await attach(`${near.name}/${name}`)
    }
    expect(daemon.stdout + daemon.stderr).not.toContain('not attached again')
    expect([state(), interfacesOf(near)]).toEqual([[], ['inner']])
  })

  test('without a daemon it says how to start one', async () => {
    const { status, stderr } = await attach(inner)
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/^vnet: vnet node at .*: connection refused; start it: vnet node\n$/),
    ])
  })
})

describe('who may ask', () => {
  const asNobody = (group: string) =>
    far.run(
      `setpriv --reuid 65534 --regid 65534 --groups ${group} ${process.execPath} ${PROGRAM} attach --node inner`,
    )

  test('members of --group may ask, and others not', async () => {
    await startAgent('--group', '4242')
    chmodSync(directory, 0o755)
    expect(statSync(socket())).toMatchObject({ gid: 4242 })
    expect(statSync(socket()).mode & 0o777).toBe(0o660)
    expect((await asNobody('4242')).stderr).toMatch(/there is no such interface/)
    chmodSync(socket(), 0o666)
    expect((await asNobody('4243')).stderr).toMatch(
      /only root may do this: you are user 65534; or members of group 4242/,
    )
  })

  test.each([
    '',
    'nonsense',
    '{"do":"fly"}',
    '{"do":"attach"}',
    '{"do":"detach","name":7}',
    `{"a":"${'x'.repeat(70_000)}"}`,
  ])(
    'the malformed request %.20s has a reply of one line, and the daemon continues',
    async request => {
      await startAgent()
      const reply = await new Promise<string>((resolve, reject) => {
        let text = ''
        const client = connect(socket(), () => client.end(request))
        client.setEncoding('utf8').on('data', chunk => {
          text += chunk
        })
        client.on('error', reject).on('end', () => resolve(text))
      })
      expect(reply).toMatch(/^2\n[^\n]+$/)
      expect((await attach(inner)).status).toBe(0)
    },
  )
})

describe('after a restart', () => {
  test('a dozen attachments are all back, and frames pass their wires', async () => {
    const names = Array.from({ length: 12 }, (_, i) => `bridge${i}`)
    for (const name of names) {
      near.ip(`link add ${name} type bridge`, `link set ${name} up`)
    }
    const first = await startAgent()
    expect(
      (await attach(inner, ...names.map(name => `${near.name}/${name}`), '--wire', 'delay 10ms'))
        .status,
    ).toBe(0)
    await first.stop()
    await startAgent()
    const listed = (await runMain('list', '--names')).stdout.split('\n')
    expect(listed.filter(name => name.startsWith(near.name)).toSorted()).toEqual(
      ['inner', ...names].map(name => `${near.name}/${name}`).toSorted(),
    )
    const { shortest } = await pingWithoutLoss(far, '-c 1 192.0.2.1')
    expect(shortest).toBeGreaterThanOrEqual(20)
  })

  test('an interface that goes down is kept from that moment on, and can be detached', async () => {
    const first = await startAgent()
    await attach(inner, '--wire', 'delay 1ms')
    near.ip('link set inner down')
    await first.line(/inner: the interface was brought down/)
    await first.stop('SIGKILL')
    expect(state()).toHaveLength(1)
    near.ip('link set inner up')
    const second = await startAgent()
    expect((await wireOf(inner))[0]).toBe(`${inner} in (ab): delay 1ms`)
    near.ip('link set inner down')
    await second.line(/inner: the interface was brought down/)
    expect((await runMain('detach', inner)).status).toBe(0)
    near.ip('link set inner up')
    expect([state(), interfacesOf(near)]).toEqual([[], ['inner']])
  })

  test('an interface that was renamed while attached is back by its new name', async () => {
    const first = await startAgent('--json')
    await attach(inner)
    near.ip('link set inner name third')
    await first.line(/renamed to third/)
    near.ip(`link set ${interfacesOf(near).find(name => name.endsWith('b'))} name other`)
    await first.line(/third: its TAP was renamed to other/)
    await first.stop()
    expect(state()).toEqual([
      expect.objectContaining({ request: expect.objectContaining({ name: 'third' }) }),
    ])
    await startAgent()
    expect((await runMain('list', '--names')).stdout).toContain(`${near.name}/third`)
  })

  test('an interface that goes down is back when it is up, also in a daemon that started meanwhile', async () => {
    const wire = [`${inner} in (ab): delay 1ms`, `${inner} out (ba): delay 1ms`]
    const first = await startAgent('--json')
    await attach(inner, '--wire', 'delay 1ms')
    near.ip('link set inner down')
    await first.line(/inner: the interface was brought down/)
    await expect.poll(state).toHaveLength(1)
    near.ip('link set inner up')
    await expect.poll(() => wireOf(inner)).toEqual(wire)
    near.ip('link set inner down')
    await expect.poll(() => wireOf(inner)).toEqual([''])
    await expect.poll(state).toHaveLength(1)
    await first.stop()
    expect(state()).toEqual([
      expect.objectContaining({ request: expect.objectContaining({ name: 'inner' }) }),
    ])
    await startAgent()
    expect(state()).toHaveLength(1)
    near.ip('link set inner up')
    await expect.poll(() => wireOf(inner)).toEqual(wire)
  })

  test('an interface that is down can be detached, or attached with another wire', async () => {
    const daemon = await startAgent('--json')
    await attach(inner)
    near.ip('link set inner down')
    await daemon.line(/inner: the interface was brought down/)
    const done = `${JSON.stringify({ event: 'detach', name: 'inner', netns: near.name })}\n`
    await expect
      .poll(() => runMain('detach', inner, '--json'))
      .toEqual({ status: 0, stdout: done, stderr: '' })
    expect(state()).toEqual([])
    near.ip('link set inner up')
    await attach(inner, '--wire', 'delay 2ms')
    expect(await wireOf(inner)).toEqual([
      `${inner} in (ab): delay 2ms`,
      `${inner} out (ba): delay 2ms`,
    ])
    expect((await daemon.stop()).status).toBe(0)
  })

  test('another interface of the same name, or in a namespace of the same inode, is not attached to', async () => {
    const first = await startAgent()
    await attach(inner)
    await first.stop()
    const [kept] = state()
    near.ip('link delete inner')
    makeVeth(near, far)
    near.ip('link set inner down')
    const second = await startAgent('--json')
    await second.line(/not attached again: .*it no longer exists/)
    expect(state()).toEqual([])
    await second.stop()
    const { ifindex } = (JSON.parse(near.ip('-j link show inner')) as { ifindex: number }[])[0]!
    writeFileSync(
      join(directory, 'node.state'),
      JSON.stringify([{ ...kept, ifindex, cookie: kept.cookie + 1 }]),
    )
    const third = await startAgent('--json')
    await third.line(/not attached again: .*it no longer exists/)
  })

  test.each(['nonsense', '{}', '[null, 7, {"inode": 1}]'])(
    'the state %s is not an error',
    async text => {
      writeFileSync(join(directory, 'node.state'), text)
      const daemon = await startAgent()
      expect((await attach(inner)).status).toBe(0)
      expect((await daemon.stop()).status).toBe(0)
    },
  )

  test('a deleted interface is forgotten, and the others remain attached', async () => {
    near.ip('link add second type bridge', 'link set second up')
    const daemon = await startAgent('--json')
    await attach(inner, `${near.name}/second`)
    expect(state()).toHaveLength(2)
    near.ip('link delete second')
    await daemon.line(/second: the interface was brought down, moved or deleted/)
    await pingWithoutLoss(far, '-c 1 192.0.2.1')
    await daemon.stop()
    expect(state()).toHaveLength(1)
  })
})

describe('after two ends while a frame of an attachment was in work', () => {
  /** Kills a daemon at a moment when a frame is in work. */
  async function killInWork(daemon: Running): Promise<void> {
    const flood = far.spawn('ping -f -q 192.0.2.1')
    const isStopped = () => /\) [Tt] /.test(readFileSync(`/proc/${daemon.pid}/stat`, 'latin1'))
    const cpuNs = () =>
      Number(readFileSync(`/proc/${daemon.pid}/schedstat`, 'latin1').split(' ')[0])
    try {
      for (;;) {
        process.kill(daemon.pid, 'SIGSTOP')
        while (!isStopped()) {
          await new Promise(setImmediate)
        }
        if (readFileSync(join(directory, 'node.mark')).readInt32LE() !== 0) break
        // It must run before the next stop, which it does while frames arrive.
        const before = cpuNs()
        process.kill(daemon.pid, 'SIGCONT')
        while (cpuNs() - before < 100_000) {
          await new Promise(setImmediate)
        }
      }
      await daemon.stop('SIGKILL')
    } finally {
      flood.kill()
    }
  }

  /** Returns the names of the interfaces that it is attached to. */
  async function listed(): Promise<string[]> {
    const names = (await runMain('list', '--names')).stdout.split('\n')
    return names.filter(name => name.startsWith(near.name)).toSorted()
  }

  test('it is not restored, which the log and list say, and is back when it is attached again', async () => {
    near.ip('link add second type bridge', 'link set second up')
    const first = await spawnVnet(['node'])
    const wire = `${'duplicate 100% | '.repeat(4)}${'loss 0% | '.repeat(27)}loss 0%`
    await attach(inner, '--wire', wire)
    await attach(`${near.name}/second`, '--wire', 'delay 1ms')
    await killInWork(first)
    const second = await spawnVnet(['node'])
    expect(await listed()).toEqual([inner, `${near.name}/second`])
    await killInWork(second)
    const third = await startAgent('--json')
    await third.line(
      /not attached again: inner: vnet node ended twice while a frame of it was in work/,
    )
    expect(JSON.parse((await runMain('list', '--json')).stdout)).toMatchObject({ away: ['inner'] })
    expect((await runMain('list')).stdout).toMatch(/^inner +attach +away .*attach it again$/m)
    // A further restart changes nothing.
    await third.stop()
    await startAgent()
    expect(await listed()).toEqual([`${near.name}/second`])
    expect((await attach(inner)).status).toBe(0)
    expect(await listed()).toEqual([inner, `${near.name}/second`])
    expect(JSON.parse((await runMain('list', '--json')).stdout)).toMatchObject({ away: [] })
  })
})

test('an attachment that is away is in the list, also of a daemon without others', async () => {
  // Another vnet of this namespace would be in the list.
  const startAlone = () =>
    spawnVnet(['node'], { within: ['nsenter', `--net=/run/netns/${near.name}`] })
  const first = await startAlone()
  await near.run(`${process.execPath} ${PROGRAM} attach --node inner`)
  await first.stop()
  const [kept] = state()
  writeFileSync(join(directory, 'node.state'), JSON.stringify([{ ...kept, away: true }]))
  await startAlone()
  const { status, stdout } = await near.run(`${process.execPath} ${PROGRAM} list`)
  expect([status, stdout]).toEqual([0, expect.stringMatching(/^inner +attach +away /m)])
})

describe('the daemon', () => {
  test('a second one is refused', async () => {
    await startAgent()
    const { status, stderr } = await runMain('node')
    expect([status, stderr]).toEqual([
      1,
      expect.stringContaining('another vnet node listens there'),
    ])
  })

  test("leaves a file, a link and another kind of socket at its socket's path as they are", async () => {
    const refused = async () => {
      const { status, stderr } = await runMain('node')
      expect([status, stderr]).toEqual([
        1,
        expect.stringMatching(/^vnet: \S*node\.sock: [^\n]+\n$/),
      ])
    }
    writeFileSync(socket(), 'precious')
    await refused()
    expect(readFileSync(socket(), 'utf8')).toBe('precious')
    rmSync(socket())
    symlinkSync('/dev/null', socket())
    await refused()
    expect(lstatSync(socket()).isSymbolicLink()).toBe(true)
    rmSync(socket())
    const program =
      'import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1]); print(1, flush=True); input()'
    const other = spawn('python3', ['-c', program, socket()], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    await once(other.stdout, 'data')
    await refused()
    other.stdin.end('\n')
    expect(lstatSync(socket()).isSocket()).toBe(true)
  })

  test('waits for a former one that the kernel still ends', async () => {
    // Its first thread has ended, and the process still has the socket.
    const former = spawn('python3', ['-c', ENDING, socket()], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(former.stdout, 'data')
    const daemon = await spawnVnet(['node'], {
      until: /the former vnet node \(process \d+\) is still ending/,
    })
    former.kill('SIGKILL')
    await daemon.line(/^ready$/)
  })

  test('prints ready with its socket', async () => {
    const daemon = await startAgent('--json')
    expect(jsonLines(daemon.stdout)).toContainEqual({ event: 'ready', socket: socket() })
  })

  test.each([
    [['--image-labels'], '--image-labels is for --docker'],
    [['--files', '/nosuch'], '--files /nosuch: it is not a directory'],
    [['--group', 'no such group'], 'no such group'],
  ])('vnet node %j is refused', async (args, why) => {
    const { status, stderr } = await runMain('node', ...args)
    expect([status, stderr]).toEqual([2, expect.stringContaining(why)])
  })
})
