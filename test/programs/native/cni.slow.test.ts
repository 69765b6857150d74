/** The CNI plugin without a daemon, which must fail like the daemon: what it prints by itself. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Attachments } from '#src/agent/attachments.ts'
import { cni, VERSIONS } from '#src/agent/cni.ts'
import { shellWord } from '#src/base/printable.ts'
import { builtFile } from '#src/linux/native.ts'
import { runPlugin } from '#support/cni-plugin.ts'
import { freshDirectory } from '#support/fresh-directory.ts'

const directory = freshDirectory()
beforeEach(() => {
  vi.stubEnv('VNET_NODE_SOCKET', join(directory, 'node.sock'))
})
afterEach(() => vi.unstubAllEnvs())

const PREVIOUS = '{ "ips": [{"address": "192.0.2.1/24"}], "dns": {"search": ["a}\\"b"]} }'
/** With keys and braces in texts and in objects that are not its own. */
const config = (more = '') =>
  `{"name":"n","nested":{"prevResult":1,"required":true},"text":"\\"required\\":true}",${more}\n "prevResult" : ${PREVIOUS} ,"cniVersion":"1.0.0"}`

type Variables = Readonly<Record<string, string>>

/** A call of the plugin: its command, its configuration, and other variables without CNI_. */
type Call = readonly [command: string, text: string, variables?: Variables]

const POD: Variables = { CONTAINERID: 'c', IFNAME: 'eth0' }

/** Runs the plugin once a call, from one shell: a test's process is large, and slow to fork. */
function runPlugins(calls: readonly Call[]) {
  const plugin = builtFile('vnet-cni', 'the CNI plugin')
  const lines = calls.map(([COMMAND, text, variables = POD], i) => {
    writeFileSync(join(directory, `in${i}`), text)
    const given = Object.entries({ COMMAND, ...variables }).map(
      ([name, value]) => `CNI_${name}=${shellWord(value)}`,
    )
    return `${given.join(' ')} ${shellWord(plugin)} <in${i} >out${i} 2>err${i}; echo $?`
  })
  const { PATH, VNET_NODE_SOCKET } = process.env
  const env = { PATH, VNET_NODE_SOCKET }
  const ran = spawnSync('sh', { cwd: directory, env, input: lines.join('\n'), encoding: 'utf8' })
  const read = (name: string) => readFileSync(join(directory, name), 'utf8')
  const printed = ran.stdout
    .trim()
    .split('\n')
    .map((status, i) => {
      return { status: Number(status), stdout: read(`out${i}`), stderr: read(`err${i}`) }
    })
  expect(printed).toHaveLength(calls.length)
  return printed
}

/** Runs the plugin, which writes nothing to stderr, and returns each status with its output. */
const call = (...calls: readonly Call[]) =>
  runPlugins(calls).map(({ status, stdout, stderr }) => {
    expect(stderr).toBe('')
    return [status, stdout]
  })

/** The same with the output as an object. */
const read = (...calls: readonly Call[]) =>
  call(...calls).map(([status, stdout]) => [status, JSON.parse(`${stdout}`)])

