/** The CNI plugin without a daemon, which must fail like the daemon: what it prints by itself. */
import { spawnSync } from 'node:child_process'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Attachments } from '#src/agent/attachments.ts'
import { cni, VERSIONS } from '#src/agent/cni.ts'
import { builtFile } from '#src/linux/native.ts'
import { runPlugin, useAgentSocket } from '#support/agent.ts'
import { freshDirectory } from '#support/fresh-directory.ts'

const directory = freshDirectory()
useAgentSocket(directory)

const PREVIOUS = '{ "ips": [{"address": "192.0.2.1/24"}], "dns": {"search": ["a}\\"b"]} }'
/** With keys and braces in texts and in objects that are not its own. */
const config = (more = '') =>
  `{"name":"n","nested":{"prevResult":1,"required":true},"text":"\\"required\\":true}",${more}\n "prevResult" : ${PREVIOUS} ,"cniVersion":"1.0.0"}`

const call = (COMMAND: string, text = config()) =>
  runPlugin({ COMMAND, CONTAINERID: 'c', IFNAME: 'eth0' }, text)

/** Runs ADD, which succeeds, and returns what it writes to stderr. */
function complaint(more: object, args: string): string {
  const env = {
    ...process.env,
    CNI_COMMAND: 'ADD',
    CNI_CONTAINERID: 'c',
    CNI_IFNAME: 'eth0',
    CNI_ARGS: args,
  }
  const input = JSON.stringify({ cniVersion: '1.0.0', prevResult: {}, ...more })
  const ran = spawnSync(builtFile('vnet-cni', 'the CNI plugin'), { env, input, encoding: 'utf8' })
  expect([ran.status, ran.stdout]).toEqual([0, '{}'])
  return ran.stderr
}

describe('without a daemon', () => {
  test('ADD without a daemon prints prevResult unchanged', async () => {
    expect(await call('ADD')).toEqual({ status: 0, stdout: PREVIOUS })
  })

  test.each([
    [
      'of annotations',
      { runtimeConfig: { 'io.kubernetes.cri.pod-annotations': { 'vnet.dev/wire-in': 'loss 1%' } } },
      '',
    ],
    ['of CNI_ARGS', {}, 'IgnoreUnknown=1;VNET_WIRE=loss 1%'],
    ['of the configuration', { wireOut: 'loss 1%' }, ''],
  ])(
    'ADD without a daemon writes a line about a wire %s, for the log of the runtime',
    (_, more, args) => {
      expect(complaint(more, args)).toBe(
        'vnet-cni: vnet node does not reply: the pod starts without its wire\n',
      )
    },
  )

  test('ADD without a daemon writes no line about a pod without a wire', () => {
    const runtimeConfig = { 'io.kubernetes.cri.pod-annotations': { other: 'x' } }
    expect(complaint({ runtimeConfig }, 'K8S_POD_NAME=wire')).toBe('')
  })

  test.each(['DEL', 'CHECK', 'GC', 'STATUS'])('%s succeeds and prints nothing', async command => {
    expect(await call(command)).toEqual({ status: 0, stdout: '' })
  })

  test('ADD, CHECK and STATUS without a daemon fail if the configuration requires one', async () => {
    for (const [command, code] of [
      ['ADD', 11],
      ['CHECK', 11],
      ['STATUS', 50],
    ] as const) {
      const { status, stdout } = await call(command, config('"required": true,'))
      expect([status, JSON.parse(stdout)]).toEqual([
        1,
        { cniVersion: '1.0.0', code, msg: 'vnet node does not reply: start it' },
      ])
    }
    expect(await call('DEL', config('"required": true,'))).toEqual({ status: 0, stdout: '' })
  })

  test('ADD without prevResult fails, and says where the plugin belongs', async () => {
    const { status, stdout } = await call('ADD', '{"cniVersion":"1.1.0"}')
    expect([status, JSON.parse(stdout)]).toEqual([
      1,
      {
        cniVersion: '1.1.0',
        code: 7,
        msg: 'vnet-cni needs prevResult: put it after another plugin',
      },
    ])
  })

  test('a configuration that does not end is refused, however deep it is', async () => {
    for (const text of [
      '{"a":"'.repeat(100),
      '{"a":'.repeat(1 << 19),
      `{"a":${'['.repeat(1 << 20)}`,
    ]) {
      const { status, stdout } = await call('ADD', text)
      expect([status, JSON.parse(stdout).code]).toEqual([1, 6])
    }
  })
})

describe('versions', () => {
  test('VERSION prints the versions that the daemon knows', async () => {
    for (const cniVersion of [...VERSIONS, '9.9.9']) {
      const { status, stdout } = await call('VERSION', JSON.stringify({ cniVersion }))
      expect([status, JSON.parse(stdout)]).toEqual([0, { cniVersion, supportedVersions: VERSIONS }])
    }
  })

  test('VERSION needs no configuration, and refuses one that is not JSON or has a number as its version', async () => {
    expect(JSON.parse((await call('VERSION', '')).stdout)).toEqual({
      cniVersion: '1.1.0',
      supportedVersions: VERSIONS,
    })
    for (const [text, msg] of [
      ['{', 'the configuration is not a JSON object'],
      ['{"cniVersion":5}', 'cniVersion is not a text'],
    ] as const) {
      const { status, stdout } = await call('VERSION', text)
      expect([status, JSON.parse(stdout)]).toEqual([1, { cniVersion: '1.1.0', code: 6, msg }])
    }
  })
})

