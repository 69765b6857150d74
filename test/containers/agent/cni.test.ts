/** The CNI plugin with its daemon, called as a container runtime calls it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { VERSIONS } from '#src/agent/cni.ts'
import { useAgentSocket } from '#support/agent.ts'
import { interfacesOf } from '#support/attach.ts'
import { runPlugin } from '#support/cni-plugin.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { processIn } from '#support/netns.ts'
import { PROGRAM, type Running, spawnVnet } from '#support/vnet-process.ts'

const { near: host, far: pod, directory } = freshQuietNamespaces('near', 'far')
useAgentSocket(directory)
let daemon: Running

/** The daemon runs where the other ends of the pods' veths are. */
beforeEach(async () => {
  host.ip(`link add vethpod type veth peer name eth0 netns ${pod.name}`, 'link set vethpod up')
  pod.ip('link set eth0 up')
  daemon = await spawnVnet(['node', '--json'], {
    within: ['nsenter', `--net=/run/netns/${host.name}`],
  })
})

const PREVIOUS = {
  cniVersion: '1.0.0',
  interfaces: [{ name: 'vethpod' }, { name: 'eth0', sandbox: 'x' }],
}
const ANNOTATIONS = 'io.kubernetes.cri.pod-annotations'
const annotated = (annotations: object) => ({ runtimeConfig: { [ANNOTATIONS]: annotations } })

interface Call {
  readonly config?: object
  readonly variables?: Readonly<Record<string, string>>
}

function call(command: string, { config = {}, variables = {} }: Call = {}) {
  const where = {
    CONTAINERID: 'c1',
    NETNS: `/run/netns/${pod.name}`,
    IFNAME: 'eth0',
    PATH: '/opt/cni/bin',
  }
  return runPlugin(
    { COMMAND: command, ...where, ...variables },
    { cniVersion: '1.0.0', name: 'pods', type: 'vnet-cni', prevResult: PREVIOUS, ...config },
  )
}

const ADDED = { status: 0, stdout: `${JSON.stringify(PREVIOUS)}\n` }
const DONE = { status: 0, stdout: '' }
/** The wire as clients in the namespace of the daemon see it. */
const wire = async () => {
  const { stdout } = await host.run(`${process.execPath} ${PROGRAM} wire vethpod`)
  return stdout
    .split('\n')
    .slice(0, 2)
    .map(line => line.replace('vethpod ', ''))
}
const mistakes = async () =>
  JSON.parse((await host.run(`${process.execPath} ${PROGRAM} list --json`)).stdout || '{}').mistakes
const start = () =>
  spawnVnet(['node', '--json'], { within: ['nsenter', `--net=/run/netns/${host.name}`] })
/** The daemon's attachments. */
const attached = () =>
  JSON.parse(readFileSync(join(directory, 'node.state'), 'utf8')).flatMap(
    ({ request }: { request?: { name: string } }) => request?.name ?? [],
  )

