// The server of the stand-in for the Internet: HTTP on port 80, which answers with the address of
// the client, /bytes/N with N bytes; DNS on port 53, which has 192.0.2.80 for every name.
import dgram from 'node:dgram'
import http from 'node:http'

const ADDRESS = [192, 0, 2, 80]

http
  .createServer(({ url, socket }, response) => {
    const [, length] = /^\/bytes\/(\d+)$/.exec(url) ?? []
    response.end(length === undefined ? `${socket.remoteAddress}\n` : Buffer.alloc(Number(length)))
  })
  .listen(80, '::', () => dns.bind(53, () => console.log('ready')))

const dns = dgram.createSocket('udp6')
dns.on('message', (query, { port, address }) => {
  // The header, and the question: a name, a type and a class.
  const end = query.indexOf(0, 12) + 5
  const isA = query.readUInt16BE(end - 4) === 1
  const header = Buffer.concat([query.subarray(0, 2), Buffer.from([0x81, 0x80, 0, 1, 0, isA ? 1 : 0, 0, 0, 0, 0])])
  const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...ADDRESS])
  dns.send(Buffer.concat([header, query.subarray(12, end), ...(isA ? [answer] : [])]), port, address)
})
