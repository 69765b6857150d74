/** The CNI plugin without a daemon: what it prints by itself. */
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runPlugin, useAgentSocket } from '#support/agent.ts'
import { freshDirectory } from '#support/fresh-directory.ts'

const directory = freshDirectory()
useAgentSocket(directory)

const PREVIOUS = '{ "ips": [{"address": "192.0.2.1/24"}], "dns": {"search": ["a}\\"b"]} }'
/** With keys and braces in texts and in objects that are not its own. */
const config = (more = '') =>
  `{"name":"n","nested":{"prevResult":1,"required":true},"text":"\\"required\\":true}",${more}\n "prevResult" : ${PREVIOUS} ,"cniVersion":"1.0.0"}`

const call = (COMMAND: string, text = config()) => runPlugin({ COMMAND, CONTAINERID: 'c', IFNAME: 'eth0' }, text)

describe('without a daemon', () => {
  test('ADD without a daemon prints prevResult unchanged', async () => {
    expect(await call('ADD')).toEqual({ status: 0, stdout: PREVIOUS })
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
      { cniVersion: '1.1.0', code: 7, msg: 'vnet-cni needs prevResult: put it after another plugin' },
    ])
  })

  test('VERSION prints the known versions', async () => {
    const { status, stdout } = await call('VERSION', '{"cniVersion":"0.4.0"}')
    expect([status, JSON.parse(stdout)]).toEqual([
      0,
      { cniVersion: '0.4.0', supportedVersions: ['0.4.0', '1.0.0', '1.1.0'] },
    ])
  })

  test.each(['', '{', '[]', '{"a"', '{"a":}', '"'.repeat(100), '{"prevResult":{'])(
    '%j does not end in a crash',
    async text => {
      expect((await call('ADD', text)).status).toBe(1)
    },
  )
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
  expect(await call('ADD', '{"a":1}')).toEqual({ status: 1, stdout: '{"code":7}\n' })
  server.close()
  const [variables = '', input] = request.split('\0\0')
  expect([variables.split('\0').toSorted(), input]).toEqual([
    ['CNI_COMMAND=ADD', 'CNI_CONTAINERID=c', 'CNI_IFNAME=eth0', 'cni'],
    '{"a":1}',
  ])
})

test('a daemon that ends without a reply is as one that does not listen', async () => {
  const server = createServer(socket => socket.destroy())
  await new Promise<void>(resolve => server.listen(join(directory, 'node.sock'), resolve))
  expect(await call('ADD')).toEqual({ status: 0, stdout: PREVIOUS })
  server.close()
})