describe('without a daemon', () => {
  test('ADD without a daemon prints prevResult unchanged', () => {
    expect(call(['ADD', config()])).toEqual([[0, PREVIOUS]])
  })

  test('ADD without a daemon writes a line about a wire, for the log of the runtime', () => {
    const add = (more: object, ARGS = ''): Call => [
      'ADD',
      JSON.stringify({ cniVersion: '1.0.0', prevResult: {}, ...more }),
      { ...POD, ARGS },
    ]
    const annotated = (annotations: object) => ({
      runtimeConfig: { 'io.kubernetes.cri.pod-annotations': annotations },
    })
    const stderr = 'vnet-cni: vnet node does not reply: the pod starts without its wire\n'
    expect(
      runPlugins([
        add(annotated({ 'vnet.dev/wire-in': 'loss 1%' })),
        add({}, 'IgnoreUnknown=1;VNET_WIRE=loss 1%'),
        add({ wireOut: 'loss 1%' }),
        add(annotated({ other: 'x' }), 'K8S_POD_NAME=wire'),
      ]),
    ).toEqual([stderr, stderr, stderr, ''].map(stderr => ({ status: 0, stdout: '{}', stderr })))
  })

  test('DEL, CHECK, GC and STATUS without a daemon succeed and print nothing', () => {
    const commands = ['DEL', 'CHECK', 'GC', 'STATUS']
    expect(call(...commands.map((command): Call => [command, config()]))).toEqual(
      commands.map(() => [0, '']),
    )
  })

  test('ADD, CHECK and STATUS without a daemon fail if the configuration requires one', () => {
    const text = config('"required": true,')
    const failure = (code: number) => [
      1,
      { cniVersion: '1.0.0', code, msg: 'vnet node does not reply: start it' },
    ]
    expect(read(['ADD', text], ['CHECK', text], ['STATUS', text])).toEqual(
      [11, 11, 50].map(failure),
    )
    expect(call(['DEL', text])).toEqual([[0, '']])
  })

  test('a mistake in required is taken for true by ADD, as by the daemon', () => {
    const given = ['"true"', '"yes"', '1', 'null']
    const calls = given.map((value): Call => ['ADD', config(`"required": ${value},`)])
    expect(read(...calls)).toEqual(given.map(() => [1, expect.objectContaining({ code: 11 })]))
    expect(call(['ADD', config('"required": false,')])).toEqual([[0, PREVIOUS]])
  })

  test('ADD without prevResult fails, and says where the plugin belongs', () => {
    const msg = 'vnet-cni needs prevResult: put it after another plugin'
    expect(read(['ADD', '{"cniVersion":"1.1.0"}'])).toEqual([
      [1, { cniVersion: '1.1.0', code: 7, msg }],
    ])
  })

  test('a configuration that does not end is refused, however deep it is', () => {
    const texts = ['{"a":"'.repeat(100), '{"a":'.repeat(1 << 19), `{"a":${'['.repeat(1 << 20)}`]
    expect(read(...texts.map((text): Call => ['ADD', text]))).toEqual(
      texts.map(() => [1, expect.objectContaining({ code: 6 })]),
    )
  })
})

describe('versions', () => {
  test('VERSION prints the versions that the daemon knows', () => {
    const versions = [...VERSIONS, '9.9.9']
    expect(
      read(...versions.map((cniVersion): Call => ['VERSION', JSON.stringify({ cniVersion })])),
    ).toEqual(versions.map(cniVersion => [0, { cniVersion, supportedVersions: VERSIONS }]))
  })

  test('VERSION needs no configuration, and refuses one that is not JSON or has a number as its version', () => {
    const refusal = (msg: string) => [1, { cniVersion: '1.1.0', code: 6, msg }]
    expect(read(['VERSION', ''], ['VERSION', '{'], ['VERSION', '{"cniVersion":5}'])).toEqual([
      [0, { cniVersion: '1.1.0', supportedVersions: VERSIONS }],
      refusal('the configuration is not a JSON object'),
      refusal('cniVersion is not a text'),
    ])
  })
})

/** A daemon without attachments: every list of them is empty. */
const NONE = new Proxy({} as Attachments, {
  get: (_, name) => (name === 'inTurn' ? (fn: () => Promise<unknown>) => fn() : () => []),
})

/** The daemon's side of a call. */
async function askDaemon([COMMAND, text, variables = POD]: Call) {
  const given = Object.entries({ COMMAND, ...variables }).map(
    ([name, value]) => `CNI_${name}=${value}\0`,
  )
  const { status, text: stdout } = await cni(NONE, `${given.join('')}\0${text}`)
  return [status, stdout]
}

