/** `vnet node --docker`: labels of containers, with an engine of the test. */
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { useAgentSocket } from '#support/agent.ts'
import { makeVeth } from '#support/attach.ts'
import { FakeEngine, freshEngine } from '#support/fake-engine.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { processIn } from '#support/netns.ts'
import { PROGRAM, type Running, spawnVnet } from '#support/vnet-process.ts'

const { near: container, far: host, directory } = freshQuietNamespaces('near', 'far')
useAgentSocket(directory)
const engine = freshEngine(directory)
let pid: number

beforeEach(async () => {
  makeVeth(container, host)
  pid = await processIn(container)
})

const start = (...args: string[]): Promise<Running> =>
  spawnVnet(['node', '--docker', '--json', ...args], {
    within: ['nsenter', `--net=/run/netns/${host.name}`],
  })
/** Makes another veth from `eth-NAME` in the container to `NAME`. */
function addVeth(name: string): void {
  container.ip(
    `link add eth-${name} type veth peer name ${name} netns ${host.name}`,
    `link set eth-${name} up`,
  )
  host.ip(`link set ${name} up`)
}

const labels = { 'vnet.wire-in': 'delay 5ms', 'vnet.wire-out': 'loss 1%', 'vnet.seed': '7' }
const ATTACHED = /outer: attached \(container web, inner\)/

