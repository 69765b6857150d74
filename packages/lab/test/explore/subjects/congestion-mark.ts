import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { CONNECTION, hosts, onLines, PORT, type Scenario, type SubjectFaults } from '../subject.ts'

export const bug = 'the server closes the connection when a packet arrives with the mark ECN CE'

export const options = CONNECTION

/** A total loss with `ecn` marks every packet instead, if its sender knows ECN. */
export const faults: SubjectFaults = [
  [{ direction: 'ab', wire: "delay 5ms match 'tcp[tcpflags] & tcp-push != 0' ( loss 100% ecn )" }],
]

const LINES = ['one', 'two', 'three']

const scenario =
  (closesWhenMarked: boolean): Scenario =>
  async ({ lab }) => {
    const { client, server } = await hosts(lab)
    const turnOn = 'echo 1 > /proc/sys/net/ipv4/tcp_ecn'
    await Promise.all([client.exec('sh', ['-c', turnOn]), server.exec('sh', ['-c', turnOn])])
    const marked = () => server.stats().IpExtInCEPkts ?? 0
    const echo = net.createServer(socket => {
      socket.on('error', () => {})
      onLines(socket, line => {
        if (marked() > 0 && closesWhenMarked) {
          socket.destroy()
        } else {
          socket.write(`${line}\n`)
        }
      })
    })
    await server.listen(echo, PORT)

    const socket = await client.connect(PORT, 'server')
    const closed = once(socket, 'close').then(() => ['the server closed the connection'])
    for (const line of LINES) {
      socket.write(`${line}\n`)
      const [reply] = await Promise.race([once(socket, 'data'), closed])
      assert.equal(String(reply).trim(), line)
    }
    socket.destroy()
  }

export const broken = scenario(true)
export const fixed = scenario(false)
