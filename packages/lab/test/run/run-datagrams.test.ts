/** UDP datagrams above the MTU, past a way out: whole, or lost and counted, but never cut. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { SERVER_ADDRESS, standInInternet } from '../support/internet.ts'

const { server, run } = standInInternet()
const directory = freshDirectory(0o1777)

/** Answers with as many bytes as the datagram asks for, and counts what it got: on a line each. */
const SERVE = `
  const socket = require('node:dgram').createSocket('udp6')
  socket.on('message', (bytes, { port, address }) => {
    const answer = Buffer.alloc(bytes.readUInt32BE(0))
    answer.writeUInt32BE(bytes.length)
    socket.send(answer, port, address)
  })
  socket.bind(9031, '::', () => console.log('ready'))`

/** Sends [size, wanted], and prints what the server got, and the size of its answer. */
const ask = (address: string, asked: readonly (readonly [number, number])[]) => `
  const { once } = require('node:events')
  const main = async () => {
    const shown = []
    for (const [size, wanted] of ${JSON.stringify(asked)}) {
      const socket = require('node:dgram').createSocket('udp${address.includes(':') ? 6 : 4}')
      const bytes = Buffer.alloc(size)
      bytes.writeUInt32BE(wanted)
      socket.send(bytes, 9031, '${address}')
      const got = once(socket, 'message', { signal: AbortSignal.timeout(1000) })
      shown.push(await got.then(([answer]) => [answer.readUInt32BE(0), answer.length], () => 'none'))
      socket.close()
    }
    console.log(JSON.stringify(shown))
  }
  main()`

const SIZES = [
  [100, 100],
  [1452, 1452],
  [1473, 100],
  [3000, 100],
  [9000, 100],
  [100, 9000],
] as const

test.each([
  ['IPv4', SERVER_ADDRESS, ['--mtu', '1500'], [100, 9000], { out: 12, in: 0 }],
  ['IPv6', '2001:db8:ffff::80', ['--mtu', '1500'], 'none', { out: 12, in: 1 }],
])(
  'over %s are never cut: fragments are lost and counted',
  async (_, address, options, answer, tooLong) => {
    await once(server.spawn([process.execPath, '-e', SERVE]).stdout, 'data')
    const file = join(directory, 'report.json')
    const command = ['--', process.execPath, '-e', ask(address, SIZES)]
    const { stdout, stderr } = run(...options, '--json', file, ...command)
    expect(JSON.parse(stdout)).toEqual([[100, 100], [1452, 1452], 'none', 'none', 'none', answer])
    const report = JSON.parse(readFileSync(file, 'utf8'))
    expect({ out: report.out.tooLong, in: report.in.tooLong }).toEqual(tooLong)
    expect(stderr).toContain(
      `vnet: out: ${tooLong.out} fragments of UDP datagrams above the MTU: lost, because the way out carries whole packets only\n`,
    )
    expect(stderr.includes('answers above the MTU: lost')).toBe(tooLong.in > 0)
  },
)

test('of the longest size are lost and counted without a wire', async () => {
  await once(server.spawn([process.execPath, '-e', SERVE]).stdout, 'data')
  const { stdout, stderr } = run('--', process.execPath, '-e', ask(SERVER_ADDRESS, [[65_507, 100]]))
  expect(JSON.parse(stdout)).toEqual(['none'])
  expect(stderr).toMatch(/\nvnet: out: 2 fragments of UDP datagrams above the MTU: lost/)
})