describe('labels', () => {
  test('a container that runs already is attached to', async () => {
    engine.start('web', { pid, labels })
    const daemon = await start()
    await daemon.line(ATTACHED)
    await daemon.line(/wire: seed 7/)
  })

  test('vnet.only keeps other frames in the kernel, and its mistake is one line', async () => {
    const only = (filter: string) => ({ pid, labels: { ...labels, 'vnet.only': filter } })
    engine.start('api', only('port http'))
    const daemon = await start()
    await daemon.line(/container api: only: filter 'port http': 'http' is not a word/)
    engine.start('web', only('tcp port 9999'))
    await daemon.line(/only frames of 'tcp port 9999' pass the wire/)
  })

  test('a container that starts is attached to, and again when it starts again', async () => {
    const daemon = await start('-v')
    await daemon.line(/docker: connected/)
    engine.start('web', { pid, labels })
    await daemon.line(ATTACHED)
    host.ip('link delete outer')
    await daemon.line(/outer: the interface was brought down/)
    makeVeth(container, host)
    engine.start('web', { pid, labels })
    await daemon.line(ATTACHED, 2)
  })

  test('an engine that does not run yet is waited for, with a line about its socket', async () => {
    await engine.close()
    const daemon = await start()
    await daemon.line(
      /docker: \/\S+: (no such file or directory|connection refused); trying again every second/,
    )
    engine.start('web', { pid, labels })
    await engine.listen()
    await daemon.line(ATTACHED)
  })

  test('an engine that refuses its events is named once, with its status', async () => {
    engine.eventsStatus = 403
    const daemon = await start('-v')
    await daemon.line(/docker: .*replies to \/events with status 403; trying again every second/)
    await expect.poll(() => engine.refused, { timeout: 30_000 }).toBeGreaterThan(1)
    engine.eventsStatus = 200
    await daemon.line(/docker: connected/)
    const { stdout, stderr } = daemon
    expect((stdout + stderr).match(/status 403/g)).toHaveLength(1)
  })

  test('an engine that is restarted is followed again, and what started meanwhile is found', async () => {
    const daemon = await start('-v')
    await daemon.line(/docker: connected/)
    await engine.close()
    await daemon.line(/docker: .*; trying again every second/)
    engine.start('web', { pid, labels })
    await engine.listen()
    await daemon.line(ATTACHED)
  })

  test('an attachment that is back after a restart is not made twice', async () => {
    engine.start('web', { pid, labels })
    const first = await start()
    await first.line(ATTACHED)
    await first.stop('SIGKILL')
    const second = await start('-v')
    await second.line(/docker: connected/)
    await second.line(ATTACHED)
    engine.start('next', { pid: await processIn(host), labels })
    await second.line(/container next:/)
    expect(second.stdout.match(/: attached/g)).toHaveLength(1)
    expect(second.stdout).not.toContain('EBUSY')
  })

  test.each([
    [{ 'vnet.wire': 'delay 20ms los 1%' }, "wire, column 12: 'los' is not a word of a wire"],
    [{ 'vnet.scenario': '../x.yaml' }, 'only plain names of files in --files are taken'],
    [
      { 'vnet.wire': "match 'host \u001b[2J' ( loss 1% )" },
      'names are not looked up here: write numbers',
    ],
  ])('the mistake %j is one log line, and nothing is attached', async (wrong, why) => {
    const daemon = await start('--files', directory)
    engine.start('web', { pid, labels: wrong })
    const line = await daemon.line(/container web:/)
    expect(JSON.parse(line)).toMatchObject({
      level: 'warning',
      message: expect.stringContaining(`container web: ${why.startsWith('wire') ? why : ''}`),
    })
    expect(line).toContain(why)
    expect(line).not.toContain('\u001b')
    expect(daemon.stdout).not.toMatch(/: attached/)
  })

  test.each([
    [
      { 'vnet.wire_in': 'loss 1%' },
      "label 'vnet.wire_in' is unknown; did you mean 'vnet.wire-in'?",
    ],
    [{ 'vnet.wires': 'loss 1%' }, "label 'vnet.wires' is unknown; did you mean 'vnet.wire'?"],
    [{ 'VNET.WIRE': 'loss 1%' }, "label 'VNET.WIRE' is unknown; did you mean 'vnet.wire'?"],
    [{ 'vnet.dev/wire': 'loss 1%' }, "label 'vnet.dev/wire' is unknown; did you mean 'vnet.wire'?"],
    [{ vnet_wire: 'loss 1%' }, "label 'vnet_wire' is unknown; did you mean 'vnet.wire'?"],
    [
      { 'vnet.loss': '5%' },
      "label 'vnet.loss' is unknown; there are vnet.wire, vnet.wire-in, vnet.wire-out",
    ],
    [
      { 'vnet.wire': 'loss 1%', 'vnet.sed': '7' },
      "label 'vnet.sed' is unknown; did you mean 'vnet.seed'?",
    ],
    [{ 'vnet.only': 'icmp' }, "label 'vnet.only' alone is no wire: add 'vnet.wire'"],
    [{ 'vnet.seed': 'abc' }, "label 'vnet.seed' alone is no wire: add 'vnet.wire'"],
  ])('the labels %j are refused, which the log and list say', async (wrong, why) => {
    const daemon = await start()
    engine.start('other', {
      pid,
      labels: { vnetwork: 'x', 'vnet-peering': 'y', 'com.vnet.wire': 'z' },
    })
    engine.start('web', { pid, labels: wrong as Record<string, string> })
    expect(JSON.parse(await daemon.line(/container web:/)).message).toContain(
      `container web: ${why}`,
    )
    expect(daemon.stdout).not.toMatch(/: attached|container other/)
    const { stdout } = await host.run(`${process.execPath} ${PROGRAM} list --json`)
    expect(JSON.parse(stdout)).toMatchObject({
      interfaces: [],
      mistakes: [{ who: 'container web', why: expect.stringContaining(why) }],
    })
    engine.start('web', { pid, labels })
    await daemon.line(ATTACHED)
    const { stdout: then } = await host.run(`${process.execPath} ${PROGRAM} list --json`)
    expect(JSON.parse(then).mistakes).toEqual([])
  })

  test('a network that is connected later gets the wire, also while the engine was not followed', async () => {
    const daemon = await start('-v')
    await daemon.line(/docker: connected/)
    engine.start('web', { pid, labels })
    await daemon.line(ATTACHED)
    addVeth('second')
    engine.connect('web')
    await daemon.line(/second: attached \(container web, eth-second\)/)
    await engine.close()
    await daemon.line(/docker: .*; trying again every second/)
    addVeth('third')
    await engine.listen()
    await daemon.line(/third: attached \(container web, eth-third\)/)
    expect(daemon.stdout.match(/: attached/g)).toHaveLength(3)
  })

  test('a second container with labels in the same network is a mistake', async () => {
    const daemon = await start()
    engine.start('web', { pid, labels })
    await daemon.line(ATTACHED)
    engine.start('side', { pid, labels: { 'vnet.wire': 'loss 1%' } })
    await daemon.line(
      /container side: it shares inner with container web, whose labels give the wire/,
    )
    engine.remove('side')
    engine.start('next', { pid, labels: { 'vnet.wires': '' } })
    await daemon.line(/container next:/)
    const { stdout } = await host.run(`${process.execPath} ${PROGRAM} list`)
    expect(stdout).toMatch(/^container next +- +attach +mistake /m)
    expect(stdout).not.toContain('side')
  })

  test('an interface that is no veth has a line beside the wire of the others', async () => {
    container.ip('link add link inner name eth1 type macvlan', 'link set eth1 up')
    container.ip('link add own type bridge', 'link set own up')
    const daemon = await start()
    engine.start('web', { pid, labels })
    await daemon.line(ATTACHED)
    await daemon.line(
      /container web: eth1 is macvlan: vnet attach --node \/proc\/\d+\/ns\/net\/eth1 attaches inside/,
    )
    expect(daemon.stdout).not.toMatch(/own is/)
  })

  test("an image's own labels do not count, but labels that change them do", async () => {
    engine.images.set('sha256:bad', { 'vnet.wire': 'loss 100%' })
    const daemon = await start('-v')
    engine.start('web', { pid, image: 'sha256:bad', labels: { 'vnet.wire': 'loss 100%' } })
    await daemon.line(/container web: only its image has labels/)
    engine.images.set('sha256:odd', { 'vnet.wire_in': 'loss 100%' })
    engine.start('odd', { pid, image: 'sha256:odd', labels: { 'vnet.wire_in': 'loss 100%' } })
    await daemon.line(/container odd: only its image has labels/)
    expect(daemon.stdout).not.toMatch(/: attached/)
    engine.start('web', { pid, image: 'sha256:bad', labels: { 'vnet.wire': 'loss 1%' } })
    await daemon.line(ATTACHED)
  })

  test("--image-labels counts an image's own labels too", async () => {
    engine.images.set('sha256:bad', { 'vnet.wire': 'loss 1%' })
    engine.start('web', { pid, image: 'sha256:bad', labels: { 'vnet.wire': 'loss 1%' } })
    await (await start('--image-labels')).line(ATTACHED)
  })
})