describe('ADD', () => {
  test.each([
    ['annotations', { config: annotated({ 'vnet.dev/wire': 'delay 20ms' }) }],
    ['CNI_ARGS', { variables: { ARGS: 'IgnoreUnknown=1;VNET_WIRE=delay 20ms' } }],
    ['the configuration', { config: { wire: 'delay 20ms', seed: 7 } }],
  ])('attaches the wire of %s outside of the pod, and prints prevResult', async (_, given) => {
    expect(await call('ADD', given)).toEqual(ADDED)
    expect(attached()).toEqual(['vethpod'])
    expect(interfacesOf(pod)).toEqual(['eth0'])
    await daemon.line(/vethpod: attached \(container c1, eth0\)/)
  })

  test('in applies to frames that the pod receives, and an annotation replaces the whole wire of the configuration', async () => {
    const config = {
      ...annotated({ 'vnet.dev/wire-in': 'delay 5ms', 'vnet.dev/seed': '7' }),
      wire: 'loss 100%',
    }
    expect(await call('ADD', { config })).toEqual(ADDED)
    await daemon.line(/wire: seed 7/)
    expect(await wire()).toEqual(['in (ab): delay 5ms', 'out (ba): off'])
  })

  test('a pod without a wire is left alone', async () => {
    expect(await call('ADD')).toEqual(ADDED)
    expect(await call('ADD', { config: annotated({ other: 'x', 'vnet-team': 'y' }) })).toEqual(
      ADDED,
    )
    expect(attached()).toEqual([])
  })

  test('again with another wire replaces the first', async () => {
    await call('ADD', { config: { wire: 'delay 1ms' } })
    expect(await call('ADD', { config: { wire: 'delay 2ms' } })).toEqual(ADDED)
    expect(attached()).toEqual(['vethpod'])
    expect(await wire()).toEqual(['in (ab): delay 2ms', 'out (ba): delay 2ms'])
  })

  test.each([
    [{ 'vnet.dev/wire': 'delay 20ms los 1%' }, "wire, column 12: 'los' is not a word of a wire"],
    [{ 'vnet.dev/wire': 'trace /etc/shadow' }, 'the daemon has no --files'],
    [{ 'vnet.dev/wire': 7 }, 'wire: it must be a text'],
    [
      { 'vnet.dev/wire': 'loss 1%', 'vnet.dev/only': 'port http' },
      "only: filter 'port http': 'http' is not a word",
    ],
    [
      { 'vnet.dev/wire': 'loss 1%', 'vnet.dev/seed': 'x\u001b[2J' },
      'seed: it must be a whole number',
    ],
  ])(
    'the mistake %j is one log line, and the pod starts without a wire',
    async (annotations, why) => {
      const variables = { ARGS: 'K8S_POD_NAMESPACE=web;K8S_POD_NAME=front-1' }
      expect(await call('ADD', { config: annotated(annotations), variables })).toEqual(ADDED)
      expect(JSON.parse(await daemon.line(/front-1/))).toMatchObject({
        level: 'warning',
        message: expect.stringMatching(/^pod web\/front-1 \(c1\): .*: it starts without a wire$/),
      })
      expect(daemon.stdout).toContain(why)
      expect(attached()).toEqual([])
    },
  )

  test.each([
    [
      annotated({ 'vnet.dev/wire_in': 'loss 1%' }),
      "annotation 'vnet.dev/wire_in' is unknown; did you mean 'vnet.dev/wire-in'?",
    ],
    [
      annotated({ 'vnet.wire': 'loss 1%' }),
      "annotation 'vnet.wire' is unknown; did you mean 'vnet.dev/wire'?",
    ],
    [
      annotated({ 'vnet.dev/seed': '7' }),
      "annotation 'vnet.dev/seed' alone is no wire: add 'vnet.dev/wire'",
    ],
    [{ wires: 'loss 1%' }, "key 'wires' is unknown; did you mean 'wire'?"],
    [{ wire: 'loss 1%', required: 'true' }, 'required: it must be true or false, not "true"'],
  ])(
    'the misspelt %j is refused, which list says until DEL, also after a restart',
    async (config, why) => {
      const isRequired = 'required' in config
      const { status, stdout } = await call('ADD', {
        config: { ...config, required: isRequired ? config.required : true },
      })
      expect([status, JSON.parse(stdout).msg]).toEqual([1, expect.stringContaining(why)])
      expect(attached()).toEqual([])
      if (isRequired) return
      expect(await call('ADD', { config })).toEqual(ADDED)
      const expected = [{ who: 'container c1', why: expect.stringContaining(why) }]
      expect(await mistakes()).toEqual(expected)
      await daemon.stop('SIGKILL')
      daemon = await spawnVnet(['node', '--json'], {
        within: ['nsenter', `--net=/run/netns/${host.name}`],
      })
      expect(await mistakes()).toEqual(expected)
      await call('DEL')
      expect((await mistakes()) ?? []).toEqual([])
    },
  )

  test('the mistake is an error of the plugin if the wire is required', async () => {
    const { status, stdout } = await call('ADD', { config: { required: true, wire: 'los 1%' } })
    expect([status, JSON.parse(stdout)]).toEqual([
      1,
      {
        cniVersion: '1.0.0',
        code: 100,
        msg: expect.stringContaining("wire, column 1: 'los' is not a word"),
      },
    ])
  })

  test('a path that does not lead to a network namespace is refused, and not opened', async () => {
    for (const NETNS of ['/dev/watchdog', '/proc/self/mem', '/run/netns/../../etc/passwd', '']) {
      const { stdout } = await call('ADD', {
        config: { required: true, wire: 'loss 1%' },
        variables: { NETNS },
      })
      expect(JSON.parse(stdout)).toMatchObject({
        code: 4,
        msg: `CNI_NETNS '${NETNS}' is not a network namespace`,
      })
    }
  })

  test('a namespace by the path of a process is taken', async () => {
    const NETNS = `/proc/${await processIn(pod)}/ns/net`
    expect(await call('ADD', { config: { wire: 'delay 1ms' }, variables: { NETNS } })).toEqual(
      ADDED,
    )
    expect(attached()).toEqual(['vethpod'])
  })
})

