/** The servers of echo, discard and chargen (RFC 862 to 864) on a host in memory. */
import type { TcpConnection, TcpEvents } from '../../src/contract.ts'
import type { InetHost } from '../../src/index.ts'

const CHARGEN = Buffer.from('vnet conform: no stream is endless\r\n'.repeat(100))

export function serve({ tcp, udp }: InetHost): void {
  const listen = (port: number, events: (connection: TcpConnection) => Partial<TcpEvents>) =>
    tcp.listen({ address: undefined, port }, 16, connection => {
      const none = { onConnect() {}, onReadable() {}, onWritable() {}, onError() {} }
      connection.events = { ...none, ...events(connection) }
    })
  listen(7, connection => {
    const waiting: Uint8Array[] = []
    let hasEnded = false
    const flush = () => {
      for (let bytes = connection.read(); bytes !== undefined; bytes = connection.read()) {
        if (bytes === null) {
          hasEnded = true
          break
        }
        waiting.push(bytes)
      }
      for (let [bytes] = waiting; bytes !== undefined; [bytes] = waiting) {
        const taken = Math.max(connection.write(bytes), 0)
        if (taken < bytes.length) {
          waiting[0] = bytes.subarray(taken)
        } else {
          waiting.shift()
        }
        if (taken < bytes.length) return
      }
      if (hasEnded) {
        connection.close()
      }
    }
    return { onReadable: flush, onWritable: flush }
  })
  listen(9, connection => ({
    onReadable() {
      let bytes = connection.read()
      while (bytes !== undefined && bytes !== null) {
        bytes = connection.read()
      }
      if (bytes === null) {
        connection.close()
      }
    },
  }))
  listen(19, connection => {
    const fill = () => {
      while (connection.write(CHARGEN) === CHARGEN.length) {}
    }
    fill()
    return { onWritable: fill }
  })
  for (const port of [7, 9]) {
    const onMessage = (data: Uint8Array, from: { address: Uint8Array; port: number }) => {
      if (port === 7) {
        socket.send(data, from)
      }
    }
    const socket = udp.bind({ address: undefined, family: 6, port }, { onMessage, onError() {} })
  }
}
