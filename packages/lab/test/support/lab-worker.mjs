// A worker of a namespace: requests what its workerData says, and posts what it got.
import { createSocket } from 'node:dgram'
import { lookup, promises } from 'node:dns'
import http from 'node:http'
import { promisify } from 'node:util'
import { parentPort, workerData } from 'node:worker_threads'

const { url, udp, names } = workerData
if (names !== undefined) {
  const lookups = names.map(async name => [
    await promises.lookup(name, 4),
    await promisify(lookup)(name, 4),
  ])
  parentPort.postMessage(await Promise.all(lookups))
} else if (url !== undefined) {
  http.get(url, response => {
    let body = ''
    response.setEncoding('utf8').on('data', chunk => {
      body += chunk
    })
    response.on('end', () => parentPort.postMessage(body))
  })
} else {
  const socket = createSocket('udp4')
  socket.on('message', message => {
    parentPort.postMessage(String(message))
    socket.close()
  })
  socket.send('from the worker', udp.port, udp.host)
}