describe('versions', () => {
  test.each(VERSIONS)(
    'a pod of version %s gets its wire and loses it, and its result is unchanged',
    async cniVersion => {
      const config = {
        cniVersion,
        prevResult: { ip4: { ip: '192.0.2.2/24' } },
        wire: 'delay 1ms',
        required: true,
      }
      expect(await call('ADD', { config })).toEqual({
        status: 0,
        stdout: `${JSON.stringify(config.prevResult)}\n`,
      })
      expect(attached()).toEqual(['vethpod'])
      expect(await call('CHECK', { config })).toEqual(DONE)
      expect(await call('DEL', { config: { cniVersion: '9.9.9' } })).toEqual(DONE)
      expect(attached()).toEqual([])
    },
  )
})

describe('DEL', () => {
  test('detaches, and succeeds again, without prevResult and without a namespace', async () => {
    await call('ADD', { config: { wire: 'delay 1ms' } })
    expect(await call('DEL')).toEqual(DONE)
    expect(attached()).toEqual([])
    const without = { config: { prevResult: undefined }, variables: { NETNS: '' } }
    expect([await call('DEL', without), await call('DEL', without)]).toEqual([DONE, DONE])
  })

  test('finds what a daemon before it attached', async () => {
    await call('ADD', { config: { wire: 'delay 1ms' } })
    await daemon.stop('SIGKILL')
    daemon = await spawnVnet(['node', '--json'], {
      within: ['nsenter', `--net=/run/netns/${host.name}`],
    })
    expect(attached()).toEqual(['vethpod'])
    expect(await call('DEL')).toEqual(DONE)
    expect(attached()).toEqual([])
  })

  test('finds an interface that was renamed', async () => {
    await call('ADD', { config: { wire: 'delay 1ms' } })
    host.ip('link set vethpod name vethx')
    await daemon.line(/renamed to vethx/)
    expect(await call('DEL')).toEqual(DONE)
    expect(attached()).toEqual([])
  })

  test('leaves the attachments of others', async () => {
    await call('ADD', { config: { wire: 'delay 1ms' } })
    await call('DEL', { variables: { CONTAINERID: 'c2' } })
    await call('DEL', { config: { name: 'other' } })
    expect(attached()).toEqual(['vethpod'])
  })
})