/** The mistakes that `vnet list` shows, as `who: why`. */
async function mistakes(): Promise<string[]> {
  const { stdout } = await host.run(`${process.execPath} ${PROGRAM} list --json`)
  const { mistakes } = JSON.parse(stdout || '{"mistakes":[]}') as {
    mistakes: { who: string; why: string }[]
  }
  return mistakes.map(({ who, why }) => `${who}: ${why}`)
}

/** Asks the daemon to attach to a container. Returns the error line. */
async function attach(name: string, ...args: string[]): Promise<string> {
  const command = [process.execPath, PROGRAM, 'attach', '--node', '--container', name, ...args]
  return (await host.run(command.join(' '))).stderr
}

describe('a container without its wire is in the list', () => {
  test.each([
    ['it', '--container web'],
    ['its interface', 'outer'],
  ])('one that a user detached, until a user attaches to %s', async (_, what) => {
    engine.start('web', { pid, labels })
    const daemon = await start()
    await daemon.line(ATTACHED)
    await host.run(`${process.execPath} ${PROGRAM} detach outer`)
    expect(await mistakes()).toEqual([
      'container web: inner has no wire, because a user detached it',
    ])
    const attached = await host.run(`${process.execPath} ${PROGRAM} attach --node ${what}`)
    expect(attached.stderr).toBe('')
    expect(await mistakes()).toEqual([])
  })

  test('one that ended before it had its wire, until it starts with one', async () => {
    const daemon = await start('-v')
    await daemon.line(/docker: connected/)
    engine.start('plain', { pid: 0, labels: { other: 'x' } })
    engine.start('web', { pid: 0, labels })
    await daemon.line(/container web: it ended before it had its wire/)
    expect(await mistakes()).toEqual(['container web: it ended before it had its wire'])
    engine.start('web', { pid, labels })
    await daemon.line(ATTACHED)
    expect(await mistakes()).toEqual([])
    engine.end('web')
    engine.startRemoved('job', { pid: 0, labels })
    await daemon.line(/container job: it ended before it had its wire/)
    await expect.poll(mistakes).toEqual([])
  })

  test('one that a user could not attach to, until that works or the container ends', async () => {
    engine.containers.set('web', { pid })
    const other = await processIn(container)
    engine.containers.set('other', { pid: other })
    await start()
    expect(await attach('web', '--interface', 'eth9')).toContain('it has no interface eth9')
    expect(await mistakes()).toEqual(['container web: it has no interface eth9'])
    expect(await attach('web')).toBe('')
    expect(await mistakes()).toEqual([])
    expect(await attach('other', '--interface', 'eth9')).toContain('it has no interface eth9')
    expect(await mistakes()).toHaveLength(1)
    process.kill(other)
    await expect.poll(mistakes).toEqual([])
  })

  test('one with a network that is newer than the attachment of a user', async () => {
    engine.containers.set('web', { pid })
    const daemon = await start('-v')
    await daemon.line(/docker: connected/)
    await attach('web')
    addVeth('second')
    engine.connect('web')
    await daemon.line(/container web: eth-second has no wire/)
    const command = 'vnet attach --node --container web --interface eth-second'
    expect(await mistakes()).toEqual([
      `container web: eth-second has no wire, because it is newer: ${command}`,
    ])
    expect(await attach('web', '--interface', 'eth-second')).toBe('')
    expect(await mistakes()).toEqual([])
  })
})

