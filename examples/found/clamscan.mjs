// clamscan 2.4.0: scanStream() does not heed `timeout`.
import net from 'node:net'
import { Readable } from 'node:stream'
import NodeClam from 'clamscan'
import { at, between } from './network.mjs'

export const promise = 'README: "timeout: 60000, // Timeout for scanning files"'
// The verdict, 11 bytes.
export const options = at('silence forever', 'src port 3310 and len = 77')

// It replies to the requests of init(), and to the end of a stream.
const answer = socket =>
  socket
    .on('error', () => {})
    .on('data', bytes => {
      if (bytes.includes('VERSION')) return socket.end('ClamAV 1.4.0\n')
      if (bytes.includes('PING')) return socket.end('PONG\n')
      if (bytes.subarray(-4).equals(Buffer.alloc(4))) return socket.end('stream: OK\0')
    })
const listen = () => net.createServer({ allowHalfOpen: true }, answer).listen(3310)

export default between(listen, async ({ settles }) => {
  const clamdscan = { host: 'server', port: 3310, timeout: 1000, localFallback: false }
  const options = { preference: 'clamdscan', clamscan: { active: false }, clamdscan }
  const clam = await new NodeClam().init(options)
  const scan = clam.scanStream(Readable.from([Buffer.alloc(3000, 'x')]))
  await settles(
    scan.catch(() => 'an error is right'),
    { within: '9s' },
  )
})