describe('while the daemon is down', () => {
  const variables = { ARGS: 'K8S_POD_NAMESPACE=web;K8S_POD_NAME=front-1' }
  const config = annotated({ 'vnet.dev/wires': 'loss 1%' })
  const expected = [
    {
      who: 'pod web/front-1 (c1)',
      why: 'vnet node did not reply when it started, so frames passed without its wire',
    },
  ]

  test('a pod that starts is in the list of the next daemon, until DEL, and one without a wire is not', async () => {
    await daemon.stop()
    expect(await call('ADD', { variables: { CONTAINERID: 'c2' } })).toMatchObject({ status: 0 })
    expect(await call('ADD', { config, variables })).toMatchObject({ status: 0 })
    daemon = await start()
    await daemon.line(/pod web\/front-1 \(c1\): vnet node did not reply/)
    expect(await mistakes()).toEqual(expected)
    await daemon.stop()
    daemon = await start()
    expect(await mistakes()).toEqual(expected)
    await call('DEL')
    expect((await mistakes()) ?? []).toEqual([])
  })

  test('a daemon that was away lists a pod as well', async () => {
    process.kill(daemon.pid, 'SIGSTOP')
    const added = call('ADD', { config, variables })
    expect(await added).toMatchObject({ status: 0 })
    process.kill(daemon.pid, 'SIGCONT')
    await expect.poll(mistakes).toEqual(expected)
  })

  test('a pod that ends leaves neither its mistake nor its cut', async () => {
    const pid = await processIn(pod)
    const NETNS = `/proc/${pid}/ns/net`
    await call('ADD', { config, variables: { NETNS } })
    await call('ADD', { config: { wire: 'loss 0%' }, variables: { NETNS, CONTAINERID: 'c2' } })
    await host.run(`${process.execPath} ${PROGRAM} cut vethpod`)
    await daemon.stop('SIGKILL')
    daemon = await start()
    expect(JSON.parse(readFileSync(join(directory, 'node.state'), 'utf8'))).not.toEqual([])
    await daemon.stop('SIGKILL')
    host.ip('link delete vethpod')
    process.kill(pid)
    daemon = await start()
    await daemon.stop()
    expect(JSON.parse(readFileSync(join(directory, 'node.state'), 'utf8'))).toEqual([])
  })
})

describe('the other commands', () => {
  test('CHECK fails only if a required wire was detached', async () => {
    const config = { wire: 'delay 1ms', required: true }
    await call('ADD', { config })
    expect(await call('CHECK', { config })).toEqual(DONE)
    await call('DEL')
    expect(JSON.parse((await call('CHECK', { config })).stdout)).toMatchObject({ code: 100 })
    expect(await call('CHECK', { config: { wire: 'delay 1ms' } })).toEqual(DONE)
    expect(await call('CHECK')).toEqual(DONE)
  })

  test('GC detaches what the runtime no longer has, only of its network', async () => {
    await call('ADD', { config: { wire: 'delay 1ms' } })
    const gc = (name: string, valid: object[]) =>
      call('GC', { config: { cniVersion: '1.1.0', name, 'cni.dev/valid-attachments': valid } })
    expect(await gc('pods', [{ containerID: 'c1', ifname: 'eth0' }])).toEqual(DONE)
    expect(await gc('other', [])).toEqual(DONE)
    expect(attached()).toEqual(['vethpod'])
    expect(await gc('pods', [])).toEqual(DONE)
    expect(attached()).toEqual([])
  })

  test('STATUS succeeds', async () => {
    expect(await call('STATUS', { config: { cniVersion: '1.1.0' } })).toEqual(DONE)
  })

  test.each([
    ['FLY', {}, 4],
    ['ADD', { config: { cniVersion: '0.5.0' } }, 1],
    ['ADD', { config: { prevResult: undefined } }, 7],
    ['DEL', { variables: { CONTAINERID: '' } }, 4],
  ])('%s with %j has the error code of the specification', async (command, given, code) => {
    const { status, stdout } = await call(command, given)
    expect([status, JSON.parse(stdout).code]).toEqual([1, code])
  })
})