describe('without DOCKER_HOST', () => {
  /** Starts a daemon with a /run of its own, in which `run` has made something. */
  function startIn(run: string): Promise<Running> {
    delete process.env.DOCKER_HOST
    delete process.env.XDG_RUNTIME_DIR
    const script = `mount -t tmpfs tmpfs /run && mkdir /run/podman && ${run} && exec "$@"`
    const within = [
      'nsenter',
      `--net=/run/netns/${host.name}`,
      'unshare',
      '-m',
      'sh',
      '-c',
      script,
      'sh',
    ]
    return spawnVnet(['node', '--docker', '--json', '-v'], { within })
  }
  const runtime = process.env.XDG_RUNTIME_DIR
  afterEach(() => {
    if (runtime !== undefined) {
      process.env.XDG_RUNTIME_DIR = runtime
    }
  })

  test("a daemon finds the engine at Podman's socket", async () => {
    engine.start('web', { pid, labels })
    const daemon = await startIn(`ln -s ${engine.socket} /run/podman/podman.sock`)
    await daemon.line(ATTACHED)
  })

  test('a daemon takes the first engine that starts, and stays with it', async () => {
    await engine.close()
    const docker = new FakeEngine(join(directory, 'docker.sock'))
    const daemon = await startIn(
      `ln -s ${docker.socket} /run/docker.sock && ln -s ${engine.socket} /run/podman/podman.sock`,
    )
    await daemon.line(
      /docker: \/var\/run\/docker.sock: .*, \/run\/podman\/podman.sock: .*; trying again/,
    )
    engine.start('web', { pid, labels })
    await engine.listen()
    await daemon.line(ATTACHED)

    // Neither has an interface of its own, which is one line.
    const shared = { pid: await processIn(host), labels }
    docker.start('other', shared)
    await docker.listen()
    await engine.close()
    await daemon.line(/docker: .*; trying again every second/, 2)
    await engine.listen()
    engine.start('next', shared)
    await daemon.line(/container next:/)
    expect(daemon.stdout).not.toContain('container other:')
    await docker.close()
  })
})

test('events that are not JSON are skipped', async () => {
  const daemon = await start('-v')
  await daemon.line(/docker: connected/)
  engine.write('nonsense\n{"id":7}\n{"Actor":{"ID":"../../x"}}\nnull\n')
  engine.start('web', { pid, labels })
  await daemon.line(ATTACHED)
})