/** The results of a plugin before, as their versions have them. */
const RESULTS: Readonly<Record<string, object>> = {
  '0.1.0': { ip4: { ip: '192.0.2.2/24', gateway: '192.0.2.1' }, dns: {} },
  '0.2.0': {
    cniVersion: '0.2.0',
    ip4: { ip: '192.0.2.2/24' },
    ip6: { ip: '2001:db8::2/64' },
    dns: {},
  },
  '0.3.0': { cniVersion: '0.3.0', ips: [{ version: '4', address: '192.0.2.2/24', interface: 0 }] },
  '0.3.1': {
    cniVersion: '0.3.1',
    interfaces: [{ name: 'eth0' }],
    ips: [{ version: '4', address: '192.0.2.2/24' }],
  },
  '0.4.0': { cniVersion: '0.4.0', ips: [{ version: '6', address: '2001:db8::2/64' }] },
  '1.0.0': { cniVersion: '1.0.0', ips: [{ address: '192.0.2.2/24', interface: 0 }] },
  '1.1.0': {
    cniVersion: '1.1.0',
    interfaces: [{ name: 'eth0', mtu: 1500 }],
    ips: [{ address: '192.0.2.2/24' }],
  },
}

/** Configurations that are not JSON objects. */
const BROKEN = [
  '',
  ' ',
  '{',
  '[]',
  '5',
  '"{}"',
  '{"a"',
  '{"a":}',
  '{"a":1,}',
  '{,}',
  '{"a" 1}',
  '{"a":1 "b":2}',
  '{"a":1}}',
  '{"a":1} x',
  '{"a":[1,]}',
  '{"a":[1}',
  '{"a":01}',
  '{"a":1.}',
  '{"a":.5}',
  '{"a":1e}',
  '{"a":+1}',
  '{"a":-}',
  '{"a":tru}',
  '{"a":nul}',
  '{"a":"\n"}',
  '{"a":"\\x"}',
  '{"a":"\\u12g4"}',
  '{"a":"',
  "{'a':1}",
  '\ufeff{}',
  '{"a":1}\v',
  '{"a":NaN}',
]

const VALID = [
  ' \t\r\n{ } ',
  '{"a":[]}',
  '{"a":{},"b":[[],{}]}',
  '{"a":[1,-0,0.5,1e9,1E+9,-1.25e-3]}',
  '{"":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00fF"}',
  '{"a":"\u007f\ud83d\ude00","b":[true,false,null]}',
]