/** A daemon without attachments: every list of them is empty. */
const NONE = new Proxy({} as Attachments, {
  get: (_, name) => (name === 'inTurn' ? (fn: () => Promise<unknown>) => fn() : () => []),
})

/** The daemon's side of a call. */
async function askDaemon(variables: Readonly<Record<string, string>>, text: string) {
  const given = Object.entries(variables).map(([name, value]) => `CNI_${name}=${value}\0`)
  const { status, text: stdout } = await cni(NONE, `${given.join('')}\0${text}`)
  return { status, stdout }
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

describe('with and without a daemon alike', () => {
  const pod = { CONTAINERID: 'c', IFNAME: 'eth0' }
  /** Calls both sides, which must agree, and returns what they printed. */
  async function both(
    COMMAND: string,
    text: string,
    variables: Readonly<Record<string, string>> = pod,
  ) {
    const [alone, asked] = await Promise.all(
      [runPlugin, askDaemon].map(async side => {
        const { status, stdout } = await side({ COMMAND, ...variables }, text)
        return { status, printed: stdout === '' ? undefined : JSON.parse(stdout) }
      }),
    )
    expect(alone).toEqual(asked)
    return alone
  }

  test.each(VERSIONS)(
    'ADD of version %s prints prevResult unchanged, and CHECK and DEL succeed',
    async cniVersion => {
      const text = JSON.stringify({ cniVersion, name: 'n', prevResult: RESULTS[cniVersion] })
      expect(await both('ADD', text)).toEqual({ status: 0, printed: RESULTS[cniVersion] })
      for (const command of ['CHECK', 'DEL']) {
        expect(await both(command, text)).toEqual({ status: 0, printed: undefined })
      }
    },
  )

  test('a configuration without a version, or with an empty one, has the first version', async () => {
    for (const version of [{}, { cniVersion: '' }]) {
      const text = JSON.stringify({ ...version, name: 'n', prevResult: RESULTS['0.1.0'] })
      expect(await both('ADD', text)).toEqual({ status: 0, printed: RESULTS['0.1.0'] })
      expect(await both('FLY', text)).toMatchObject({ printed: { cniVersion: '0.1.0', code: 4 } })
    }
  })

  test.each(['"9.9.9"', '"1.0"', '"0.3.1 "', '"\\",\\""', '"x\\u001b"', '5', 'null', '["1.0.0"]'])(
    'version %s is refused by ADD, and never by DEL',
    async version => {
      const text = `{"cniVersion":${version},"name":"n","prevResult":{}}`
      const code = version.startsWith('"') ? 1 : 6
      expect(await both('ADD', text)).toMatchObject({ status: 1, printed: { code } })
      expect(await both('DEL', text)).toEqual({ status: 0, printed: undefined })
    },
  )

  test.each(['CHECK', 'GC', 'STATUS'])(
    '%s refuses an unknown version, and a number',
    async command => {
      for (const [version, code] of [
        ['9.9.9', 1],
        [5, 6],
      ] as const) {
        const text = JSON.stringify({ cniVersion: version, 'cni.dev/valid-attachments': [] })
        expect(await both(command, text)).toMatchObject({ status: 1, printed: { code } })
      }
    },
  )

  test('the last of two versions counts', async () => {
    const text =
      '{"cniVersion":"9.9.9","prevResult":{},"cniVersion":"1.0.0","prevResult":{"dns":{}}}'
    expect(await both('ADD', text)).toEqual({ status: 0, printed: { dns: {} } })
  })

  test.each([
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
  ])('the broken configuration %j has code 6', async text => {
    expect(await both('ADD', text)).toMatchObject({ status: 1, printed: { code: 6 } })
  })

  test('a broken configuration has code 6 in each command', async () => {
    for (const command of ['CHECK', 'DEL', 'GC', 'STATUS', 'FLY']) {
      expect(await both(command, '{')).toMatchObject({ status: 1, printed: { code: 6 } })
    }
  })

  test.each([
    ' \t\r\n{ } ',
    '{"a":[]}',
    '{"a":{},"b":[[],{}]}',
    '{"a":[1,-0,0.5,1e9,1E+9,-1.25e-3]}',
    '{"":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00fF"}',
    '{"a":"\u007f\ud83d\ude00","b":[true,false,null]}',
  ])('the configuration %j is read', async text => {
    expect(await both('STATUS', text)).toEqual({ status: 0, printed: undefined })
  })

  test('a configuration is read, however deep it is', async () => {
    const text = `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`
    expect(await both('STATUS', text)).toEqual({ status: 0, printed: undefined })
  })

  test.each([
    ['FLY', {}, pod, 4],
    ['ADD', { prevResult: {} }, {}, 4],
    ['ADD', { prevResult: {} }, { CONTAINERID: 'c' }, 4],
    ['CHECK', {}, { IFNAME: 'eth0' }, 4],
    ['DEL', {}, { ...pod, CONTAINERID: '' }, 4],
    ['ADD', {}, pod, 7],
    ['ADD', { prevResult: null }, pod, 7],
    ['ADD', { prevResult: 'x' }, pod, 7],
  ])('%s with %j and the variables %j has code %i', async (command, config, variables, code) => {
    const text = JSON.stringify({ cniVersion: '1.1.0', name: 'n', ...config })
    expect(await both(command, text, variables)).toMatchObject({
      status: 1,
      printed: { cniVersion: '1.1.0', code },
    })
  })
})

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
  expect(await call('ADD', text)).toEqual({ status: 1, stdout: '{"code":7}\n' })
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
  expect(await call('ADD')).toEqual({ status: 0, stdout: PREVIOUS })
  server.close()
})