describe('with and without a daemon alike', () => {
  /** Makes calls on both sides, which must agree, and returns each with its status and output. */
  async function both(...calls: readonly Call[]) {
    const asked = await Promise.all(calls.map(askDaemon))
    const sides = [call(...calls), asked].map(outcomes =>
      outcomes.map(([status, stdout], i) => ({
        call: calls[i] as Call,
        status,
        printed: stdout === '' ? undefined : JSON.parse(`${stdout}`),
      })),
    )
    const [alone = []] = sides
    expect(alone).toEqual(sides[1])
    return alone
  }

  /** Makes calls that succeed and print an object, or nothing. */
  async function succeeds(...calls: readonly (readonly [call: Call, printed?: object])[]) {
    expect(await both(...calls.map(([call]) => call))).toEqual(
      calls.map(([call, printed]) => ({ call, status: 0, printed })),
    )
  }

  /** Makes calls that fail with an object. */
  async function fails(...calls: readonly (readonly [call: Call, printed: object])[]) {
    expect(await both(...calls.map(([call]) => call))).toMatchObject(
      calls.map(([call, printed]) => ({ call, status: 1, printed })),
    )
  }

  test('ADD of each version prints prevResult unchanged, and CHECK and DEL succeed', async () => {
    const texts = VERSIONS.map(cniVersion => ({
      prevResult: RESULTS[cniVersion] as object,
      text: JSON.stringify({ cniVersion, name: 'n', prevResult: RESULTS[cniVersion] }),
    }))
    await succeeds(
      ...texts.flatMap(({ prevResult, text }) => [
        [['ADD', text], prevResult] as const,
        [['CHECK', text]] as const,
        [['DEL', text]] as const,
      ]),
    )
  })

  test('a configuration without a version, or with an empty one, has the first version', async () => {
    const prevResult = RESULTS['0.1.0'] as object
    const texts = [{}, { cniVersion: '' }].map(version =>
      JSON.stringify({ ...version, name: 'n', prevResult }),
    )
    await succeeds(...texts.map(text => [['ADD', text], prevResult] as const))
    await fails(...texts.map(text => [['FLY', text], { cniVersion: '0.1.0', code: 4 }] as const))
  })

  test('a wrong version is refused by ADD, and never by DEL', async () => {
    const versions = [
      '"9.9.9"',
      '"1.0"',
      '"0.3.1 "',
      '"\\",\\""',
      '"x\\u001b"',
      '5',
      'null',
      '["1.0.0"]',
    ]
    const textOf = (version: string) => `{"cniVersion":${version},"name":"n","prevResult":{}}`
    await fails(
      ...versions.map(
        version => [['ADD', textOf(version)], { code: version.startsWith('"') ? 1 : 6 }] as const,
      ),
    )
    await succeeds(...versions.map(version => [['DEL', textOf(version)]] as const))
  })

  test('CHECK, GC and STATUS refuse an unknown version, and a number', async () => {
    const textOf = (cniVersion: unknown) =>
      JSON.stringify({ cniVersion, 'cni.dev/valid-attachments': [] })
    await fails(
      ...['CHECK', 'GC', 'STATUS'].flatMap(command => [
        [[command, textOf('9.9.9')], { code: 1 }] as const,
        [[command, textOf(5)], { code: 6 }] as const,
      ]),
    )
  })

  test('the last of two versions counts', async () => {
    const text =
      '{"cniVersion":"9.9.9","prevResult":{},"cniVersion":"1.0.0","prevResult":{"dns":{}}}'
    await succeeds([['ADD', text], { dns: {} }])
  })

  test('a broken configuration has code 6', async () => {
    await fails(...BROKEN.map(text => [['ADD', text], { code: 6 }] as const))
  })

  test('a broken configuration has code 6 in each command', async () => {
    const commands = ['CHECK', 'DEL', 'GC', 'STATUS', 'FLY']
    await fails(...commands.map(command => [[command, '{'], { code: 6 }] as const))
  })

  test('a configuration is read, whatever its values are, and however deep it is', async () => {
    const texts = [...VALID, `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`]
    await succeeds(...texts.map(text => [['STATUS', text]] as const))
  })

  test('a command, a variable or a prevResult that is unknown or missing has its code', async () => {
    const textOf = (config: object) => JSON.stringify({ cniVersion: '1.1.0', name: 'n', ...config })
    const calls: readonly (readonly [Call, number])[] = [
      [['FLY', textOf({})], 4],
      [['ADD', textOf({ prevResult: {} }), {}], 4],
      [['ADD', textOf({ prevResult: {} }), { CONTAINERID: 'c' }], 4],
      [['CHECK', textOf({}), { IFNAME: 'eth0' }], 4],
      [['DEL', textOf({}), { ...POD, CONTAINERID: '' }], 4],
      [['ADD', textOf({})], 7],
      [['ADD', textOf({ prevResult: null })], 7],
      [['ADD', textOf({ prevResult: 'x' })], 7],
    ]
    await fails(...calls.map(([call, code]) => [call, { cniVersion: '1.1.0', code }] as const))
  })
})

/** Runs ADD while this process serves. */
const asked = (text: string) => runPlugin({ COMMAND: 'ADD', ...POD }, text)

test('the plugin passes its CNI variables and its input on, and prints the reply', async () => {
  let request = ''
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.setEncoding('utf8').on('data', text => {
      request += text
    })
    socket.on('end', () => socket.end('1\n{"code":7}\n'))
  })
  await new Promise<void>(resolve => server.listen(join(directory, 'node.sock'), resolve))
  const text = '{"prevResult":{},"a":1}'
  expect(await asked(text)).toEqual({ status: 1, stdout: '{"code":7}\n' })
  server.close()
  const [variables = '', input] = request.split('\0\0')
  expect([variables.split('\0').toSorted(), input]).toEqual([
    ['CNI_COMMAND=ADD', 'CNI_CONTAINERID=c', 'CNI_IFNAME=eth0', 'cni'],
    text,
  ])
})

test('a daemon that ends without a reply is as one that does not listen', async () => {
  const server = createServer(socket => socket.destroy())
  await new Promise<void>(resolve => server.listen(join(directory, 'node.sock'), resolve))
  expect(await asked(config())).toEqual({ status: 0, stdout: PREVIOUS })
  server.close()
})
